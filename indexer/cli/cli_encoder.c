/* cli_encoder.c - which encoder a subcommand means, and queries through it. */
#include "indexer/cli/cli.h"

#include "indexer/util/share.h"

#include <stdlib.h>
#include <string.h>

/* Opens directory and checks that it is the encoder the store wants. */
static gs_status open_matching(gs_encoder **encoder, const char *directory, const gs_store_encoder *want,
                               const gs_encoder_options *options, gs_error *err)
{
    gs_status st = gs_encoder_open(encoder, directory, options, err);
    if (st != GS_OK)
        return st;
    const gs_encoder_info *info = gs_encoder_get_info(*encoder);
    if (info->gpu_refused.message[0])
        cli_message("the GPU is not used: %s", info->gpu_refused.message);
    if (!want || strcmp(info->fingerprint, want->fingerprint) == 0)
        return GS_OK;
    st = gs_fail(err, GS_EMISMATCH, "%s: is the encoder %s, but the database was indexed with '%s' (%s)", directory,
                 info->fingerprint, want->name, want->fingerprint);
    gs_encoder_close(*encoder);
    *encoder = NULL;
    return st;
}

static gs_status open_embedded(gs_encoder **encoder, const gs_store_encoder *want, const gs_encoder_options *options,
                               gs_error *err)
{
    char *embedded;
    gs_status st = gs_share_path("data/encoder", &embedded, err);
    if (st != GS_OK)
        return st;
    st = open_matching(encoder, embedded, want, options, err);
    free(embedded);
    return st;
}

gs_status cli_open_encoder(gs_encoder **encoder, const char *directory, gs_store *store,
                           const gs_encoder_options *options, gs_error *err)
{
    gs_store_encoder bound;
    gs_status st = store ? gs_store_get_encoder(store, &bound, err) : GS_OK;
    const gs_store_encoder *want = store ? &bound : NULL;
    if (st != GS_OK)
        return st;
    if (directory)
        return open_matching(encoder, directory, want, options, err);
    if (!want)
        return open_embedded(encoder, NULL, options, err);
    gs_error ignored;
    st = open_matching(encoder, bound.directory, want, options, err);
    if (st == GS_OK || open_embedded(encoder, want, options, &ignored) == GS_OK)
        return GS_OK;
    if (st != GS_EIO && st != GS_EMISMATCH) /* it is there still, but damaged */
        return st;
    return gs_fail(err, GS_EMISMATCH,
                   "the encoder of the database, '%s' (%s), is neither at %s any more nor the embedded one: name its "
                   "directory with --encoder",
                   bound.name, bound.fingerprint, bound.directory);
}

/* The place of text among names [n]; n when it is none of them. */
static size_t place_of(const char *text, const char *const *names, size_t n)
{
    size_t i = 0;
    while (i < n && strcmp(text, names[i]) != 0)
        i++;
    return i;
}

gs_status cli_read_arithmetic(const char *precision, const char *device, gs_encoder_options *options, gs_error *err)
{
    static const char *const precisions[] = {
        [GS_PRECISION_F32] = "f32", [GS_PRECISION_BF16] = "bf16", [GS_PRECISION_AUTO] = "auto"};
    static const char *const devices[] = {
        [GS_DEVICE_AUTO] = "auto", [GS_DEVICE_CPU] = "cpu", [GS_DEVICE_CUDA] = "cuda"};
    if (device && (options->device = (gs_device)place_of(device, devices, 3)) > GS_DEVICE_CUDA)
        return gs_fail(err, GS_EARGS, "--device is '%s', expected auto, cpu or cuda", device);
    if (options->device == GS_DEVICE_CUDA) /* who asks for a GPU asks for what it has: bf16 */
        options->precision = GS_PRECISION_AUTO;
    if (precision && (options->precision = (gs_precision)place_of(precision, precisions, 3)) > GS_PRECISION_AUTO)
        return gs_fail(err, GS_EARGS, "--precision is '%s', expected f32, bf16 or auto", precision);
    return GS_OK;
}

static gs_status encode_image(gs_encoder *encoder, const char *path, float *feature, gs_error *err)
{
    gs_image image;
    gs_status st = gs_image_read(&image, path, err);
    if (st != GS_OK)
        return st;
    st = gs_encoder_images(encoder, &image, 1, feature, err);
    gs_image_free(&image);
    return st;
}

/* Before any picture is read: an encoder without a text tower refuses words, and says why. */
static gs_status check_texts(gs_encoder *encoder, const cli_parts *parts, gs_error *err)
{
    for (size_t i = 0; i < parts->count; i++)
        if (strcmp(parts->parts[i].kind, "text") == 0)
            return gs_encoder_texts(encoder, NULL, 0, NULL, err);
    return GS_OK;
}

gs_status cli_encode_parts(gs_encoder *encoder, const cli_parts *parts, float **features, gs_error *err)
{
    size_t dim = gs_encoder_get_info(encoder)->dim;
    *features = NULL;
    gs_status st = check_texts(encoder, parts, err);
    if (st != GS_OK)
        return st;
    *features = calloc(parts->count, dim * sizeof **features);
    if (!*features)
        return gs_fail(err, GS_ENOMEM, "no memory for %zu features", parts->count);
    for (size_t i = 0; i < parts->count && st == GS_OK; i++) {
        const cli_part *part = &parts->parts[i];
        float *feature = *features + i * dim;
        st = strcmp(part->kind, "text") == 0 ? gs_encoder_texts(encoder, &part->input, 1, feature, err)
                                             : encode_image(encoder, part->input, feature, err);
    }
    if (st != GS_OK) {
        free(*features);
        *features = NULL;
    }
    return st;
}
