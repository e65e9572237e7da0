#include "indexer/nn/cuda/pictures.cuh"

#include "indexer/nn/cuda/kernels_pictures.cuh"

#include <string.h> /* memcpy */

#define ALIGNMENT   64
#define GROUP_BYTES ((size_t)128 << 20) /* of a group, packed and between the passes; a larger picture goes alone */

/* What one picture takes. */
struct need {
    gs_preprocess_frame frame;
    size_t plan, rgb, middle; /* bytes: of the weights, of the input, at most between the passes */
};

static gs_image picture_at(const source *from, size_t i)
{
    if (from->images)
        return from->images[i];
    gs_image frame;
    frame.width = from->width;
    frame.height = from->height;
    frame.rgb = (uint8_t *)from->frames + i * (size_t)from->width * (size_t)from->height * 3;
    return frame;
}

static bool same_size(const gs_image &a, const gs_image &b)
{
    return a.width == b.width && a.height == b.height;
}

static gs_status measure(const pictures *p, const source *from, const gs_image &image, need *out, gs_error *err)
{
    const gs_resize_part *part = &out->frame.part;
    if (!gs_preprocess_place(&out->frame, &p->preprocess, image.width, image.height) ||
        (out->plan = gs_resize_plan_workspace(part)) == 0)
        return gs_fail(err, GS_EARGS, "preprocess: cannot prepare a picture of %d x %d", image.width, image.height);
    if (out->frame.width != p->size || out->frame.height != p->size)
        return gs_fail(err, GS_EARGS,
                       "a picture of %dx%d becomes %dx%d, the encoder takes %dx%d (preprocessor_config.json)",
                       image.width, image.height, out->frame.width, out->frame.height, p->size, p->size);
    size_t pixels = (size_t)image.width * (size_t)image.height;
    size_t across = (size_t)image.height * (size_t)part->part_width;
    size_t down = (size_t)image.width * (size_t)part->part_height;
    out->plan = round_up(out->plan, ALIGNMENT);
    out->rgb = from->images ? round_up(pixels * 3, ALIGNMENT) : 0;
    out->middle = (across > down ? across : down) * 3 + ALIGNMENT;
    return GS_OK;
}

/* How many of the n pictures from first on make a group, and its packed bytes. */
static gs_status plan_group(const pictures *p, const source *from, size_t first, size_t n, size_t *count, size_t *bytes,
                            gs_error *err)
{
    size_t used = round_up(n * sizeof(device_picture), ALIGNMENT), middle = 0, i = 0;
    for (; i < n; i++) {
        need one;
        gs_image image = picture_at(from, first + i);
        TRY(measure(p, from, image, &one, err));
        bool shared = i > 0 && same_size(image, picture_at(from, first + i - 1));
        size_t adds = one.rgb + (shared ? 0 : one.plan);
        if (i > 0 && used + middle + adds + one.middle > GROUP_BYTES)
            break;
        used += adds;
        middle += one.middle;
    }
    *count = i;
    *bytes = used;
    return GS_OK;
}

/* The axis as the device will find it: host's arrays lie in the stage, which is copied to group as a whole. */
static device_axis moved_axis(const gs_resize_axis *axis, const uint8_t *stage, const uint8_t *group)
{
    device_axis moved = {axis->n, axis->low, axis->span, axis->taps, NULL, NULL, NULL};
    moved.begin = (const int *)(group + ((const uint8_t *)axis->begin - stage));
    moved.end = (const int *)(group + ((const uint8_t *)axis->end - stage));
    moved.weights = (const int32_t *)(group + ((const uint8_t *)axis->weights - stage));
    return moved;
}

static void describe(device_picture *out, const gs_image &image, const gs_preprocess_frame *frame,
                     const gs_resize_plan *plan, const uint8_t *stage, const uint8_t *group)
{
    out->width = image.width;
    out->across = moved_axis(&plan->across, stage, group);
    out->down = moved_axis(&plan->down, stage, group);
    out->down_first = plan->down_first;
    out->middle_width = plan->down_first ? plan->across.span : plan->across.n;
    out->middle_height = plan->down_first ? plan->down.n : plan->down.span;
    out->x = frame->x;
    out->y = frame->y;
}

/* Fills a stage with the descriptions, the weights and the bytes of count pictures. *middle: the bytes that they need
 * between the passes; where each picture's begin is left in its description as an offset. */
static gs_status pack(const pictures *p, const source *from, size_t first, size_t count, uint8_t *stage, size_t *middle,
                      size_t n, gs_error *err)
{
    device_picture *out = (device_picture *)stage;
    size_t used = round_up(n * sizeof *out, ALIGNMENT);
    *middle = 0;
    for (size_t i = 0; i < count; i++, out++) {
        need one;
        gs_image image = picture_at(from, first + i);
        TRY(measure(p, from, image, &one, err));
        if (i > 0 && same_size(image, picture_at(from, first + i - 1))) {
            *out = out[-1];
        } else {
            gs_resize_plan plan;
            TRY(gs_resize_plan_make(&plan, &one.frame.part, stage + used, err));
            describe(out, image, &one.frame, &plan, stage, p->group);
            used += one.plan;
        }
        out->rgb = image.rgb;
        if (from->images) {
            memcpy(stage + used, image.rgb, (size_t)image.width * (size_t)image.height * 3);
            out->rgb = p->group + used;
        }
        used += one.rgb;
        out->middle = (uint8_t *)*middle;
        *middle += round_up((size_t)out->middle_width * (size_t)out->middle_height * 3, ALIGNMENT);
    }
    return GS_OK;
}

static gs_status grow_stage(stage *s, size_t bytes, gs_error *err)
{
    if (bytes <= s->capacity)
        return GS_OK;
    if (s->bytes)
        cudaFreeHost(s->bytes);
    s->bytes = NULL;
    s->capacity = 0;
    TRY(check(cudaMallocHost((void **)&s->bytes, bytes), err, "%zu MiB of page-locked memory", bytes >> 20));
    s->capacity = bytes;
    return GS_OK;
}

static gs_status resize(pictures *p, size_t count, const device_picture *described, uint8_t *rgb, gs_error *err)
{
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t pixels = (size_t)described[i].middle_width * (size_t)described[i].middle_height;
        most = pixels > most ? pixels : most;
    }
    const device_picture *on_device = (const device_picture *)p->group;
    dim3 first(blocks_for(most, PICTURE_THREADS), (unsigned)count);
    dim3 second(blocks_for((size_t)p->size * (size_t)p->size, PICTURE_THREADS), (unsigned)count);
    TRY(launch(err, "first_pass", p->stream, first, PICTURE_THREADS, 0, first_pass_kernel, on_device));
    return launch(err, "second_pass", p->stream, second, PICTURE_THREADS, 0, second_pass_kernel, on_device, p->size,
                  rgb);
}

static gs_status prepare_group(pictures *p, const source *from, size_t first, size_t n, size_t count, size_t bytes,
                               uint8_t *rgb, gs_error *err)
{
    stage *s = &p->stages[p->next];
    size_t middle;
    p->next = 1 - p->next;
    TRY(check(cudaEventSynchronize(s->copied), err, "waiting for a copy"));
    TRY(grow_stage(s, bytes, err));
    TRY(grow(&p->group, &p->group_capacity, bytes, "pictures", err));
    TRY(pack(p, from, first, count, s->bytes, &middle, n, err));
    TRY(grow(&p->middle, &p->middle_capacity, middle, "half-resized pictures", err));
    device_picture *described = (device_picture *)s->bytes;
    for (size_t i = 0; i < count; i++)
        described[i].middle = p->middle + (size_t)described[i].middle;
    TRY(check(cudaMemcpyAsync(p->group, s->bytes, bytes, cudaMemcpyHostToDevice, p->stream), err,
              "copying %zu pictures", count));
    TRY(check(cudaEventRecord(s->copied, p->stream), err, "recording a copy"));
    return resize(p, count, described, rgb, err);
}

gs_status pictures_prepare(pictures *p, const source *from, size_t first, size_t n, uint8_t *rgb, gs_error *err)
{
    size_t each = (size_t)p->size * (size_t)p->size * 3;
    for (size_t done = 0, count, bytes; done < n; done += count) {
        TRY(plan_group(p, from, first + done, n - done, &count, &bytes, err));
        TRY(prepare_group(p, from, first + done, n - done, count, bytes, rgb + done * each, err));
    }
    return GS_OK;
}

gs_status pictures_create(pictures *p, const gs_preprocess *preprocess, int size, gs_error *err)
{
    *p = {};
    p->preprocess = *preprocess;
    p->size = size;
    TRY(check(cudaStreamCreateWithFlags(&p->stream, cudaStreamNonBlocking), err, "a stream"));
    for (int i = 0; i < 2; i++)
        TRY(check(cudaEventCreateWithFlags(&p->stages[i].copied, cudaEventDisableTiming), err, "an event"));
    return GS_OK;
}

void pictures_free(pictures *p)
{
    if (p->stream)
        cudaStreamSynchronize(p->stream);
    for (int i = 0; i < 2; i++) {
        if (p->stages[i].bytes)
            cudaFreeHost(p->stages[i].bytes);
        if (p->stages[i].copied)
            cudaEventDestroy(p->stages[i].copied);
    }
    cudaFree(p->group);
    cudaFree(p->middle);
    if (p->stream)
        cudaStreamDestroy(p->stream);
    *p = {};
}
