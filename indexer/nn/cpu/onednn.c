/* onednn.c - oneDNN's matrix products with their bias, activation and residual fused: f32, or bf16 where the
 * processor multiplies that (AVX512-BF16, AMX).
 *
 * A product is a "primitive" made for one shape, with machine code of its own. Making one takes a fraction of a
 * millisecond, so each context keeps those it has met. */
#include "indexer/nn/backend.h"
#include "indexer/nn/vector.h"

#include <math.h> /* sqrtf */
#include <omp.h>  /* omp_set_num_threads: Debian's oneDNN runs on OpenMP */
#include <oneapi/dnnl/dnnl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS     256 /* products that a context remembers */
#define PROBE     8   /* a shape is in one of so many, from its own on */
#define ALIGNMENT 64  /* of memory that oneDNN works in */
#define TYPICAL   512 /* rows, for the choice of a weight's layout */

/* y [rows, out] = x [rows, in] w: what the machine code depends on, beside the layout of w. Compared as bytes, so there
 * is no padding. */
typedef struct {
    uint64_t rows, in, out;
    uint64_t x_stride, y_stride;
    uint32_t x_type, y_type; /* dnnl_data_type_t */
    uint32_t epilogue, has_bias;
    uint64_t threads; /* the code divides the work when it is made */
} shape;

typedef struct {
    shape shape;
    dnnl_memory_desc_t weight;            /* the layout of w */
    dnnl_primitive_t primitive;           /* owned; NULL: the slot is free */
    dnnl_memory_t x, w, bias, y, scratch; /* owned; they point at what the last call used */
    size_t scratch_size;
} slot;

typedef struct {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    void *scratch; /* [scratch_size]  owned */
    size_t scratch_size;
    slot slots[SLOTS];
} products; /* the context of a thread */

/* A weight in oneDNN's own layout. */
typedef struct {
    dnnl_memory_desc_t desc;
    void *bytes; /* owned */
} packed;

static gs_status failed(gs_error *err, dnnl_status_t status, const char *what)
{
    if (status == dnnl_out_of_memory)
        return gs_fail(err, GS_ENOMEM, "oneDNN: no memory for %s", what);
    return gs_fail(err, GS_EIO, "oneDNN refuses %s (status %d)", what, (int)status);
}

/* ---- contexts ---- */

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

static void close_context(void *opaque)
{
    products *c = opaque;
    if (!c)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        clear_slot(&c->slots[i]);
    free(c->scratch);
    dnnl_stream_destroy(c->stream);
    dnnl_engine_destroy(c->engine);
    free(c);
}

static gs_status open_context(void **opaque, gs_error *err)
{
    *opaque = NULL;
    products *c = calloc(1, sizeof *c);
    if (!c)
        return gs_fail(err, GS_ENOMEM, "no memory for the products of a thread");
    dnnl_status_t status = dnnl_engine_create(&c->engine, dnnl_cpu, 0);
    if (status == dnnl_success)
        status = dnnl_stream_create(&c->stream, c->engine, dnnl_stream_default_flags);
    if (status != dnnl_success) {
        close_context(c);
        return failed(err, status, "a stream");
    }
    *opaque = c;
    return GS_OK;
}

/* The products of attention in f32 are OpenBLAS's. */
static int set_threads(int threads)
{
    return gs_backend_blas()->set_threads(threads);
}

static int set_own_threads(int threads)
{
    int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    return before;
}

/* ---- products ---- */

static dnnl_status_t describe(dnnl_memory_desc_t *desc, uint64_t rows, uint64_t columns, uint64_t row, uint64_t column,
                              dnnl_data_type_t type)
{
    dnnl_dims_t sides = {(dnnl_dim_t)rows, (dnnl_dim_t)columns}, strides = {(dnnl_dim_t)row, (dnnl_dim_t)column};
    return dnnl_memory_desc_init_by_strides(desc, 2, sides, type, strides);
}

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

/* The product of a shape; weight NULL lets oneDNN choose the weight's layout. */
static dnnl_status_t plan(const products *c, const shape *s, const dnnl_memory_desc_t *weight,
                          dnnl_primitive_desc_t *chosen)
{
    dnnl_memory_desc_t x, w, bias, y;
    dnnl_matmul_desc_t product;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_dims_t w_sides = {(dnnl_dim_t)s->in, (dnnl_dim_t)s->out};
    dnnl_status_t status;
    if ((status = describe(&x, s->rows, s->in, s->x_stride, 1, s->x_type)) != dnnl_success ||
        (status = describe(&y, s->rows, s->out, s->y_stride, 1, s->y_type)) != dnnl_success ||
        (status = describe(&bias, 1, s->out, s->out, 1, dnnl_f32)) != dnnl_success)
        return status;
    if (weight)
        w = *weight;
    else if ((status = dnnl_memory_desc_init_by_tag(&w, 2, w_sides, s->x_type, dnnl_format_tag_any)) != dnnl_success)
        return status;
    if ((status = dnnl_matmul_desc_init(&product, &x, &w, s->has_bias ? &bias : NULL, &y)) != dnnl_success ||
        (status = dnnl_primitive_attr_create(&attributes)) != dnnl_success)
        return status;
    if ((status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user)) == dnnl_success &&
        (status = add_epilogue(attributes, (gs_epilogue)s->epilogue)) == dnnl_success)
        status = dnnl_primitive_desc_create(chosen, &product, attributes, c->engine, NULL);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

/* s->primitive and its memories, which own no bytes yet. */
static dnnl_status_t make(const products *c, slot *s, const dnnl_memory_desc_t *weight)
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
    size_t count = s->shape.has_bias ? 5 : 4;
    dnnl_primitive_desc_t chosen;
    dnnl_status_t status = plan(c, &s->shape, weight, &chosen);
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

static size_t hash(const shape *s)
{
    uint64_t words[sizeof *s / sizeof(uint64_t)], h = 0;
    memcpy(words, s, sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        h = (h ^ words[i]) * 0x9e3779b97f4a7c15u;
    return (size_t)(h >> 32);
}

/* The slot of a shape, made when it is new; where all its places are taken, the first is made free. */
static gs_status find(products *c, const shape *wanted, const dnnl_memory_desc_t *weight, slot **found, gs_error *err)
{
    size_t home = hash(wanted);
    slot *at = NULL;
    for (size_t i = 0; i < PROBE; i++) {
        slot *s = &c->slots[(home + i) % SLOTS];
        if (s->primitive && memcmp(&s->shape, wanted, sizeof *wanted) == 0 &&
            dnnl_memory_desc_equal(&s->weight, weight)) {
            *found = s;
            return GS_OK;
        }
        at = !at && !s->primitive ? s : at;
    }
    at = at ? at : &c->slots[home % SLOTS];
    clear_slot(at);
    at->shape = *wanted;
    at->weight = *weight;
    dnnl_status_t status = make(c, at, weight);
    if (status != dnnl_success) {
        clear_slot(at);
        return failed(err, status, "a product");
    }
    if (at->scratch_size > c->scratch_size) {
        free(c->scratch);
        c->scratch_size = (at->scratch_size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        c->scratch = aligned_alloc(ALIGNMENT, c->scratch_size);
        if (!c->scratch) {
            c->scratch_size = 0;
            clear_slot(at);
            return gs_fail(err, GS_ENOMEM, "no memory for the scratch of a product");
        }
    }
    *found = at;
    return GS_OK;
}

/* weight: the layout of w. */
static gs_status multiply(products *c, const shape *wanted, const dnnl_memory_desc_t *weight, const void *x,
                          const void *w, const float *bias, void *y, gs_error *err)
{
    slot *s = NULL;
    gs_status st = find(c, wanted, weight, &s, err);
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

/* ---- the backend ---- */

static uint64_t threads_now(void)
{
    return (uint64_t)omp_get_max_threads();
}

/* y without gaps: with a packed weight oneDNN has only slow code for others. */
static shape linear_shape(const gs_linear *layer, size_t rows, gs_epilogue epilogue, dnnl_data_type_t type)
{
    bool wide = epilogue == GS_EPILOGUE_ADD || epilogue == GS_EPILOGUE_F32;
    return (shape){.rows = rows,
                   .in = layer->in,
                   .out = layer->out,
                   .x_stride = layer->in,
                   .y_stride = layer->out,
                   .x_type = type,
                   .y_type = wide ? dnnl_f32 : type,
                   .epilogue = epilogue,
                   .has_bias = layer->bias != NULL,
                   .threads = threads_now()};
}

/* weight [layer->out, layer->in] f32 -> p, in the layout and the type of p->desc. */
static dnnl_status_t reorder(const products *c, const gs_linear *layer, const float *weight, packed *p)
{
    dnnl_memory_desc_t plain;
    dnnl_primitive_desc_t plan = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t from = NULL, to = NULL;
    dnnl_status_t status = describe(&plain, layer->in, layer->out, 1, layer->in, dnnl_f32);
    if (status == dnnl_success &&
        (status = dnnl_memory_create(&from, &plain, c->engine, (void *)weight)) == dnnl_success &&
        (status = dnnl_memory_create(&to, &p->desc, c->engine, p->bytes)) == dnnl_success &&
        (status = dnnl_reorder_primitive_desc_create(&plan, &plain, c->engine, &p->desc, c->engine, NULL)) ==
            dnnl_success &&
        (status = dnnl_primitive_create(&primitive, plan)) == dnnl_success) {
        dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
        status = dnnl_primitive_execute(primitive, c->stream, 2, arguments);
        if (status == dnnl_success)
            status = dnnl_stream_wait(c->stream);
    }
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(plan);
    dnnl_memory_destroy(from);
    dnnl_memory_destroy(to);
    return status;
}

static void unpack(gs_linear *layer)
{
    packed *p = layer->packed;
    if (p)
        free(p->bytes);
    free(p);
    layer->packed = NULL;
}

/* Room for a weight in the layout that oneDNN likes best for it; NULL when there is no memory. */
static packed *make_room(const dnnl_memory_desc_t *desc)
{
    size_t size = dnnl_memory_desc_get_size(desc);
    packed *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->desc = *desc;
    p->bytes = aligned_alloc(ALIGNMENT, (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (p->bytes)
        return p;
    free(p);
    return NULL;
}

static gs_status pack(products *c, gs_linear *layer, dnnl_data_type_t type, gs_error *err)
{
    shape typical = linear_shape(layer, TYPICAL, GS_EPILOGUE_NONE, type);
    dnnl_primitive_desc_t chosen;
    dnnl_status_t status = plan(c, &typical, NULL, &chosen);
    if (status != dnnl_success)
        return failed(err, status, "the layout of a weight");
    packed *p = make_room(dnnl_primitive_desc_query_md(chosen, dnnl_query_weights_md, 0));
    float *expanded = layer->weight ? NULL : malloc(layer->out * layer->in * sizeof *expanded);
    dnnl_primitive_desc_destroy(chosen);
    layer->packed = p;
    if (!p || (!layer->weight && !expanded)) {
        free(expanded);
        unpack(layer);
        return gs_fail(err, GS_ENOMEM, "no memory to pack a weight of %zu x %zu", layer->out, layer->in);
    }
    status = reorder(c, layer, gs_linear_weight(layer, expanded), p);
    free(expanded);
    if (status == dnnl_success)
        return GS_OK;
    unpack(layer);
    return failed(err, status, "to pack a weight");
}

static gs_status pack_f32(void *context, gs_linear *layer, gs_error *err)
{
    return pack(context, layer, dnnl_f32, err);
}

static gs_status pack_bf16(void *context, gs_linear *layer, gs_error *err)
{
    return pack(context, layer, dnnl_bf16, err);
}

static gs_status linear(void *context, const gs_linear *layer, const void *x, size_t rows, gs_epilogue epilogue,
                        void *y, gs_error *err)
{
    const packed *p = layer->packed;
    shape s = linear_shape(layer, rows, epilogue, p->desc.data_type);
    return multiply(context, &s, &p->desc, x, p->bytes, layer->bias, y, err);
}

static gs_status attention_bf16(void *context, const gs_attention *a, gs_error *err)
{
    size_t n = a->n;
    float *scores = a->scores;
    uint16_t *shares = (uint16_t *)(scores + n * n); /* [n, n]: the scores' softmax */
    shape similarity = {.rows = n,
                        .in = a->head,
                        .out = n,
                        .x_stride = a->stride,
                        .y_stride = n,
                        .x_type = dnnl_bf16,
                        .y_type = dnnl_f32,
                        .threads = threads_now()};
    shape mixture = {.rows = n,
                     .in = n,
                     .out = a->head,
                     .x_stride = n,
                     .y_stride = a->y_stride,
                     .x_type = dnnl_bf16,
                     .y_type = dnnl_bf16,
                     .threads = similarity.threads};
    dnnl_memory_desc_t k, v;
    dnnl_status_t status = describe(&k, a->head, n, 1, a->stride, dnnl_bf16);
    if (status == dnnl_success)
        status = describe(&v, n, a->head, a->stride, 1, dnnl_bf16);
    if (status != dnnl_success)
        return failed(err, status, "an attention");
    gs_status st = multiply(context, &similarity, &k, a->q, a->k, NULL, scores, err);
    if (st != GS_OK)
        return st;
    float scale = 1.0f / sqrtf((float)a->head);
    for (size_t i = 0; i < n; i++) {
        size_t seen = a->causal ? i + 1 : n;
        gs_softmax(scores + i * n, seen, scale);
        gs_to_bf16(scores + i * n, seen, shares + i * n);
        memset(shares + i * n + seen, 0, (n - seen) * sizeof *shares);
    }
    return multiply(context, &mixture, &v, shares, a->v, NULL, a->y, err);
}

/* On the small products of one head OpenBLAS is no slower. */
static gs_status attention_f32(void *context, const gs_attention *a, gs_error *err)
{
    (void)context;
    return gs_backend_blas()->attention(NULL, a, err);
}

const gs_backend *gs_backend_onednn(void)
{
    static const gs_backend backend = {.name = "onednn",
                                       .precision = GS_PRECISION_F32,
                                       .number = GS_NUMBER_F32,
                                       .open = open_context,
                                       .close = close_context,
                                       .pack = pack_f32,
                                       .unpack = unpack,
                                       .set_threads = set_threads,
                                       .set_own_threads = set_own_threads,
                                       .linear = linear,
                                       .attention = attention_f32};
    return &backend;
}

const gs_backend *gs_backend_onednn_bf16(void)
{
    static const gs_backend backend = {.name = "onednn-bf16",
                                       .precision = GS_PRECISION_BF16,
                                       .number = GS_NUMBER_BF16,
                                       .open = open_context,
                                       .close = close_context,
                                       .pack = pack_bf16,
                                       .unpack = unpack,
                                       .set_threads = set_threads,
                                       .set_own_threads = set_own_threads,
                                       .linear = linear,
                                       .attention = attention_bf16};
    unsigned needed = dnnl_cpu_isa_avx512_core_bf16;
    return ((unsigned)dnnl_get_effective_cpu_isa() & needed) == needed ? &backend : NULL;
}
