/* picture.c - a picture made ready for the vision tower. */
#include "wasm/binding.h"

#include <stdlib.h> /* malloc, free */
#include <string.h> /* memcpy */

/* How pictures are prepared. A size or rescale of 0, or no mean_std {mean [3], std [3]}: without that step. NULL when
 * memory ran out. The caller frees it. */
EMSCRIPTEN_KEEPALIVE
gs_preprocess *wasm_preprocess_new(int shortest_edge, int longest_edge, int resize_width, int resize_height, int fit,
                                   int resample, int crop_width, int crop_height, int even_crop, double rescale,
                                   const float *mean_std)
{
    gs_preprocess *p = malloc(sizeof *p);
    if (!p)
        return NULL;
    *p = (gs_preprocess){.do_resize = shortest_edge > 0 || resize_width > 0,
                         .do_center_crop = crop_width > 0,
                         .do_rescale = rescale != 0,
                         .do_normalize = mean_std != NULL,
                         .resample = (gs_resample)resample,
                         .shortest_edge = shortest_edge,
                         .longest_edge = longest_edge,
                         .fit = fit != 0,
                         .even_crop = even_crop != 0,
                         .resize_width = resize_width,
                         .resize_height = resize_height,
                         .crop_width = crop_width,
                         .crop_height = crop_height,
                         .rescale_factor = rescale};
    if (mean_std) {
        memcpy(p->mean, mean_std, sizeof p->mean);
        memcpy(p->std, mean_std + 3, sizeof p->std);
    }
    return p;
}

/* rgb [height, width, 3] (borrowed) -> pixels [3, size[1], size[0]], the caller's to free. NULL with a message in err. */
EMSCRIPTEN_KEEPALIVE
float *wasm_preprocess_run(const gs_preprocess *p, const uint8_t *rgb, int width, int height, uint32_t size[2],
                           gs_error *err)
{
    int out_width, out_height;
    gs_preprocess_output_size(p, width, height, &out_width, &out_height);
    size_t need = gs_preprocess_workspace(p, width, height);
    if (need == 0) { /* sizes below 1 too, and a filter that there is not */
        gs_fail(err, GS_EARGS, "cannot prepare a picture of %d x %d in this way", width, height);
        return NULL;
    }
    uint64_t values = 3ull * (unsigned)out_width * (unsigned)out_height;
    void *work = malloc(need);
    float *pixels = values <= SIZE_MAX / sizeof *pixels ? malloc((size_t)values * sizeof *pixels) : NULL;
    gs_status st = work && pixels ? gs_preprocess_run(p, rgb, width, height, work, pixels, err)
                                  : gs_fail(err, GS_ENOMEM, "no memory to prepare a picture of %d x %d", width, height);
    free(work);
    if (st != GS_OK) {
        free(pixels);
        return NULL;
    }
    size[0] = (uint32_t)out_width;
    size[1] = (uint32_t)out_height;
    return pixels;
}
