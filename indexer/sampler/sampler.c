#include "indexer/sampler/sampler.h"

#include "indexer/sampler/driver.h"

#include <stdio.h>
#include <string.h>

static const gs_sampler_driver *const drivers[] = {&gs_folder_driver, &gs_archive_driver, &gs_statistics_driver,
                                                   &gs_worker_driver, &gs_onnx_driver,    &gs_torchscript_driver,
                                                   &gs_http_driver};
#define DRIVER_COUNT (sizeof drivers / sizeof drivers[0])

static gs_status unknown_kind(const gs_model *model, const char *kind, gs_error *err)
{
    char known[256] = "";
    for (size_t i = 0, used = 0; i < DRIVER_COUNT && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", drivers[i]->kind);
    return gs_fail(err, GS_EFORMAT, "%s: field 'sampler.kind' is '%.100s', expected one of %s", model->path, kind,
                   known);
}

static gs_status find_driver(const gs_sampler_driver **driver, const gs_model *model, gs_error *err)
{
    const char *kind = cJSON_GetObjectItemCaseSensitive(model->sampler, "kind")->valuestring;
    for (size_t i = 0; i < DRIVER_COUNT; i++) {
        *driver = drivers[i];
        if (strcmp(kind, drivers[i]->kind) == 0)
            return GS_OK;
    }
    return unknown_kind(model, kind, err);
}

gs_status gs_sampler_check(const gs_model *model, gs_error *err)
{
    const gs_sampler_driver *driver;
    return find_driver(&driver, model, err);
}

gs_status gs_sampler_fingerprint(const gs_model *model, char fingerprint[GS_SHA256_HEX], gs_error *err)
{
    const gs_sampler_driver *driver;
    struct sha256_ctx digest;
    uint8_t bytes[SHA256_DIGEST_SIZE];
    sha256_init(&digest);
    gs_status st = find_driver(&driver, model, err);
    if (st == GS_OK)
        st = driver->fingerprint(model, &digest, err);
    if (st != GS_OK)
        return st;
    sha256_digest(&digest, sizeof bytes, bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(fingerprint + 2 * i, 3, "%02x", bytes[i]);
    return GS_OK;
}

gs_status gs_sampler_open(gs_sampler **sampler, const gs_model *model, const gs_sampler_options *options, gs_error *err)
{
    const gs_sampler_driver *driver;
    *sampler = NULL;
    gs_status st = find_driver(&driver, model, err);
    return st == GS_OK ? driver->open(sampler, model, options, err) : st;
}

uint64_t gs_sampler_count(const gs_sampler *sampler)
{
    return sampler->driver->count(sampler);
}

const char *gs_sampler_left_out(const gs_sampler *sampler)
{
    return sampler->left_out ? sampler->left_out : "";
}

gs_status gs_sampler_read(gs_sampler *sampler, uint64_t first, size_t count, gs_image *frames, gs_error *faults,
                          size_t *got, gs_error *err)
{
    *got = 0;
    gs_status st = sampler->driver->read(sampler, first, count, frames, faults, got, err);
    if (st == GS_OK)
        return GS_OK;
    for (size_t i = 0; i < *got; i++)
        gs_image_free(&frames[i]);
    *got = 0;
    return st;
}

bool gs_sampler_has_moments(const gs_sampler *sampler)
{
    return sampler->driver->moments != NULL;
}

gs_status gs_sampler_moments(gs_sampler *sampler, gs_moments *moments, gs_feature_visit visit, void *context,
                             gs_error *err)
{
    return sampler->driver->moments(sampler, moments, visit, context, err);
}

bool gs_sampler_reseed(gs_sampler *sampler, uint64_t seed)
{
    if (!sampler->driver->reseed || seed > GS_SAMPLER_MAX_SEED)
        return false;
    sampler->driver->reseed(sampler, seed);
    return true;
}

void gs_sampler_close(gs_sampler *sampler)
{
    if (sampler)
        sampler->driver->close(sampler);
}
