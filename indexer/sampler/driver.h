/* driver.h - what a kind of sampler provides; nothing outside this folder needs it.
 *
 * A kind keeps its state in a struct that begins with a gs_sampler.
 */
#ifndef GS_DRIVER_H
#define GS_DRIVER_H

#include "indexer/sampler/sampler.h"

#include <nettle/sha2.h>

typedef struct {
    const char *kind; /* sampler.kind in model.json */
    gs_status (*open)(gs_sampler **sampler, const gs_model *model, const gs_sampler_options *options, gs_error *err);
    uint64_t (*count)(const gs_sampler *sampler);
    gs_status (*read)(gs_sampler *sampler, uint64_t first, size_t count, gs_image *frames, gs_error *faults,
                      size_t *got, gs_error *err);
    /* In place of read, of a kind that has moments and no pictures; else NULL. */
    gs_status (*moments)(gs_sampler *sampler, gs_moments *moments, gs_feature_visit visit, void *context,
                         gs_error *err);
    /* NULL: the seed stays what it was opened with. */
    void (*reseed)(gs_sampler *sampler, uint64_t seed);
    void (*close)(gs_sampler *sampler);
    /* Adds what the samples come from to the digest. */
    gs_status (*fingerprint)(const gs_model *model, struct sha256_ctx *digest, gs_error *err);
} gs_sampler_driver;

struct gs_sampler {
    const gs_sampler_driver *driver; /* static */
    const char *left_out;            /* see gs_sampler_left_out(); NULL: nothing  owned by the kind */
};

/* For kinds whose block names files: each one's name and contents. */
gs_status gs_fingerprint_named_files(const gs_model *model, struct sha256_ctx *digest, gs_error *err);

extern const gs_sampler_driver gs_folder_driver, gs_archive_driver, gs_statistics_driver, gs_worker_driver,
    gs_onnx_driver, gs_torchscript_driver, gs_http_driver;

#endif
