#include "indexer/nn/linear.h"

#include "core/half.h"

const float *gs_linear_weight(const gs_linear *layer, float *buffer)
{
    if (layer->weight)
        return layer->weight;
    for (size_t i = 0; i < layer->out * layer->in; i++)
        buffer[i] = layer->half_is_bf16 ? gs_bf16_to_float(layer->half[i]) : gs_half_to_float(layer->half[i]);
    return buffer;
}
