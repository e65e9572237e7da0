/* notes.h - what was assumed where an encoder's files say nothing, for who opened it to print.
 *
 *     gs_notes notes = {0};
 *     gs_notes_add(&notes, "%s: no preprocessor_config.json: pictures are prepared as CLIP's are", directory);
 */
#ifndef GS_NOTES_H
#define GS_NOTES_H

typedef struct {
    char text[1024]; /* a line each, ended by '\n'; those that do not fit are left out */
} gs_notes;

__attribute__((format(printf, 2, 3))) void gs_notes_add(gs_notes *notes, const char *format, ...);

#endif
