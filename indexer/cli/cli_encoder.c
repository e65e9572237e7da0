/* cli_encoder.c - which encoder a subcommand means, and queries through it. */
#include "indexer/cli/cli.h"

#include "indexer/util/file.h"
#include "indexer/util/share.h"

#include <math.h> /* fabs, sqrt */
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
    st = gs_fail(err, GS_EMISMATCH, "%s: is the encoder %s, but the models were indexed with '%s' (%s)", directory,
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

gs_status cli_open_bound_encoder(gs_encoder **encoder, const char *directory, const char *place,
                                 const gs_store_encoder *bound, const gs_encoder_options *options, gs_error *err)
{
    if (directory)
        return open_matching(encoder, directory, bound, options, err);
    gs_error ignored;
    gs_status st = bound->directory[0] ? open_matching(encoder, bound->directory, bound, options, err) : GS_EIO;
    if (st == GS_OK || open_embedded(encoder, bound, options, &ignored) == GS_OK)
        return GS_OK;
    if (st != GS_EIO && st != GS_EMISMATCH) /* it is there still, but damaged */
        return st;
    return gs_fail(err, GS_EMISMATCH,
                   "%s: its encoder, '%s' (%s), is not the embedded one%s%s: name its directory with --encoder", place,
                   bound->name, bound->fingerprint, bound->directory[0] ? ", nor is it any more at " : "",
                   bound->directory);
}

gs_status cli_open_encoder(gs_encoder **encoder, const char *directory, gs_store *store,
                           const gs_encoder_options *options, gs_error *err)
{
    gs_store_encoder bound;
    if (!store)
        return directory ? open_matching(encoder, directory, NULL, options, err)
                         : open_embedded(encoder, NULL, options, err);
    gs_status st = gs_store_get_encoder(store, &bound, err);
    return st == GS_OK ? cli_open_bound_encoder(encoder, directory, "the database", &bound, options, err) : st;
}

void cli_tell_assumptions(const gs_encoder *encoder)
{
    for (const char *line = gs_encoder_get_info(encoder)->notes.text; *line; line = strchr(line, '\n') + 1)
        cli_message("%.*s", (int)strcspn(line, "\n"), line);
}

/* The place of text among names [n]; n when it is none of them. */
static size_t place_of(const char *text, const char *const *names, size_t n)
{
    size_t i = 0;
    while (i < n && strcmp(text, names[i]) != 0)
        i++;
    return i;
}

gs_status cli_read_arithmetic(const char *precision, const char *device, bool job, gs_encoder_options *options,
                              gs_error *err)
{
    static const char *const devices[] = {
        [GS_DEVICE_AUTO] = "auto", [GS_DEVICE_CPU] = "cpu", [GS_DEVICE_CUDA] = "cuda"};
    if (device && (options->device = (gs_device)place_of(device, devices, 3)) > GS_DEVICE_CUDA)
        return gs_fail(err, GS_EARGS, "--device is '%s', expected auto, cpu or cuda", device);
    if (options->device == GS_DEVICE_CUDA) /* who asks for a GPU asks for what it has: bf16 */
        options->precision = GS_PRECISION_AUTO;
    if (!precision)
        return GS_OK;
    const char *precisions[GS_PRECISION_AUTO + 1];
    for (int p = 0; p <= GS_PRECISION_AUTO; p++)
        precisions[p] = gs_precision_name((gs_precision)p);
    options->precision = (gs_precision)place_of(precision, precisions, GS_PRECISION_AUTO + 1);
    if (options->precision > GS_PRECISION_AUTO || (options->precision == GS_PRECISION_INT8 && !job))
        return gs_fail(err, GS_EARGS, "--precision is '%s', expected f32, bf16%s or auto", precision,
                       job ? ", int8" : "");
    return GS_OK;
}

/* ---- parts of a query --------------------------------------------------------------------------------------------------------- */

static bool is_text(const cli_part *part)
{
    return part->kind == GS_PART_TEXT && !part->is_feature;
}

static bool is_picture(const cli_part *part)
{
    return (part->kind == GS_PART_IMAGE || part->kind == GS_PART_SKETCH) && !part->is_feature;
}

bool cli_parts_need_encoder(const cli_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        if (is_text(&parts->parts[i]) || is_picture(&parts->parts[i]))
            return true;
    return false;
}

/* Moves the conditions of a text to the filter; what is left becomes the part's input, and is kept. */
static gs_status take_filters_of(cli_parts *parts, cli_part *part, gs_error *err)
{
    gs_filter found;
    char **words = realloc(parts->words, (parts->n_words + 1) * sizeof *words);
    if (!words)
        return gs_fail(err, GS_ENOMEM, "no memory");
    parts->words = words;
    gs_status st = gs_filter_parse(&found, part->input, strlen(part->input), err);
    if (st != GS_OK)
        return st;
    st = gs_filter_move(&parts->filter, &found, err);
    if (st == GS_OK) {
        part->input = found.words;
        words[parts->n_words++] = found.words;
        found.words = NULL;
    }
    gs_filter_free(&found);
    return st;
}

gs_status cli_parts_take_filters(cli_parts *parts, gs_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < parts->count; i++) {
        cli_part part = parts->parts[i];
        gs_status st = is_text(&part) ? take_filters_of(parts, &part, err) : GS_OK;
        if (st != GS_OK)
            return st;
        if (part.input[0])
            parts->parts[kept++] = part;
    }
    parts->count = kept;
    return GS_OK;
}

/* The next parts for which wanted holds, from *at on: their places to places [most], their inputs to inputs [most]. Returns how many. */
static size_t take_parts(const cli_parts *parts, bool (*wanted)(const cli_part *), size_t *at, size_t most,
                         size_t *places, char **inputs)
{
    size_t n = 0;
    for (; *at < parts->count && n < most; ++*at)
        if (wanted(&parts->parts[*at])) {
            places[n] = *at;
            inputs[n++] = (char *)parts->parts[*at].input;
        }
    return n;
}

static gs_status encode_files(gs_encoder *encoder, char *const *paths, size_t n, float *features, gs_error *err)
{
    gs_image *images = calloc(n, sizeof *images);
    if (!images)
        return gs_fail(err, GS_ENOMEM, "no memory for %zu pictures", n);
    gs_status st = gs_image_read_all(images, paths, n, 0, NULL, err);
    if (st == GS_OK)
        st = gs_encoder_images(encoder, images, n, features, err);
    for (size_t i = 0; i < n; i++)
        gs_image_free(&images[i]);
    free(images);
    return st;
}

/* All texts, or all pictures, as many at a time as fill the encoder's cores. features [parts->count, dim]. */
static gs_status encode_some(gs_encoder *encoder, const cli_parts *parts, bool (*wanted)(const cli_part *),
                             float *features, gs_error *err)
{
    const gs_encoder_info *info = gs_encoder_get_info(encoder);
    size_t *places = calloc(info->batch, sizeof *places), at = 0, n;
    char **inputs = calloc(info->batch, sizeof *inputs);
    float *encoded = calloc(info->batch, info->dim * sizeof *encoded);
    gs_status st =
        places && inputs && encoded ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for %zu features", info->batch);
    while (st == GS_OK && (n = take_parts(parts, wanted, &at, info->batch, places, inputs)) > 0) {
        st = wanted == is_text ? gs_encoder_texts(encoder, (const char *const *)inputs, n, encoded, err)
                               : encode_files(encoder, inputs, n, encoded, err);
        for (size_t i = 0; i < n && st == GS_OK; i++)
            memcpy(features + places[i] * info->dim, encoded + i * info->dim, info->dim * sizeof *encoded);
    }
    free(places);
    free(inputs);
    free(encoded);
    return st;
}

#define MAX_FEATURE_FILE (8u << 20)

/* A feature as `encode --json` prints it: {"kind", "feature": [dim numbers of length 1]}. */
static gs_status parse_feature(const cJSON *root, cli_part *part, size_t dim, float *feature, gs_error *err)
{
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(root, "kind");
    const cJSON *numbers = cJSON_GetObjectItemCaseSensitive(root, "feature");
    if (!cJSON_IsString(kind) || !cJSON_IsArray(numbers))
        return gs_fail(err, GS_EFORMAT, "%s: is no feature: expected one line of `gensearch encode --json`",
                       part->input);
    gs_status st = gs_part_kind_parse(kind->valuestring, &part->kind, err);
    if (st != GS_OK)
        return gs_error_prefix(err, st, "%s", part->input);
    if (part->kind == GS_PART_MODEL)
        return gs_fail(err, GS_EARGS, "%s: a model is no feature: name it with --model", part->input);
    size_t count = (size_t)cJSON_GetArraySize(numbers), i = 0;
    if (count != dim)
        return gs_fail(err, GS_EMISMATCH, "%s: has a feature of %zu numbers, the database's encoder gives %zu",
                       part->input, count, dim);
    double square = 0;
    for (const cJSON *number = numbers->child; number; number = number->next) {
        if (!cJSON_IsNumber(number))
            return gs_fail(err, GS_EFORMAT, "%s: element %zu of the feature is no number", part->input, i);
        feature[i++] = (float)number->valuedouble;
        square += number->valuedouble * number->valuedouble;
    }
    if (!(fabs(square - 1) < 1e-3))
        return gs_fail(err, GS_EFORMAT, "%s: its feature has the length %g, expected 1", part->input, sqrt(square));
    return GS_OK;
}

static gs_status read_feature(cli_part *part, size_t dim, float *feature, gs_error *err)
{
    gs_bytes bytes;
    gs_status st = gs_file_read(&bytes, part->input, MAX_FEATURE_FILE, err);
    if (st != GS_OK)
        return st;
    cJSON *root = cJSON_ParseWithOpts((const char *)bytes.data, NULL, true);
    st = parse_feature(root, part, dim, feature, err);
    cJSON_Delete(root);
    gs_bytes_free(&bytes);
    return st;
}

/* Before any picture is read: an encoder without a text tower refuses words, and says why. */
static gs_status check_texts(gs_encoder *encoder, const cli_parts *parts, gs_error *err)
{
    for (size_t i = 0; i < parts->count; i++)
        if (is_text(&parts->parts[i]))
            return gs_encoder_texts(encoder, NULL, 0, NULL, err);
    return GS_OK;
}

gs_status cli_encode_parts(gs_encoder *encoder, const cli_parts *parts, size_t dim, float **features, gs_error *err)
{
    *features = NULL;
    gs_status st = encoder ? check_texts(encoder, parts, err) : GS_OK;
    if (st != GS_OK)
        return st;
    *features = calloc(parts->count + 1, dim * sizeof **features);
    if (!*features)
        return gs_fail(err, GS_ENOMEM, "no memory for %zu features", parts->count);
    for (size_t i = 0; i < parts->count && st == GS_OK; i++)
        if (parts->parts[i].is_feature)
            st = read_feature(&parts->parts[i], dim, *features + i * dim, err);
    if (st == GS_OK && encoder)
        st = encode_some(encoder, parts, is_text, *features, err);
    if (st == GS_OK && encoder)
        st = encode_some(encoder, parts, is_picture, *features, err);
    if (st == GS_OK)
        return GS_OK;
    free(*features);
    *features = NULL;
    return st;
}
