#include "indexer/serve/zoo.h"

#include "core/filter.h"
#include "indexer/util/json_tree.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What tells a file from the one before. */
typedef struct {
    ino_t file;
    off_t size;
    struct timespec modified;
} stamp;

struct gs_zoo {
    const char *path; /* borrowed */
    gs_zoo_view *view;
    stamp stamps[2]; /* of the view's files: the database and its journal, or the manifest */
    pthread_mutex_t lock;
};

/* ---- one moment ---- */

static void put_lines(gs_json_tree *tree, const char *name, const char *lines)
{
    cJSON *list = gs_json_put_array(tree, tree->root, name);
    for (const char *line = lines; *line;) {
        size_t length = strcspn(line, "\n");
        char *text = strndup(line, length);
        gs_json_put(tree, list, NULL, text ? cJSON_CreateString(text) : NULL);
        free(text);
        line += length + (line[length] == '\n');
    }
}

/* Called for model i with its fields. */
static gs_status list_model(void *context, size_t i, const char *const *fields, gs_error *err)
{
    static const struct {
        const char *name;
        gs_field field;
        bool is_list;
    } told[] = {{"family", GS_FIELD_FAMILY, false},
                {"authors", GS_FIELD_AUTHOR, true},
                {"tags", GS_FIELD_TAG, true},
                {"license", GS_FIELD_LICENSE, false},
                {"resolution", GS_FIELD_RESOLUTION, false}};
    gs_zoo_view *view = context;
    gs_source *source = view->place.source;
    gs_source_model model;
    gs_status st = source->describe(source, i, &model, err);
    if (st != GS_OK)
        return st;
    gs_json_tree tree;
    gs_json_tree_init(&tree);
    gs_json_put_string(&tree, tree.root, "slug", model.slug);
    gs_json_put_string(&tree, tree.root, "title", model.title);
    gs_json_put_string(&tree, tree.root, "type", model.type);
    for (size_t f = 0; f < sizeof told / sizeof *told; f++) {
        const char *value = fields[told[f].field];
        if (value && told[f].is_list)
            put_lines(&tree, told[f].name, value);
        else if (value)
            gs_json_put_string(&tree, tree.root, told[f].name, value);
    }
    gs_source_model_free(&model);
    view->models[i] = tree.root;
    return tree.failed ? gs_fail(err, GS_ENOMEM, "no memory for the list of models") : GS_OK;
}

static void close_view(gs_zoo_view *view)
{
    if (!view)
        return;
    for (size_t i = 0; view->models && i < view->place.source->count; i++)
        cJSON_Delete(view->models[i]);
    free(view->models);
    gs_place_close(&view->place);
    free(view);
}

static gs_status open_view(gs_zoo_view **out, const char *path, gs_error *err)
{
    gs_zoo_view *view = calloc(1, sizeof *view);
    *out = view;
    if (!view)
        return gs_fail(err, GS_ENOMEM, "no memory for the models of %s", path);
    gs_status st = gs_place_open(&view->place, path, err);
    if (st == GS_OK)
        st = gs_place_start_reading(&view->place, err);
    if (st == GS_OK) {
        view->models = calloc(view->place.source->count + 1, sizeof(void *));
        if (!view->models)
            st = gs_fail(err, GS_ENOMEM, "no memory for the models of %s", path);
    }
    if (st == GS_OK)
        st = view->place.source->visit_fields(view->place.source, list_model, view, err);
    if (st == GS_OK)
        return GS_OK;
    close_view(view);
    *out = NULL;
    return st;
}

/* ---- changes ---- */

static stamp stamp_of(const char *path, const char *suffix)
{
    char name[4096];
    struct stat info;
    snprintf(name, sizeof name, "%s%s", path, suffix);
    if (stat(name, &info) != 0 || info.st_size == 0) /* SQLite makes an empty journal when it only reads */
        return (stamp){0};
    return (stamp){info.st_ino, info.st_size, info.st_mtim};
}

static void read_stamps(const gs_zoo *zoo, stamp stamps[2])
{
    struct stat info;
    bool is_folder = stat(zoo->path, &info) == 0 && S_ISDIR(info.st_mode);
    stamps[1] = (stamp){0};
    stamps[0] = stamp_of(zoo->path, is_folder ? "/manifest.json" : "");
    if (!is_folder)
        stamps[1] = stamp_of(zoo->path, "-wal");
}

static bool is_same(const stamp *a, const stamp *b)
{
    return a->file == b->file && a->size == b->size && a->modified.tv_sec == b->modified.tv_sec &&
           a->modified.tv_nsec == b->modified.tv_nsec;
}

static gs_status replace_view(gs_zoo *zoo, gs_error *err)
{
    gs_zoo_view *view;
    gs_status st = open_view(&view, zoo->path, err);
    if (st != GS_OK)
        return st;
    const char *now = view->place.encoder.fingerprint, *before = zoo->view->place.encoder.fingerprint;
    if (strcmp(now, before) != 0) {
        st = gs_fail(err, GS_EMISMATCH, "%s: now has the encoder %s, but this server has %s: start it anew", zoo->path,
                     now, before);
        close_view(view);
        return st;
    }
    pthread_mutex_lock(&zoo->lock);
    gs_zoo_view *old = zoo->view;
    zoo->view = view;
    pthread_mutex_unlock(&zoo->lock);
    close_view(old);
    return GS_OK;
}

gs_status gs_zoo_refresh(gs_zoo *zoo, bool always, bool *changed, gs_error *err)
{
    stamp now[2];
    read_stamps(zoo, now);
    *changed = false;
    if (!always && is_same(&now[0], &zoo->stamps[0]) && is_same(&now[1], &zoo->stamps[1]))
        return GS_OK;
    memcpy(zoo->stamps, now, sizeof now); /* what fails now is tried again only when it has changed */
    gs_status st = replace_view(zoo, err);
    *changed = st == GS_OK;
    return st;
}

/* ---- open and close ---- */

gs_status gs_zoo_open(gs_zoo **out, const char *path, gs_error *err)
{
    *out = NULL;
    gs_zoo *zoo = calloc(1, sizeof *zoo);
    if (!zoo)
        return gs_fail(err, GS_ENOMEM, "no memory for a server");
    zoo->path = path;
    pthread_mutex_init(&zoo->lock, NULL);
    read_stamps(zoo, zoo->stamps);
    gs_status st = open_view(&zoo->view, path, err);
    if (st == GS_OK)
        *out = zoo;
    else
        gs_zoo_close(zoo);
    return st;
}

void gs_zoo_close(gs_zoo *zoo)
{
    if (!zoo)
        return;
    close_view(zoo->view);
    pthread_mutex_destroy(&zoo->lock);
    free(zoo);
}

gs_zoo_view *gs_zoo_lock(gs_zoo *zoo)
{
    pthread_mutex_lock(&zoo->lock);
    return zoo->view;
}

void gs_zoo_unlock(gs_zoo *zoo)
{
    pthread_mutex_unlock(&zoo->lock);
}
