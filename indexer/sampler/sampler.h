/* sampler.h - where a model's samples come from: one interface over folders and archives of pictures and worker processes.
 *
 *     gs_sampler *sampler;
 *     if ((st = gs_sampler_open(&sampler, &model, &(gs_sampler_options){.seed = 1}, err)) != GS_OK) return st;
 *     gs_image frames[64];
 *     gs_error faults[64];
 *     st = gs_sampler_read(sampler, first, 64, frames, faults, &got, err);   // samples first .. first + got - 1
 *     ... gs_image_free() each ...
 *     gs_sampler_close(sampler);
 *
 * Sample i depends on (model, seed, i) alone, so a job that is interrupted and resumed, or split over machines, gives the same
 * moments. Kinds: "folder" (the PNG, JPEG and WebP pictures below "path", each once, in a pseudo-random order that the seed and their paths
 * decide: sampler/listing.h says which they are), "archive" (the same of the file "path": a tar or ZIP of pictures, or NumPy's .npy or .npz,
 * where "array" names the array if several hold pictures, and sampler/array.h says what one is), "statistics" (the file "path" holds no pictures
 * but their moments or features: stats/import.h says how; "encoder", "count" and "array" tell what it does not), "worker" ("command" speaks the protocol
 * of tools/workers/README.md), and the workers that ship with gensearch: "onnx", "torchscript", "http" (the table in worker.c).
 *
 * A worker is started once, in the folder of model.json. It ends when its input is closed. Its standard error is passed on. Beside "command",
 * the sampler block may have a "timeout": the seconds that the worker may be silent before it is given up (300).
 */
#ifndef GS_SAMPLER_H
#define GS_SAMPLER_H

#include "core/moments.h"
#include "core/status.h"
#include "indexer/image/image.h"
#include "indexer/model/model.h"
#include "indexer/util/file.h" /* GS_SHA256_HEX */
#include "indexer/util/stop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GS_SAMPLER_MAX_SEED ((UINT64_C(1) << 53) - 1) /* the largest that JavaScript reads exactly from JSON */

typedef struct gs_sampler gs_sampler; /* one thread at a time */

typedef struct {
    uint64_t seed; /* at most GS_SAMPLER_MAX_SEED */
    /* Seconds a worker may go without a byte of answer before it is called hung; 0: 300. "timeout" in the model's
     * sampler block has the last word. */
    double timeout;
    int threads;         /* that decode pictures; 0: one per core */
    const char *encoder; /* fingerprint of the one that moments must be of  borrowed by the sampler */
    const gs_stop *stop; /* ends the wait for a worker's answer with GS_ECANCELED; NULL: never  borrowed */
} gs_sampler_options;

/* Whether there is a sampler of the model's kind: to be asked of every model before the first is sampled. */
gs_status gs_sampler_check(const gs_model *model, gs_error *err);

/* SHA-256 of what the samples come from, beside the sampler block: of a folder the names, sizes and times of its pictures; of an
 * archive its size and time; of a worker or generator the contents of every file that its block names, and of those that an ONNX graph among them keeps its tensors in; not of
 * folders that it names, nor of a program in PATH or under an absolute path. Another fingerprint means other samples. */
gs_status gs_sampler_fingerprint(const gs_model *model, char fingerprint[GS_SHA256_HEX], gs_error *err);

/* Opens the folder or starts the worker. model is borrowed for the life of the sampler. GS_EFORMAT for a sampler block
 * that is not what its kind needs, GS_ENOTFOUND for a missing folder or command. */
gs_status gs_sampler_open(gs_sampler **sampler, const gs_model *model, const gs_sampler_options *options,
                          gs_error *err);

/* How many samples there are; 0 when there is no end (a generator). */
uint64_t gs_sampler_count(const gs_sampler *sampler);

/* What its source holds beside the samples that a user may miss, such as pictures in formats that are not read, in words; "" when there is
 * nothing to say. Borrowed from the sampler. */
const char *gs_sampler_left_out(const gs_sampler *sampler);

/* Samples first .. first + *got - 1 to frames [count]: *got is count, less only at the end of a finite sampler, where
 * it may be 0. A sample whose file holds no picture that can be read is an empty frame (rgb NULL), and faults [count] says why at its
 * place. The caller frees each frame. On failure no frame is left to free. GS_ECHILD when a worker died, hung
 * past the timeout, or announced a frame it did not deliver: the message carries the end of its standard error. */
gs_status gs_sampler_read(gs_sampler *sampler, uint64_t first, size_t count, gs_image *frames, gs_error *faults,
                          size_t *got, gs_error *err);

/* Another seed from the next read on. False where that takes another sampler: of files, whose order the seed decides, and for a seed that is too
 * large. */
bool gs_sampler_reseed(gs_sampler *sampler, uint64_t seed);

/* Whether it gives moments in place of pictures: then gs_sampler_moments() is to be called, and gs_sampler_read() not. */
bool gs_sampler_has_moments(const gs_sampler *sampler);

/* To moments, initialised and empty, of the encoder's dim; on failure they are empty still. visit, where it is not NULL, is called with each
 * feature [dim] (borrowed for the call) that they are of; a source of mere moments is refused then. */
typedef void (*gs_feature_visit)(void *context, uint64_t index, const float *feature);
gs_status gs_sampler_moments(gs_sampler *sampler, gs_moments *moments, gs_feature_visit visit, void *context,
                             gs_error *err);

/* Ends the worker, kindly first. NULL is fine. */
void gs_sampler_close(gs_sampler *sampler);

#endif
