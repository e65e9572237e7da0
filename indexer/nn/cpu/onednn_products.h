/* onednn_products.h - oneDNN's matrix products, each with its bias, activation and residual fused.
 *
 *     gs_products *products;
 *     if ((st = gs_products_open(&products, err)) != GS_OK) return st;       // once a thread
 *     gs_product p = {.rows = n, .in = in, .out = out, .x_stride = in, .y_stride = out,
 *                     .x_type = dnnl_f32, .y_type = dnnl_f32, .threads = omp_get_max_threads()};
 *     st = gs_products_best_layout(products, &p, &layout, err);              // of w; or gs_product_layout(), as it lies in memory
 *     void *w = gs_products_alloc(dnnl_memory_desc_get_size(&layout));
 *     st = gs_products_reorder(products, &plain, weight, &layout, w, err);
 *     st = gs_products_multiply(products, &p, &layout, x, w, NULL, y, err);  // y [rows, out] = x [rows, in] w [in, out]
 *     gs_products_close(products);
 *
 * oneDNN makes machine code for each product's shape. That takes a fraction of a millisecond, so what was met is kept.
 */
#ifndef GS_ONEDNN_PRODUCTS_H
#define GS_ONEDNN_PRODUCTS_H

#include "indexer/nn/backend.h"

#include <oneapi/dnnl/dnnl.h>

typedef struct gs_products gs_products; /* not to be shared between threads */

/* What the machine code depends on, beside the layout of w. Compared as bytes, so there is no padding. */
typedef struct {
    uint64_t rows, in, out;
    uint64_t x_stride, y_stride;
    uint32_t x_type, y_type;     /* dnnl_data_type_t */
    uint32_t epilogue, has_bias; /* gs_epilogue; bias f32 [out] */
    uint64_t threads;            /* the code divides the work when it is made */
} gs_product;

/* GS_ENOMEM; GS_EIO when oneDNN refuses, as all below. */
gs_status gs_products_open(gs_products **products, gs_error *err);
void gs_products_close(gs_products *products); /* NULL is fine */

/* The layout of a matrix [rows, columns] whose neighbours in a column are row elements apart, and those in a row column elements. */
gs_status gs_product_layout(dnnl_memory_desc_t *layout, uint64_t rows, uint64_t columns, uint64_t row, uint64_t column,
                            dnnl_data_type_t type, gs_error *err);

/* The layout of w, of type x_type, that oneDNN multiplies quickest. */
gs_status gs_products_best_layout(const gs_products *products, const gs_product *p, dnnl_memory_desc_t *layout,
                                  gs_error *err);

/* Memory aligned as oneDNN works quickest in, the caller's to free; NULL when there is none. */
void *gs_products_alloc(size_t size);

/* A matrix from one layout, and type, to another. to has dnnl_memory_desc_get_size(to_layout) bytes. */
gs_status gs_products_reorder(const gs_products *products, const dnnl_memory_desc_t *from_layout, const void *from,
                              const dnnl_memory_desc_t *to_layout, void *to, gs_error *err);

/* bias is not NULL where the product has one; x, w, bias and y are borrowed for the call. */
gs_status gs_products_multiply(gs_products *products, const gs_product *p, const dnnl_memory_desc_t *w_layout,
                               const void *x, const void *w, const float *bias, void *y, gs_error *err);

#endif
