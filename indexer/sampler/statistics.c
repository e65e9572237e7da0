/* statistics.c - moments that were computed elsewhere, in place of samples. */
#include "indexer/sampler/driver.h"
#include "indexer/stats/import.h"

#include <math.h> /* floor */
#include <stdlib.h>

typedef struct {
    gs_sampler base;
    char *path;          /* owned */
    const char *encoder; /* that features must be of; borrowed, as all below */
    const char *stated, *array;
    uint64_t count;
} statistics;

static void statistics_close(gs_sampler *sampler)
{
    statistics *s = (statistics *)sampler;
    free(s->path);
    free(s);
}

/* A field of the block that may be missing: *text is NULL then. */
static gs_status read_text(const gs_model *model, const char *field, const char **text, gs_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(model->sampler, field);
    *text = cJSON_GetStringValue(item);
    return item && !*text ? gs_fail(err, GS_EFORMAT, "%s: field 'sampler.%s' must be a string", model->path, field)
                          : GS_OK;
}

static gs_status read_count(const gs_model *model, uint64_t *count, gs_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(model->sampler, "count");
    *count = 0;
    if (!item)
        return GS_OK;
    double n = cJSON_IsNumber(item) ? item->valuedouble : 0;
    if (!(n >= 2 && n <= 0x1p53 && n == floor(n)))
        return gs_fail(err, GS_EFORMAT, "%s: field 'sampler.count' must be a whole number from 2 on", model->path);
    *count = (uint64_t)n;
    return GS_OK;
}

static gs_status statistics_open(gs_sampler **sampler, const gs_model *model, const gs_sampler_options *options,
                                 gs_error *err)
{
    statistics *s = calloc(1, sizeof *s);
    if (!s)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", model->path);
    s->base.driver = &gs_statistics_driver;
    s->encoder = options->encoder;
    gs_status st = gs_model_path(model, "path", &s->path, err);
    if (st == GS_OK)
        st = read_text(model, "encoder", &s->stated, err);
    if (st == GS_OK)
        st = read_text(model, "array", &s->array, err);
    if (st == GS_OK)
        st = read_count(model, &s->count, err);
    if (st == GS_OK)
        *sampler = &s->base;
    else
        statistics_close(&s->base);
    return st;
}

static uint64_t statistics_count(const gs_sampler *sampler)
{
    (void)sampler;
    return 0;
}

static gs_status statistics_moments(gs_sampler *sampler, gs_moments *moments, gs_feature_visit visit, void *context,
                                    gs_error *err)
{
    const statistics *s = (const statistics *)sampler;
    gs_import import = {.path = s->path,
                        .encoder = s->encoder,
                        .stated = s->stated,
                        .array = s->array,
                        .count = s->count,
                        .visit = visit,
                        .context = context};
    return gs_import_moments(&import, moments, err);
}

const gs_sampler_driver gs_statistics_driver = {.kind = "statistics",
                                                .open = statistics_open,
                                                .count = statistics_count,
                                                .moments = statistics_moments,
                                                .close = statistics_close,
                                                .fingerprint = gs_fingerprint_named_files};
