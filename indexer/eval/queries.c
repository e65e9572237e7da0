#include "indexer/eval/queries.h"

#include "indexer/util/file.h"
#include "indexer/util/utf8.h"

#include <errno.h>
#include <math.h> /* isfinite */
#include <stdlib.h>
#include <string.h>
#include <unistd.h> /* access */

#define MAX_FILE (256u << 20)

void gs_eval_queries_free(gs_eval_queries *set)
{
    for (size_t i = 0; i < set->n_parts; i++)
        free(set->parts[i].input);
    for (size_t i = 0; i < set->count; i++)
        cJSON_Delete(set->queries[i].json);
    free(set->queries);
    free(set->parts);
    free(set->groups);
    *set = (gs_eval_queries){0};
}

gs_status gs_eval_at_line(const gs_eval_queries *set, size_t query, gs_status status, gs_error *err)
{
    return gs_error_prefix(err, status, "%s:%zu", set->path, set->queries[query].line);
}

/* ---- fields ------------------------------------------------------------------------------------------------------------------- */

/* Every field of object is one of names, a list ended by NULL. what: the object, for the message. */
static gs_status check_fields(const cJSON *object, const char *what, const char *const *names, gs_error *err)
{
    for (const cJSON *field = object->child; field; field = field->next) {
        size_t i = 0;
        while (names[i] && strcmp(names[i], field->string) != 0)
            i++;
        if (!names[i])
            return gs_fail(err, GS_EFORMAT, "%s has the field '%.64s', which no query has", what, field->string);
    }
    return GS_OK;
}

static gs_status find_string(const cJSON *object, const char *name, const char **text, gs_error *err)
{
    const cJSON *field = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsString(field) || field->valuestring[strspn(field->valuestring, " \t\n\r")] == '\0')
        return gs_fail(err, GS_EFORMAT, "'%s' is %s, expected a string that is not empty", name,
                       field ? "no such string" : "missing");
    *text = field->valuestring;
    return GS_OK;
}

/* Whether list is an array of strings, one at least. */
static bool is_list(const cJSON *list)
{
    const cJSON *item = cJSON_IsArray(list) ? list->child : NULL;
    bool all = item != NULL;
    for (; item; item = item->next)
        all &= cJSON_IsString(item) != 0;
    return all;
}

/* *list stays NULL when there is no such field. */
static gs_status find_list(const cJSON *expect, const char *name, const cJSON **list, gs_error *err)
{
    const cJSON *field = cJSON_GetObjectItemCaseSensitive(expect, name);
    if (field && !is_list(field))
        return gs_fail(err, GS_EFORMAT, "'expect.%s' is no list of strings", name);
    *list = field;
    return GS_OK;
}

static gs_status read_expect(const cJSON *expect, gs_eval_query *query, gs_error *err)
{
    static const char *const names[] = {"models", "tags", "each", "nothing", NULL};
    if (!cJSON_IsObject(expect))
        return gs_fail(err, GS_EFORMAT, "'expect' is no object");
    gs_status st = check_fields(expect, "'expect'", names, err);
    if (st == GS_OK)
        st = find_list(expect, "models", &query->models, err);
    if (st == GS_OK)
        st = find_list(expect, "tags", &query->tags, err);
    if (st != GS_OK)
        return st;
    const cJSON *nothing = cJSON_GetObjectItemCaseSensitive(expect, "nothing");
    query->each = cJSON_GetObjectItemCaseSensitive(expect, "each");
    query->nothing = cJSON_IsTrue(nothing);
    bool lists = !query->each || (cJSON_IsArray(query->each) && query->each->child);
    for (const cJSON *list = query->each ? query->each->child : NULL; list; list = list->next)
        lists &= is_list(list);
    if (!lists)
        return gs_fail(err, GS_EFORMAT, "'expect.each' is no list of lists of strings");
    if (nothing && !cJSON_IsTrue(nothing))
        return gs_fail(err, GS_EFORMAT, "'expect.nothing' is not true");
    bool something = query->models || query->tags || query->each;
    if (query->nothing == something)
        return gs_fail(err, GS_EFORMAT, "'expect' %s",
                       something ? "has 'nothing' beside something" : "has no models, tags, each or nothing");
    return GS_OK;
}

/* ---- parts -------------------------------------------------------------------------------------------------------------------- */

/* What a part of this kind is given by. */
static const char *input_field(gs_part_kind kind)
{
    return kind == GS_PART_TEXT ? "text" : kind == GS_PART_MODEL ? "model" : "file";
}

/* path relative to the folder that the set lies in; malloc'ed. */
static char *beside(const char *set, const char *path)
{
    const char *slash = strrchr(set, '/');
    char *folder = slash ? strndup(set, (size_t)(slash - set) + 1) : strdup(".");
    char *joined = folder ? gs_path_join(folder, path) : NULL;
    free(folder);
    return joined;
}

static gs_status read_part(const cJSON *json, const char *path, gs_eval_part *part, gs_error *err)
{
    const char *kind = NULL, *input = NULL;
    if (!cJSON_IsObject(json))
        return gs_fail(err, GS_EFORMAT, "is no object");
    gs_status st = find_string(json, "kind", &kind, err);
    if (st == GS_OK)
        st = gs_part_kind_parse(kind, &part->kind, err);
    if (st != GS_OK)
        return st;
    const char *names[] = {"kind", "weight", input_field(part->kind), NULL};
    st = check_fields(json, "it", names, err);
    if (st == GS_OK)
        st = find_string(json, names[2], &input, err);
    if (st != GS_OK)
        return st;
    const cJSON *weight = cJSON_GetObjectItemCaseSensitive(json, "weight");
    part->weight = weight ? weight->valuedouble : 1;
    if (weight && (!cJSON_IsNumber(weight) || !isfinite(part->weight) || part->weight == 0))
        return gs_fail(err, GS_EFORMAT, "its weight is no number other than 0");
    bool is_file = strcmp(names[2], "file") == 0;
    part->input = is_file ? beside(path, input) : strdup(input);
    if (!part->input)
        return gs_fail(err, GS_ENOMEM, "no memory");
    if (is_file && access(part->input, R_OK) != 0)
        return gs_fail(err, GS_EIO, "%s: %s", part->input, strerror(errno));
    return GS_OK;
}

static gs_status read_parts(gs_eval_queries *set, const cJSON *list, gs_eval_query *query, gs_error *err)
{
    if (!cJSON_IsArray(list) || !list->child)
        return gs_fail(err, GS_EFORMAT, "'parts' is no list of one part or more");
    size_t n = (size_t)cJSON_GetArraySize(list);
    gs_eval_part *parts = realloc(set->parts, (set->n_parts + n) * sizeof *parts);
    if (!parts)
        return gs_fail(err, GS_ENOMEM, "no memory for %zu parts", n);
    set->parts = parts;
    query->first_part = set->n_parts;
    for (const cJSON *json = list->child; json; json = json->next) {
        parts[set->n_parts] = (gs_eval_part){0};
        gs_status st = read_part(json, set->path, &parts[set->n_parts++], err);
        query->n_parts++;
        if (st != GS_OK)
            return gs_error_prefix(err, st, "part %zu", query->n_parts);
    }
    return GS_OK;
}

/* ---- the file ----------------------------------------------------------------------------------------------------------------- */

static gs_status find_group(gs_eval_queries *set, const char *name, const char **group, gs_error *err)
{
    for (size_t i = 0; i < set->n_groups; i++)
        if (strcmp(set->groups[i], name) == 0) {
            *group = set->groups[i];
            return GS_OK;
        }
    const char **groups = realloc(set->groups, (set->n_groups + 1) * sizeof *groups);
    if (!groups)
        return gs_fail(err, GS_ENOMEM, "no memory");
    set->groups = groups;
    *group = groups[set->n_groups++] = name;
    return GS_OK;
}

/* line [size] holds a query and ends with a NUL, which size does not count. */
static gs_status read_line(gs_eval_queries *set, const char *line, size_t size, size_t number, gs_error *err)
{
    static const char *const names[] = {"class", "parts", "expect", NULL};
    if (strlen(line) < size || gs_utf8_invalid_at(line, size) < size)
        return gs_fail(err, GS_EFORMAT, "is not UTF-8 text");
    cJSON *json = cJSON_ParseWithOpts(line, NULL, true);
    if (!cJSON_IsObject(json)) {
        cJSON_Delete(json);
        return gs_fail(err, GS_EFORMAT, "is no JSON object");
    }
    gs_eval_query *query = &set->queries[set->count++];
    query->json = json;
    query->line = number;
    const char *group = NULL;
    gs_status st = check_fields(json, "the query", names, err);
    if (st == GS_OK)
        st = find_string(json, "class", &group, err);
    if (st == GS_OK)
        st = find_group(set, group, &query->group, err);
    if (st == GS_OK)
        st = read_expect(cJSON_GetObjectItemCaseSensitive(json, "expect"), query, err);
    if (st == GS_OK)
        st = read_parts(set, cJSON_GetObjectItemCaseSensitive(json, "parts"), query, err);
    return st;
}

static gs_status read_lines(gs_eval_queries *set, char *text, size_t size, gs_error *err)
{
    size_t lines = 1, number = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    set->queries = calloc(lines, sizeof *set->queries);
    if (!set->queries)
        return gs_fail(err, GS_ENOMEM, "%s: no memory for %zu queries", set->path, lines);
    for (char *line = text, *end; line < text + size; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + size - line));
        end = end ? end : text + size;
        *end = '\0';
        number++;
        if (line[strspn(line, " \t\r")] == '\0' && line + strlen(line) == end)
            continue;
        gs_status st = read_line(set, line, (size_t)(end - line), number, err);
        if (st != GS_OK)
            return gs_error_prefix(err, st, "%s:%zu", set->path, number);
    }
    return set->count > 0 ? GS_OK : gs_fail(err, GS_EFORMAT, "%s: has no queries", set->path);
}

gs_status gs_eval_queries_parse(gs_eval_queries *set, char *text, size_t size, const char *path, gs_error *err)
{
    *set = (gs_eval_queries){.path = path};
    gs_status st = read_lines(set, text, size, err);
    if (st != GS_OK)
        gs_eval_queries_free(set);
    return st;
}

gs_status gs_eval_queries_read(gs_eval_queries *set, const char *path, gs_error *err)
{
    *set = (gs_eval_queries){0};
    gs_bytes bytes;
    gs_status st = gs_file_read(&bytes, path, MAX_FILE, err);
    if (st != GS_OK)
        return st;
    st = gs_eval_queries_parse(set, (char *)bytes.data, bytes.size, path, err);
    gs_bytes_free(&bytes);
    return st;
}
