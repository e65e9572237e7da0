/* vector.h - the loops of a transformer that are not matrix products, written so that the compiler makes SIMD of them.
 *
 * Each is compiled for several instruction sets and picked by the loader. tests/unit/test_encoder_vector.c holds the
 * plain double-precision reference of each beside it.
 */
#ifndef GS_VECTOR_H
#define GS_VECTOR_H

#include "indexer/hf/config.h" /* gs_activation */

#include <stddef.h>
#include <stdint.h>

/* row [n] = softmax(scale * row), in place. n is at least 1. */
void gs_softmax(float *row, size_t n, float scale);

/* out [n] = (row - mean) / sqrt(variance + epsilon) * weight + bias. out may be row. */
void gs_layer_norm(const float *row, size_t n, const float *weight, const float *bias, float epsilon, float *out);

/* The same, rounded to bf16. */
void gs_layer_norm_bf16(const float *row, size_t n, const float *weight, const float *bias, float epsilon,
                        uint16_t *out);

/* out [n] = x in bf16, to nearest even; a NaN stays one. */
void gs_to_bf16(const float *x, size_t n, uint16_t *out);

/* row [n] = activation(row + bias), in place. */
void gs_activate(gs_activation activation, float *row, size_t n, const float *bias);

/* row [n] += addend. */
void gs_add(float *row, size_t n, const float *addend);

/* row [n] /= |row|; a row of zeros stays one. */
void gs_unit_length(float *row, size_t n);

#endif
