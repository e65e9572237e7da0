/* device_moments.cuh - core/moments.h on the device, in f64. Private to the plug-in.
 *
 *     TRY(moments_create(&m, dim, &memory, err));
 *     TRY(moments_join(&m, features, n, stream, err));      // features [n, dim] in device memory
 *     TRY(moments_download(&m, &moments, stream, err));
 */
#ifndef GS_DEVICE_MOMENTS_CUH
#define GS_DEVICE_MOMENTS_CUH

#include "indexer/nn/cuda/check.cuh"

extern "C" {
#include "core/moments.h"
}

struct device_moments {
    size_t dim;
    uint64_t count;
    double *mean;             /* [dim]      all owned by the device_memory given to create */
    double *scatter;          /* [dim, dim] lower triangle */
    double *batch_mean, *shift; /* [dim] each, scratch of join */
};

gs_status moments_create(device_moments *m, size_t dim, device_memory *memory, gs_error *err);
gs_status moments_clear(device_moments *m, cudaStream_t stream, gs_error *err);
gs_status moments_join(device_moments *m, const float *features, size_t n, cudaStream_t stream, gs_error *err);

/* GS_EMISMATCH when the dims differ. */
gs_status moments_download(const device_moments *m, gs_moments *out, cudaStream_t stream, gs_error *err);
gs_status moments_upload(device_moments *m, const gs_moments *in, cudaStream_t stream, gs_error *err);

#endif
