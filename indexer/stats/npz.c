#include "indexer/stats/npz.h"

#include "indexer/util/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER       128   /* bytes of a NumPy header: a multiple of 64, so that the data is aligned */
#define ZIP_OVERHEAD 16384 /* more than the ZIP format adds to four entries */
#define FINGERPRINT  64    /* characters: SHA-256 in hex */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ORDER '<'
#else
#define ORDER '>'
#endif

/* NumPy's format 1.0: magic, version, length of the rest, a Python dictionary padded by spaces to HEADER bytes in
 * all. */
static void write_header(char header[HEADER], char order, const char *type, const char *shape)
{
    memset(header, ' ', HEADER);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = HEADER - 10;
    header[9] = 0;
    int length = snprintf(header + 10, HEADER - 10, "{'descr': '%c%s', 'fortran_order': False, 'shape': %s, }", order,
                          type, shape);
    header[10 + length] = ' ';
    header[HEADER - 1] = '\n';
}

/* One array: a header, then its data [size]. */
static int add_array(struct archive *zip, const char *name, const char *type, const char *shape, const void *data,
                     size_t size)
{
    char header[HEADER];
    write_header(header, type[0] == 'S' ? '|' : ORDER, type, shape);
    struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return ARCHIVE_FATAL;
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)(HEADER + size));
    int st = archive_write_header(zip, entry);
    archive_entry_free(entry);
    if (st == ARCHIVE_OK && archive_write_data(zip, header, HEADER) != HEADER)
        st = ARCHIVE_FATAL;
    if (st == ARCHIVE_OK && archive_write_data(zip, data, size) != (la_ssize_t)size)
        st = ARCHIVE_FATAL;
    return st;
}

/* numbers: mean [dim], then covariance [dim, dim]. */
static int add_arrays(struct archive *zip, const double *numbers, size_t dim, uint64_t count, const char *encoder)
{
    char vector[32], matrix[64];
    snprintf(vector, sizeof vector, "(%zu,)", dim);
    snprintf(matrix, sizeof matrix, "(%zu, %zu)", dim, dim);
    int st = add_array(zip, "mu.npy", "f8", vector, numbers, dim * 8);
    if (st == ARCHIVE_OK)
        st = add_array(zip, "sigma.npy", "f8", matrix, numbers + dim, dim * dim * 8);
    if (st == ARCHIVE_OK)
        st = add_array(zip, "n.npy", "u8", "()", &count, sizeof count);
    return st == ARCHIVE_OK ? add_array(zip, "encoder.npy", "S64", "()", encoder, FINGERPRINT) : st;
}

/* The whole ZIP to buffer [capacity]; *used bytes of it. */
static gs_status build(const double *numbers, size_t dim, uint64_t count, const char *encoder, void *buffer,
                       size_t capacity, size_t *used, const char *path, gs_error *err)
{
    struct archive *zip = archive_write_new();
    if (!zip)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
    gs_status st = GS_OK;
    if (archive_write_set_format_zip(zip) != ARCHIVE_OK || archive_write_zip_set_compression_store(zip) != ARCHIVE_OK ||
        archive_write_open_memory(zip, buffer, capacity, used) != ARCHIVE_OK ||
        add_arrays(zip, numbers, dim, count, encoder) != ARCHIVE_OK || archive_write_close(zip) != ARCHIVE_OK)
        st = gs_fail(err, GS_EIO, "%s: %s", path,
                     archive_error_string(zip) ? archive_error_string(zip) : "libarchive failed");
    archive_write_free(zip);
    return st;
}

gs_status gs_npz_write(const char *path, const float *mean, const float *covariance, size_t dim, uint64_t count,
                       const char *encoder, gs_error *err)
{
    if (dim < 1 || dim > 65536)
        return gs_fail(err, GS_EARGS, "%s: a distribution of %zu dimensions, expected 1 to 65536", path, dim);
    size_t total = dim + dim * dim, capacity = total * sizeof(double) + ZIP_OVERHEAD, used = 0;
    double *numbers = malloc(total * sizeof *numbers);
    void *buffer = malloc(capacity);
    gs_status st = GS_OK;
    if (numbers && buffer) {
        for (size_t i = 0; i < total; i++)
            numbers[i] = i < dim ? mean[i] : covariance[i - dim];
        st = build(numbers, dim, count, encoder, buffer, capacity, &used, path, err);
    } else {
        st = gs_fail(err, GS_ENOMEM, "%s: no memory for %zu bytes", path, capacity);
    }
    if (st == GS_OK)
        st = gs_file_write(path, buffer, used, err);
    free(buffer);
    free(numbers);
    return st;
}
