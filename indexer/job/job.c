#include "indexer/job/job.h"

#include "indexer/job/accumulator.h"
#include "indexer/job/batches.h"
#include "indexer/job/reservoir.h"

#include <stdio.h> /* snprintf */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h> /* access */

#define THUMBNAIL_SIDE 128
#define MAX_NAMED      10 /* bad pictures that a message names */

typedef struct {
    gs_store *store;
    gs_encoder *encoder;
    const gs_job_options *options;
    const char *slug; /* of the model */
    size_t dim;
    gs_store_run run;
    uint64_t bad;       /* samples left out so far */
    size_t n_named;     /* of them, those that a message named */
    gs_error first_bad; /* why the first of these cannot be read */
    gs_accumulator accumulator;
    gs_reservoir reservoir;
    float *features;                                    /* [batch, dim] */
    uint64_t *samples;                                  /* [batch]  whose the features are */
    gs_store_feature *changes;                          /* [run.keep] */
    gs_store_thumbnail thumbnails[GS_STORE_THUMBNAILS]; /* [n_thumbnails] since the last checkpoint; their webp owned */
    size_t n_thumbnails;
    double saved_at;
    bool fatal; /* the failure is not the model's: see gs_job_result */
    bool lost;  /* a checkpoint failed, and with it the thumbnails and features that only it held */
} job;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void drop_thumbnails(job *j)
{
    for (size_t i = 0; i < j->n_thumbnails; i++)
        free(j->thumbnails[i].webp);
    j->n_thumbnails = 0;
}

static void free_job(job *j)
{
    drop_thumbnails(j);
    gs_accumulator_free(&j->accumulator);
    gs_reservoir_free(&j->reservoir);
    free(j->features);
    free(j->samples);
    free(j->changes);
}

/* Memory, and what the last checkpoint left. */
static gs_status prepare(job *j, gs_error *err)
{
    gs_status st = gs_accumulator_init(&j->accumulator, j->encoder, j->dim, err);
    if (st == GS_OK)
        st = gs_reservoir_init(&j->reservoir, j->dim, j->run.keep, j->options->seed, err);
    if (st != GS_OK)
        return st;
    j->features = calloc(j->options->batch, j->dim * sizeof *j->features);
    j->samples = calloc(j->options->batch, sizeof *j->samples);
    j->changes = calloc(j->run.keep + 1, sizeof *j->changes);
    j->bad = j->run.bad;
    if (!j->features || !j->samples || !j->changes)
        return gs_fail(err, GS_ENOMEM, "no memory for a batch of %zu features", j->options->batch);
    if (j->run.count > 0)
        st = gs_store_resume(j->store, &j->run, &j->accumulator.moments, err);
    if (st == GS_OK)
        st = gs_accumulator_set(&j->accumulator, err);
    if (st != GS_OK || j->run.count == 0)
        return st;

    gs_store_features kept;
    st = gs_store_read_features(j->store, j->run.id, &kept, err);
    if (st == GS_OK) {
        st = gs_reservoir_restore(&j->reservoir, &kept, err);
        gs_store_features_free(&kept);
    }
    return st;
}

static gs_status keep_thumbnail(job *j, uint64_t position, const gs_image *image, gs_error *err)
{
    gs_store_thumbnail *t = &j->thumbnails[j->n_thumbnails];
    *t = (gs_store_thumbnail){.position = position};
    gs_status st = gs_image_thumbnail(image, THUMBNAIL_SIDE, &t->webp, &t->size, &t->width, &t->height, err);
    if (st == GS_OK)
        j->n_thumbnails++;
    return st;
}

static void say(const job *j, const char *what, const char *which)
{
    char line[2048];
    if (!j->options->message)
        return;
    snprintf(line, sizeof line, "%s: %s%s", j->slug, what, which);
    j->options->message(j->options->context, line);
}

static void name_bad(job *j, const gs_error *fault)
{
    if (j->n_named == 0)
        j->first_bad = *fault;
    if (j->n_named++ < MAX_NAMED)
        say(j, "left out ", fault->message);
}

/* Moves the frames that are there together, and notes whose they are in j->samples; returns how many. The others are named. */
static size_t take_good(job *j, gs_batch *batch)
{
    size_t good = 0;
    for (size_t i = 0; i < batch->count; i++) {
        gs_image frame = batch->frames[i];
        batch->frames[i] = (gs_image){0};
        if (!frame.rgb) {
            name_bad(j, &batch->faults[i]);
            continue;
        }
        j->samples[good] = batch->first + i;
        batch->frames[good++] = frame;
    }
    return good;
}

static gs_status encode_good(job *j, const gs_image *frames, size_t n, gs_error *err)
{
    gs_status st = gs_encoder_images(j->encoder, frames, n, j->features, err);
    j->fatal |= st == GS_EIO || st == GS_ENOMEM;
    j->accumulator.failed |= st != GS_OK && j->accumulator.encoder; /* a device that failed is not asked again */
    for (size_t i = 0; i < n && j->samples[i] < GS_STORE_THUMBNAILS && st == GS_OK; i++)
        st = keep_thumbnail(j, j->samples[i], &frames[i], err);
    if (st != GS_OK)
        return st;
    st = gs_accumulator_add(&j->accumulator, j->features, n, err);
    if (st != GS_OK)
        return st;
    for (size_t i = 0; i < n; i++)
        gs_reservoir_add(&j->reservoir, j->samples[i], j->features + i * j->dim);
    return GS_OK;
}

static gs_status encode_batch(job *j, gs_batch *batch, gs_error *err)
{
    size_t good = take_good(j, batch);
    gs_status st = good > 0 ? encode_good(j, batch->frames, good, err) : GS_OK;
    if (st == GS_OK)
        j->bad += batch->count - good;
    return st;
}

/* Bad pictures may be few among the total. */
static gs_status check_bad(const job *j, uint64_t total, gs_error *err)
{
    if ((double)j->bad * 100 <= j->options->bad_percent * (double)total)
        return GS_OK;
    return gs_fail(err, GS_EFORMAT, "%llu of %llu pictures cannot be read, and --bad-pictures allows %g%%%s%s",
                   (unsigned long long)j->bad, (unsigned long long)total, j->options->bad_percent,
                   j->n_named ? "; the first: " : "", j->first_bad.message);
}

typedef gs_status (*save_function)(gs_store *, gs_store_run *, const gs_store_checkpoint *, gs_error *);

static gs_status save(job *j, save_function function, gs_error *err)
{
    gs_store_checkpoint checkpoint = {.bad = j->bad,
                                      .thumbnails = j->thumbnails,
                                      .n_thumbnails = j->n_thumbnails,
                                      .features = j->changes,
                                      .n_features = gs_reservoir_changes(&j->reservoir, j->changes)};
    gs_status st = gs_accumulator_read(&j->accumulator, &checkpoint.moments, err);
    if (st == GS_OK)
        st = function(j->store, &j->run, &checkpoint, err);
    drop_thumbnails(j);
    j->saved_at = now();
    j->lost = st != GS_OK;
    j->fatal |= st != GS_OK && st != GS_EMISMATCH; /* that is another process, which has this model */
    return st;
}

static void report(const job *j, uint64_t total)
{
    if (j->options->progress)
        j->options->progress(j->options->context, j->accumulator.count + j->bad, total);
}

/* Batch after batch until the samples end. A batch is in the moments whole or not at all. */
static gs_status consume(job *j, gs_batches *batches, uint64_t total, gs_error *err)
{
    gs_status st = check_bad(j, total, err);
    report(j, total);
    for (bool more = true; more && st == GS_OK;) {
        gs_batch batch;
        st = gs_batches_next(batches, &batch, err);
        more = batch.count > 0;
        if (st == GS_OK && more)
            st = encode_batch(j, &batch, err);
        gs_batch_free(&batch);
        if (st == GS_OK && more) {
            report(j, total);
            st = check_bad(j, total, err);
        }
        /* A wait for a worker that the request to stop ended is no failure of the worker. */
        if (more || st != GS_OK)
            if (gs_stop_requested(j->options->stop))
                return gs_fail(err, GS_ECANCELED, "interrupted; run again to resume");
        if (st == GS_OK && more && now() - j->saved_at >= j->options->checkpoint)
            st = save(j, gs_store_save, err);
    }
    return st;
}

/* A last checkpoint after a failure, which stays the failure to report. Not when that was a checkpoint: the moments would be saved without
 * the thumbnails and features of their samples. */
static void save_what_there_is(job *j)
{
    bool is_new = j->accumulator.count > j->run.count || j->bad > j->run.bad;
    if (!j->lost && !j->accumulator.failed && is_new)
        save(j, gs_store_save, NULL);
}

static void keep_feature(void *context, uint64_t index, const float *feature)
{
    gs_reservoir_add(&((job *)context)->reservoir, index, feature);
}

/* All at once, in place of pictures. */
static gs_status take_moments(job *j, gs_sampler *sampler, gs_error *err)
{
    gs_status st = gs_sampler_moments(sampler, &j->accumulator.moments, j->run.keep > 0 ? keep_feature : NULL, j, err);
    return st == GS_OK ? gs_accumulator_set(&j->accumulator, err) : st;
}

static gs_status take_pictures(job *j, gs_sampler *sampler, gs_error *err)
{
    uint64_t available = gs_sampler_count(sampler), total = j->options->samples;
    if (available > 0 && available < total)
        total = available;
    gs_batches *batches = NULL;
    gs_status st = gs_batches_open(&batches, sampler, j->run.count + j->run.bad, total, j->options->batch, err);
    if (st == GS_OK)
        st = consume(j, batches, total, err);
    gs_batches_close(batches);
    return st;
}

static gs_status sample(job *j, const gs_model *model, gs_error *err)
{
    gs_sampler *sampler;
    gs_sampler_options options = {.seed = j->options->seed,
                                  .threads = j->options->threads,
                                  .encoder = gs_encoder_get_info(j->encoder)->fingerprint,
                                  .stop = j->options->stop};
    gs_status st = gs_sampler_open(&sampler, model, &options, err);
    if (st != GS_OK)
        return st;
    st = gs_sampler_has_moments(sampler) ? take_moments(j, sampler, err) : take_pictures(j, sampler, err);
    if (gs_sampler_left_out(sampler)[0])
        say(j, "left out ", gs_sampler_left_out(sampler));
    gs_sampler_close(sampler);
    if (st == GS_OK && j->accumulator.count < 2)
        st = gs_fail(err, GS_EARGS, "%llu samples, at least 2 are needed", (unsigned long long)j->accumulator.count);
    if (st == GS_OK)
        return save(j, gs_store_finish, err);
    save_what_there_is(j);
    return st;
}

/* A model.json elsewhere with a slug that the database knows is the same model only when its content and its files are the same, or when
 * the former file is gone: it was moved then. */
static gs_status check_place(const job *j, const gs_store_model *had, const gs_model *model, const char *path,
                             const char *source, gs_error *err)
{
    bool elsewhere = had->path[0] && strcmp(had->path, path) != 0 && access(had->path, F_OK) == 0;
    bool same = elsewhere && strcmp(had->json, model->json) == 0 && strcmp(had->source, source) == 0;
    if (!elsewhere || same || j->options->replace)
        return GS_OK;
    return gs_fail(err, GS_EMISMATCH,
                   "%s: the database has another model of this slug, from %s; --replace takes its place", path,
                   had->path);
}

static void explain(const job *j)
{
    static const char *const reasons[] = {
        [GS_STORE_ANEW_FORCED] = "is sampled anew, as --force asks",
        [GS_STORE_ANEW_SAMPLER] = "its sampler block has changed: it is sampled anew",
        [GS_STORE_ANEW_SOURCE] = "the files that its samples come from have changed: it is sampled anew",
        [GS_STORE_ANEW_NUMBERS] = "other samples, seed or kept features than before: it is sampled anew",
    };
    if (j->run.anew != GS_STORE_NOT_ANEW)
        say(j, reasons[j->run.anew], "");
}

static gs_status put_model(job *j, const gs_model *model, int64_t *id, gs_error *err)
{
    char *path = realpath(model->path, NULL);
    gs_store_metadata metadata = {model->slug, model->title, model->type, model->family, model->json, path ? path : ""};
    gs_status st = gs_store_put_model(j->store, &metadata, id, NULL, err);
    j->fatal |= st != GS_OK;
    free(path);
    return st;
}

/* The model's row, *id, and the run to work on. A model that has moments keeps the title and place that are theirs until it has others. */
static gs_status begin_run(job *j, const gs_model *model, const gs_store_model *had, const gs_store_order *order,
                           int64_t *id, gs_error *err)
{
    *id = had->id;
    gs_status st = had->run ? GS_OK : put_model(j, model, id, err);
    return st == GS_OK ? gs_store_begin(j->store, *id, order, &j->run, err) : st;
}

static gs_status begin(job *j, const gs_model *model, int64_t *id, gs_error *err)
{
    char source[GS_SHA256_HEX];
    char *sampler = cJSON_PrintUnformatted(model->sampler), *path = realpath(model->path, NULL);
    gs_store_order order = {.sampler = sampler,
                            .source = source,
                            .precision = gs_precision_name(gs_encoder_get_info(j->encoder)->precision),
                            .seed = j->options->seed,
                            .requested = j->options->samples,
                            .keep = j->options->keep,
                            .force = j->options->force};
    gs_store_model had = {0};
    gs_status st = gs_store_find(j->store, model->slug, &had, err);
    j->fatal = st != GS_OK && st != GS_ENOTFOUND;
    /* A failure elsewhere is none of the model that is there. */
    if (had.id && path && (strcmp(had.path, path) == 0 || access(had.path, F_OK) != 0))
        *id = had.id;
    if (st == GS_ENOTFOUND) /* it is there before its first failure, so that this can be noted */
        st = put_model(j, model, id, err);
    if (st == GS_OK && !sampler)
        st = gs_fail(err, GS_ENOMEM, "no memory");
    if (st == GS_OK)
        st = gs_sampler_fingerprint(model, source, err);
    if (st == GS_OK && had.id)
        st = check_place(j, &had, model, path ? path : "", source, err);
    if (st == GS_OK)
        st = begin_run(j, model, &had, &order, id, err);
    if (st == GS_OK)
        explain(j);
    gs_store_model_free(&had);
    cJSON_free(sampler);
    free(path);
    return st;
}

gs_status gs_job_run(gs_store *store, gs_encoder *encoder, const gs_model *model, const gs_job_options *options,
                     gs_job_result *result, gs_error *err)
{
    job j = {.store = store,
             .encoder = encoder,
             .options = options,
             .slug = model->slug,
             .dim = gs_encoder_get_info(encoder)->dim,
             .saved_at = now()};
    gs_error error = {""};
    int64_t id = 0;
    *result = (gs_job_result){0};
    gs_status st = begin(&j, model, &id, &error);
    result->skipped = st == GS_OK && j.run.finished;
    result->resumed = j.run.count;
    if (st == GS_OK && !j.run.finished) {
        st = prepare(&j, &error);
        if (st == GS_OK)
            st = sample(&j, model, &error);
    }
    if (st == GS_OK)
        st = put_model(&j, model, &id, &error);
    result->count = j.run.count;
    result->bad = j.run.bad;
    result->fatal = j.fatal;
    bool lost = j.lost;
    free_job(&j);
    if (id && st != GS_ECANCELED && !result->fatal && !lost)
        gs_store_set_error(store, id, st == GS_OK ? "" : error.message, NULL);
    if (st == GS_OK || st == GS_ECANCELED)
        return st == GS_OK ? st : gs_fail(err, st, "%s", error.message);
    return gs_fail(err, st, "model '%s': %s", model->slug, error.message);
}
