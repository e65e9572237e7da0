/* cmd_frechet.c - `gensearch frechet`: the distance of two models, computed anew from their moments. */
#include "indexer/cli/cli.h"

#include "indexer/stats/frechet.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
    float *mean;       /* [dim]       owned */
    float *covariance; /* [dim, dim]  owned */
    uint64_t count;
} statistics;

static void free_statistics(statistics *s)
{
    free(s->mean);
    free(s->covariance);
}

static gs_status read_statistics(gs_store *store, const char *slug, size_t dim, statistics *s, gs_error *err)
{
    gs_store_model model;
    s->mean = malloc(dim * sizeof *s->mean);
    s->covariance = malloc(dim * dim * sizeof *s->covariance);
    if (!s->mean || !s->covariance)
        return gs_fail(err, GS_ENOMEM, "no memory for a covariance of dim %zu", dim);
    gs_status st = gs_store_find(store, slug, &model, err);
    if (st == GS_OK)
        st = gs_store_read_mean(store, &model, s->mean, err);
    if (st == GS_OK)
        st = gs_store_read_covariance(store, &model, s->covariance, err);
    s->count = model.count;
    gs_store_model_free(&model);
    return st;
}

static gs_status frechet(cli_call *call, gs_error *err)
{
    gs_store_encoder encoder;
    statistics s[2] = {{0}};
    double distance;
    gs_status st = gs_store_get_encoder(call->store, &encoder, err);
    for (int i = 0; i < 2 && st == GS_OK; i++)
        st = read_statistics(call->store, call->operands[1 + i], encoder.dim, &s[i], err);
    if (st == GS_OK)
        st = gs_frechet_distance(&(gs_distribution){s[0].mean, s[0].covariance, encoder.dim, s[0].count},
                                 &(gs_distribution){s[1].mean, s[1].covariance, encoder.dim, s[1].count}, &distance,
                                 err);
    if (st == GS_OK)
        printf("%.12g\n", distance);
    free_statistics(&s[0]);
    free_statistics(&s[1]);
    return st;
}

int cmd_frechet(int argc, char **argv)
{
    const cli_command command = {"frechet",
                                 "DB SLUG SLUG",
                                 "Prints the Frechet distance of two models in the encoder's space.",
                                 "  gensearch frechet zoo.db cats dogs",
                                 NULL,
                                 0,
                                 3,
                                 3,
                                 CLI_READS,
                                 NULL,
                                 frechet};
    return cli_run(&command, argc, argv, NULL);
}
