/* import.h - moments, or the features they are of, from a NumPy file that another program wrote.
 *
 *     gs_import import = {.path = "cats.npz", .encoder = fingerprint};
 *     if ((st = gs_import_moments(&import, &moments, err)) != GS_OK) return st;
 *
 * An .npz holds "mu" [dim] and "sigma" [dim, dim], as pytorch-fid writes and reads them, or "features" [n, dim]; an .npy holds features. Beside
 * them an .npz may tell "n", the number of samples, and "encoder", the fingerprint of the encoder, as `gensearch stats` writes them. Any
 * type, order and ZIP variant that NumPy writes will do.
 *
 * Everything is checked before it is believed: the encoder, the dimensions, that all numbers are finite, that sigma is symmetric and positive
 * semi-definite to the precision of its type, and that the features behind it had length 1, for which |mu|^2 + tr sigma (n - 1) / n is 1.
 * Features of another length are brought to 1.
 */
#ifndef GS_IMPORT_H
#define GS_IMPORT_H

#include "core/moments.h"

typedef struct {
    const char *path;
    const char *encoder; /* the fingerprint that the features must be of */
    const char *stated;  /* of which the user says that they are; NULL: the file must tell */
    const char *array;   /* of the features; NULL: "features" */
    uint64_t count;      /* samples that the user says there were; 0: the file must tell */
    /* Called with each feature [dim] (borrowed for the call), of length 1, once all are known to be good; NULL where they are not needed. Then
     * a file of moments will not do. */
    void (*visit)(void *context, uint64_t index, const float *feature);
    void *context;
} gs_import;

/* moments: initialised with the encoder's dim and empty; on failure empty still. GS_EFORMAT, GS_EIO, GS_ENOMEM; GS_EMISMATCH for the features
 * of another encoder. */
gs_status gs_import_moments(const gs_import *import, gs_moments *moments, gs_error *err);

#endif
