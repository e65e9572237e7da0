/* fuzz_image.c - the picture decoders. */
#include "indexer/image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    gs_image image;
    gs_error err;
    uint8_t sum = 0;
    if (gs_image_decode(&image, bytes, size, "fuzz", &err) == GS_OK)
        for (size_t i = 0; i < (size_t)image.width * (size_t)image.height * 3; i++)
            sum ^= image.rgb[i]; /* every byte is there */
    gs_image_free(&image);
    return sum > 255;
}
