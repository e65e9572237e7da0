/* status.h - how every fallible function of gensearch reports what went wrong.
 *
 *     gs_error err;
 *     if (gs_means_open(&means, bytes, size, &err) != GS_OK)
 *         fprintf(stderr, "gensearch: %s\n", err.message);
 *
 * A message says what was wrong, where, and what was expected. It is written once, by the function that found the
 * fault; callers pass it on, or put their own context in front with gs_error_prefix().
 *
 * A function that holds something to release chains its calls, and has its clean-up once, at its end:
 *
 *     gs_status st = gs_store_find(store, slug, &model, err);
 *     if (st == GS_OK)
 *         st = gs_store_read_mean(store, &model, mean, err);
 *     gs_store_model_free(&model);
 *     return st;
 *
 * One that holds nothing may return at the first failure; TRY() of indexer/nn/cuda/check.cuh is short for that.
 */
#ifndef GS_STATUS_H
#define GS_STATUS_H

typedef enum {
    GS_OK = 0,
    GS_EARGS,     /* the caller asked for something that cannot be done */
    GS_ENOMEM,    /* memory ran out, or a size overflows */
    GS_EIO,       /* the operating system refused: open, read, write, sync, rename */
    GS_EFORMAT,   /* a file or a stream is not what it should be */
    GS_EMISMATCH, /* two things that must agree do not: encoder and database, two dimensions */
    GS_ENOTFOUND, /* no such model, tensor, file entry */
    GS_ECHILD,    /* a sampler worker died, hung or lied */
    GS_ECANCELED, /* interrupted by the user at a safe point */
} gs_status;

typedef struct {
    char message[512]; /* NUL-terminated; empty after success */
} gs_error;

#if defined(__GNUC__)
#define GS_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#else
#define GS_PRINTF(format_at, args_at)
#endif

/* Formats the message into err (may be NULL) and returns status, so that a failure is one line at its place:
 * `return gs_fail(err, GS_EFORMAT, "%s: no tensor '%s'", path, name);` */
gs_status gs_fail(gs_error *err, gs_status status, const char *format, ...) GS_PRINTF(3, 4);

/* Puts "context: " in front of the message of err (may be NULL) and returns status. */
gs_status gs_error_prefix(gs_error *err, gs_status status, const char *format, ...) GS_PRINTF(3, 4);

/* clang-tidy analyses one file at a time and does not see that these return the status they were given: told so, it knows that a failure
 * is never GS_OK. */
#ifdef __clang_analyzer__
#define gs_fail(err, status, ...)         (gs_fail(err, status, __VA_ARGS__), (status))
#define gs_error_prefix(err, status, ...) (gs_error_prefix(err, status, __VA_ARGS__), (status))
#endif

#endif
