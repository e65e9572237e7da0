/* neighbors.c - the lists that are to be made, by as many threads as there are: the work that schedule.h gives out. */
#include "indexer/neighbors/neighbors.h"

#include "indexer/neighbors/schedule.h"

#include <pthread.h>
#include <stdlib.h>

#include <cblas.h>

#define POOLED 32 /* models that the pooled covariance is taken of */

typedef struct {
    gs_store *store;
    const gs_neighbors_options *options;
    pthread_mutex_t store_lock; /* guards store; taken before lock, when both are */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    gs_schedule schedule;
    gs_status status;
    gs_error error;
} update;

/* ---- the work, without the lock ----------------------------------------------------------------------------------------------- */

typedef struct {
    update *u;
    float *mean;       /* [dim]       owned */
    float *covariance; /* [dim, dim]  owned */
} worker;

static gs_status read_covariance(update *u, size_t i, float *covariance, gs_error *err)
{
    pthread_mutex_lock(&u->store_lock);
    gs_status st = gs_store_read_covariance(u->store, &u->schedule.lists.models.models[i], covariance, err);
    pthread_mutex_unlock(&u->store_lock);
    return st;
}

static gs_status sketch(worker *w, size_t i, gs_error *err)
{
    update *u = w->u;
    pthread_mutex_lock(&u->store_lock);
    gs_status st = gs_store_read_mean(u->store, &u->schedule.lists.models.models[i], w->mean, err);
    if (st == GS_OK)
        st = gs_store_read_covariance(u->store, &u->schedule.lists.models.models[i], w->covariance, err);
    pthread_mutex_unlock(&u->store_lock);
    return st == GS_OK ? gs_bounds_put(&u->schedule.bounds, i, w->mean, w->covariance, err) : st;
}

static gs_status begin(update *u, gs_walk *w, gs_error *err)
{
    size_t i = w->model;
    gs_status st = read_covariance(u, i, w->covariance, err);
    if (st == GS_OK)
        st = gs_root_init(&w->root, w->covariance, u->schedule.dim, u->schedule.lists.models.models[i].count, err);
    if (st == GS_OK)
        st = gs_bounds_open(&u->schedule.bounds, i, &w->block, err);
    w->n = 0;
    for (size_t k = 0; k < u->schedule.lists.models.count && st == GS_OK; k++)
        if (k != i)
            gs_walk_push(w, (gs_candidate){.bound = gs_bounds_loose(&u->schedule.bounds, i, k), .other = k});
    return st;
}

static gs_status compare(worker *w, gs_task *t, gs_error *err)
{
    update *u = w->u;
    const gs_walk *mine = t->walk;
    size_t i = mine->model, k = t->candidate.other;
    const gs_bounds *b = &u->schedule.bounds;
    gs_status st = read_covariance(u, k, w->covariance, err);
    if (st != GS_OK)
        return st;
    const gs_store_model *models = u->schedule.lists.models.models;
    gs_distribution own = {b->means + i * u->schedule.dim, mine->covariance, u->schedule.dim, models[i].count};
    gs_distribution other = {b->means + k * u->schedule.dim, w->covariance, u->schedule.dim, models[k].count};
    return gs_root_distance(&mine->root, &own, &other, &t->rank, &t->distance, err);
}

/* What is copied first is written first, so that a list never goes back to what it was. */
static gs_status finish(update *u, const gs_walk *w, gs_error *err)
{
    size_t n = u->schedule.lists.models.count;
    gs_store_neighbor_list *taken = calloc(n, sizeof *taken);
    gs_store_neighbor *neighbors = calloc(n, GS_STORE_NEIGHBORS * sizeof *neighbors);
    gs_status st = GS_OK;
    if (taken && neighbors) {
        pthread_mutex_lock(&u->store_lock);
        pthread_mutex_lock(&u->lock);
        size_t count = gs_lists_take(&u->schedule.lists, w->model, taken, neighbors);
        pthread_mutex_unlock(&u->lock);
        st = gs_store_write_neighbors(u->store, taken, count, err);
        pthread_mutex_unlock(&u->store_lock);
    } else {
        st = gs_fail(err, GS_ENOMEM, "no memory to write %zu lists", n);
    }
    free(taken);
    free(neighbors);
    return st;
}

static gs_status do_task(worker *w, gs_task *t, gs_error *err)
{
    switch (t->kind) {
    case GS_TASK_SKETCH:
        return sketch(w, t->model, err);
    case GS_TASK_BEGIN:
        return begin(w->u, t->walk, err);
    case GS_TASK_TIGHTEN:
        t->candidate.tight = true;
        return gs_bounds_tight(&w->u->schedule.bounds, t->walk->model, &t->walk->block, t->candidate.other,
                               &t->candidate.bound, err);
    case GS_TASK_COMPARE:
        return compare(w, t, err);
    case GS_TASK_FINISH:
        return finish(w->u, t->walk, err);
    case GS_TASK_NONE:
    default:
        return GS_OK;
    }
}

/* ---- threads ------------------------------------------------------------------------------------------------------------------ */

static void settle(update *u, const gs_task *t)
{
    gs_schedule_settle(&u->schedule, t);
    if (t->kind == GS_TASK_FINISH && u->options->progress)
        u->options->progress(u->options->context, u->schedule.made, u->schedule.lists.n_stale);
}

/* Does a task, for which it lets go of the lock. */
static void do_unlocked(worker *w, gs_task *t)
{
    update *u = w->u;
    gs_error error;
    pthread_mutex_unlock(&u->lock);
    gs_status st = do_task(w, t, &error);
    pthread_mutex_lock(&u->lock);
    if (st == GS_OK) {
        settle(u, t);
    } else if (u->status == GS_OK) {
        u->status = st;
        u->error = error;
    }
    pthread_cond_broadcast(&u->changed);
}

static void work(worker *w)
{
    update *u = w->u;
    pthread_mutex_lock(&u->lock);
    while (u->status == GS_OK && u->schedule.made < u->schedule.lists.n_stale) {
        gs_task t;
        if (gs_stop_requested(u->options->stop))
            u->status = gs_fail(&u->error, GS_ECANCELED, "interrupted; run again to resume");
        else if ((u->status = gs_schedule_next(&u->schedule, &t, &u->error)) != GS_OK)
            break;
        else if (t.kind == GS_TASK_NONE)
            pthread_cond_wait(&u->changed, &u->lock);
        else
            do_unlocked(w, &t);
    }
    pthread_cond_broadcast(&u->changed);
    pthread_mutex_unlock(&u->lock);
}

static void *run_worker(void *context)
{
    work(context);
    return NULL;
}

/* The products of a pair are too small to share: every thread computes alone. */
static gs_status run_workers(update *u, gs_error *err)
{
    size_t n = u->schedule.n_walks, started = 1, dim = u->schedule.dim;
    worker *workers = calloc(n, sizeof *workers);
    pthread_t *threads = calloc(n, sizeof *threads);
    bool fits = workers && threads;
    for (size_t i = 0; fits && i < n; i++) {
        workers[i] = (worker){u, malloc(dim * sizeof(float)), malloc(dim * dim * sizeof(float))};
        fits = workers[i].mean && workers[i].covariance;
    }
    gs_status st = fits ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory to compare models with %zu threads", n);
    if (st == GS_OK) {
        int before = openblas_get_num_threads();
        openblas_set_num_threads(1);
        while (started < n && pthread_create(&threads[started], NULL, run_worker, &workers[started]) == 0)
            started++; /* where the system gives fewer threads, these do all the work */
        work(&workers[0]);
        for (size_t i = 1; i < started; i++)
            pthread_join(threads[i], NULL);
        openblas_set_num_threads(before);
        st = u->status;
        if (st != GS_OK && err)
            *err = u->error;
    }
    for (size_t i = 0; workers && i < n; i++) {
        free(workers[i].mean);
        free(workers[i].covariance);
    }
    free(workers);
    free(threads);
    return st;
}

/* ---- before and after --------------------------------------------------------------------------------------------------------- */

/* The covariance of some models, evenly spread, on average. */
static gs_status init_bounds(update *u, gs_error *err)
{
    size_t n = u->schedule.lists.models.count, size = u->schedule.dim * u->schedule.dim,
           step = (n + POOLED - 1) / POOLED;
    float *pooled = calloc(size, sizeof *pooled), *one = malloc(size * sizeof *one);
    gs_status st = GS_OK;
    if (!pooled || !one)
        st = gs_fail(err, GS_ENOMEM, "no memory for a covariance of %zu dimensions", u->schedule.dim);
    for (size_t i = 0; i < n && st == GS_OK; i += step) {
        st = gs_store_read_covariance(u->store, &u->schedule.lists.models.models[i], one, err);
        for (size_t j = 0; j < size && st == GS_OK; j++)
            pooled[j] += one[j] / (float)POOLED;
    }
    if (st == GS_OK)
        st = gs_bounds_init(&u->schedule.bounds, n, pooled, u->schedule.dim, err);
    free(pooled);
    free(one);
    return st;
}

static gs_status init_update(update *u, gs_error *err)
{
    gs_store_encoder encoder;
    gs_status st = gs_store_get_encoder(u->store, &encoder, err);
    if (st == GS_OK)
        st = gs_schedule_init(&u->schedule, encoder.dim, (size_t)u->options->threads, err);
    return st == GS_OK ? init_bounds(u, err) : st;
}

/* Whether the models are still those whose lists were read. */
static bool models_changed(const update *u)
{
    gs_store_list now;
    const gs_store_list *then = &u->schedule.lists.models;
    if (gs_store_list_finished(u->store, &now, NULL) != GS_OK)
        return false;
    bool changed = now.count != then->count;
    for (size_t i = 0; i < now.count && !changed; i++)
        changed = now.models[i].run != then->models[i].run;
    gs_store_list_free(&now);
    return changed;
}

static gs_status make_lists(update *u, gs_error *err)
{
    const gs_neighbors_options *options = u->options;
    gs_status st = init_update(u, err);
    if (st != GS_OK)
        return st;
    if (options->progress)
        options->progress(options->context, 0, u->schedule.lists.n_stale);
    st = run_workers(u, err);
    if (st != GS_OK && st != GS_ECANCELED && models_changed(u))
        st = gs_fail(err, GS_EMISMATCH,
                     "a model was removed or sampled anew meanwhile: run again; the lists that are complete are kept");
    return st;
}

gs_status gs_neighbors_update(gs_store *store, const gs_neighbors_options *options, gs_neighbors_result *result,
                              gs_error *err)
{
    update u = {.store = store,
                .options = options,
                .store_lock = PTHREAD_MUTEX_INITIALIZER,
                .lock = PTHREAD_MUTEX_INITIALIZER,
                .changed = PTHREAD_COND_INITIALIZER};
    const gs_schedule *s = &u.schedule;
    gs_status st = gs_lists_read(&u.schedule.lists, store, err);
    if (st == GS_OK && s->lists.n_stale > 0)
        st = make_lists(&u, err);
    if (result)
        *result = (gs_neighbors_result){.models = s->lists.models.count,
                                        .stale = s->lists.n_stale,
                                        .made = s->made,
                                        .compared = s->compared,
                                        .bounded = s->bounded};
    gs_schedule_free(&u.schedule);
    return st;
}
