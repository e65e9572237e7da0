/* binding.c - what JavaScript needs beside the functions of core/ themselves: files held open behind one pointer,
 * because the layout of a struct is nothing to know there. core.mjs is the other half. */
#include "core/catalog.h"
#include "core/score.h"
#include "core/tokenize.h"

#include <emscripten.h> /* EMSCRIPTEN_KEEPALIVE */
#include <stdlib.h>     /* malloc, free */

gs_tokenizer *wasm_tokenizer_open(const void *bytes, size_t size, gs_error *err);
float *wasm_means_open(const void *bytes, size_t size, uint32_t shape[2], gs_error *err);
gs_lowrank *wasm_lowrank_open(const void *bytes, size_t size, gs_error *err);
uint32_t wasm_lowrank_dim(const gs_lowrank *lowrank);

/* A tokenizer that borrows bytes [size]; NULL with a message in err. The caller frees it. */
EMSCRIPTEN_KEEPALIVE
gs_tokenizer *wasm_tokenizer_open(const void *bytes, size_t size, gs_error *err)
{
    gs_tokenizer *t = malloc(sizeof *t);
    if (!t) {
        gs_fail(err, GS_ENOMEM, "tokenizer.bin: no memory");
        return NULL;
    }
    if (gs_tokenizer_open(t, bytes, size, err) != GS_OK) {
        free(t);
        return NULL;
    }
    return t;
}

/* The means [count, dim] of a file, expanded; shape := {count, dim}. bytes [size] may be freed then. NULL with a
 * message in err. The caller frees them. */
EMSCRIPTEN_KEEPALIVE
float *wasm_means_open(const void *bytes, size_t size, uint32_t shape[2], gs_error *err)
{
    gs_means means;
    if (gs_means_open(&means, bytes, size, err) != GS_OK)
        return NULL;
    size_t n = means.count * means.dim;
    float *table = n <= SIZE_MAX / sizeof *table ? malloc(n * sizeof *table + 1) : NULL;
    if (!table) {
        gs_fail(err, GS_ENOMEM, "means.bin: no memory for %zu means of dimension %zu", means.count, means.dim);
        return NULL;
    }
    gs_means_expand(&means, table);
    shape[0] = (uint32_t)means.count;
    shape[1] = (uint32_t)means.dim;
    return table;
}

/* A low-rank Gaussian that borrows bytes [size]; NULL with a message in err. The caller frees it. */
EMSCRIPTEN_KEEPALIVE
gs_lowrank *wasm_lowrank_open(const void *bytes, size_t size, gs_error *err)
{
    size_t rank, dim;
    uint8_t fingerprint[GS_FINGERPRINT];
    if (gs_lowrank_peek(bytes, size, &rank, &dim, err) != GS_OK)
        return NULL;
    if (rank > (SIZE_MAX - sizeof(gs_lowrank)) / sizeof(float) / dim) {
        gs_fail(err, GS_ENOMEM, "second moments: no memory for rank %zu of dimension %zu", rank, dim);
        return NULL;
    }
    gs_lowrank *lowrank = malloc(sizeof *lowrank + rank * dim * sizeof(float)); /* the vectors lie behind it */
    if (!lowrank) {
        gs_fail(err, GS_ENOMEM, "second moments: no memory for rank %zu of dimension %zu", rank, dim);
        return NULL;
    }
    if (gs_lowrank_open(lowrank, fingerprint, bytes, size, (float *)(lowrank + 1), err) != GS_OK) {
        free(lowrank);
        return NULL;
    }
    return lowrank;
}

EMSCRIPTEN_KEEPALIVE
uint32_t wasm_lowrank_dim(const gs_lowrank *lowrank)
{
    return (uint32_t)lowrank->dim;
}
