#include "indexer/sampler/array.h"

#include <inttypes.h> /* PRIu64 */
#include <math.h>     /* isnan, lround */
#include <stdio.h>
#include <string.h>

static bool is_channels(uint64_t n)
{
    return n == 1 || n == 3 || n == 4;
}

static bool is_side(uint64_t n)
{
    return n >= 1 && n <= GS_IMAGE_MAX_SIDE;
}

/* Without channels a narrow picture is more likely one of [height, width, channels] that stands alone. */
bool gs_picture_array_fits(const gs_npy *array)
{
    const uint64_t *shape = array->shape;
    if (!gs_npy_is_number(array) || array->axes < 3 || array->axes > 4)
        return false;
    if (array->axes == 3)
        return is_side(shape[1]) && is_side(shape[2]) && shape[2] > 4;
    return is_side(shape[2]) &&
           ((is_channels(shape[1]) && is_side(shape[3])) || (is_channels(shape[3]) && is_side(shape[1])));
}

/* "[50000, 64, 64, 3]" */
static const char *shape_text(const gs_npy *array, char text[256])
{
    size_t used = (size_t)snprintf(text, 256, "[");
    for (size_t i = 0; i < array->axes; i++)
        used += (size_t)snprintf(text + used, 256 - used, "%s%" PRIu64, i ? ", " : "", array->shape[i]);
    snprintf(text + used, 256 - used, "]");
    return text;
}

/* Which axis of 4 has the channels: 1 or 3. */
static gs_status find_channels(const gs_npy *array, const cJSON *block, const char *name, size_t *axis, gs_error *err)
{
    char text[256];
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(block, "layout");
    const char *layout = item ? cJSON_GetStringValue(item) : "";
    bool first = layout && strcmp(layout, "NCHW") == 0, last = layout && strcmp(layout, "NHWC") == 0;
    if (item && !first && !last)
        return gs_fail(err, GS_EFORMAT, "field 'sampler.layout' must be NCHW or NHWC");
    bool could_be_first = !last && is_channels(array->shape[1]), could_be_last = !first && is_channels(array->shape[3]);
    if (could_be_first && could_be_last)
        return gs_fail(err, GS_EFORMAT,
                       "%s: %s, where either end may be the channels: field 'sampler.layout' must be NCHW or NHWC",
                       name, shape_text(array, text));
    if (!could_be_first && !could_be_last)
        return gs_fail(err, GS_EFORMAT, "%s: %s, expected 1, 3 or 4 channels where field 'sampler.layout' has them",
                       name, shape_text(array, text));
    *axis = could_be_first ? 1 : 3;
    return GS_OK;
}

/* *stride: elements from one to the next along each axis. */
static void measure_strides(const gs_npy *array, uint64_t stride[4])
{
    uint64_t step = 1;
    for (size_t k = 0; k < array->axes; k++) {
        size_t axis = array->fortran ? k : array->axes - 1 - k;
        stride[axis] = step;
        step *= array->shape[axis]; /* at most count */
    }
}

static gs_status read_range(gs_picture_array *p, const cJSON *block, gs_error *err)
{
    const cJSON *range = cJSON_GetObjectItemCaseSensitive(block, "range");
    const cJSON *low = cJSON_GetArrayItem(range, 0), *high = cJSON_GetArrayItem(range, 1);
    bool is_bool = p->array.kind == 'b', is_byte = p->array.kind == 'u' && p->array.width == 1;
    p->low = 0;
    p->high = is_bool ? 1 : 255;
    if (!range && (is_bool || is_byte))
        return GS_OK;
    if (!cJSON_IsNumber(low) || !cJSON_IsNumber(high) || cJSON_GetArraySize(range) != 2 ||
        !(low->valuedouble < high->valuedouble))
        return gs_fail(
            err, GS_EFORMAT,
            "field 'sampler.range' must tell which two values mean black and white, the lower first, such as "
            "[-1, 1]");
    p->low = low->valuedouble;
    p->high = high->valuedouble;
    return GS_OK;
}

gs_status gs_picture_array_init(gs_picture_array *p, const gs_npy *array, const cJSON *block, const char *name,
                                gs_error *err)
{
    char text[256];
    uint64_t stride[4];
    size_t axis = 0; /* of the channels; 0: there is none */
    *p = (gs_picture_array){.array = *array, .name = name, .count = array->shape[0], .channels = 1};
    if (!gs_picture_array_fits(array))
        return gs_fail(
            err, GS_EFORMAT,
            "%s: an array %s, expected numbers of pictures: [n, height, width], with a fourth axis for colour", name,
            shape_text(array, text));
    if (array->count == 0)
        return gs_fail(err, GS_EFORMAT, "%s: holds no picture", name);
    gs_status st = array->axes == 4 ? find_channels(array, block, name, &axis, err) : GS_OK;
    if (st != GS_OK)
        return st;
    size_t row = axis == 1 ? 2 : 1;
    measure_strides(array, stride);
    p->height = (int)array->shape[row];
    p->width = (int)array->shape[row + 1];
    p->stride.picture = stride[0];
    p->stride.row = stride[row];
    p->stride.column = stride[row + 1];
    if (axis) {
        p->channels = (int)array->shape[axis];
        p->stride.channel = stride[axis];
    }
    return read_range(p, block, err);
}

/* To the nearest of 256 steps. False when it is no number. */
static bool to_byte(const gs_picture_array *p, uint64_t at, uint8_t *byte)
{
    double value = (gs_npy_number(&p->array, at) - p->low) / (p->high - p->low) * 255;
    if (isnan(value))
        return false;
    *byte = value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)lround(value);
    return true;
}

/* bytes [height, width, p->channels, or 3 where that is 1] */
static bool convert(const gs_picture_array *p, uint64_t at, uint8_t *bytes)
{
    for (int y = 0; y < p->height; y++) {
        for (int x = 0; x < p->width; x++) {
            uint64_t pixel = at + (uint64_t)y * p->stride.row + (uint64_t)x * p->stride.column;
            for (int c = 0; c < p->channels; c++)
                if (!to_byte(p, pixel + (uint64_t)c * p->stride.channel, bytes++))
                    return false;
            if (p->channels == 1) {
                bytes[0] = bytes[1] = bytes[-1];
                bytes += 2;
            }
        }
    }
    return true;
}

gs_status gs_picture_array_read(const gs_picture_array *p, uint64_t i, gs_image *image, gs_error *err)
{
    bool alpha = p->channels == 4;
    gs_status st =
        alpha ? gs_image_alloc_rgba(image, p->width, p->height, err) : gs_image_alloc(image, p->width, p->height, err);
    if (st != GS_OK)
        return st;
    if (!convert(p, i * p->stride.picture, image->rgb)) {
        gs_image_free(image);
        return gs_fail(err, GS_EFORMAT, "%s: picture %" PRIu64 " holds a value that is no number", p->name, i);
    }
    if (alpha)
        gs_image_flatten(image);
    return GS_OK;
}
