/* fuzz_published.c - the binary files of a published folder, which a browser takes from wherever the page came from. The first byte chooses
 * the reader, and whether the file starts as it should. */
#include "core/catalog.h"
#include "core/frechet.h"
#include "core/query.h"
#include "core/tokenize.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_means(const void *bytes, size_t size)
{
    gs_means means;
    gs_table_query prepared;
    if (gs_means_open(&means, bytes, size, NULL) != GS_OK)
        return;
    const gs_table *table = &means.table;
    double *norms = malloc(table->count * sizeof *norms + 1), *scores = malloc(table->count * sizeof *scores + 1);
    float *query = calloc(table->dim + 1, sizeof *query);
    int16_t *steps = calloc(table->dim + 1, sizeof *steps);
    if (norms && scores && query && steps && gs_table_norms(table, norms, NULL) == GS_OK &&
        gs_table_query_init(&prepared, table, query, steps, NULL) == GS_OK)
        gs_table_first_moment(table, norms, &prepared, 0, table->count, scores);
    free(steps);
    free(query);
    free(scores);
    free(norms);
}

static void read_lowrank(const void *bytes, size_t size)
{
    gs_lowrank lowrank;
    uint8_t fingerprint[GS_FINGERPRINT];
    size_t rank, dim;
    if (gs_lowrank_peek(bytes, size, &rank, &dim, NULL) != GS_OK)
        return;
    float *vectors = malloc(rank * dim * sizeof *vectors + 1), *query = calloc(dim + 1, sizeof *query);
    if (vectors && query && gs_lowrank_open(&lowrank, fingerprint, bytes, size, vectors, NULL) == GS_OK) {
        double distance;
        gs_score_gaussian_lowrank(&lowrank, query);
        gs_frechet_lowrank(&lowrank, &lowrank, &distance, NULL);
    }
    free(query);
    free(vectors);
}

static void read_gaussian(const void *bytes, size_t size)
{
    gs_gaussian gaussian;
    uint8_t fingerprint[GS_FINGERPRINT];
    size_t dim;
    if (gs_gaussian_peek(bytes, size, &dim, NULL) != GS_OK)
        return;
    float *factor = malloc(gs_packed_count(dim) * sizeof *factor + 1), *query = calloc(dim + 1, sizeof *query);
    double *work = calloc(dim + 1, sizeof *work);
    if (factor && query && work && gs_gaussian_open(&gaussian, fingerprint, bytes, size, factor, NULL) == GS_OK) {
        gs_score_gaussian_density(&gaussian, query, work);
        gs_score_first_second_moment(&gaussian, query, 100, work);
    }
    free(work);
    free(query);
    free(factor);
}

static void read_features(const void *bytes, size_t size)
{
    gs_table features;
    uint8_t fingerprint[GS_FINGERPRINT];
    if (gs_features_open(&features, fingerprint, bytes, size, NULL) != GS_OK)
        return;
    const gs_scored_model model = {.dim = features.dim, .features = &features};
    float *query = calloc(features.dim + 1, sizeof *query);
    void *work = calloc(features.dim + 1, sizeof(double));
    const gs_query_part part = {.method = GS_MONTE_CARLO, .weight = 1, .feature = query};
    double score;
    if (query && work)
        gs_query_score(&part, &model, 100, work, &score, NULL);
    free(work);
    free(query);
}

static void read_tokenizer(const void *bytes, size_t size)
{
    gs_tokenizer tokenizer;
    int32_t ids[GS_MAX_TOKENS];
    if (gs_tokenizer_open(&tokenizer, bytes, size, NULL) == GS_OK)
        gs_tokenize(&tokenizer, "a red car", 9, ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    void *aligned = malloc(size); /* exactly as long as the file, and aligned as the readers ask */
    if (!aligned)
        return 0;
    memcpy(aligned, bytes + 1, size - 1);
    static const struct {
        void (*read)(const void *bytes, size_t size);
        const char *magic; /* NULL: the reader's own */
    } readers[] = {{read_means, "GSMEANS"},
                   {read_lowrank, "GSLOWRK"},
                   {read_gaussian, "GSGAUSS"},
                   {read_features, "GSFEATS"},
                   {read_tokenizer, NULL}};
    size_t reader = (bytes[0] & 0x7f) % (sizeof readers / sizeof *readers);
    const uint32_t version = 1;
    if (bytes[0] & 0x80 && readers[reader].magic && size > 12) { /* past what any damage makes it refuse */
        memcpy(aligned, readers[reader].magic, 8);
        memcpy((char *)aligned + 8, &version, sizeof version);
    }
    readers[reader].read(aligned, size - 1);
    free(aligned);
    return 0;
}
