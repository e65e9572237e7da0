/* fuzz_npy.c - NumPy arrays, as numbers, as a text and as pictures. */
#include "indexer/sampler/array.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_pictures(const gs_npy *array)
{
    gs_picture_array pictures;
    gs_error err;
    cJSON *block = cJSON_Parse("{\"range\":[-1,1]}");
    if (gs_picture_array_init(&pictures, array, block, "fuzz.npy", &err) == GS_OK) {
        uint64_t both_ends[] = {0, pictures.count - 1};
        for (int i = 0; i < 2; i++) {
            gs_image image;
            if (gs_picture_array_read(&pictures, both_ends[i], &image, &err) == GS_OK)
                gs_image_free(&image);
        }
    }
    cJSON_Delete(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    gs_npy array;
    gs_error err;
    char text[65];
    if (gs_npy_parse(&array, bytes, size, "fuzz.npy", &err) != GS_OK)
        return 0;
    if (gs_npy_is_number(&array)) {
        volatile double sum = 0;
        for (uint64_t i = 0; i < array.count; i++)
            sum = sum + gs_npy_number(&array, i);
    }
    (void)gs_npy_text(&array, text, sizeof text);
    read_pictures(&array);
    return 0;
}
