#include "indexer/job/reservoir.h"

#include "indexer/util/mix.h"

#include <stdlib.h>
#include <string.h>

/* A bijection of the index, so that no two samples share a key. */
static uint64_t key_of(const gs_reservoir *r, uint64_t index)
{
    return gs_mix64(gs_mix64(r->seed) ^ index);
}

gs_status gs_reservoir_init(gs_reservoir *r, size_t dim, size_t capacity, uint64_t seed, gs_error *err)
{
    *r = (gs_reservoir){.dim = dim, .capacity = capacity, .seed = seed};
    if (capacity == 0)
        return GS_OK;
    r->keys = calloc(capacity, sizeof *r->keys);
    r->indices = calloc(capacity, sizeof *r->indices);
    r->vectors = calloc(capacity, dim * sizeof *r->vectors);
    r->changed = calloc(capacity, sizeof *r->changed);
    r->heap = calloc(capacity, sizeof *r->heap);
    if (r->keys && r->indices && r->vectors && r->changed && r->heap)
        return GS_OK;
    return gs_fail(err, GS_ENOMEM, "no memory to keep %zu features of dim %zu", capacity, dim);
}

void gs_reservoir_free(gs_reservoir *r)
{
    free(r->keys);
    free(r->indices);
    free(r->vectors);
    free(r->changed);
    free(r->heap);
    *r = (gs_reservoir){0};
}

static void fill(gs_reservoir *r, size_t slot, uint64_t index, const float *vector)
{
    r->keys[slot] = key_of(r, index);
    r->indices[slot] = index;
    memcpy(r->vectors + slot * r->dim, vector, r->dim * sizeof *vector);
    r->changed[slot] = true;
}

static void sift_up(gs_reservoir *r, size_t at)
{
    size_t slot = r->heap[at];
    for (; at > 0 && r->keys[r->heap[(at - 1) / 2]] < r->keys[slot]; at = (at - 1) / 2)
        r->heap[at] = r->heap[(at - 1) / 2];
    r->heap[at] = slot;
}

static void sift_down(gs_reservoir *r)
{
    size_t slot = r->heap[0], at = 0;
    for (size_t child; (child = 2 * at + 1) < r->count; at = child) {
        if (child + 1 < r->count && r->keys[r->heap[child + 1]] > r->keys[r->heap[child]])
            child++;
        if (r->keys[r->heap[child]] <= r->keys[slot])
            break;
        r->heap[at] = r->heap[child];
    }
    r->heap[at] = slot;
}

void gs_reservoir_add(gs_reservoir *r, uint64_t index, const float *vector)
{
    if (r->count < r->capacity) {
        size_t slot = r->count++;
        fill(r, slot, index, vector);
        r->heap[slot] = slot;
        sift_up(r, slot);
    } else if (r->capacity > 0 && key_of(r, index) < r->keys[r->heap[0]]) {
        fill(r, r->heap[0], index, vector);
        sift_down(r);
    }
}

gs_status gs_reservoir_restore(gs_reservoir *r, const gs_store_features *features, gs_error *err)
{
    if (features->count > r->capacity)
        return gs_fail(err, GS_EFORMAT, "%zu features are kept, expected at most %zu", features->count, r->capacity);
    for (size_t i = 0; i < features->count; i++) {
        if (features->slots[i] != i)
            return gs_fail(err, GS_EFORMAT, "kept feature %zu has slot %llu", i,
                           (unsigned long long)features->slots[i]);
        gs_reservoir_add(r, features->indices[i], features->vectors + i * r->dim);
        r->changed[i] = false;
    }
    return GS_OK;
}

size_t gs_reservoir_changes(gs_reservoir *r, gs_store_feature *features)
{
    size_t n = 0;
    for (size_t slot = 0; slot < r->count; slot++) {
        if (!r->changed[slot])
            continue;
        r->changed[slot] = false;
        features[n++] = (gs_store_feature){slot, r->indices[slot], r->vectors + slot * r->dim};
    }
    return n;
}
