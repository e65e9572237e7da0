#include "indexer/nn/number.h"

#include "indexer/nn/vector.h"

#include <string.h> /* memcpy */

void gs_number_store(gs_number type, const float *values, size_t n, void *y)
{
    if (type == GS_NUMBER_BF16)
        gs_to_bf16(values, n, y);
    else
        memcpy(y, values, n * sizeof *values);
}

void gs_norm_rows(const gs_norm *norm, const float *x, size_t x_stride, size_t rows, gs_number type, void *y)
{
    size_t width = norm->width;
    for (size_t r = 0; r < rows; r++, x += x_stride) {
        void *row = gs_number_at(type, y, r * width);
        if (type == GS_NUMBER_BF16)
            gs_layer_norm_bf16(x, width, norm->weight, norm->bias, norm->epsilon, row);
        else
            gs_layer_norm(x, width, norm->weight, norm->bias, norm->epsilon, row);
    }
}
