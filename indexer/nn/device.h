/* device.h - finds the CUDA plug-in, loads it, and says why it cannot be used.
 *
 *     const gs_cuda_api *cuda;
 *     if (gs_cuda_open(&cuda, err) != GS_OK)
 *         fprintf(stderr, "gensearch: on the processor: %s\n", err->message);
 *
 * The program itself depends on nothing of CUDA: the plug-in is loaded when a device is asked for. It lies beside the
 * installation, in lib/gensearch/gensearch_cuda.so, unless GENSEARCH_CUDA names another.
 */
#ifndef GS_DEVICE_H
#define GS_DEVICE_H

#include "indexer/nn/cuda/cuda.h"

/* *api is valid until the process ends. GS_ENOTFOUND, with the reason: no plug-in was built, a library that it needs is
 * missing, the driver is too old, there is no device, or none that is new enough; GS_EMISMATCH for another version's
 * plug-in. */
gs_status gs_cuda_open(const gs_cuda_api **api, gs_error *err);

#endif
