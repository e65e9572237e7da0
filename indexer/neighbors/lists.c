#include "indexer/neighbors/lists.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ------------------------------------------------------------------------------------------------------------------ */

static gs_status read_list(gs_lists *lists, size_t i, gs_store *store, gs_error *err)
{
    gs_list *list = &lists->all[i];
    gs_store_neighbor read[GS_STORE_NEIGHBORS];
    size_t count;
    gs_status st = gs_store_read_neighbors(store, lists->models.models[i].run, read, GS_STORE_NEIGHBORS, &count,
                                           &list->stale, err);
    if (st != GS_OK)
        return st;
    list->fresh = list->stale && count == 0;
    lists->n_stale += list->stale;
    for (size_t n = 0; n < count; n++) {
        const gs_store_model *other = gs_store_list_find_run(&lists->models, read[n].run);
        if (other)
            list->nearest[list->count++] = (gs_near){(size_t)(other - lists->models.models), read[n].distance};
    }
    return GS_OK;
}

/* The pairs whose distances the lists hold are compared already, for both. */
static gs_status spread(gs_lists *lists, gs_error *err)
{
    gs_status st = GS_OK;
    for (size_t i = 0; i < lists->models.count; i++)
        for (size_t n = 0; n < lists->all[i].count && st == GS_OK; n++) {
            gs_near near = lists->all[i].nearest[n];
            if (!lists->all[i].stale && !lists->all[near.other].stale)
                continue;
            if (!gs_lists_met(lists, i, near.other) && !gs_lists_met(lists, near.other, i))
                st = gs_lists_meet(lists, i, near.other, err);
            gs_lists_put(lists, i, near.other, near.distance);
        }
    return st;
}

gs_status gs_lists_read(gs_lists *lists, gs_store *store, gs_error *err)
{
    *lists = (gs_lists){0};
    gs_status st = gs_store_mark_stale(store, err);
    if (st == GS_OK)
        st = gs_store_list_finished(store, &lists->models, err);
    if (st != GS_OK)
        return st;
    size_t n = lists->models.count;
    lists->all = calloc(n + 1, sizeof *lists->all);
    if (!lists->all)
        st = gs_fail(err, GS_ENOMEM, "no memory for the neighbours of %zu models", n);
    for (size_t i = 0; i < n && st == GS_OK; i++)
        st = read_list(lists, i, store, err);
    if (st == GS_OK)
        st = spread(lists, err);
    if (st != GS_OK)
        gs_lists_free(lists);
    return st;
}

void gs_lists_free(gs_lists *lists)
{
    for (size_t i = 0; lists->all && i < lists->models.count; i++)
        free(lists->all[i].met);
    free(lists->all);
    gs_store_list_free(&lists->models);
    *lists = (gs_lists){0};
}

/* ---- pairs -------------------------------------------------------------------------------------------------------------------- */

double gs_lists_reach(const gs_lists *lists, size_t i)
{
    const gs_list *list = &lists->all[i];
    return list->count < GS_STORE_NEIGHBORS ? INFINITY : list->nearest[GS_STORE_NEIGHBORS - 1].distance;
}

bool gs_lists_met(const gs_lists *lists, size_t i, size_t k)
{
    const gs_list *list = &lists->all[i];
    for (size_t n = 0; n < list->n_met; n++)
        if (list->met[n] == k)
            return true;
    return false;
}

static gs_status note(gs_list *list, size_t other, gs_error *err)
{
    if (!list->stale || list->made)
        return GS_OK;
    if (list->n_met == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        size_t *met = realloc(list->met, room * sizeof *met);
        if (!met)
            return gs_fail(err, GS_ENOMEM, "no memory to note %zu comparisons", room);
        list->met = met;
        list->room = room;
    }
    list->met[list->n_met++] = other;
    return GS_OK;
}

gs_status gs_lists_meet(gs_lists *lists, size_t i, size_t k, gs_error *err)
{
    gs_status st = note(&lists->all[i], k, err);
    return st == GS_OK ? note(&lists->all[k], i, err) : st;
}

static void insert(gs_list *list, size_t other, double distance)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->nearest[i].other == other)
            return;
    size_t at = list->count;
    while (at > 0 && (distance < list->nearest[at - 1].distance ||
                      (distance == list->nearest[at - 1].distance && other < list->nearest[at - 1].other)))
        at--;
    if (at == GS_STORE_NEIGHBORS)
        return;
    size_t kept = list->count < GS_STORE_NEIGHBORS ? list->count++ : GS_STORE_NEIGHBORS - 1;
    memmove(list->nearest + at + 1, list->nearest + at, (kept - at) * sizeof *list->nearest);
    list->nearest[at] = (gs_near){other, distance};
    list->changed = true;
}

void gs_lists_put(gs_lists *lists, size_t i, size_t k, double distance)
{
    insert(&lists->all[i], k, distance);
    insert(&lists->all[k], i, distance);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------ */

size_t gs_lists_take(gs_lists *lists, size_t i, gs_store_neighbor_list *taken, gs_store_neighbor *neighbors)
{
    const gs_store_model *models = lists->models.models;
    gs_list *complete = &lists->all[i];
    size_t n = 0;
    complete->made = complete->changed = true;
    free(complete->met);
    complete->met = NULL;
    complete->n_met = complete->room = 0;
    for (size_t k = 0; k < lists->models.count; k++) {
        gs_list *list = &lists->all[k];
        if (!list->changed || (list->stale && !list->made))
            continue;
        for (size_t j = 0; j < list->count; j++)
            neighbors[j] = (gs_store_neighbor){models[list->nearest[j].other].run, list->nearest[j].distance};
        taken[n++] = (gs_store_neighbor_list){models[k].run, neighbors, list->count};
        neighbors += list->count;
        list->changed = false;
    }
    return n;
}
