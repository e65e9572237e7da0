/* pictures.cuh - pictures of any sizes to what the tower is shown, resized on the device. Private to the plug-in.
 *
 *     TRY(pictures_create(&p, &preprocess, size, &memory, err));
 *     TRY(pictures_prepare(&p, &source, first, n, rgb, err));        // queued on p.stream; rgb [n, size, size, 3]
 *     pictures_free(&p);
 *
 * Pictures are packed in page-locked memory, group by group, while the group before is copied: the copy, the resize and
 * the tower's stream run beside each other.
 */
#ifndef GS_PICTURES_CUH
#define GS_PICTURES_CUH

#include "indexer/nn/cuda/check.cuh"

extern "C" {
#include "core/preprocess.h"
#include "indexer/image/image.h"
}

/* Pictures on the host, each of its own size, or frames of one size on the device. */
struct source {
    const gs_image *images; /* NULL: frames [n, height, width, 3] in device memory  borrowed, as they */
    const uint8_t *frames;
    int width, height;
};

/* What the host packs a group in. */
struct stage {
    uint8_t *bytes; /* page-locked  owned */
    size_t capacity;
    cudaEvent_t copied; /* the bytes may be overwritten after it */
};

struct pictures {
    gs_preprocess preprocess;
    int size;
    cudaStream_t stream; /* owned, as all below */
    stage stages[2];
    int next;       /* the stage that the next group takes */
    uint8_t *group; /* a stage's copy on the device */
    size_t group_capacity;
    uint8_t *middle; /* between the passes */
    size_t middle_capacity;
};

gs_status pictures_create(pictures *p, const gs_preprocess *preprocess, int size, gs_error *err);
void pictures_free(pictures *p); /* safe on a zeroed one */

/* Pictures first .. first + n - 1 of the source. GS_EARGS for one that does not become size x size. */
gs_status pictures_prepare(pictures *p, const source *from, size_t first, size_t n, uint8_t *rgb, gs_error *err);

#endif
