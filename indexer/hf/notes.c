#include "indexer/hf/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void gs_notes_add(gs_notes *notes, const char *format, ...)
{
    size_t used = strlen(notes->text), room = sizeof notes->text - used;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(notes->text + used, room, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length + 1 < room)
        memcpy(notes->text + used + (size_t)length, "\n", 2);
    else
        notes->text[used] = 0;
}
