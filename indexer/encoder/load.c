/* load.c - an encoder's files: what they say, and whether they belong together. */
#include "indexer/encoder/encoder_state.h"
#include "indexer/hf/fingerprint.h"
#include "indexer/hf/pieces.h"
#include "indexer/hf/preprocessor.h"
#include "indexer/hf/vocabulary.h"

#include <math.h> /* exp, isfinite */
#include <string.h>

/* ---- the width of a feature ---- */

/* CLIP's is what its projections say; the two must agree, and config.json, where it speaks. */
static gs_status find_clip_dim(const gs_encoder *encoder, size_t *dim, gs_error *err)
{
    const gs_clip_config *config = &encoder->config;
    size_t vision;
    gs_status st;
    if ((st = gs_weights_rows(&encoder->weights, "text_projection.weight", config->text.width, dim, err)) != GS_OK ||
        (st = gs_weights_rows(&encoder->weights, "visual_projection.weight", config->vision.width, &vision, err)) !=
            GS_OK)
        return st;
    if (*dim != vision)
        return gs_fail(err, GS_EFORMAT, "%s: text_projection.weight has %zu rows and visual_projection.weight %zu",
                       encoder->weights.path, *dim, vision);
    if (config->projection && config->projection != *dim)
        return gs_fail(err, GS_EFORMAT, "%s: text_projection.weight has %zu rows, config.json's projection_dim is %zu",
                       encoder->weights.path, *dim, config->projection);
    return GS_OK;
}

static gs_status find_dim(const gs_encoder *encoder, size_t *dim, gs_error *err)
{
    const gs_clip_config *config = &encoder->config;
    *dim = config->vision.width;
    if (config->vision.architecture == GS_OPEN_CLIP)
        *dim = config->projection;
    else if (config->has_text && config->vision.architecture != GS_SIGLIP)
        return find_clip_dim(encoder, dim, err);
    else if (gs_clip_vision_projects(config, &encoder->weights))
        return gs_weights_rows(&encoder->weights, "visual_projection.weight", config->vision.width, dim, err);
    return GS_OK;
}

/* ---- weights ---- */

/* The temperature: what makes a similarity a likelihood. */
static gs_status find_tau(gs_encoder *encoder, gs_error *err)
{
    gs_encoder_info *info = &encoder->info;
    float logit_scale;
    info->tau = GS_TAU_WITHOUT_SCALE;
    if (!gs_weights_has(&encoder->weights, "logit_scale")) {
        gs_notes_add(&info->notes, "%s: no logit_scale: similarities are scaled by %g, as CLIP's are",
                     encoder->weights.path, info->tau);
        return GS_OK;
    }
    gs_status st = gs_weights_number(&encoder->weights, "logit_scale", &logit_scale, err);
    if (st != GS_OK)
        return st;
    info->tau = exp((double)logit_scale);
    if (!isfinite(info->tau))
        return gs_fail(err, GS_EFORMAT, "%s: logit_scale is %g", encoder->weights.path, (double)logit_scale);
    return GS_OK;
}

static gs_status load_towers(gs_encoder *encoder, gs_error *err)
{
    gs_encoder_info *info = &encoder->info;
    gs_weights *weights = &encoder->weights;
    gs_status st;
    if ((st = gs_clip_vision_find(&encoder->config, weights, err)) != GS_OK ||
        (st = find_dim(encoder, &info->dim, err)) != GS_OK || (st = find_tau(encoder, err)) != GS_OK)
        return st;
    if (info->has_text)
        st = gs_clip_text_load(&encoder->text, &encoder->config, info->dim, weights, err);
    return st == GS_OK ? gs_clip_vision_load(&encoder->vision, &encoder->config, info->dim, weights, err) : st;
}

static gs_status load_weights(gs_encoder *encoder, const gs_directory *directory, gs_error *err)
{
    gs_status st = gs_weights_open(&encoder->weights, directory->weights, err);
    if (st == GS_OK && directory->variant)
        gs_notes_add(&encoder->info.notes, "%s: the only weights there", directory->weights);
    return st == GS_OK ? load_towers(encoder, err) : st;
}

/* ---- texts ---- */

/* What to do where a file of the tokenizer is missing, behind what err says. */
static gs_status add_advice(gs_error *err)
{
    gs_error missing = err ? *err : (gs_error){{0}};
    return gs_fail(err, GS_EIO, "%s: copy the tokenizer's files from where the weights come from", missing.message);
}

static gs_status load_tokenizer(gs_encoder *encoder, const gs_directory *directory, gs_error *err)
{
    const gs_clip_config *config = &encoder->config;
    if (!encoder->info.has_text)
        return GS_OK;
    bool siglip = config->text.architecture == GS_SIGLIP;
    gs_status st = (siglip ? gs_pieces_read : gs_vocabulary_read)(&encoder->vocabulary, directory->path,
                                                                  config->context, config->vocabulary, err);
    if (st != GS_OK)
        return st == GS_EIO ? add_advice(err) : st;
    st = gs_tokenizer_open(&encoder->tokenizer, encoder->vocabulary.data, encoder->vocabulary.size, err);
    if (st != GS_OK)
        return gs_error_prefix(err, st, "%s: tokenizer", directory->path);
    if (!siglip && config->end_token != GS_END_TOKEN_LEGACY && config->end_token != encoder->tokenizer.end)
        gs_notes_add(&encoder->info.notes,
                     "%s: text_config.eos_token_id is %zu, the tokenizer's end of text %u: as in transformers, a text "
                     "without token %zu has the feature of its first token, the same for all",
                     directory->config, config->end_token, encoder->tokenizer.end, config->end_token);
    return GS_OK;
}

gs_status gs_encoder_load(gs_encoder *encoder, gs_directory *directory, gs_error *err)
{
    gs_encoder_info *info = &encoder->info;
    gs_status st;
    if ((st = gs_clip_config_read(&encoder->config, directory, err)) != GS_OK ||
        (st = gs_preprocessor_read(&encoder->preprocess, directory, &encoder->config, &info->notes, err)) != GS_OK)
        return st;
    info->has_text = encoder->config.has_text;
    info->image_size = (int)encoder->config.image_size;
    /* Weights are looked for first: who has none in this form lacks more than a tokenizer. */
    if ((st = gs_directory_find_weights(directory, err)) != GS_OK ||
        (st = load_tokenizer(encoder, directory, err)) != GS_OK ||
        (st = load_weights(encoder, directory, err)) != GS_OK)
        return st;
    return gs_fingerprint(info->fingerprint, &encoder->config, &encoder->preprocess, &encoder->vocabulary,
                          encoder->weights.manifest, err);
}
