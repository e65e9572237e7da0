#include "core/catalog.h"

#include "core/half.h"

#include <inttypes.h> /* PRIu32, PRIu64 */
#include <string.h>   /* memcpy, memcmp */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "The published files are little-endian and used in place: this machine would need a reader that swaps bytes."
#endif

/* out [n] := the n elements at data. */
static void load_elements(const void *data, gs_element element, size_t n, float *out)
{
    const uint16_t *halves = data;
    if (element == GS_F32)
        memcpy(out, data, n * sizeof(float));
    else
        for (size_t i = 0; i < n; i++)
            out[i] = gs_half_to_float(halves[i]);
}

static void store_elements(void *data, gs_element element, size_t n, const float *values)
{
    uint16_t *halves = data;
    if (element == GS_F32)
        memcpy(data, values, n * sizeof(float));
    else
        for (size_t i = 0; i < n; i++)
            halves[i] = gs_float_to_half(values[i]);
}

/* The header as it lies in the file. */
typedef struct {
    char magic[8];
    uint32_t version, element;
    uint64_t rows, dim;
    float rest;
    uint8_t zeros[4];
    double log_determinant;
    uint8_t fingerprint[GS_FINGERPRINT];
} header;

_Static_assert(sizeof(header) == GS_CATALOG_HEADER, "the header has no gaps");

#define VERSION 1
static const char means_magic[8] = "GSMEANS", features_magic[8] = "GSFEATS", lowrank_magic[8] = "GSLOWRK",
                  gaussian_magic[8] = "GSGAUSS";

/* Checks the header by itself. name is for messages. */
static gs_status read_header(header *h, const char *name, const char magic[8], const void *bytes, size_t size,
                             gs_error *err)
{
    if (size < sizeof *h)
        return gs_fail(err, GS_EFORMAT, "%s: %zu bytes, too short for a header of %zu", name, size, sizeof *h);
    memcpy(h, bytes, sizeof *h);
    if (memcmp(h->magic, magic, sizeof h->magic) != 0)
        return gs_fail(err, GS_EFORMAT, "%s: does not start with '%s'", name, magic);
    if (h->version != VERSION)
        return gs_fail(err, GS_EFORMAT, "%s: version %" PRIu32 ", expected %d", name, h->version, VERSION);
    gs_element last = magic == means_magic || magic == features_magic ? GS_I8 : GS_F16;
    if (h->element > last)
        return gs_fail(err, GS_EFORMAT, "%s: element type %" PRIu32 ", expected %d (f32), %d (f16)%s", name, h->element,
                       GS_F32, GS_F16, last == GS_I8 ? " or 2 (int8)" : "");
    if (h->rows > UINT32_MAX || h->dim == 0 || h->dim > UINT32_MAX)
        return gs_fail(err, GS_EFORMAT, "%s: %" PRIu64 " rows of dimension %" PRIu64, name, h->rows, h->dim);
    return GS_OK;
}

static void write_header(void *bytes, const char magic[8], header h, const uint8_t fingerprint[GS_FINGERPRINT])
{
    memcpy(h.magic, magic, sizeof h.magic);
    memcpy(h.fingerprint, fingerprint, GS_FINGERPRINT);
    h.version = VERSION;
    memcpy(bytes, &h, sizeof h);
}

/* Refuses a size that is not the one the header calls for (0: none fits). */
static gs_status check_size(const char *name, const header *h, size_t size, size_t expected, gs_error *err)
{
    if (expected != 0 && size == expected)
        return GS_OK;
    return gs_fail(err, GS_EFORMAT, "%s: %zu bytes, expected %zu for %" PRIu64 " rows of dimension %" PRIu64, name,
                   size, expected, h->rows, h->dim);
}

/* Bytes of count elements of dimension dim behind a header; 0 when that does not fit a size_t. */
static size_t rows_size(size_t count, size_t dim, gs_element element)
{
    size_t most = (SIZE_MAX - GS_CATALOG_HEADER) / gs_element_size(element);
    if (dim != 0 && count > most / dim)
        return 0;
    return GS_CATALOG_HEADER + count * dim * gs_element_size(element);
}

/* The same with more numbers in f32: a + b. */
static size_t add_floats(size_t size, size_t a, size_t b)
{
    if (size == 0 || a > SIZE_MAX - b || a + b > (SIZE_MAX - size) / sizeof(float))
        return 0;
    return size + (a + b) * sizeof(float);
}

/* ---- tables: means and features ---- */

static size_t table_size(size_t count, size_t dim, gs_element element)
{
    size_t size = rows_size(count, dim, element);
    return element == GS_I8 ? add_floats(add_floats(size, count, dim), dim, 0) : size;
}

static gs_status open_table(gs_table *table, uint8_t fingerprint[GS_FINGERPRINT], const char *name, const char magic[8],
                            const void *bytes, size_t size, gs_error *err)
{
    header h = {0};
    gs_status st = read_header(&h, name, magic, bytes, size, err);
    if (st != GS_OK)
        return st;
    size_t count = (size_t)h.rows, dim = (size_t)h.dim;
    gs_element element = (gs_element)h.element;
    st = check_size(name, &h, size, table_size(count, dim, element), err);
    /* A file without rows has no size that would tell. */
    if (st == GS_OK && (dim == 0 || dim > GS_TABLE_MOST_DIM))
        st = gs_fail(err, GS_EFORMAT, "%s: dimension %zu, expected 1 to %d", name, dim, GS_TABLE_MOST_DIM);
    if (st != GS_OK)
        return st;
    const float *data = (const float *)((const char *)bytes + sizeof h);
    *table = (gs_table){.count = count, .dim = dim, .element = element, .rows = data};
    if (element == GS_I8) {
        table->center = data;
        table->spread = data + dim;
        table->scales = data + 2 * dim;
        table->rows = data + 2 * dim + count;
    }
    memcpy(fingerprint, h.fingerprint, GS_FINGERPRINT);
    return GS_OK;
}

static gs_status write_table(void *bytes, const char magic[8], const float *rows, size_t count, size_t dim,
                             gs_element element, const uint8_t fingerprint[GS_FINGERPRINT], gs_error *err)
{
    float *data = (float *)((char *)bytes + sizeof(header));
    write_header(bytes, magic, (header){.element = element, .rows = count, .dim = dim}, fingerprint);
    if (element == GS_I8)
        return gs_table_quantise(rows, count, dim, data, data + dim, data + 2 * dim, (int8_t *)(data + 2 * dim + count),
                                 err);
    store_elements(data, element, count * dim, rows);
    return GS_OK;
}

size_t gs_means_size(size_t count, size_t dim, gs_element element)
{
    return table_size(count, dim, element);
}

gs_status gs_means_open(gs_means *m, const void *bytes, size_t size, gs_error *err)
{
    return open_table(&m->table, m->fingerprint, "means.bin", means_magic, bytes, size, err);
}

gs_status gs_means_write(void *bytes, const float *means, size_t count, size_t dim, gs_element element,
                         const uint8_t fingerprint[GS_FINGERPRINT], gs_error *err)
{
    return write_table(bytes, means_magic, means, count, dim, element, fingerprint, err);
}

size_t gs_features_size(size_t count, size_t dim, gs_element element)
{
    return table_size(count, dim, element);
}

gs_status gs_features_open(gs_table *table, uint8_t fingerprint[GS_FINGERPRINT], const void *bytes, size_t size,
                           gs_error *err)
{
    return open_table(table, fingerprint, "kept features", features_magic, bytes, size, err);
}

gs_status gs_features_write(void *bytes, const float *features, size_t count, size_t dim, gs_element element,
                            const uint8_t fingerprint[GS_FINGERPRINT], gs_error *err)
{
    return write_table(bytes, features_magic, features, count, dim, element, fingerprint, err);
}

/* ---- low-rank forms ---- */

size_t gs_lowrank_size(size_t rank, size_t dim, gs_element element)
{
    return add_floats(rows_size(rank, dim, element), rank, dim);
}

static gs_status read_lowrank(header *h, const void *bytes, size_t size, gs_error *err)
{
    const char *name = "second moments";
    gs_status st = read_header(h, name, lowrank_magic, bytes, size, err);
    if (st != GS_OK)
        return st;
    if (h->rows >= h->dim)
        return gs_fail(err, GS_EFORMAT, "%s: rank %" PRIu64 " is not below dimension %" PRIu64, name, h->rows, h->dim);
    if (!(h->rest > 0))
        return gs_fail(err, GS_EFORMAT, "%s: the rest is %g, expected more than 0", name, (double)h->rest);
    size_t expected = gs_lowrank_size((size_t)h->rows, (size_t)h->dim, (gs_element)h->element);
    return check_size(name, h, size, expected, err);
}

gs_status gs_lowrank_peek(const void *bytes, size_t size, size_t *rank, size_t *dim, gs_error *err)
{
    header h = {0};
    gs_status st = read_lowrank(&h, bytes, size, err);
    if (st != GS_OK)
        return st;
    *rank = (size_t)h.rows;
    *dim = (size_t)h.dim;
    return GS_OK;
}

gs_status gs_lowrank_open(gs_lowrank *lowrank, uint8_t fingerprint[GS_FINGERPRINT], const void *bytes, size_t size,
                          float *expanded, gs_error *err)
{
    header h = {0};
    gs_status st = read_lowrank(&h, bytes, size, err);
    if (st != GS_OK)
        return st;
    size_t rank = (size_t)h.rows, dim = (size_t)h.dim;
    const float *mean = (const float *)((const char *)bytes + sizeof h), *values = mean + dim;
    for (size_t r = 0; r < rank; r++)
        if (!(values[r] > 0))
            return gs_fail(err, GS_EFORMAT, "second moments: eigenvalue %zu is %g, expected more than 0", r,
                           (double)values[r]);
    load_elements(values + rank, (gs_element)h.element, rank * dim, expanded);
    *lowrank =
        (gs_lowrank){.dim = dim, .rank = rank, .mean = mean, .values = values, .vectors = expanded, .rest = h.rest};
    memcpy(fingerprint, h.fingerprint, GS_FINGERPRINT);
    return GS_OK;
}

void gs_lowrank_write(void *bytes, const gs_lowrank *lowrank, gs_element element,
                      const uint8_t fingerprint[GS_FINGERPRINT])
{
    size_t rank = lowrank->rank, dim = lowrank->dim;
    write_header(bytes, lowrank_magic, (header){.element = element, .rows = rank, .dim = dim, .rest = lowrank->rest},
                 fingerprint);
    float *mean = (float *)((char *)bytes + sizeof(header)), *values = mean + dim;
    memcpy(mean, lowrank->mean, dim * sizeof(float));
    memcpy(values, lowrank->values, rank * sizeof(float));
    store_elements(values + rank, element, rank * dim, lowrank->vectors);
}

/* ---- Gaussians ---- */

size_t gs_gaussian_size(size_t dim, gs_element element)
{
    uint64_t packed = dim <= GS_TABLE_MOST_DIM ? (uint64_t)dim * (dim + 1) / 2 : UINT64_MAX; /* may exceed 32 bits */
    return packed < SIZE_MAX / sizeof(float) ? add_floats(rows_size((size_t)packed, 1, element), dim, 0) : 0;
}

static gs_status read_gaussian(header *h, const void *bytes, size_t size, gs_error *err)
{
    const char *name = "gaussian";
    gs_status st = read_header(h, name, gaussian_magic, bytes, size, err);
    if (st != GS_OK)
        return st;
    if (h->rows != h->dim)
        return gs_fail(err, GS_EFORMAT, "%s: a factor of %" PRIu64 " rows of dimension %" PRIu64, name, h->rows,
                       h->dim);
    return check_size(name, h, size, gs_gaussian_size((size_t)h->dim, (gs_element)h->element), err);
}

gs_status gs_gaussian_peek(const void *bytes, size_t size, size_t *dim, gs_error *err)
{
    header h = {0};
    gs_status st = read_gaussian(&h, bytes, size, err);
    if (st == GS_OK)
        *dim = (size_t)h.dim;
    return st;
}

gs_status gs_gaussian_open(gs_gaussian *gaussian, uint8_t fingerprint[GS_FINGERPRINT], const void *bytes, size_t size,
                           float *expanded, gs_error *err)
{
    header h = {0};
    gs_status st = read_gaussian(&h, bytes, size, err);
    if (st != GS_OK)
        return st;
    size_t dim = (size_t)h.dim;
    const float *mean = (const float *)((const char *)bytes + sizeof h);
    load_elements(mean + dim, (gs_element)h.element, gs_packed_count(dim), expanded);
    for (size_t i = 0; i < dim; i++) {
        float pivot = expanded[gs_packed_count(i) + i];
        if (!(pivot > 0))
            return gs_fail(err, GS_EFORMAT, "gaussian: pivot %zu of the factor is %g, expected more than 0", i,
                           (double)pivot);
    }
    *gaussian = (gs_gaussian){.dim = dim, .mean = mean, .factor = expanded, .log_determinant = h.log_determinant};
    memcpy(fingerprint, h.fingerprint, GS_FINGERPRINT);
    return GS_OK;
}

void gs_gaussian_write(void *bytes, const gs_gaussian *gaussian, gs_element element,
                       const uint8_t fingerprint[GS_FINGERPRINT])
{
    size_t dim = gaussian->dim;
    header h = {.element = element, .rows = dim, .dim = dim, .log_determinant = gaussian->log_determinant};
    write_header(bytes, gaussian_magic, h, fingerprint);
    float *mean = (float *)((char *)bytes + sizeof(header));
    memcpy(mean, gaussian->mean, dim * sizeof(float));
    store_elements(mean + dim, element, gs_packed_count(dim), gaussian->factor);
}
