#include "indexer/nn/backend.h"

#include "indexer/nn/cpu/f32_kernels.h"
#include "indexer/util/cores.h"

#include <string.h>

const char *gs_precision_name(gs_precision precision)
{
    static const char *const names[] = {[GS_PRECISION_F32] = "f32",
                                        [GS_PRECISION_BF16] = "bf16",
                                        [GS_PRECISION_INT8] = "int8",
                                        [GS_PRECISION_AUTO] = "auto"};
    return names[precision];
}

/* The quickest f32. */
static const gs_backend *pick_f32(size_t rows)
{
    const gs_f32_kernel *kernel = gs_f32_kernel_pick();
    return kernel && rows < kernel->best_below ? gs_backend_panels() : gs_backend_onednn();
}

gs_status gs_backend_pick(const gs_backend **backend, const char *name, gs_precision precision, size_t rows,
                          gs_error *err)
{
    bool blas = name && strcmp(name, "blas") == 0, panels = name && strcmp(name, "panels") == 0;
    if (name && !blas && !panels && strcmp(name, "onednn") != 0)
        return gs_fail(err, GS_EARGS, "no backend is called '%s': expected blas, onednn or panels", name);
    if (panels && !gs_backend_panels())
        return gs_fail(err, GS_EARGS, "the backend panels needs AVX-512, or AVX2 with FMA: this processor has neither");
    if (precision == GS_PRECISION_INT8) {
        *backend = gs_backend_int8();
        return name ? gs_fail(err, GS_EARGS, "the backend %s multiplies no int8", name) : GS_OK;
    }
    const gs_backend *bf16 = blas || panels ? NULL : gs_backend_onednn_bf16();
    if (precision == GS_PRECISION_BF16 && !bf16)
        return gs_fail(err, GS_EARGS,
                       blas || panels ? "the backends blas and panels multiply f32 only"
                                      : "this processor has no bf16 arithmetic (AVX512-BF16 or AMX): use f32");
    if (precision != GS_PRECISION_F32 && bf16)
        *backend = bf16;
    else if (blas)
        *backend = gs_backend_blas();
    else if (panels)
        *backend = gs_backend_panels();
    else
        *backend = name ? gs_backend_onednn() : pick_f32(rows);
    return GS_OK;
}

void gs_backend_follow_cores(void)
{
    const gs_backend *blas = gs_backend_blas(), *onednn = gs_backend_onednn();
    int cores = (int)gs_cores(), threads = blas->set_threads(cores), own = onednn->set_own_threads(cores);
    if (threads < cores) /* the user's wish, by OPENBLAS_NUM_THREADS or OMP_NUM_THREADS */
        blas->set_threads(threads);
    if (own < cores)
        onednn->set_own_threads(own);
}
