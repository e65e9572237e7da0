#include "indexer/hf/directory.h"

#include "indexer/util/file.h" /* gs_path_join, gs_file_read */

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h> /* PATH_MAX */
#include <stdio.h>  /* snprintf */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h> /* access */

#define HF_CONFIG        "config.json"
#define OPEN_CLIP_CONFIG "open_clip_config.json"
#define SAFETENSORS      ".safetensors"
#define INDEX            ".safetensors.index"
#define MAX_REF          256
#define MAX_MODULES      ((size_t)1 << 20)

static gs_status no_memory(gs_error *err, const char *path)
{
    return gs_fail(err, GS_ENOMEM, "%s: no memory", path);
}

static bool has(const char *folder, const char *name)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && access(path, F_OK) == 0;
}

static bool ends(const char *text, const char *with)
{
    size_t length = strlen(text), tail = strlen(with);
    return length >= tail && strcmp(text + length - tail, with) == 0;
}

/* The names in folder for which wanted holds: *found becomes one of them, the first in the alphabet  owned by the
 * caller. Returns how many. */
static size_t find_names(const char *folder, bool (*wanted)(const char *name), char **found)
{
    size_t n = 0;
    DIR *stream = opendir(folder);
    *found = NULL;
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        if (entry->d_name[0] == '.' || !wanted(entry->d_name))
            continue;
        n++;
        if (*found && strcmp(*found, entry->d_name) < 0)
            continue;
        free(*found);
        *found = strdup(entry->d_name);
    }
    if (stream)
        closedir(stream);
    return n;
}

/* ---- the folder ---- */

static bool any_name(const char *name)
{
    (void)name;
    return true;
}

/* Replaces d->path by the folder name in it. */
static gs_status enter(gs_directory *d, const char *name, gs_error *err)
{
    char *below = gs_path_join(d->path, name);
    if (!below)
        return no_memory(err, d->path);
    free(d->path);
    d->path = below;
    return GS_OK;
}

/* The hub's cache keeps a folder for each commit; refs/main names the one that was asked for last. */
static gs_status enter_snapshot(gs_directory *d, gs_error *err)
{
    char name[MAX_REF + 16] = "snapshots/", *only = NULL;
    char *ref = gs_path_join(d->path, "refs/main"), *snapshots = gs_path_join(d->path, "snapshots");
    gs_bytes bytes = {0};
    gs_status st = ref && snapshots ? GS_OK : no_memory(err, d->path);
    if (st == GS_OK && gs_file_read(&bytes, ref, MAX_REF, NULL) == GS_OK) {
        strncat(name, (const char *)bytes.data, MAX_REF);
        name[strcspn(name, "\r\n")] = 0;
    } else if (st == GS_OK) {
        size_t n = find_names(snapshots, any_name, &only);
        if (n != 1)
            st = gs_fail(err, GS_EFORMAT, "%s: holds %zu snapshots and no refs/main: name one of the folders in it",
                         snapshots, n);
        else
            strncat(name, only, MAX_REF);
    }
    if (st == GS_OK)
        st = enter(d, name, err);
    gs_bytes_free(&bytes);
    free(only);
    free(ref);
    free(snapshots);
    return st;
}

/* What to do about a folder that is no encoder's. */
static gs_status refuse_folder(const char *path, gs_error *err)
{
    static const struct {
        const char *name, *advice;
    } known[] = {
        {"model_index.json", "is a diffusers pipeline, a generator: index it as a model; an encoder is a CLIP"},
        {"adapter_config.json", "is an adapter: merge it into its base model and name that"},
    };
    struct stat info;
    if (stat(path, &info) != 0)
        return gs_fail(err, GS_EIO, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return gs_fail(err, GS_EFORMAT, "%s: is a file: name the folder that holds it and its config.json", path);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (has(path, known[i].name))
            return gs_fail(err, GS_EFORMAT, "%s: %s", path, known[i].advice);
    return gs_fail(err, GS_EIO, "%s/" HF_CONFIG ": No such file or directory", path);
}

/* What sentence-transformers does behind CLIP must change nothing: normalising does not, a matrix would. */
static gs_status check_modules(const char *path, gs_error *err)
{
    char *file = gs_path_join(path, "modules.json");
    gs_bytes bytes = {0};
    gs_status st = file ? GS_OK : no_memory(err, path);
    if (st == GS_OK && access(file, F_OK) == 0)
        st = gs_file_read(&bytes, file, MAX_MODULES, err);
    cJSON *modules = bytes.data ? cJSON_ParseWithLength((const char *)bytes.data, bytes.size) : NULL;
    const cJSON *module;
    cJSON_ArrayForEach(module, modules)
    {
        const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(module, "type"));
        bool known = type && (ends(type, "CLIPModel") || ends(type, "Normalize"));
        if (st == GS_OK && !known)
            st = gs_fail(err, GS_EFORMAT,
                         "%s: has the module '%.100s', expected CLIPModel and nothing behind it but Normalize", file,
                         type ? type : "");
    }
    cJSON_Delete(modules);
    gs_bytes_free(&bytes);
    free(file);
    return st;
}

static gs_status find_folder(gs_directory *d, gs_error *err)
{
    gs_status st = GS_OK;
    if (!has(d->path, HF_CONFIG) && !has(d->path, OPEN_CLIP_CONFIG) && has(d->path, "snapshots"))
        st = enter_snapshot(d, err);
    if (st == GS_OK && !has(d->path, HF_CONFIG) && has(d->path, "0_CLIPModel/" HF_CONFIG)) {
        st = check_modules(d->path, err);
        if (st == GS_OK)
            st = enter(d, "0_CLIPModel", err);
    }
    if (st == GS_OK && !has(d->path, HF_CONFIG) && !has(d->path, OPEN_CLIP_CONFIG))
        st = refuse_folder(d->path, err);
    return st;
}

/* ---- its name ---- */

/* Cuts the last component off path and returns it; "" when there is none. */
static const char *cut_last(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash)
        return "";
    *slash = 0;
    return slash + 1;
}

/* .../models--ORG--NAME/snapshots/HASH, whether or not 0_CLIPModel follows, is ORG/NAME. */
static gs_status find_name(gs_directory *d, gs_error *err)
{
    char *path = realpath(d->path, NULL);
    if (!path)
        return gs_fail(err, GS_EIO, "%s: %s", d->path, strerror(errno));
    const char *last = cut_last(path);
    if (strcmp(last, "0_CLIPModel") == 0)
        last = cut_last(path);
    snprintf(d->name, sizeof d->name, "%s", last);
    if (strcmp(cut_last(path), "snapshots") == 0) {
        last = cut_last(path);
        d->snapshot = strncmp(last, "models--", 8) == 0;
        snprintf(d->name, sizeof d->name, "%s", d->snapshot ? last + 8 : last);
        char *dashes = d->snapshot ? strstr(d->name, "--") : NULL;
        if (dashes) {
            *dashes = '/';
            memmove(dashes + 1, dashes + 2, strlen(dashes + 2) + 1);
        }
    }
    free(path);
    return GS_OK;
}

/* ---- its weights ---- */

static bool is_of_open_clip(const char *name)
{
    return strncmp(name, "open_clip_", 10) == 0;
}

/* A file of tensors, or the index of shards. */
static bool has_weights(const char *name)
{
    bool index = strstr(name, INDEX) && ends(name, ".json"), shard = strstr(name, "-of-");
    return strncmp(name, "adapter_", 8) != 0 && !shard && (index || ends(name, SAFETENSORS));
}

/* Those of each layout under a name that is not the usual one. */
static bool is_variant(const char *name)
{
    return has_weights(name) && !is_of_open_clip(name);
}

static bool is_open_clip_variant(const char *name)
{
    return has_weights(name) && is_of_open_clip(name);
}

static bool is_pickle(const char *name)
{
    return ends(name, ".bin") || ends(name, ".pt") || ends(name, ".pth") || ends(name, ".ckpt") ||
           ends(name, ".bin.index.json");
}

static bool is_other_framework(const char *name)
{
    return ends(name, ".msgpack") || ends(name, ".h5");
}

static bool is_onnx(const char *name)
{
    return ends(name, ".onnx") || strcmp(name, "onnx") == 0;
}

/* What to do about a folder without safetensors. */
static gs_status refuse_weights(const char *path, const char *usual, gs_error *err)
{
    static const struct {
        bool (*wanted)(const char *name);
        const char *what;
    } others[] = {
        {is_pickle, "a pickle of PyTorch: make safetensors of it with `tools/convert_encoder FOLDER NEW_FOLDER`"},
        {is_onnx, "an ONNX export: name a folder with " HF_CONFIG " and model.safetensors, such as the repository that "
                  "it was exported from"},
        {is_other_framework, "weights of another framework: load them with transformers and save them with "
                             "save_pretrained(), which writes model.safetensors"},
    };
    gs_status st = GS_OK;
    for (size_t i = 0; st == GS_OK && i < sizeof others / sizeof *others; i++) {
        char *found;
        if (find_names(path, others[i].wanted, &found) > 0 && found)
            st = gs_fail(err, GS_EFORMAT, "%s: its weights are only in %s, %s", path, found, others[i].what);
        free(found);
    }
    return st == GS_OK ? gs_fail(err, GS_EIO, "%s/%s: No such file or directory", path, usual) : st;
}

/* As transformers: the whole file goes before shards; a variant is taken only where it leaves no choice. */
gs_status gs_directory_find_weights(gs_directory *d, gs_error *err)
{
    static const char *const usual[2][2] = {{"model" SAFETENSORS, "model" INDEX ".json"},
                                            {"open_clip_model" SAFETENSORS, "open_clip_model" INDEX ".json"}};
    const char *const *names = usual[d->open_clip];
    const char *taken = has(d->path, names[0]) ? names[0] : has(d->path, names[1]) ? names[1] : NULL;
    char *variant = NULL;
    gs_status st = GS_OK;
    if (d->weights)
        return GS_OK;
    if (!taken) {
        size_t n = find_names(d->path, d->open_clip ? is_open_clip_variant : is_variant, &variant);
        if (n == 0 && d->open_clip) /* any other name will do, too */
            n = find_names(d->path, is_variant, &variant);
        taken = variant;
        if (n > 1)
            st = gs_fail(err, GS_EFORMAT, "%s: no %s, but %zu others, %s among them: give the one to use that name",
                         d->path, names[0], n, variant);
        else if (!taken)
            st = refuse_weights(d->path, names[0], err);
    }
    if (st == GS_OK) {
        d->variant = variant != NULL;
        d->weights = gs_path_join(d->path, taken);
        st = d->weights ? GS_OK : no_memory(err, d->path);
    }
    free(variant);
    return st;
}

/* Many repositories hold a model in both layouts; Hugging Face's goes first where its weights are there. */
static gs_status find_layout(gs_directory *d, gs_error *err)
{
    d->open_clip = !has(d->path, HF_CONFIG);
    if (!d->open_clip && has(d->path, OPEN_CLIP_CONFIG))
        d->open_clip = gs_directory_find_weights(d, NULL) != GS_OK;
    d->config = gs_path_join(d->path, d->open_clip ? OPEN_CLIP_CONFIG : HF_CONFIG);
    return d->config ? GS_OK : no_memory(err, d->path);
}

gs_status gs_directory_open(gs_directory *directory, const char *path, gs_error *err)
{
    *directory = (gs_directory){.path = strdup(path)};
    gs_status st = directory->path ? find_folder(directory, err) : no_memory(err, path);
    if (st == GS_OK)
        st = find_name(directory, err);
    if (st == GS_OK)
        st = find_layout(directory, err);
    if (st != GS_OK)
        gs_directory_close(directory);
    return st;
}

void gs_directory_close(gs_directory *directory)
{
    free(directory->path);
    free(directory->config);
    free(directory->weights);
    *directory = (gs_directory){0};
}
