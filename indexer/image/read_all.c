#include "indexer/image/image.h"

#include "indexer/util/cores.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* A call's pictures, which its readers take one by one until none is left or one is bad. */
typedef struct {
    gs_image *images; /* [n]  borrowed */
    gs_image_reader read;
    const void *context; /* of read  borrowed */
    gs_error *faults;    /* [n], or NULL  borrowed */
    size_t n;
    atomic_size_t next;
    atomic_bool failed;
} task;

typedef struct {
    task *task;
    pthread_t thread;
    size_t at; /* the picture that it failed at */
    gs_status status;
    gs_error error;
} reader;

static void *read_some(void *argument)
{
    reader *r = argument;
    task *t = r->task;
    while (r->status == GS_OK && !atomic_load(&t->failed)) {
        size_t i = atomic_fetch_add(&t->next, 1);
        if (i >= t->n)
            break;
        r->at = i;
        r->status = t->read(t->context, i, &t->images[i], &r->error);
        if (r->status == GS_EFORMAT && t->faults) {
            t->faults[i] = r->error;
            r->status = GS_OK;
        }
    }
    if (r->status != GS_OK)
        atomic_store(&t->failed, true);
    return NULL;
}

/* The reader that failed at the first of all bad pictures; NULL when none did. Pictures are taken in order and a taken one is
 * read whatever happens, so the first bad one is always among those that were met. */
static const reader *first_failure(const reader *readers, size_t n)
{
    const reader *first = NULL;
    for (const reader *r = readers; r < readers + n; r++)
        if (r->status != GS_OK && (!first || r->at < first->at))
            first = r;
    return first;
}

static size_t count_readers(size_t n, int threads)
{
    size_t readers = threads > 0 ? (size_t)threads : gs_cores();
    return readers < n ? readers : n;
}

gs_status gs_image_read_each(gs_image *images, size_t n, gs_image_reader read, const void *context, int threads,
                             gs_error *faults, gs_error *err)
{
    if (n == 0)
        return GS_OK;
    size_t count = count_readers(n, threads), started = 1;
    reader *readers = calloc(count, sizeof *readers);
    if (!readers)
        return gs_fail(err, GS_ENOMEM, "no memory to read %zu pictures", n);
    task t = {.images = images, .read = read, .context = context, .faults = faults, .n = n};
    for (size_t i = 0; i < n; i++)
        images[i] = (gs_image){0};
    for (size_t i = 0; i < count; i++)
        readers[i].task = &t;
    while (started < count && pthread_create(&readers[started].thread, NULL, read_some, &readers[started]) == 0)
        started++; /* where the system gives fewer threads, these do all the work */
    read_some(&readers[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(readers[i].thread, NULL);

    gs_status st = GS_OK;
    const reader *bad = first_failure(readers, started);
    if (bad) {
        st = gs_fail(err, bad->status, "%s", bad->error.message);
        for (size_t i = 0; i < n; i++)
            gs_image_free(&images[i]);
    }
    free(readers);
    return st;
}

static gs_status read_file(const void *context, size_t i, gs_image *image, gs_error *err)
{
    char *const *paths = context;
    return gs_image_read(image, paths[i], err);
}

gs_status gs_image_read_all(gs_image *images, char *const *paths, size_t n, int threads, gs_error *faults,
                            gs_error *err)
{
    return gs_image_read_each(images, n, read_file, paths, threads, faults, err);
}
