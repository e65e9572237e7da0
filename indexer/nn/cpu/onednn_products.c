#include "indexer/nn/cpu/onednn_products.h"

#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64  /* of memory that oneDNN works in */
#define SLOTS     256 /* products that are kept */
#define PROBE     8   /* one is in one of so many slots, from its own on */

typedef struct {
    gs_product product;
    dnnl_memory_desc_t w_layout;
    dnnl_primitive_t primitive;           /* owned; NULL: the slot is free */
    dnnl_memory_t x, w, bias, y, scratch; /* owned; they point at what the last call used */
    size_t scratch_size;
} slot;

struct gs_products {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    void *scratch; /* [scratch_size]  owned */
    size_t scratch_size;
    slot slots[SLOTS];
};

static gs_status failed(gs_error *err, dnnl_status_t status, const char *what)
{
    if (status == dnnl_out_of_memory)
        return gs_fail(err, GS_ENOMEM, "oneDNN: no memory for %s", what);
    return gs_fail(err, GS_EIO, "oneDNN refuses %s (status %d)", what, (int)status);
}

void *gs_products_alloc(size_t size)
{
    return aligned_alloc(ALIGNMENT, (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

/* ---- opening and closing ------------------------------------------------------------------------------------------------------ */

static void clear_slot(slot *s)
{
    dnnl_primitive_destroy(s->primitive);
    dnnl_memory_destroy(s->x);
    dnnl_memory_destroy(s->w);
    dnnl_memory_destroy(s->bias);
    dnnl_memory_destroy(s->y);
    dnnl_memory_destroy(s->scratch);
    *s = (slot){0};
}

void gs_products_close(gs_products *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        clear_slot(&c->slots[i]);
    free(c->scratch);
    dnnl_stream_destroy(c->stream);
    dnnl_engine_destroy(c->engine);
    free(c);
}

gs_status gs_products_open(gs_products **products, gs_error *err)
{
    *products = NULL;
    gs_products *c = calloc(1, sizeof *c);
    if (!c)
        return gs_fail(err, GS_ENOMEM, "no memory for the products of a thread");
    dnnl_status_t status = dnnl_engine_create(&c->engine, dnnl_cpu, 0);
    if (status == dnnl_success)
        status = dnnl_stream_create(&c->stream, c->engine, dnnl_stream_default_flags);
    if (status != dnnl_success) {
        gs_products_close(c);
        return failed(err, status, "a stream");
    }
    *products = c;
    return GS_OK;
}

/* ---- layouts ------------------------------------------------------------------------------------------------------------------ */

static dnnl_status_t describe(dnnl_memory_desc_t *desc, uint64_t rows, uint64_t columns, uint64_t row, uint64_t column,
                              dnnl_data_type_t type)
{
    dnnl_dims_t sides = {(dnnl_dim_t)rows, (dnnl_dim_t)columns}, strides = {(dnnl_dim_t)row, (dnnl_dim_t)column};
    return dnnl_memory_desc_init_by_strides(desc, 2, sides, type, strides);
}

gs_status gs_product_layout(dnnl_memory_desc_t *layout, uint64_t rows, uint64_t columns, uint64_t row, uint64_t column,
                            dnnl_data_type_t type, gs_error *err)
{
    dnnl_status_t status = describe(layout, rows, columns, row, column, type);
    return status == dnnl_success ? GS_OK : failed(err, status, "the layout of a matrix");
}

gs_status gs_products_reorder(const gs_products *c, const dnnl_memory_desc_t *from_layout, const void *from,
                              const dnnl_memory_desc_t *to_layout, void *to, gs_error *err)
{
    dnnl_primitive_desc_t chosen = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t source = NULL, target = NULL;
    dnnl_status_t status;
    if ((status = dnnl_memory_create(&source, from_layout, c->engine, (void *)from)) == dnnl_success &&
        (status = dnnl_memory_create(&target, to_layout, c->engine, to)) == dnnl_success &&
        (status = dnnl_reorder_primitive_desc_create(&chosen, from_layout, c->engine, to_layout, c->engine, NULL)) ==
            dnnl_success &&
        (status = dnnl_primitive_create(&primitive, chosen)) == dnnl_success) {
        dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}};
        status = dnnl_primitive_execute(primitive, c->stream, 2, arguments);
        if (status == dnnl_success)
            status = dnnl_stream_wait(c->stream);
    }
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(chosen);
    dnnl_memory_destroy(source);
    dnnl_memory_destroy(target);
    return status == dnnl_success ? GS_OK : failed(err, status, "to lay a matrix out");
}

/* ---- making a product --------------------------------------------------------------------------------------------------------- */

static dnnl_status_t add_epilogue(dnnl_primitive_attr_t attributes, gs_epilogue epilogue)
{
    static const struct {
        dnnl_alg_kind_t kind;
        float alpha;
    } kinds[] = {[GS_QUICK_GELU] = {dnnl_eltwise_swish, 1.702f},
                 [GS_GELU] = {dnnl_eltwise_gelu_erf, 0},
                 [GS_GELU_TANH] = {dnnl_eltwise_gelu_tanh, 0},
                 [GS_SILU] = {dnnl_eltwise_swish, 1},
                 [GS_RELU] = {dnnl_eltwise_relu, 0}};
    dnnl_post_ops_t operations;
    dnnl_status_t status = dnnl_post_ops_create(&operations);
    if (status != dnnl_success)
        return status;
    if (gs_epilogue_activates(epilogue)) {
        gs_activation which = gs_epilogue_activation(epilogue);
        status = dnnl_post_ops_append_eltwise(operations, 1, kinds[which].kind, kinds[which].alpha, 0);
    } else if (epilogue == GS_EPILOGUE_ADD) {
        status = dnnl_post_ops_append_sum(operations, 1);
    }
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(attributes, operations);
    dnnl_post_ops_destroy(operations);
    return status;
}

/* The product of a shape; w_layout NULL lets oneDNN choose it. */
static dnnl_status_t plan(const gs_products *c, const gs_product *p, const dnnl_memory_desc_t *w_layout,
                          dnnl_primitive_desc_t *chosen)
{
    dnnl_memory_desc_t x, w, bias, y;
    dnnl_matmul_desc_t product;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_dims_t w_sides = {(dnnl_dim_t)p->in, (dnnl_dim_t)p->out};
    dnnl_status_t status;
    if ((status = describe(&x, p->rows, p->in, p->x_stride, 1, p->x_type)) != dnnl_success ||
        (status = describe(&y, p->rows, p->out, p->y_stride, 1, p->y_type)) != dnnl_success ||
        (status = describe(&bias, 1, p->out, p->out, 1, dnnl_f32)) != dnnl_success)
        return status;
    if (w_layout)
        w = *w_layout;
    else if ((status = dnnl_memory_desc_init_by_tag(&w, 2, w_sides, p->x_type, dnnl_format_tag_any)) != dnnl_success)
        return status;
    if ((status = dnnl_matmul_desc_init(&product, &x, &w, p->has_bias ? &bias : NULL, &y)) != dnnl_success ||
        (status = dnnl_primitive_attr_create(&attributes)) != dnnl_success)
        return status;
    if ((status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user)) == dnnl_success &&
        (status = add_epilogue(attributes, (gs_epilogue)p->epilogue)) == dnnl_success)
        status = dnnl_primitive_desc_create(chosen, &product, attributes, c->engine, NULL);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

gs_status gs_products_best_layout(const gs_products *c, const gs_product *p, dnnl_memory_desc_t *layout, gs_error *err)
{
    dnnl_primitive_desc_t chosen;
    dnnl_status_t status = plan(c, p, NULL, &chosen);
    if (status != dnnl_success)
        return failed(err, status, "the layout of a weight");
    *layout = *dnnl_primitive_desc_query_md(chosen, dnnl_query_weights_md, 0);
    dnnl_primitive_desc_destroy(chosen);
    return GS_OK;
}

/* s->primitive and its memories, which own no bytes yet. */
static dnnl_status_t make(const gs_products *c, slot *s, const dnnl_memory_desc_t *w_layout)
{
    struct {
        dnnl_query_t what;
        int index;
        dnnl_memory_t *memory;
    } parts[] = {{dnnl_query_src_md, 0, &s->x},
                 {dnnl_query_weights_md, 0, &s->w},
                 {dnnl_query_dst_md, 0, &s->y},
                 {dnnl_query_scratchpad_md, 0, &s->scratch},
                 {dnnl_query_weights_md, 1, &s->bias}};
    size_t count = s->product.has_bias ? 5 : 4;
    dnnl_primitive_desc_t chosen;
    dnnl_status_t status = plan(c, &s->product, w_layout, &chosen);
    if (status != dnnl_success)
        return status;
    status = dnnl_primitive_create(&s->primitive, chosen);
    for (size_t i = 0; i < count && status == dnnl_success; i++)
        status =
            dnnl_memory_create(parts[i].memory, dnnl_primitive_desc_query_md(chosen, parts[i].what, parts[i].index),
                               c->engine, DNNL_MEMORY_NONE);
    s->scratch_size = dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(chosen, dnnl_query_scratchpad_md, 0));
    dnnl_primitive_desc_destroy(chosen);
    return status;
}

/* ---- keeping it --------------------------------------------------------------------------------------------------------------- */

static size_t hash(const gs_product *p)
{
    uint64_t words[sizeof *p / sizeof(uint64_t)], h = 0;
    memcpy(words, p, sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        h = (h ^ words[i]) * 0x9e3779b97f4a7c15u;
    return (size_t)(h >> 32);
}

/* The slot of a shape, made when it is new; where all its places are taken, the first is made free. */
static gs_status find(gs_products *c, const gs_product *wanted, const dnnl_memory_desc_t *w_layout, slot **found,
                      gs_error *err)
{
    size_t home = hash(wanted);
    slot *at = NULL;
    for (size_t i = 0; i < PROBE; i++) {
        slot *s = &c->slots[(home + i) % SLOTS];
        if (s->primitive && memcmp(&s->product, wanted, sizeof *wanted) == 0 &&
            dnnl_memory_desc_equal(&s->w_layout, w_layout)) {
            *found = s;
            return GS_OK;
        }
        at = !at && !s->primitive ? s : at;
    }
    at = at ? at : &c->slots[home % SLOTS];
    clear_slot(at);
    at->product = *wanted;
    at->w_layout = *w_layout;
    dnnl_status_t status = make(c, at, w_layout);
    if (status != dnnl_success) {
        clear_slot(at);
        return failed(err, status, "a product");
    }
    if (at->scratch_size > c->scratch_size) {
        free(c->scratch);
        c->scratch_size = at->scratch_size;
        c->scratch = gs_products_alloc(c->scratch_size);
        if (!c->scratch) {
            c->scratch_size = 0;
            clear_slot(at);
            return gs_fail(err, GS_ENOMEM, "no memory for the scratch of a product");
        }
    }
    *found = at;
    return GS_OK;
}

gs_status gs_products_multiply(gs_products *c, const gs_product *wanted, const dnnl_memory_desc_t *w_layout,
                               const void *x, const void *w, const float *bias, void *y, gs_error *err)
{
    slot *s = NULL;
    gs_status st = find(c, wanted, w_layout, &s, err);
    if (st != GS_OK)
        return st;
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, s->x},
                                   {DNNL_ARG_WEIGHTS, s->w},
                                   {DNNL_ARG_DST, s->y},
                                   {DNNL_ARG_SCRATCHPAD, s->scratch},
                                   {DNNL_ARG_BIAS, s->bias}};
    const void *bytes[] = {x, w, y, c->scratch, bias};
    int count = bias ? 5 : 4;
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < count && status == dnnl_success; i++)
        status = dnnl_memory_set_data_handle(arguments[i].memory, (void *)bytes[i]);
    if (status == dnnl_success)
        status = dnnl_primitive_execute(s->primitive, c->stream, count, arguments);
    if (status == dnnl_success)
        status = dnnl_stream_wait(c->stream);
    return status == dnnl_success ? GS_OK : failed(err, status, "to run a product");
}
