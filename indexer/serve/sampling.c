#include "indexer/serve/sampling.h"

#include "indexer/model/model.h"
#include "indexer/sampler/sampler.h"
#include "indexer/util/stop.h"

#include <errno.h>
#include <inttypes.h> /* PRIu64 */
#include <limits.h>   /* PATH_MAX */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A model whose sampler is open. */
typedef struct {
    gs_model model;
    gs_sampler *sampler; /* NULL: the place is free */
    uint64_t seed;
    struct timespec modified; /* model.json, when it was read */
    uint64_t used;            /* the request that used it last */
} warm_model;

struct gs_sampling {
    const char *directory; /* borrowed */
    gs_stop stop;          /* ends the wait for a worker */
    warm_model *warm;      /* [n_warm]  the thread's  owned */
    size_t n_warm;
    uint64_t requests;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t added, done;
    gs_sampling_request *first, **last;
    bool closing;
};

/* ---- what the thread does ---- */

/* Slugs hold letters, digits and dashes: no path leads out of the directory. */
static bool find_file(const gs_sampling *sampling, const char *slug, char path[PATH_MAX], struct stat *info)
{
    if (!slug[0] || slug[strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789-")])
        return false;
    int length = snprintf(path, PATH_MAX, "%s/%s/model.json", sampling->directory, slug);
    return length < PATH_MAX && stat(path, info) == 0;
}

static void cool(warm_model *w)
{
    gs_sampler_close(w->sampler);
    gs_model_free(&w->model);
    *w = (warm_model){0};
}

/* The model's place: where it is warm, else a free one, else that of the model which was not asked for the longest. */
static warm_model *find_place(gs_sampling *sampling, const char *slug)
{
    warm_model *oldest = sampling->warm;
    for (warm_model *w = sampling->warm; w < sampling->warm + sampling->n_warm; w++) {
        if (w->sampler && strcmp(w->model.slug, slug) == 0)
            return w;
        if (w->used < oldest->used)
            oldest = w;
    }
    return oldest;
}

static gs_status warm_up(gs_sampling *sampling, warm_model *w, const gs_sampling_request *request, const char *path,
                         gs_error *err)
{
    gs_sampler_options options = {.seed = request->seed, .timeout = GS_SAMPLING_SECONDS, .stop = &sampling->stop};
    cool(w);
    gs_status st = gs_model_read(&w->model, path, err);
    if (st != GS_OK)
        return st;
    if (strcmp(w->model.slug, request->slug) != 0)
        st = gs_fail(err, GS_EFORMAT, "%s: its slug is '%s', not its folder's name", path, w->model.slug);
    if (st == GS_OK)
        st = gs_sampler_open(&w->sampler, &w->model, &options, err);
    if (st == GS_OK && gs_sampler_has_moments(w->sampler))
        st = gs_fail(err, GS_EARGS, "%s: holds statistics and no pictures", request->slug);
    w->seed = request->seed;
    if (st != GS_OK)
        cool(w);
    return st;
}

/* Pictures that are damaged are left out. */
static void keep_whole(gs_sampling_request *request)
{
    size_t kept = 0;
    for (size_t i = 0; i < request->got; i++)
        if (request->frames[i].rgb)
            request->frames[kept++] = request->frames[i];
    request->got = kept;
}

static gs_status sample(gs_sampling *sampling, gs_sampling_request *request, gs_error *err)
{
    char path[PATH_MAX];
    struct stat info;
    gs_status st = GS_OK;
    if (!find_file(sampling, request->slug, path, &info))
        return gs_fail(err, GS_ENOTFOUND, "no model '%.100s' is sampled here", request->slug);
    warm_model *w = find_place(sampling, request->slug);
    bool is_warm = w->sampler && strcmp(w->model.slug, request->slug) == 0 &&
                   w->modified.tv_sec == info.st_mtim.tv_sec && w->modified.tv_nsec == info.st_mtim.tv_nsec;
    if (is_warm && w->seed != request->seed) {
        is_warm = gs_sampler_reseed(w->sampler, request->seed);
        w->seed = request->seed;
    }
    if (!is_warm && (st = warm_up(sampling, w, request, path, err)) != GS_OK)
        return st;
    w->modified = info.st_mtim;
    w->used = ++sampling->requests;
    gs_error *faults = calloc(request->count, sizeof *faults);
    st = faults
             ? gs_sampler_read(w->sampler, request->first, request->count, request->frames, faults, &request->got, err)
             : gs_fail(err, GS_ENOMEM, "no memory for %zu samples", request->count);
    free(faults);
    if (st != GS_OK) {
        cool(w);
        return st;
    }
    keep_whole(request);
    return request->got ? GS_OK : gs_fail(err, GS_EARGS, "%s: has no sample %" PRIu64, request->slug, request->first);
}

static void *sample_requests(void *context)
{
    gs_sampling *sampling = context;
    pthread_mutex_lock(&sampling->lock);
    for (;;) {
        while (!sampling->first && !sampling->closing)
            pthread_cond_wait(&sampling->added, &sampling->lock);
        gs_sampling_request *request = sampling->first;
        if (!request)
            break;
        sampling->first = request->next;
        if (!sampling->first)
            sampling->last = &sampling->first;
        pthread_mutex_unlock(&sampling->lock);
        request->status = request->is_wanted && !request->is_wanted(request->context)
                              ? gs_fail(&request->error, GS_ECANCELED, "nobody waits for this any more")
                              : sample(sampling, request, &request->error);
        pthread_mutex_lock(&sampling->lock);
        request->is_done = true;
        pthread_cond_broadcast(&sampling->done);
    }
    pthread_mutex_unlock(&sampling->lock);
    for (size_t i = 0; i < sampling->n_warm; i++) /* by the thread that started them: child.h */
        cool(&sampling->warm[i]);
    return NULL;
}

/* ---- what other threads do ---- */

bool gs_sampling_knows(const gs_sampling *sampling, const char *slug)
{
    char path[PATH_MAX];
    struct stat info;
    return find_file(sampling, slug, path, &info);
}

gs_status gs_sampling_read(gs_sampling *sampling, gs_sampling_request *request, gs_error *err)
{
    request->next = NULL;
    request->is_done = false;
    request->got = 0;
    pthread_mutex_lock(&sampling->lock);
    *sampling->last = request;
    sampling->last = &request->next;
    pthread_cond_signal(&sampling->added);
    while (!request->is_done)
        pthread_cond_wait(&sampling->done, &sampling->lock);
    pthread_mutex_unlock(&sampling->lock);
    return request->status == GS_OK ? GS_OK : gs_fail(err, request->status, "%s", request->error.message);
}

/* ---- open and close ---- */

static void free_sampling(gs_sampling *sampling)
{
    pthread_mutex_destroy(&sampling->lock);
    pthread_cond_destroy(&sampling->added);
    pthread_cond_destroy(&sampling->done);
    gs_stop_free(&sampling->stop);
    free(sampling->warm);
    free(sampling);
}

gs_status gs_sampling_open(gs_sampling **out, const char *directory, size_t warm, gs_error *err)
{
    struct stat info;
    *out = NULL;
    if (stat(directory, &info) != 0 || !S_ISDIR(info.st_mode))
        return gs_fail(err, GS_ENOTFOUND, "%s: expected a folder of models, each with its model.json", directory);
    gs_sampling *sampling = calloc(1, sizeof *sampling);
    if (!sampling)
        return gs_fail(err, GS_ENOMEM, "no memory for samplers");
    gs_status st = gs_stop_init(&sampling->stop, err);
    if (st != GS_OK) {
        free(sampling);
        return st;
    }
    sampling->directory = directory;
    sampling->n_warm = warm;
    sampling->warm = calloc(warm, sizeof *sampling->warm);
    sampling->last = &sampling->first;
    pthread_mutex_init(&sampling->lock, NULL);
    pthread_cond_init(&sampling->added, NULL);
    pthread_cond_init(&sampling->done, NULL);
    int failed = sampling->warm ? pthread_create(&sampling->thread, NULL, sample_requests, sampling) : ENOMEM;
    if (failed) {
        free_sampling(sampling);
        return gs_fail(err, GS_EIO, "no thread for samplers: %s", strerror(failed));
    }
    *out = sampling;
    return GS_OK;
}

void gs_sampling_close(gs_sampling *sampling)
{
    if (!sampling)
        return;
    gs_stop_request(&sampling->stop);
    pthread_mutex_lock(&sampling->lock);
    sampling->closing = true;
    pthread_cond_signal(&sampling->added);
    pthread_mutex_unlock(&sampling->lock);
    pthread_join(sampling->thread, NULL);
    free_sampling(sampling);
}
