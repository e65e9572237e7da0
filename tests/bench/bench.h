/* bench.h - gensearch's encoder as a shared library of plain C types, for Python's ctypes (library.py).
 *
 *     gs_bench *bench = gs_bench_open("vit-b-32", 2, 64, "f32", "cpu", "blas");
 *     if (!bench || gs_bench_images(bench, frames, 64, 224, 224, features) != 0) puts(gs_bench_error());
 *     gs_bench_close(bench);
 *
 * Every int returned is a gs_status: 0 is success, and after anything else gs_bench_error() says what was wrong.
 */
#ifndef GS_BENCH_H
#define GS_BENCH_H

#include <stddef.h>
#include <stdint.h>

typedef struct gs_bench gs_bench; /* one thread at a time */

/* directory: as Hugging Face saves CLIP. precision: "bf16" or "int8", else f32; device: "cuda", else the processor; backend: blas,
 * onednn, or NULL for the quickest. threads and batch as in gs_encoder_options. NULL on failure; gs_bench_close() releases it. */
gs_bench *gs_bench_open(const char *directory, int threads, size_t batch, const char *precision, const char *device,
                        const char *backend);
void gs_bench_close(gs_bench *bench); /* NULL is fine */

/* What went wrong last in this thread. Borrowed until the next failure. */
const char *gs_bench_error(void);

size_t gs_bench_dim(const gs_bench *bench);     /* of a feature */
int gs_bench_image_size(const gs_bench *bench); /* pixels a side of what the vision tower sees */

/* frames [n, height, width, 3] (borrowed) -> features [n, dim]: prepared and encoded. */
int gs_bench_images(gs_bench *bench, const uint8_t *frames, size_t n, int width, int height, float *features);

/* The same of frames [n, height, width, 3] (borrowed) in the memory of the device. */
int gs_bench_images_on_device(gs_bench *bench, const void *frames, size_t n, int width, int height, float *features);

/* texts [n] (borrowed) -> features [n, dim]: tokenized and encoded. */
int gs_bench_texts(gs_bench *bench, const char *const *texts, size_t n, float *features);

/* rgb [height, width, 3] (borrowed) -> pixels [3, size, size]: what comes before encoding, alone and on one thread. */
int gs_bench_prepare(gs_bench *bench, const uint8_t *rgb, int width, int height, float *pixels);

/* Decodes a PNG, JPEG or WebP, bytes [size] (borrowed). rgb [height, width, 3]: where to copy the result; NULL: nowhere. */
int gs_bench_decode(const void *bytes, size_t size, uint8_t *rgb);

/* What `gensearch index` does for one model.json (sampling, decoding, preparing, encoding, moments, checkpoints), into
 * a database that must be new. */
int gs_bench_index(gs_bench *bench, const char *model, const char *database, uint64_t samples, size_t batch);

#endif
