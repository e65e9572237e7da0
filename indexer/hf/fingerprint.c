#include "indexer/hf/fingerprint.h"

#include <stdio.h> /* open_memstream */
#include <stdlib.h>

static void describe_tower(FILE *out, const char *name, const gs_tower_config *c)
{
    fprintf(out, "%s width %zu inner %zu layers %zu heads %zu activation %s epsilon %.9g\n", name, c->width, c->inner,
            c->layers, c->heads, gs_activation_name(c->activation), (double)c->epsilon);
}

static void describe_preprocess(FILE *out, const gs_preprocess *p)
{
    fprintf(out, "pictures resize %d %d %d %d %d crop %d %d %d rescale %d %.9g normalize %d", p->do_resize, p->resample,
            p->shortest_edge, p->resize_width, p->resize_height, p->do_center_crop, p->crop_width, p->crop_height,
            p->do_rescale, (double)p->rescale_factor, p->do_normalize);
    for (int i = 0; i < 3; i++)
        fprintf(out, " %.9g %.9g", (double)p->mean[i], (double)p->std[i]);
    if (p->longest_edge || p->fit || p->even_crop) /* younger than some fingerprints */
        fprintf(out, " longest %d fit %d even %d", p->longest_edge, p->fit, p->even_crop);
    fputc('\n', out);
}

static void describe_clip(FILE *out, const gs_clip_config *config, const gs_preprocess *preprocess,
                          const gs_bytes *vocabulary)
{
    char digest[GS_SHA256_HEX];
    if (config->vision.architecture == GS_SIGLIP) /* younger than some fingerprints */
        fprintf(out, "architecture siglip\n");
    describe_tower(out, "text", &config->text);
    describe_tower(out, "vision", &config->vision);
    fprintf(out, "context %zu end %zu image %zu patch %zu\n", config->context, config->end_token, config->image_size,
            config->patch_size);
    describe_preprocess(out, preprocess);
    gs_sha256_hex(vocabulary->data, vocabulary->size, digest);
    fprintf(out, "tokenizer %s\n", digest);
}

static void describe_vision_alone(FILE *out, const gs_clip_config *config, const gs_preprocess *preprocess)
{
    fprintf(out, "architecture %s\n", gs_architecture_name(config->vision.architecture));
    describe_tower(out, "vision", &config->vision);
    fprintf(out, "image %zu patch %zu grid %zu\n", config->image_size, config->patch_size, config->position_grid);
    describe_preprocess(out, preprocess);
}

gs_status gs_fingerprint(char hex[GS_SHA256_HEX], const gs_clip_config *config, const gs_preprocess *preprocess,
                         const gs_bytes *vocabulary, const char *manifest, gs_error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return gs_fail(err, GS_ENOMEM, "no memory for an encoder's fingerprint");
    fprintf(out, "gensearch encoder 1\n");
    if (config->has_text)
        describe_clip(out, config, preprocess, vocabulary);
    else
        describe_vision_alone(out, config, preprocess);
    fputs(manifest, out);
    bool failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(text);
        return gs_fail(err, GS_ENOMEM, "no memory for an encoder's fingerprint");
    }
    gs_sha256_hex(text, size, hex);
    free(text);
    return GS_OK;
}
