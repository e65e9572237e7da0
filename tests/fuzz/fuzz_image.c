/* fuzz_image.c - libFuzzer against the picture decoders. Needs clang; from the root of the repository:
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -I. -D_GNU_SOURCE tests/fuzz/fuzz_image.c \
 *         indexer/image/{image,jpeg,orient,png,webp}.c indexer/util/file.c core/status.c -o fuzz_image \
 *         $(pkg-config --cflags --libs libpng libjpeg libwebp libwebpdemux nettle)
 *     mkdir -p corpus && cp tests/golden/images/{*.png,*.jpg,*.webp} corpus && ./fuzz_image -max_total_time=600 corpus
 */
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
