/* npy.h - an array of numbers or texts as NumPy's .npy holds it (formats 1.0 to 3.0), read where it lies.
 *
 *     gs_npy array;
 *     if ((st = gs_npy_parse(&array, bytes, size, "mu.npy", err)) != GS_OK) return st;
 *     for (uint64_t i = 0; i < array.count; i++)
 *         sum += gs_npy_number(&array, i);            // in the order of storage: see fortran
 *
 * Numbers are bool, integers and floats of any size and byte order; texts are NumPy's S and U. Whatever else NumPy can write (objects, which
 * are pickles, records, complex numbers, times) is refused by name.
 */
#ifndef GS_NPY_H
#define GS_NPY_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GS_NPY_AXES  8
#define GS_NPY_MAGIC "\x93NUMPY"

typedef struct {
    char kind;    /* 'b' bool, 'i' signed, 'u' unsigned, 'f' float; 'S' bytes and 'U' text, which are no numbers */
    size_t width; /* bytes of an element */
    bool big_endian;
    bool fortran; /* the first axis runs fastest, else the last */
    size_t axes;
    uint64_t shape[GS_NPY_AXES];
    uint64_t count;      /* of elements: the product of the shape, 1 without axes */
    const uint8_t *data; /* [count * width]  borrowed */
} gs_npy;

/* bytes [size] (borrowed as long as the array is used) are a whole file, which name stands for in messages. GS_EFORMAT for what is none, or
 * has more or fewer bytes than its shape says. */
gs_status gs_npy_parse(gs_npy *array, const void *bytes, size_t size, const char *name, gs_error *err);

bool gs_npy_is_number(const gs_npy *array);

/* Element at, below count, in the order of storage. Integers beyond 2^53 are rounded. */
double gs_npy_number(const gs_npy *array, uint64_t at);

/* The only element of an array of texts, which must be ASCII, to text [size], NUL-terminated. False when it is not that. */
bool gs_npy_text(const gs_npy *array, char *text, size_t size);

#endif
