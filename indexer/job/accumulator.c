#include "indexer/job/accumulator.h"

gs_status gs_accumulator_init(gs_accumulator *a, gs_encoder *encoder, size_t dim, gs_error *err)
{
    *a = (gs_accumulator){.encoder = gs_encoder_accumulates_moments(encoder) ? encoder : NULL};
    gs_status st = gs_moments_init(&a->moments, dim, err);
    if (st == GS_OK && (st = gs_accumulator_set(a, err)) != GS_OK)
        gs_accumulator_free(a);
    return st;
}

void gs_accumulator_free(gs_accumulator *a)
{
    gs_moments_free(&a->moments);
    *a = (gs_accumulator){0};
}

gs_status gs_accumulator_set(gs_accumulator *a, gs_error *err)
{
    a->count = a->moments.count;
    return a->encoder ? gs_encoder_moments_set(a->encoder, &a->moments, err) : GS_OK;
}

gs_status gs_accumulator_add(gs_accumulator *a, const float *features, size_t n, gs_error *err)
{
    gs_status st = GS_OK;
    if (a->encoder)
        st = gs_encoder_moments_add(a->encoder, err);
    else
        gs_moments_add(&a->moments, features, n);
    if (st == GS_OK)
        a->count += n;
    a->failed |= st != GS_OK; /* the GPU may have taken in a part of the batch */
    return st;
}

gs_status gs_accumulator_read(gs_accumulator *a, const gs_moments **moments, gs_error *err)
{
    gs_status st = a->encoder ? gs_encoder_moments_get(a->encoder, &a->moments, err) : GS_OK;
    *moments = &a->moments;
    a->failed |= st != GS_OK;
    return st;
}
