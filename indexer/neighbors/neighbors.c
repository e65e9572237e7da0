#include "indexer/neighbors/neighbors.h"

#include "indexer/stats/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    gs_store_neighbor nearest[GS_NEIGHBORS]; /* [count], nearest first */
    size_t count;
    double trace;
    bool dirty;   /* compare it with every other model */
    bool changed; /* to be written */
} entry;

typedef struct {
    size_t other;
    double bound; /* the distance is not below it */
} candidate;

typedef struct {
    gs_store *store;
    gs_store_list list;
    size_t dim;
    entry *entries;        /* [list.count] */
    float *means;          /* [list.count, dim] */
    float *covariance;     /* [dim, dim] scratch */
    candidate *candidates; /* [list.count] scratch */
} update;

static void free_update(update *u)
{
    gs_store_list_free(&u->list);
    free(u->entries);
    free(u->means);
    free(u->covariance);
    free(u->candidates);
}

/* Whether a stands before b in a list: nearer, or as near and first by slug, which is the order of u->list. */
static bool is_before(const update *u, gs_store_neighbor a, gs_store_neighbor b)
{
    if (a.distance != b.distance)
        return a.distance < b.distance;
    return gs_store_list_find_run(&u->list, a.run) < gs_store_list_find_run(&u->list, b.run);
}

/* Puts a neighbour in its place, unless it is there already or too far. */
static void insert(const update *u, entry *e, gs_store_neighbor neighbor)
{
    for (size_t i = 0; i < e->count; i++)
        if (e->nearest[i].run == neighbor.run)
            return;
    size_t at = e->count;
    while (at > 0 && is_before(u, neighbor, e->nearest[at - 1]))
        at--;
    if (at == GS_NEIGHBORS)
        return;
    size_t kept = e->count < GS_NEIGHBORS ? e->count++ : GS_NEIGHBORS - 1;
    memmove(e->nearest + at + 1, e->nearest + at, (kept - at) * sizeof *e->nearest);
    e->nearest[at] = neighbor;
    e->changed = true;
}

/* Beyond this distance a model cannot enter the list any more. It only ever falls. */
static double reach(const entry *e)
{
    return e->count < GS_NEIGHBORS ? INFINITY : e->nearest[GS_NEIGHBORS - 1].distance;
}

/* A list that was full and lost an entry does not know who was next; one that was not full held everybody. */
static gs_status read_entry(update *u, size_t i, gs_error *err)
{
    entry *e = &u->entries[i];
    int64_t written;
    gs_status st =
        gs_store_read_neighbors(u->store, u->list.models[i].run, e->nearest, GS_NEIGHBORS, &e->count, &written, err);
    if (st != GS_OK)
        return st;
    bool lost = written > (int64_t)e->count;
    e->dirty = written < 0 || (lost && written >= GS_NEIGHBORS);
    e->changed = e->dirty || lost;
    if (e->dirty)
        e->count = 0;
    return GS_OK;
}

static gs_status read_entries(update *u, size_t *n_dirty, gs_error *err)
{
    gs_status st = gs_store_list_finished(u->store, &u->list, err);
    if (st != GS_OK)
        return st;
    u->entries = calloc(u->list.count + 1, sizeof *u->entries);
    if (!u->entries)
        return gs_fail(err, GS_ENOMEM, "no memory to compare %zu models", u->list.count);
    *n_dirty = 0;
    for (size_t i = 0; i < u->list.count && st == GS_OK; i++) {
        st = read_entry(u, i, err);
        *n_dirty += u->entries[i].dirty;
    }
    return st;
}

static gs_status read_means(update *u, gs_error *err)
{
    gs_store_encoder encoder;
    gs_status st = gs_store_get_encoder(u->store, &encoder, err);
    if (st != GS_OK)
        return st;
    size_t n = u->list.count;
    u->dim = encoder.dim;
    u->means = calloc(n, u->dim * sizeof *u->means);
    u->covariance = calloc(u->dim, u->dim * sizeof *u->covariance);
    u->candidates = calloc(n, sizeof *u->candidates);
    if (!u->means || !u->covariance || !u->candidates)
        return gs_fail(err, GS_ENOMEM, "no memory to compare %zu models", n);
    for (size_t i = 0; i < n && st == GS_OK; i++) {
        st = gs_store_read_mean(u->store, &u->list.models[i], u->means + i * u->dim, err);
        if (st == GS_OK)
            st = gs_store_read_covariance(u->store, &u->list.models[i], u->covariance, err);
        for (size_t k = 0; k < u->dim && st == GS_OK; k++)
            u->entries[i].trace += u->covariance[k * u->dim + k];
    }
    return st;
}

static int by_bound(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->bound != y->bound)
        return x->bound < y->bound ? -1 : 1;
    return x->other < y->other ? -1 : x->other > y->other;
}

/* The models to compare with model i, the most promising first. A pair of dirty models is met once. */
static size_t find_candidates(update *u, size_t i)
{
    size_t n = 0;
    for (size_t k = 0; k < u->list.count; k++) {
        if (k == i || (u->entries[k].dirty && k < i))
            continue;
        double bound = gs_frechet_bound(u->means + i * u->dim, u->entries[i].trace, u->means + k * u->dim,
                                        u->entries[k].trace, u->dim);
        u->candidates[n++] = (candidate){k, bound};
    }
    qsort(u->candidates, n, sizeof *u->candidates, by_bound);
    return n;
}

static gs_status compare(update *u, size_t i, gs_error *err)
{
    const gs_store_model *models = u->list.models;
    entry *e = &u->entries[i];
    gs_eigen eigen = {0};
    gs_status st = gs_store_read_covariance(u->store, &models[i], u->covariance, err);
    if (st == GS_OK)
        st = gs_eigen_init(&eigen, u->means + i * u->dim, u->covariance, u->dim, err);
    size_t n = st == GS_OK ? find_candidates(u, i) : 0;
    for (size_t c = 0; c < n && st == GS_OK; c++) {
        size_t k = u->candidates[c].other;
        double distance, bound = u->candidates[c].bound;
        if (bound > reach(e) && bound > reach(&u->entries[k]))
            continue;
        st = gs_store_read_covariance(u->store, &models[k], u->covariance, err);
        if (st == GS_OK)
            st = gs_eigen_frechet(&eigen, u->means + k * u->dim, u->covariance, &distance, err);
        if (st == GS_OK) {
            insert(u, e, (gs_store_neighbor){models[k].run, distance});
            insert(u, &u->entries[k], (gs_store_neighbor){models[i].run, distance});
        }
    }
    gs_eigen_free(&eigen);
    return st == GS_OK ? st : gs_error_prefix(err, st, "neighbours of '%s'", models[i].slug);
}

static gs_status write_changes(update *u, gs_error *err)
{
    gs_store_neighbor_list *lists = calloc(u->list.count + 1, sizeof *lists);
    if (!lists)
        return gs_fail(err, GS_ENOMEM, "no memory to write %zu neighbour lists", u->list.count);
    size_t n = 0;
    for (size_t i = 0; i < u->list.count; i++) {
        const entry *e = &u->entries[i];
        if (e->changed)
            lists[n++] = (gs_store_neighbor_list){u->list.models[i].run, e->nearest, e->count};
    }
    gs_status st = n ? gs_store_write_neighbors(u->store, lists, n, err) : GS_OK;
    free(lists);
    return st;
}

gs_status gs_neighbors_update(gs_store *store, const gs_stop *stop,
                              void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                              gs_error *err)
{
    update u = {.store = store};
    size_t n_dirty = 0, done = 0;
    gs_status st = read_entries(&u, &n_dirty, err);
    if (st == GS_OK && n_dirty > 0)
        st = read_means(&u, err);
    if (st == GS_OK && n_dirty > 0 && progress)
        progress(context, 0, n_dirty);
    for (size_t i = 0; i < u.list.count && n_dirty > 0 && st == GS_OK; i++) {
        if (!u.entries[i].dirty)
            continue;
        if (gs_stop_requested(stop))
            st = gs_fail(err, GS_ECANCELED, "interrupted; run again to resume");
        else
            st = compare(&u, i, err);
        if (st == GS_OK && progress)
            progress(context, ++done, n_dirty);
    }
    if (st == GS_OK)
        st = write_changes(&u, err);
    free_update(&u);
    return st;
}
