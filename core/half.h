/* half.h - the two 16-bit floats of weights and published files, and f32.
 *
 *     float x = gs_half_to_float(0x3c00);           // IEEE 754 half: 1.0
 *     uint16_t h = gs_float_to_half(0.1f);          // to nearest, ties to even
 *     float y = gs_bf16_to_float(0x3f80);           // bfloat16: 1.0
 */
#ifndef GS_HALF_H
#define GS_HALF_H

#include <stdint.h>

/* Exact. A NaN stays one. */
float gs_half_to_float(uint16_t half);
float gs_bf16_to_float(uint16_t bf16);

/* To nearest, ties to even; 65520 and more become infinity. A NaN stays one. */
uint16_t gs_float_to_half(float value);

#endif
