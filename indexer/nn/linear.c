#include "indexer/nn/linear.h"

#include "core/catalog.h" /* gs_half_to_float */

#include <string.h> /* memcpy */

float gs_f32_of_bf16(uint16_t brain)
{
    uint32_t bits = (uint32_t)brain << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

const float *gs_linear_weight(const gs_linear *layer, float *buffer)
{
    if (layer->weight)
        return layer->weight;
    for (size_t i = 0; i < layer->out * layer->in; i++)
        buffer[i] = layer->half_is_bf16 ? gs_f32_of_bf16(layer->half[i]) : gs_half_to_float(layer->half[i]);
    return buffer;
}
