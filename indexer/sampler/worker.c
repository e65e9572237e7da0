#include "indexer/sampler/child.h"
#include "indexer/sampler/driver.h"
#include "indexer/util/share.h"

#include <inttypes.h> /* PRIu64 */
#include <math.h>     /* floor */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The protocol (tools/workers/README.md): one line of JSON asks for samples, one line of JSON announces them, their bytes follow. */
#define PATIENCE        2.0   /* seconds a worker has to end after its input was closed */
#define DEFAULT_TIMEOUT 300.0 /* seconds */
#define MAX_HEADER      16384 /* bytes of an answer's first line */

typedef struct {
    gs_sampler base;
    gs_child *child;  /* owned */
    char *context;    /* what messages begin with    owned */
    char *model_json; /* absolute path of model.json, quoted for JSON    owned */
    uint64_t seed;
    double timeout;
    bool failed; /* after a failure the stream is out of step: nothing more is asked */
    char header[MAX_HEADER + 1];
    size_t begin, end; /* header[begin, end) was read and not yet used */
} worker;

typedef struct {
    int width, height, channels;
    size_t count;
    cJSON
        *sizes; /* [count]  bytes of each picture's file, in place of the raw pixels; NULL: raw  owned by the caller */
} announcement;

/* --- reading an answer --- */

/* Fills bytes [size], first from what came along with the header line. */
static gs_status read_exactly(worker *w, uint8_t *bytes, size_t size, gs_error *err)
{
    size_t kept = w->end - w->begin < size ? w->end - w->begin : size;
    memcpy(bytes, w->header + w->begin, kept);
    w->begin += kept;
    for (size_t done = kept, got; done < size; done += got) {
        gs_status st = gs_child_read(w->child, bytes + done, size - done, w->timeout, &got, err);
        if (st != GS_OK)
            return gs_error_prefix(err, st, "after %zu of a picture's %zu bytes", done, size);
    }
    return GS_OK;
}

/* The text begins with at most 40 printable characters of what should have been a header. */
static gs_status junk(const char *line, gs_error *err)
{
    char seen[41];
    size_t i = 0;
    for (; i < sizeof seen - 1 && line[i]; i++)
        seen[i] = line[i] >= 0x20 && line[i] < 0x7f ? line[i] : '.';
    seen[i] = 0;
    return gs_fail(err, GS_ECHILD, "answered '%s', expected a line of JSON such as {\"width\":64,\"height\":64,...}",
                   seen);
}

/* Reads up to a newline; *line is borrowed from w->header until the next read. */
static gs_status read_line(worker *w, const char **line, gs_error *err)
{
    w->begin = w->end = 0;
    for (;;) {
        size_t got;
        gs_status st = gs_child_read(w->child, w->header + w->end, MAX_HEADER - w->end, w->timeout, &got, err);
        if (st != GS_OK)
            return st;
        char *newline = memchr(w->header + w->end, '\n', got);
        w->end += got;
        if (newline || w->end == MAX_HEADER) {
            w->header[newline ? newline - w->header : MAX_HEADER] = 0;
            w->begin = newline ? (size_t)(newline - w->header) + 1 : 0;
            *line = w->header;
            return newline ? GS_OK : junk(w->header, err);
        }
    }
}

/* The field as a whole number from 1 to most. */
static gs_status get_number(const cJSON *header, const char *field, double most, double *value, gs_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(header, field);
    if (!cJSON_IsNumber(item))
        return gs_fail(err, GS_ECHILD, "announced no number '%s'", field);
    *value = item->valuedouble;
    if (*value >= 1 && *value <= most && *value == floor(*value))
        return GS_OK;
    return gs_fail(err, GS_ECHILD, "announced '%s' %g, expected a whole number from 1 to %.0f", field, *value, most);
}

/* What the worker says went wrong, on one line however many it is. */
static gs_status complaint(const cJSON *error, gs_error *err)
{
    if (!cJSON_IsString(error))
        return gs_fail(err, GS_ECHILD, "reports an error, and not which");
    char text[401];
    size_t n = 0;
    for (const char *c = error->valuestring; *c && n < sizeof text - 1; c++)
        text[n++] = (unsigned char)*c < 0x20 ? ' ' : *c;
    text[n] = 0;
    return gs_fail(err, GS_ECHILD, "%s", text);
}

/* {"pictures":[bytes, ...]} */
static gs_status check_sizes(const cJSON *sizes, size_t asked, announcement *said, gs_error *err)
{
    int count = cJSON_GetArraySize(sizes);
    if (!cJSON_IsArray(sizes) || count < 1 || (size_t)count > asked)
        return gs_fail(err, GS_ECHILD, "announced %d 'pictures', expected 1 to %zu", count, asked);
    for (const cJSON *size = sizes->child; size; size = size->next)
        if (!cJSON_IsNumber(size) || !(size->valuedouble >= 1 && size->valuedouble <= (double)GS_IMAGE_MAX_FILE) ||
            size->valuedouble != floor(size->valuedouble))
            return gs_fail(err, GS_ECHILD, "announced a picture of %g bytes, expected a whole number from 1 to %zu",
                           size->valuedouble, GS_IMAGE_MAX_FILE);
    *said = (announcement){.count = (size_t)count, .sizes = cJSON_Duplicate(sizes, true)};
    return said->sizes ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for an answer");
}

static gs_status check_header(const cJSON *header, size_t asked, announcement *said, gs_error *err)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(header, "error");
    if (error)
        return complaint(error, err);
    const cJSON *sizes = cJSON_GetObjectItemCaseSensitive(header, "pictures");
    if (sizes)
        return check_sizes(sizes, asked, said, err);
    double width = 0, height = 0, channels = 0, count = 0;
    gs_status st;
    if ((st = get_number(header, "width", GS_IMAGE_MAX_SIDE, &width, err)) != GS_OK ||
        (st = get_number(header, "height", GS_IMAGE_MAX_SIDE, &height, err)) != GS_OK ||
        (st = get_number(header, "channels", 3, &channels, err)) != GS_OK ||
        (st = get_number(header, "count", (double)asked, &count, err)) != GS_OK)
        return st;
    if (channels == 2)
        return gs_fail(err, GS_ECHILD, "announced 'channels' 2, expected 1 (grey) or 3 (RGB)");
    *said = (announcement){(int)width, (int)height, (int)channels, (size_t)count, NULL};
    return GS_OK;
}

static gs_status read_header(worker *w, size_t asked, announcement *said, gs_error *err)
{
    const char *line;
    gs_status st = read_line(w, &line, err);
    if (st != GS_OK)
        return st;
    cJSON *header = cJSON_Parse(line);
    st = cJSON_IsObject(header) ? check_header(header, asked, said, err) : junk(line, err);
    cJSON_Delete(header);
    return st;
}

/* The memory of a picture is taken when it is its turn: a worker that announces more than it sends does not make us
 * take it all. */
static gs_status read_frame(worker *w, const announcement *said, gs_image *frame, gs_error *err)
{
    gs_status st = gs_image_alloc(frame, said->width, said->height, err);
    if (st != GS_OK)
        return gs_error_prefix(err, st == GS_EFORMAT ? GS_ECHILD : st, "announced");
    size_t pixels = (size_t)said->width * (size_t)said->height;
    const uint8_t *grey = frame->rgb + 2 * pixels; /* read to the end of the buffer, expanded from its beginning */
    st = read_exactly(w, said->channels == 1 ? frame->rgb + 2 * pixels : frame->rgb, pixels * (size_t)said->channels,
                      err);
    if (st != GS_OK)
        gs_image_free(frame);
    for (size_t i = 0; st == GS_OK && said->channels == 1 && i < pixels; i++) {
        uint8_t value = grey[i];
        memset(frame->rgb + 3 * i, value, 3);
    }
    return st;
}

/* The same of a picture in a file of size bytes. */
static gs_status read_picture(worker *w, size_t size, gs_image *frame, gs_error *err)
{
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return gs_fail(err, GS_ENOMEM, "no memory for a picture of %zu bytes", size);
    gs_status st = read_exactly(w, bytes, size, err);
    if (st == GS_OK && (st = gs_image_decode(frame, bytes, size, "a picture", err)) == GS_EFORMAT)
        st = GS_ECHILD;
    free(bytes);
    return st;
}

/* Between two answers nothing may lie in the pipe: whatever does was too much for its header, and would be read as the
 * next one. */
static gs_status check_quiet(worker *w, gs_error *err)
{
    if (w->begin == w->end && !gs_child_has_output(w->child))
        return GS_OK;
    return gs_fail(err, GS_ECHILD, "sent more bytes than it announced");
}

/* --- the sampler --- */

static gs_status ask(worker *w, uint64_t first, size_t count, gs_error *err)
{
    size_t size = strlen(w->model_json) + 160;
    char *request = malloc(size);
    if (!request)
        return gs_fail(err, GS_ENOMEM, "no memory for a request");
    int length = snprintf(request, size,
                          "{\"op\":\"sample\",\"model\":%s,\"seed\":%" PRIu64 ",\"first\":%" PRIu64 ",\"count\":%zu}\n",
                          w->model_json, w->seed, first, count);
    gs_status st = gs_child_write(w->child, request, (size_t)length, w->timeout, err);
    free(request);
    return st;
}

/* One request and its answer, which may hold fewer than count samples, but at least one. */
static gs_status sample_some(worker *w, uint64_t first, size_t count, gs_image *frames, size_t *got, gs_error *err)
{
    announcement said = {0};
    gs_status st;
    if ((st = check_quiet(w, err)) != GS_OK || (st = ask(w, first, count, err)) != GS_OK ||
        (st = read_header(w, count, &said, err)) != GS_OK)
        return st;
    const cJSON *size = said.sizes ? said.sizes->child : NULL;
    for (size_t i = 0; i < said.count && st == GS_OK; i++) {
        st = size ? read_picture(w, (size_t)size->valuedouble, &frames[i], err) : read_frame(w, &said, &frames[i], err);
        *got += st == GS_OK;
        size = size ? size->next : NULL;
    }
    cJSON_Delete(said.sizes);
    return st == GS_OK ? check_quiet(w, err) : st;
}

static gs_status worker_read(gs_sampler *sampler, uint64_t first, size_t count, gs_image *frames, gs_error *faults,
                             size_t *got, gs_error *err)
{
    (void)faults; /* a worker that cannot give a sample is a worker that fails */
    worker *w = (worker *)sampler;
    if (w->failed)
        return gs_fail(err, GS_ECHILD, "%s: has failed before", w->context);
    while (*got < count) {
        gs_status st = sample_some(w, first + *got, count - *got, frames + *got, got, err);
        if (st != GS_OK) {
            w->failed = true;
            return gs_error_prefix(err, st, "%s", w->context);
        }
    }
    return GS_OK;
}

static uint64_t worker_count(const gs_sampler *sampler)
{
    (void)sampler;
    return 0;
}

static void worker_reseed(gs_sampler *sampler, uint64_t seed)
{
    ((worker *)sampler)->seed = seed;
}

static void worker_close(gs_sampler *sampler)
{
    worker *w = (worker *)sampler;
    gs_child_close(w->child, w->failed ? 0.2 : PATIENCE);
    free(w->context);
    cJSON_free(w->model_json);
    free(w);
}

/* The absolute path of model.json, quoted for JSON: the worker runs in another directory than we do. */
static gs_status quote_model_path(const gs_model *model, char **quoted, gs_error *err)
{
    char *absolute = realpath(model->path, NULL);
    if (!absolute)
        return gs_fail(err, GS_ENOTFOUND, "%s: is needed by the sampler's worker, and not there", model->path);
    cJSON *text = cJSON_CreateString(absolute);
    *quoted = text ? cJSON_PrintUnformatted(text) : NULL;
    cJSON_Delete(text);
    free(absolute);
    return *quoted ? GS_OK : gs_fail(err, GS_ENOMEM, "%s: no memory", model->path);
}

/* sampler.timeout of the model.json, for a generator slower than most, or the caller's. */
static gs_status choose_timeout(worker *w, const gs_model *model, double asked, gs_error *err)
{
    w->timeout = asked > 0 ? asked : DEFAULT_TIMEOUT;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(model->sampler, "timeout");
    if (!item)
        return GS_OK;
    if (!cJSON_IsNumber(item) || !(item->valuedouble > 0 && item->valuedouble <= 1e6))
        return gs_fail(err, GS_EFORMAT,
                       "%s: field 'sampler.timeout' must be a number of seconds above 0, at most 1000000", model->path);
    w->timeout = item->valuedouble;
    return GS_OK;
}

static gs_status prepare(worker *w, const gs_model *model, const gs_sampler_options *options, char *const argv[],
                         gs_error *err)
{
    if (options->seed > GS_SAMPLER_MAX_SEED)
        return gs_fail(err, GS_EARGS, "seed %" PRIu64 ": at most %" PRIu64, options->seed, GS_SAMPLER_MAX_SEED);
    w->seed = options->seed;
    size_t size = strlen(model->path) + strlen(argv[0]) + sizeof ": worker ''";
    w->context = malloc(size);
    if (!w->context)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", model->path);
    snprintf(w->context, size, "%s: worker '%s'", model->path, argv[0]);
    gs_status st = choose_timeout(w, model, options->timeout, err);
    return st == GS_OK ? quote_model_path(model, &w->model_json, err) : st;
}

/* needed says what argv[0] is, for when it is missing; "" where the user knows. */
static gs_status start(gs_sampler **sampler, const char *needed, const gs_model *model,
                       const gs_sampler_options *options, char *const argv[], gs_error *err)
{
    worker *w = calloc(1, sizeof *w);
    if (!w)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", model->path);
    w->base.driver = &gs_worker_driver;
    gs_status st = prepare(w, model, options, argv, err);
    if (st == GS_OK && (st = gs_child_open(&w->child, argv, model->directory, options->stop, err)) != GS_OK)
        gs_error_prefix(err, st, needed[0] ? "%s (%s)" : "%s%s", w->context, needed);
    if (st == GS_OK)
        *sampler = &w->base;
    else
        worker_close(&w->base);
    return st;
}

/* "command": ["python3", "w.py", "an argument"], run where the model.json lies. */
static gs_status worker_open(gs_sampler **sampler, const gs_model *model, const gs_sampler_options *options,
                             gs_error *err)
{
    const cJSON *command = cJSON_GetObjectItemCaseSensitive(model->sampler, "command");
    size_t count = cJSON_IsArray(command) ? (size_t)cJSON_GetArraySize(command) : 0;
    char **argv = calloc(count + 1, sizeof *argv);
    if (!argv)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", model->path);
    const cJSON *word = count ? command->child : NULL;
    for (size_t i = 0; word && cJSON_IsString(word); word = word->next)
        argv[i++] = word->valuestring;
    gs_status st;
    if (word || !argv[0] || !argv[0][0])
        st = gs_fail(err, GS_EFORMAT, "%s: field 'sampler.command' must be an array of strings, the program first",
                     model->path);
    else
        st = start(sampler, "", model, options, argv, err);
    free(argv);
    return st;
}

/* The workers that ship with gensearch in tools/workers: each reads the rest of the sampler block from model.json itself. */
static const struct shipped {
    const char *kind, *program, *script;
    const char *needed; /* what the program is, for when it is missing */
} shipped[] = {
    {"onnx", "node", "tools/workers/onnx.mjs", "Node.js, which runs ONNX generators"},
    {"torchscript", "python3", "tools/workers/torchscript.py", "Python 3 with torch, which runs TorchScript"},
    {"http", "python3", "tools/workers/http_worker.py", "Python 3, which asks image servers"},
};

static const struct shipped *find_shipped(const gs_model *model)
{
    const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(model->sampler, "kind"));
    const struct shipped *found = shipped;
    while (strcmp(found->kind, kind) != 0) /* its driver has one of these kinds */
        found++;
    return found;
}

static gs_status shipped_open(gs_sampler **sampler, const gs_model *model, const gs_sampler_options *options,
                              gs_error *err)
{
    const struct shipped *found = find_shipped(model);
    char *path;
    gs_status st = gs_share_path(found->script, &path, err);
    if (st != GS_OK)
        return st;
    char *script = realpath(path, NULL); /* GENSEARCH_SHARE may be relative, and the worker runs elsewhere */
    free(path);
    if (!script)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", model->path);
    char program[16];
    snprintf(program, sizeof program, "%s", found->program);
    st = start(sampler, found->needed, model, options, (char *[]){program, script, NULL}, err);
    free(script);
    return st;
}

#define DRIVER(name, how)                                                                                              \
    const gs_sampler_driver gs_##name##_driver = {.kind = #name,                                                       \
                                                  .open = (how),                                                       \
                                                  .count = worker_count,                                               \
                                                  .read = worker_read,                                                 \
                                                  .reseed = worker_reseed,                                             \
                                                  .close = worker_close,                                               \
                                                  .fingerprint = gs_fingerprint_named_files}
DRIVER(worker, worker_open);
DRIVER(onnx, shipped_open);
DRIVER(torchscript, shipped_open);
DRIVER(http, shipped_open);
