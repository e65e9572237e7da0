/* chosen.h - which files of a folder or an archive are samples, and what is there beside them.
 *
 *     if (gs_chosen_is_beside(name)) continue;                            // for each part of a path
 *     if (gs_chosen_ends_as_picture(name)) ...                            // or look into the file:
 *     format = gs_image_format(begin, size, &is_read);
 *     if (format && !is_read) gs_formats_add(&formats, format);
 *     gs_formats_describe(&formats, text, sizeof text);                   // "12 GIF, 3 HEIC (PNG, JPEG and WebP are read)"
 */
#ifndef GS_CHOSEN_H
#define GS_CHOSEN_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether a file or folder of this name is hidden, or one that systems make beside pictures (chosen.c has them all). */
bool gs_chosen_is_beside(const char *name);

/* .png, .jpg, .jpeg or .webp, in any case. */
bool gs_chosen_ends_as_picture(const char *name);

#define GS_FORMATS 16
typedef struct {
    struct {
        const char *name; /* static */
        size_t count;
    } items[GS_FORMATS]; /* picture formats that are not read, with their files */
    size_t count;
} gs_formats;

/* name: of gs_image_format(). */
void gs_formats_add(gs_formats *formats, const char *name);

/* Writes nothing when there are none. */
void gs_formats_describe(const gs_formats *formats, char *text, size_t size);

/* Appends to text [size] what fits. */
void gs_text_append(char *text, size_t size, const char *format, ...) GS_PRINTF(3, 4);

#endif
