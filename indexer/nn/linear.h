/* linear.h - a linear layer's weight and bias, as the file has them.
 *
 *     float *buffer = layer.weight ? NULL : malloc(layer.out * layer.in * sizeof *buffer);
 *     const float *weight = gs_linear_weight(&layer, buffer);      // [out, in] f32, whatever the file has
 */
#ifndef GS_LINEAR_H
#define GS_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const float *weight;  /* [out, in]    borrowed; NULL where it is stored as half */
    const uint16_t *half; /* [out, in]    borrowed; f16, or bf16 when half_is_bf16; NULL where weight is there */
    bool half_is_bf16;
    const float *bias; /* [out]        borrowed; NULL: none */
    size_t in, out;
    void *packed; /* what a backend made of the weight, to look at that alone  owned through pack and unpack */
} gs_linear;

/* The weight [out, in] as f32: layer->weight itself, or expanded into buffer [out, in] and that. */
const float *gs_linear_weight(const gs_linear *layer, float *buffer);

#endif
