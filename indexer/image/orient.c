#include "indexer/image/codec.h"

#include <stdlib.h>
#include <string.h>

/* An EXIF block is a small TIFF file: byte order, the number 42, the offset of a directory of 12-byte entries. */
#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT      3

typedef struct {
    const uint8_t *bytes; /* [size]  borrowed */
    size_t size;
    bool big_endian;
} tiff;

/* count bytes at offset as a number; the caller has seen that they are there. */
static uint32_t number_at(const tiff *t, size_t offset, int count)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | t->bytes[offset + (size_t)(t->big_endian ? i : count - 1 - i)];
    return value;
}

int gs_exif_orientation(const uint8_t *exif, size_t size)
{
    if (size < 8 || (memcmp(exif, "II", 2) != 0 && memcmp(exif, "MM", 2) != 0))
        return 1;
    tiff t = {.bytes = exif, .size = size, .big_endian = exif[0] == 'M'};
    size_t directory = number_at(&t, 4, 4);
    if (number_at(&t, 2, 2) != 42 || directory > size - 2)
        return 1;
    size_t entries = number_at(&t, directory, 2);
    for (size_t i = 0, at = directory + 2; i < entries && at + 12 <= size; i++, at += 12) {
        if (number_at(&t, at, 2) != TAG_ORIENTATION)
            continue;
        uint32_t value = number_at(&t, at + 8, 2);
        bool valid =
            number_at(&t, at + 2, 2) == TYPE_SHORT && number_at(&t, at + 4, 4) == 1 && value >= 1 && value <= 8;
        return valid ? (int)value : 1;
    }
    return 1;
}

/* The orientation says which corner of the scene the first stored row and column are: 1 top left, 2 top right, 3 bottom
 * right, 4 bottom left, and with rows and columns exchanged 5 top left, 6 top right, 7 bottom right, 8 bottom left. */
gs_status gs_image_orient(gs_image *image, int orientation, gs_error *err)
{
    if (orientation <= 1)
        return GS_OK;
    bool exchanged = orientation >= 5;
    bool from_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    bool from_bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;

    gs_image turned;
    gs_status st = gs_image_alloc(&turned, exchanged ? image->height : image->width,
                                  exchanged ? image->width : image->height, err);
    if (st != GS_OK)
        return st;
    const uint8_t *from = image->rgb;
    for (int row = 0; row < image->height; row++)
        for (int column = 0; column < image->width; column++, from += 3) {
            int x = exchanged ? row : column, y = exchanged ? column : row;
            x = from_right ? turned.width - 1 - x : x;
            y = from_bottom ? turned.height - 1 - y : y;
            memcpy(turned.rgb + 3 * ((size_t)y * (size_t)turned.width + (size_t)x), from, 3);
        }
    gs_image_free(image);
    *image = turned;
    return GS_OK;
}
