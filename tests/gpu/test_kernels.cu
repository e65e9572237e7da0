/* Each kernel of nn/cuda against its plain reference: the loops of nn/vector.c, core/moments.c, and textbook
 * attention in double precision. */
extern "C" {
#include "gpu_test.h"

#include "indexer/nn/vector.h"
#include "core/moments.h"
}

#include "indexer/nn/cuda/device_moments.cuh"
#include "indexer/nn/cuda/kernels_attention.cuh"
#include "indexer/nn/cuda/kernels_bias.cuh"
#include "indexer/nn/cuda/kernels_layers.cuh"
#include "indexer/nn/cuda/matmul.cuh"

#include <vector>

#define BF16_STEP (1.0f / 256) /* twice the rounding of a bf16, relative */

static void must(gs_status st, const gs_error &err)
{
    if (st != GS_OK)
        fail_msg("%s", err.message);
}

static void must(cudaError_t code)
{
    if (code != cudaSuccess)
        fail_msg("%s", cudaGetErrorString(code));
}

/* Device memory with the values of a vector. */
template <typename T> struct device_vector {
    T *data = NULL;
    size_t size;

    explicit device_vector(const std::vector<T> &values) : size(values.size())
    {
        must(cudaMalloc(&data, size * sizeof(T)));
        must(cudaMemcpy(data, values.data(), size * sizeof(T), cudaMemcpyHostToDevice));
    }
    ~device_vector()
    {
        cudaFree(data);
    }
    std::vector<T> get(void) const
    {
        std::vector<T> values(size);
        must(cudaDeviceSynchronize());
        must(cudaMemcpy(values.data(), data, size * sizeof(T), cudaMemcpyDeviceToHost));
        return values;
    }
};

template <typename... Parameters, typename... Arguments>
static void start(dim3 blocks, int threads, size_t shared, void (*kernel)(Parameters...), Arguments... arguments)
{
    gs_error err;
    must(launch(&err, "test", (cudaStream_t)0, blocks, threads, shared, kernel, arguments...), err);
}

static std::vector<float> random_values(uint32_t seed, size_t n, float scale)
{
    std::vector<float> values(n);
    for (float &v : values)
        v = random_value(&seed) * scale;
    return values;
}

static std::vector<bf16> to_bf16(const std::vector<float> &values)
{
    std::vector<bf16> rounded(values.size());
    for (size_t i = 0; i < values.size(); i++)
        rounded[i] = __float2bfloat16(values[i]);
    return rounded;
}

static std::vector<float> to_f32(const std::vector<bf16> &values)
{
    std::vector<float> out(values.size());
    for (size_t i = 0; i < values.size(); i++)
        out[i] = __bfloat162float(values[i]);
    return out;
}

static void expect_close(const std::vector<float> &got, const std::vector<float> &want, float relative, float absolute)
{
    assert_int_equal(got.size(), want.size());
    for (size_t i = 0; i < got.size(); i++)
        if (!(fabsf(got[i] - want[i]) <= relative * fabsf(want[i]) + absolute))
            fail_msg("value %zu is %.7g, expected %.7g", i, (double)got[i], (double)want[i]);
}

static void layer_norm_equals_vector_c(void **state)
{
    (void)state;
    const size_t widths[] = {24, 768, 1024, 1664};
    for (size_t width : widths) {
        const size_t rows = 9, step = 3;
        std::vector<float> x = random_values(1, rows * step * width, 3), weight = random_values(2, width, 1),
                           bias = random_values(3, width, 1), want(rows * width);
        for (size_t r = 0; r < rows; r++)
            gs_layer_norm(&x[r * step * width], width, weight.data(), bias.data(), 1e-5f, &want[r * width]);
        std::vector<int> rows_backwards(rows);
        for (size_t r = 0; r < rows; r++)
            rows_backwards[rows - 1 - r] = (int)(r * step);
        device_vector<float> dx(x), dw(weight), db(bias), dy(std::vector<float>(rows * width, -1));
        device_vector<bf16> half(to_bf16(want));
        device_vector<int> picks(rows_backwards);
        start(3, ROW_THREADS, 0, width <= 1024 ? layer_norm_kernel<float, 8> : layer_norm_kernel<float, 16>, dx.data,
              (const int *)NULL, (int)step, (int)rows, (int)width, dw.data, db.data, 1e-5f, dy.data);
        expect_close(dy.get(), want, 1e-5f, 1e-5f);
        start(3, ROW_THREADS, 0, width <= 1024 ? layer_norm_kernel<bf16, 8> : layer_norm_kernel<bf16, 16>, dx.data,
              picks.data, 1, (int)rows, (int)width, dw.data, db.data, 1e-5f, half.data);
        std::vector<float> got = to_f32(half.get());
        for (size_t r = 0; r < rows; r++)
            expect_close(std::vector<float>(&got[r * width], &got[r * width] + width),
                         std::vector<float>(&want[(rows - 1 - r) * width], &want[(rows - 1 - r) * width] + width),
                         BF16_STEP, 1e-5f);
    }
}

template <gs_activation WHICH> static void check_activation(void)
{
    const size_t n = 3000;
    std::vector<float> zeros(n, 0), x = to_f32(to_bf16(random_values(4, n, 4)));
    x[0] = -120; /* where e^x overflows */
    std::vector<float> want = x;
    gs_activate(WHICH, want.data(), n, zeros.data());
    device_vector<bf16> got(to_bf16(x));
    start(2, 256, 0, activation_kernel<WHICH>, got.data, n);
    expect_close(to_f32(got.get()), want, BF16_STEP, 2e-6f);
}

static void activations_equal_vector_c(void **state)
{
    (void)state;
    check_activation<GS_QUICK_GELU>();
    check_activation<GS_GELU>();
    check_activation<GS_GELU_TANH>();
    check_activation<GS_SILU>();
    check_activation<GS_RELU>();
}

static void rows_are_embedded_biased_and_scaled(void **state)
{
    (void)state;
    const int width = 40, rows = 7;
    std::vector<float> token = random_values(5, 11 * width, 1), position = random_values(6, 5 * width, 1);
    std::vector<int> ids = {10, 0, 3, 3, 7, 1, 9}, positions = {0, 1, 2, 3, 4, 0, 1};
    std::vector<float> want(rows * width), unit, biased, zeros(rows * width, 0);
    for (int i = 0; i < rows * width; i++)
        want[i] = token[ids[i / width] * width + i % width] + position[positions[i / width] * width + i % width];
    device_vector<float> t(token), p(position), x(zeros), y(zeros),
        base(std::vector<float>(token.begin(), token.begin() + width));
    device_vector<int> i(ids), at(positions);
    start(2, ROW_THREADS, 0, embed_tokens_kernel, t.data, p.data, i.data, at.data, rows, width, x.data);
    expect_close(x.get(), want, 0, 0);

    biased = unit = want;
    for (int r = 0; r < rows; r++)
        gs_unit_length(&unit[r * width], width);
    start(2, ROW_THREADS, 0, unit_length_kernel, x.data, rows, width, y.data);
    expect_close(y.get(), unit, 1e-6f, 1e-7f);

    for (int k = 0; k < rows * width; k++)
        biased[k] += token[k % width];
    start(2, 256, 0, add_bias_kernel<float>, x.data, t.data, (size_t)(rows * width), width);
    expect_close(x.get(), biased, 0, 0);

    start(1, 256, 0, repeat_kernel, base.data, (size_t)width, (size_t)rows, x.data);
    for (int k = 0; k < rows * width; k++)
        biased[k] = token[k % width];
    expect_close(x.get(), biased, 0, 0);
}

static void patches_are_cut_as_the_convolution_meets_them(void **state)
{
    (void)state;
    const int size = 28, side = 14, grid = 2, tokens = 5, values = 3 * side * side, stride = 640, n = 3;
    uint32_t seed = 7;
    std::vector<uint8_t> rgb(n * size * size * 3);
    random_bytes(&seed, rgb.data(), rgb.size());
    std::vector<float> level = random_values(8, 3 * 256, 1), want(n * tokens * stride, 0);
    for (int p = 0; p < n; p++)
        for (int t = 0; t < grid * grid; t++)
            for (int v = 0; v < values; v++) {
                int channel = v / (side * side), y = t / grid * side + v / side % side, x = t % grid * side + v % side;
                want[(p * tokens + t + 1) * stride + v] =
                    level[channel * 256 + rgb[((p * size + y) * size + x) * 3 + channel]];
            }
    device_vector<uint8_t> in(rgb);
    device_vector<float> levels(level);
    device_vector<bf16> out(to_bf16(std::vector<float>(want.size(), 9)));
    start(blocks_for(want.size(), 256 * VALUES_PER_THREAD), 256, 0, patches_kernel, in.data, (size_t)n, size, side,
          tokens, stride, levels.data, out.data);
    expect_close(to_f32(out.get()), to_f32(to_bf16(want)), 0, 0);
}

/* y of one head of one sequence, in double precision. */
static void attend(const float *qkv, int n, int width, int head, bool causal, float *y)
{
    for (int i = 0; i < n; i++) {
        int seen = causal ? i + 1 : n;
        std::vector<double> weight(seen), out(head, 0);
        double sum = 0, largest = -INFINITY;
        for (int j = 0; j < seen; j++) {
            double dot = 0;
            for (int d = 0; d < head; d++)
                dot += (double)qkv[i * 3 * width + d] * qkv[j * 3 * width + width + d];
            weight[j] = dot / sqrt((double)head);
            largest = weight[j] > largest ? weight[j] : largest;
        }
        for (int j = 0; j < seen; j++)
            sum += weight[j] = exp(weight[j] - largest);
        for (int j = 0; j < seen; j++)
            for (int d = 0; d < head; d++)
                out[d] += weight[j] / sum * qkv[j * 3 * width + 2 * width + d];
        for (int d = 0; d < head; d++)
            y[i * width + d] = (float)out[d];
    }
}

template <int HEAD> static void check_attention(int head, bool causal)
{
    const int lengths[] = {1, 50, 64, 77, 145}, heads = 2, width = heads * head, count = 5;
    std::vector<int> offsets(1, 0);
    for (int length : lengths)
        offsets.push_back(offsets.back() + length);
    int rows = offsets.back();
    std::vector<float> qkv = to_f32(to_bf16(random_values(9, (size_t)rows * 3 * width, 1.5f))), want(rows * width);
    for (int s = 0; s < count; s++)
        for (int h = 0; h < heads; h++)
            attend(&qkv[(size_t)offsets[s] * 3 * width + h * head], lengths[s], width, head, causal,
                   &want[offsets[s] * width + h * head]);
    device_vector<bf16> in(to_bf16(qkv)), out(to_bf16(std::vector<float>(want.size(), 9)));
    device_vector<int> at(offsets);
    size_t shared = attention_layout<HEAD>::bytes;
    must(cudaFuncSetAttribute((const void *)attention_kernel<HEAD>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                              (int)shared));
    start(dim3(heads, count, 3), ATTENTION_THREADS, shared, attention_kernel<HEAD>, in.data, at.data, width, head,
          causal, out.data);
    expect_close(to_f32(out.get()), want, BF16_STEP,
                 0.01f); /* the weights are rounded to bf16 before they are summed */
}

static void attention_equals_the_textbook(void **state)
{
    (void)state;
    for (int causal = 0; causal < 2; causal++) {
        check_attention<32>(8, causal);
        check_attention<32>(32, causal);
        check_attention<64>(64, causal);
        check_attention<96>(80, causal);
        check_attention<128>(128, causal);
    }
}

static void products_equal_plain_sums(void **state)
{
    (void)state;
    const size_t rows = 70, in = 48, out = 40;
    std::vector<float> x = to_f32(to_bf16(random_values(10, rows * in, 1))),
                       w = to_f32(to_bf16(random_values(11, out * in, 1))),
                       bias = to_f32(to_bf16(random_values(12, out, 1))), before = random_values(13, rows * out, 1);
    device_vector<bf16> dx(to_bf16(x)), dw(to_bf16(w)), db16(to_bf16(bias));
    device_vector<float> db(bias);
    matmul *products;
    gs_error err;
    must(matmul_create(&products, (cudaStream_t)0, &err), err);
    for (int kind = PRODUCT_BF16; kind <= PRODUCT_ADD; kind++)
        for (int biased = 0; biased < 2; biased++) {
            std::vector<float> want(rows * out);
            for (size_t i = 0; i < rows * out; i++) {
                double sum = biased ? bias[i % out] : 0;
                for (size_t k = 0; k < in; k++)
                    sum += (double)x[i / out * in + k] * w[i % out * in + k];
                want[i] = (float)(sum + (kind == PRODUCT_ADD ? before[i] : 0));
            }
            device_linear layer = {dw.data, biased ? db.data : NULL, biased ? db16.data : NULL, in, out, (product)kind};
            device_vector<float> y(before);
            device_vector<bf16> y16(to_bf16(before));
            must(matmul_run(products, &layer, dx.data, rows, kind == PRODUCT_BF16 ? (void *)y16.data : y.data, &err),
                 err);
            if (kind == PRODUCT_BF16)
                expect_close(to_f32(y16.get()), want, BF16_STEP, 1e-4f);
            else
                expect_close(y.get(), want, 1e-4f, 1e-4f);
        }
    must(cudaDeviceSynchronize());
    matmul_destroy(products);
}

static void moments_equal_the_processors(void **state)
{
    (void)state;
    const size_t dim = 50, n = 301;
    std::vector<float> features = random_values(14, n * dim, 0.1f);
    for (size_t i = 0; i < n * dim; i++)
        features[i] += 1;
    device_vector<float> on_device(features);
    device_memory memory = {};
    device_moments m;
    gs_moments want, got;
    gs_error err;
    must(gs_moments_init(&want, dim, &err), err);
    must(gs_moments_init(&got, dim, &err), err);
    must(moments_create(&m, dim, &memory, &err), err);
    const size_t batches[] = {1, 200, 100};
    for (size_t b = 0, first = 0; b < 3; first += batches[b++]) {
        gs_moments_add(&want, &features[first * dim], batches[b]);
        must(moments_join(&m, on_device.data + first * dim, batches[b], 0, &err), err);
        must(moments_download(&m, &got, 0, &err), err);
        must(moments_clear(&m, 0, &err), err); /* and back: a job that is resumed */
        must(moments_upload(&m, &got, 0, &err), err);
    }
    assert_int_equal(got.count, n);
    for (size_t i = 0; i < dim; i++) {
        assert_true(fabs(got.mean[i] - want.mean[i]) <= 1e-12 * fabs(want.mean[i]));
        for (size_t j = 0; j < dim; j++) {
            double a = got.scatter[i * dim + j], b = want.scatter[i * dim + j];
            if (!(fabs(a - b) <= 1e-10 * want.scatter[i * dim + i]))
                fail_msg("scatter [%zu, %zu] is %.15g, expected %.15g", i, j, a, b);
        }
    }
    gs_moments_free(&want);
    gs_moments_free(&got);
    memory.release();
}

int main(void)
{
    open_or_skip();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layer_norm_equals_vector_c),
        cmocka_unit_test(activations_equal_vector_c),
        cmocka_unit_test(rows_are_embedded_biased_and_scaled),
        cmocka_unit_test(patches_are_cut_as_the_convolution_meets_them),
        cmocka_unit_test(attention_equals_the_textbook),
        cmocka_unit_test(products_equal_plain_sums),
        cmocka_unit_test(moments_equal_the_processors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
