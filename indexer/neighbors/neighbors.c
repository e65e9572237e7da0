/* neighbors.c - the lists that are to be made, by as many threads as there are.
 *
 * Each stale model has a walk over the others, in a heap by their bounds. The nearest one is taken out: with a loose bound, it goes back
 * with the tight one; with the tight one, the pair is compared. Whoever is beyond the reach of both lists is dropped. Threads take a piece
 * of work from the first walk that has some, and begin the next walk when none has: so all help with one model, and nobody waits for the
 * root of the next.
 */
#include "indexer/neighbors/neighbors.h"

#include "indexer/neighbors/bound.h"
#include "indexer/neighbors/lists.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#define POOLED 32 /* models that the pooled covariance is taken of */

typedef struct {
    double bound; /* the distance is not below it */
    size_t other;
    bool tight;
} candidate;

typedef struct {
    enum { CLOSED, OPENING, OPEN, CLOSING } state;
    size_t model;
    size_t n;            /* candidates left */
    candidate *heap;     /* [models]    owned; the least bound first */
    float *covariance;   /* [dim, dim]  owned */
    gs_root root, block; /* of the covariance, and of its sketch */
} walk;

typedef struct {
    enum { SKETCH, BEGIN, TIGHTEN, COMPARE, FINISH } kind;
    size_t model; /* of a sketch */
    walk *walk;   /* of all others */
    candidate candidate;
    size_t rank;     /* of the candidate's covariance; GS_RANK_UNKNOWN before the first comparison */
    double distance; /* the result of a comparison */
} task;

typedef struct {
    gs_store *store;
    const gs_neighbors_options *options;
    size_t dim, n_walks;
    pthread_mutex_t store_lock; /* guards store; taken before lock, when both are */

    pthread_mutex_t lock; /* guards all below but bounds, which has its own order: written by sketches, then read */
    pthread_cond_t changed;
    gs_lists lists;
    gs_bounds bounds;
    size_t n_begun, n_sketched; /* sketches */
    bool *begun;                /* [models]   owned; whether its walk has */
    walk *walks;                /* [n_walks]  owned */
    size_t *pending;            /* [models]   owned; pieces of work under way that its list waits for */
    size_t *ranks;              /* [models]   owned */
    gs_neighbors_result result;
    gs_status status;
    gs_error error;
} update;

/* ---- the heap ----------------------------------------------------------------------------------------------------------------- */

static bool is_before(const candidate *a, const candidate *b)
{
    return a->bound != b->bound ? a->bound < b->bound : a->other < b->other;
}

static void push(walk *w, candidate c)
{
    size_t at = w->n++;
    for (; at > 0 && is_before(&c, &w->heap[(at - 1) / 2]); at = (at - 1) / 2)
        w->heap[at] = w->heap[(at - 1) / 2];
    w->heap[at] = c;
}

static candidate pop(walk *w)
{
    candidate top = w->heap[0], last = w->heap[--w->n];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < w->n; at = child) {
        if (child + 1 < w->n && is_before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!is_before(&w->heap[child], &last))
            break;
        w->heap[at] = w->heap[child];
    }
    w->heap[at] = last;
    return top;
}

/* ---- finding work, under the lock --------------------------------------------------------------------------------------------- */

/* Whether the pair may belong into a list. Where the other list is to be made too, it asks for itself. */
static bool is_wanted(const update *u, size_t i, const candidate *c)
{
    const gs_list *mine = &u->lists.all[i], *theirs = &u->lists.all[c->other];
    if (gs_lists_met(&u->lists, i, c->other))
        return false;
    return c->bound <= gs_lists_reach(&u->lists, i) ||
           (mine->fresh && !theirs->stale && c->bound <= gs_lists_reach(&u->lists, c->other));
}

static bool take_candidate(update *u, walk *w, task *t)
{
    while (w->n > 0) {
        candidate c = pop(w);
        if (!is_wanted(u, w->model, &c))
            continue;
        *t = (task){.kind = c.tight ? COMPARE : TIGHTEN, .walk = w, .candidate = c, .rank = u->ranks[c.other]};
        u->pending[w->model]++;
        if (c.tight) {
            u->pending[c.other]++;
            u->status = gs_lists_meet(&u->lists, w->model, c.other, &u->error);
        }
        return true;
    }
    return false;
}

/* Whether a pair's distance is taken with the root of i, most likely: then it is at hand in the walk of i. */
static bool goes_first(const update *u, size_t i, size_t k)
{
    const gs_store_model *models = u->lists.models.models;
    uint64_t rank_i = models[i].count < u->dim ? models[i].count : u->dim;
    uint64_t rank_k = models[k].count < u->dim ? models[k].count : u->dim;
    return rank_i != rank_k ? rank_i < rank_k : u->bounds.trace[i] < u->bounds.trace[k];
}

static bool begin_walk(update *u, task *t)
{
    walk *free_one = NULL;
    size_t n = u->lists.models.count, next = n;
    for (size_t i = 0; i < u->n_walks && !free_one; i++)
        free_one = u->walks[i].state == CLOSED ? &u->walks[i] : NULL;
    for (size_t i = 0; i < n && free_one; i++)
        if (u->lists.all[i].stale && !u->begun[i] && (next == n || goes_first(u, i, next)))
            next = i;
    if (!free_one || next == n)
        return false;
    u->begun[next] = true;
    free_one->state = OPENING;
    free_one->model = next;
    *t = (task){.kind = BEGIN, .walk = free_one};
    return true;
}

static bool find_task(update *u, task *t)
{
    size_t n = u->lists.models.count;
    if (u->n_begun < n) {
        *t = (task){.kind = SKETCH, .model = u->n_begun++};
        return true;
    }
    if (u->n_sketched < n)
        return false;
    for (size_t i = 0; i < u->n_walks; i++) {
        walk *w = &u->walks[i];
        if (w->state != OPEN)
            continue;
        if (take_candidate(u, w, t))
            return true;
        if (u->pending[w->model] == 0) {
            w->state = CLOSING;
            *t = (task){.kind = FINISH, .walk = w};
            return true;
        }
    }
    return begin_walk(u, t);
}

/* ---- the work, without the lock ----------------------------------------------------------------------------------------------- */

typedef struct {
    update *u;
    float *mean;       /* [dim]       owned */
    float *covariance; /* [dim, dim]  owned */
} worker;

static gs_status read_covariance(update *u, size_t i, float *covariance, gs_error *err)
{
    pthread_mutex_lock(&u->store_lock);
    gs_status st = gs_store_read_covariance(u->store, &u->lists.models.models[i], covariance, err);
    pthread_mutex_unlock(&u->store_lock);
    return st;
}

static gs_status sketch(worker *w, size_t i, gs_error *err)
{
    update *u = w->u;
    pthread_mutex_lock(&u->store_lock);
    gs_status st = gs_store_read_mean(u->store, &u->lists.models.models[i], w->mean, err);
    if (st == GS_OK)
        st = gs_store_read_covariance(u->store, &u->lists.models.models[i], w->covariance, err);
    pthread_mutex_unlock(&u->store_lock);
    return st == GS_OK ? gs_bounds_put(&u->bounds, i, w->mean, w->covariance, err) : st;
}

static gs_status begin(update *u, walk *w, gs_error *err)
{
    size_t i = w->model;
    gs_status st = read_covariance(u, i, w->covariance, err);
    if (st == GS_OK)
        st = gs_root_init(&w->root, w->covariance, u->dim, u->lists.models.models[i].count, err);
    if (st == GS_OK)
        st = gs_bounds_open(&u->bounds, i, &w->block, err);
    w->n = 0;
    for (size_t k = 0; k < u->lists.models.count && st == GS_OK; k++)
        if (k != i)
            push(w, (candidate){.bound = gs_bounds_loose(&u->bounds, i, k), .other = k});
    return st;
}

static gs_status compare(worker *w, task *t, gs_error *err)
{
    update *u = w->u;
    const walk *mine = t->walk;
    size_t i = mine->model, k = t->candidate.other;
    const gs_bounds *b = &u->bounds;
    gs_status st = read_covariance(u, k, w->covariance, err);
    if (st != GS_OK)
        return st;
    const gs_store_model *models = u->lists.models.models;
    gs_distribution own = {b->means + i * u->dim, mine->covariance, u->dim, models[i].count};
    gs_distribution other = {b->means + k * u->dim, w->covariance, u->dim, models[k].count};
    return gs_root_distance(&mine->root, &own, &other, &t->rank, &t->distance, err);
}

/* What is copied first is written first, so that a list never goes back to what it was. */
static gs_status finish(update *u, const walk *w, gs_error *err)
{
    size_t n = u->lists.models.count;
    gs_store_neighbor_list *taken = calloc(n, sizeof *taken);
    gs_store_neighbor *neighbors = calloc(n, GS_STORE_NEIGHBORS * sizeof *neighbors);
    gs_status st = GS_OK;
    if (taken && neighbors) {
        pthread_mutex_lock(&u->store_lock);
        pthread_mutex_lock(&u->lock);
        size_t count = gs_lists_take(&u->lists, w->model, taken, neighbors);
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

static gs_status do_task(worker *w, task *t, gs_error *err)
{
    switch (t->kind) {
    case SKETCH:
        return sketch(w, t->model, err);
    case BEGIN:
        return begin(w->u, t->walk, err);
    case TIGHTEN:
        t->candidate.tight = true;
        return gs_bounds_tight(&w->u->bounds, t->walk->model, &t->walk->block, t->candidate.other, &t->candidate.bound,
                               err);
    case COMPARE:
        return compare(w, t, err);
    case FINISH:
    default:
        return finish(w->u, t->walk, err);
    }
}

/* ---- what comes of it, under the lock ----------------------------------------------------------------------------------------- */

static void close_walk(walk *w)
{
    gs_root_free(&w->root);
    gs_root_free(&w->block);
    w->state = CLOSED;
}

static void settle(update *u, const task *t)
{
    if (t->kind == SKETCH) {
        u->n_sketched++;
        return;
    }
    size_t i = t->walk->model;
    switch (t->kind) {
    case BEGIN:
        t->walk->state = OPEN;
        break;
    case TIGHTEN:
        push(t->walk, t->candidate);
        u->pending[i]--;
        u->result.bounded++;
        break;
    case COMPARE:
        gs_lists_put(&u->lists, i, t->candidate.other, t->distance);
        u->ranks[t->candidate.other] = t->rank;
        u->pending[i]--;
        u->pending[t->candidate.other]--;
        u->result.compared++;
        break;
    case FINISH:
    default:
        close_walk(t->walk);
        u->result.made++;
        if (u->options->progress)
            u->options->progress(u->options->context, u->result.made, u->lists.n_stale);
        break;
    }
}

/* ---- threads ------------------------------------------------------------------------------------------------------------------ */

static void work(worker *w)
{
    update *u = w->u;
    task t;
    gs_error error;
    pthread_mutex_lock(&u->lock);
    while (u->status == GS_OK && u->result.made < u->lists.n_stale) {
        if (gs_stop_requested(u->options->stop)) {
            u->status = gs_fail(&u->error, GS_ECANCELED, "interrupted; run again to resume");
        } else if (find_task(u, &t)) {
            pthread_mutex_unlock(&u->lock);
            gs_status st = do_task(w, &t, &error);
            pthread_mutex_lock(&u->lock);
            if (st == GS_OK) {
                settle(u, &t);
            } else if (u->status == GS_OK) {
                u->status = st;
                u->error = error;
            }
            pthread_cond_broadcast(&u->changed);
        } else {
            pthread_cond_wait(&u->changed, &u->lock);
        }
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
    size_t n = u->n_walks, started = 1, dim = u->dim;
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
    size_t n = u->lists.models.count, size = u->dim * u->dim, step = (n + POOLED - 1) / POOLED;
    float *pooled = calloc(size, sizeof *pooled), *one = malloc(size * sizeof *one);
    gs_status st = GS_OK;
    if (!pooled || !one)
        st = gs_fail(err, GS_ENOMEM, "no memory for a covariance of %zu dimensions", u->dim);
    for (size_t i = 0; i < n && st == GS_OK; i += step) {
        st = gs_store_read_covariance(u->store, &u->lists.models.models[i], one, err);
        for (size_t j = 0; j < size && st == GS_OK; j++)
            pooled[j] += one[j] / (float)POOLED;
    }
    if (st == GS_OK)
        st = gs_bounds_init(&u->bounds, n, pooled, u->dim, err);
    free(pooled);
    free(one);
    return st;
}

static gs_status init_update(update *u, gs_error *err)
{
    gs_store_encoder encoder;
    size_t n = u->lists.models.count;
    gs_status st = gs_store_get_encoder(u->store, &encoder, err);
    if (st != GS_OK)
        return st;
    u->dim = encoder.dim;
    u->n_walks = (size_t)u->options->threads;
    u->walks = calloc(u->n_walks, sizeof *u->walks);
    u->begun = calloc(n, sizeof *u->begun);
    u->pending = calloc(n, sizeof *u->pending);
    u->ranks = malloc(n * sizeof *u->ranks);
    bool fits = u->walks && u->begun && u->pending && u->ranks;
    for (size_t i = 0; fits && i < u->n_walks; i++) {
        walk *w = &u->walks[i];
        w->heap = malloc(n * sizeof *w->heap);
        w->covariance = malloc(u->dim * u->dim * sizeof *w->covariance);
        fits = w->heap && w->covariance;
    }
    for (size_t i = 0; fits && i < n; i++)
        u->ranks[i] = GS_RANK_UNKNOWN;
    return fits ? init_bounds(u, err) : gs_fail(err, GS_ENOMEM, "no memory to compare %zu models", n);
}

static void free_update(update *u)
{
    for (size_t i = 0; u->walks && i < u->n_walks; i++) {
        close_walk(&u->walks[i]);
        free(u->walks[i].heap);
        free(u->walks[i].covariance);
    }
    free(u->walks);
    free(u->begun);
    free(u->pending);
    free(u->ranks);
    gs_bounds_free(&u->bounds);
    gs_lists_free(&u->lists);
}

/* Whether the models are still those whose lists were read. */
static bool models_changed(const update *u)
{
    gs_store_list now;
    const gs_store_list *then = &u->lists.models;
    if (gs_store_list_finished(u->store, &now, NULL) != GS_OK)
        return false;
    bool changed = now.count != then->count;
    for (size_t i = 0; i < now.count && !changed; i++)
        changed = now.models[i].run != then->models[i].run;
    gs_store_list_free(&now);
    return changed;
}

gs_status gs_neighbors_update(gs_store *store, const gs_neighbors_options *options, gs_neighbors_result *result,
                              gs_error *err)
{
    update u = {.store = store,
                .options = options,
                .store_lock = PTHREAD_MUTEX_INITIALIZER,
                .lock = PTHREAD_MUTEX_INITIALIZER,
                .changed = PTHREAD_COND_INITIALIZER};
    gs_status st = gs_lists_read(&u.lists, store, err);
    u.result.models = u.lists.models.count;
    u.result.stale = u.lists.n_stale;
    if (st == GS_OK && u.lists.n_stale > 0)
        st = init_update(&u, err);
    if (st == GS_OK && u.lists.n_stale > 0) {
        if (options->progress)
            options->progress(options->context, 0, u.lists.n_stale);
        st = run_workers(&u, err);
        if (st != GS_OK && st != GS_ECANCELED && models_changed(&u))
            st = gs_fail(
                err, GS_EMISMATCH,
                "a model was removed or sampled anew meanwhile: run again; the lists that are complete are kept");
    }
    if (result)
        *result = u.result;
    free_update(&u);
    return st;
}
