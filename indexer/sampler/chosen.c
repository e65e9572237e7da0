#include "indexer/sampler/chosen.h"

#include <stdarg.h>
#include <stdio.h> /* vsnprintf */
#include <string.h>
#include <strings.h> /* strcasecmp */

/* Thumbnails, deleted files and former states that file servers and systems keep beside the pictures. Hidden ones (.thumbnails, ._x.jpg,
 * .Trash-1000) are known by their dot. */
static const char *const not_samples[] = {
    "@eaDir",    "@__thumb", "@Recycle",     "@Recently-Snapshot", "#recycle",   "#snapshot",
    "~snapshot", "__MACOSX", "$RECYCLE.BIN", "RECYCLER",           "lost+found", "System Volume Information",
};
static const char *const endings[] = {".png", ".jpg", ".jpeg", ".webp"};

static bool is_in(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

bool gs_chosen_is_beside(const char *name)
{
    return name[0] == '.' || is_in(name, not_samples, sizeof not_samples / sizeof *not_samples);
}

bool gs_chosen_ends_as_picture(const char *name)
{
    const char *ending = strrchr(name, '.');
    return ending && is_in(ending, endings, sizeof endings / sizeof *endings);
}

void gs_formats_add(gs_formats *formats, const char *name)
{
    size_t i = 0;
    while (i < formats->count && strcmp(formats->items[i].name, name) != 0)
        i++;
    if (i == GS_FORMATS)
        return;
    formats->items[i].name = name;
    formats->items[i].count++;
    formats->count += i == formats->count;
}

void gs_text_append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

void gs_formats_describe(const gs_formats *formats, char *text, size_t size)
{
    for (size_t i = 0; i < formats->count; i++)
        gs_text_append(text, size, "%s%zu %s", i ? ", " : "", formats->items[i].count, formats->items[i].name);
    if (formats->count > 0)
        gs_text_append(text, size, " (PNG, JPEG and WebP are read)");
}
