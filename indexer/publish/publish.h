/* publish.h - the static folder that a browser searches: written whole, or not at all.
 *
 *     if ((st = gs_publish(store, encoder, "public", &(gs_publish_options){.means = GS_F16}, err)) != GS_OK) return st;
 *
 * This comment is the contract between the indexer and site/. HASH is the first 16 hex digits of the SHA-256 of the file that carries it.
 *
 *     manifest.json                 the only file to revalidate; everything else is found from it
 *     means-HASH.bin                core/catalog.h; row i is model i of the catalog, f16 unless chosen
 *     phrases-HASH.bin              core/catalog.h as means, int8; row i is the feature of phrase i of the catalog
 *     catalog-HASH.json             columns, below
 *     models/SLUG-HASH.json         what a model's page shows, below
 *     second/SLUG-HASH.bin          core/catalog.h, the low-rank second moment, f16, at most 64 vectors
 *     gaussian/SLUG-HASH.bin        core/catalog.h, the Cholesky factor of the covariance, f16; when it is asked for
 *     features/SLUG-HASH.bin        core/catalog.h, kept features, int8; when they are asked for
 *     graphs/HASH.onnx, .bin        graphs of models in ONNX form and the tensors that they keep in other files (indexer/publish/graphs.h)
 *     thumbs/HASH.webp              samples, the longer side at most 128 pixels
 *     encoder/text-HASH.onnx        the text tower (indexer/publish/onnx_text.h says what goes in and out)
 *     encoder/vision-HASH.onnx      the vision tower (indexer/publish/onnx_vision.h), when it is published
 *     encoder/tokenizer-HASH.bin    core/tokenize.h
 *     wasm/                         core.js, held.js, memory.js, gensearch.js, gensearch.wasm: all of the build's wasm/dist
 *     vendor/onnxruntime-web/       ort.wasm.min.js, ort-wasm-simd-threaded.js, ort-wasm-simd-threaded.wasm
 *     index.html ...                the rest of site/, the tree kept, without what is only for developing it: node_modules, package*.json,
 *                                   *.md, *.config.js, *.config.mjs, tests, test, and names that start with a dot
 *
 * The files of wasm/, vendor/ and site/ keep their own names, because they name each other. A browser's cache may hold them from before an
 * update: site/app/renew.js and download.js compare them with the manifest, and fetch what differs past the cache. No name starts with a
 * slash: the folder works from any path.
 *
 * manifest.json:
 *     {"format": "gensearch", "version": 1, "count": 12,
 *      "encoder": {"name", "fingerprint": 64 hex digits, "dim", "tau", "image_size"},
 *      "roles": {"means":     {"path": "means-HASH.bin", "version": 1},
 *                "catalog":   {"path": "catalog-HASH.json", "version": 1},
 *                "phrases":   {"path": "phrases-HASH.bin", "version": 1},
 *                "text":      {"path": "encoder/text-HASH.onnx", "version": 1},
 *                "vision":    {"path": "encoder/vision-HASH.onnx", "version": 1, "preprocess": below},   when it is published
 *                "tokenizer": {"path": "encoder/tokenizer-HASH.bin", "version": 1}},
 *      "files": {PATH: {"size": bytes, "sha256": 64 hex digits}, ...}}        every file but manifest.json, sorted by path
 * "preprocess" is core/preprocess.h's struct, without the fields of steps that are left out:
 *     {"resize": {"shortest_edge": 224, "longest_edge"?} or {"width", "height", "fit": 1?}, "resample": Pillow's number of the filter,
 *      "crop": {"width", "height", "even": 1?}, "rescale": 0.00392156862745098, "mean": [3], "std": [3]}   mean and std: both or neither
 * The first 16 bytes of the fingerprint stand in means, second, gaussian and features too: files that disagree do not belong together and are
 * refused.
 *
 * catalog: columns of `count` entries, sorted by slug; equal scores rank in this order, in the program and in the browser alike.
 *     {"version": 1, "count": n,
 *      "id": [integer], "slug": [string], "title": [string], "type": [string], "family": [string, "" when unknown],
 *      "tags": [[string]], "authors": [[string]], "license": [string, "" when unknown], "resolution": ["256x256", or ""], "created": [string, or ""], "samples": [how many the moments stand on],
 *      "x": [number], "y": [number],    places on the map (indexer/publish/map.h)
 *      "thumbs": [[HASH, ...]],     the first 4 samples (fewer when there are fewer): thumbs/HASH.webp
 *      "page": [HASH],              models/SLUG-HASH.json
 *      "backgrounds": {KIND: {"means": [number], "cutoff": number}}    core/background.h, of "text" and of "image" where they are known;
 *                                  no cutoff: none is known
 *      "phrases": [string],         tags and titles, at most GS_PHRASES_MOST; not a column: of any length
 *      "second": [HASH],            second/SLUG-HASH.bin
 *      "gaussian": [HASH],          gaussian/SLUG-HASH.bin, and
 *      "features": [HASH]}          features/SLUG-HASH.bin, when they were asked for
 *
 * models/SLUG-HASH.json:
 *     {"version": 1, "slug", "title", "type", "samples": n, "seed", "added": when the database first had the model,
 *      "mean_error": the standard error of the mean feature,
 *      "model": the model.json as its author wrote it, unknown fields too, but with nothing of "sampler" except its "kind":
 *               paths and commands of the indexing machine are nobody's business,
 *      "graphs": {"sampler": the block that site/lib/sampling.js takes, "files": {NAME: {"path": "graphs/HASH.onnx", "size": bytes}}},
 *               when they are published: NAME is what the block, or a graph, calls the file
 *      "thumbs": [{"hash", "width", "height"}],                     at most 24, in the order of the samples
 *      "neighbors": [{"slug", "title", "type", "distance"}]}        by Frechet distance, nearest first, at most 20
 *
 * The same database gives the same bytes, whenever and wherever it is published.
 */
#ifndef GS_PUBLISH_H
#define GS_PUBLISH_H

#include "core/status.h"
#include "core/table.h"
#include "indexer/encoder/encoder.h"
#include "indexer/store/store.h"

#include <stdbool.h>
#include <stddef.h>

#define GS_PUBLISH_VERSION 1        /* of manifest.json, the catalog and the pages */
#define GS_PUBLISH_CARD    4        /* thumbnails on a card */
#define GS_PUBLISH_GRAPHS  10000000 /* bytes: graphs of a model that has more are published only when asked for */
#define GS_PUBLISH_VISION  ((size_t)40 * 1000 * 1000) /* bytes: a larger vision tower is published only when asked for */

typedef enum {
    GS_VISION_AUTO, /* when it is smaller than GS_PUBLISH_VISION */
    GS_VISION_YES,
    GS_VISION_NO,
} gs_publish_vision;

typedef struct {
    gs_element means;         /* of the table of means */
    bool exact_text;          /* do not quantise the text tower */
    bool compress;            /* write NAME.gz and NAME.br beside what becomes smaller, for hosts that send them */
    gs_publish_vision vision; /* whether the folder can be searched with pictures: the vision tower */
    bool gaussian;            /* the Cholesky factors: for "gaussian-density" and "first-second-moment" */
    uint64_t graphs;   /* of models in ONNX form with a licence, the graphs of at most that many bytes each; 0: none */
    uint64_t features; /* at most that many kept features of each model: for "monte-carlo"; 0: none */
} gs_publish_options;

/* Writes the folder beside its place and renames it there. What stands at directory already is replaced only when it is a published folder
 * (its manifest.json says so, and names every file) or empty; anything else is GS_EARGS and left alone. GS_EARGS too when the encoder has
 * no text tower: what is published is searched with words. GS_EARGS for features of a model that kept none. GS_EMISMATCH when the encoder
 * is not the store's, GS_ENOTFOUND when the store holds no finished model, or the installation lacks a file that belongs into the folder.
 * On failure the old folder is as before. */
gs_status gs_publish(gs_store *store, gs_encoder *encoder, const char *directory, const gs_publish_options *options,
                     gs_error *err);

#endif
