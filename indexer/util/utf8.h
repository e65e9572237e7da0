/* utf8.h - is a text UTF-8, and what to print when it is not.
 *
 *     size_t bad = gs_utf8_invalid_at(text, size);
 *     if (bad < size) ... text[bad] begins no valid sequence ...
 *     char *printable = gs_utf8_repair(path); ... free(printable);
 */
#ifndef GS_UTF8_H
#define GS_UTF8_H

#include <stddef.h>

/* The index of the first byte of text [size] that begins no well-formed sequence (RFC 3629: no overlong form, no
 * surrogate, nothing above U+10FFFF), or size. */
size_t gs_utf8_invalid_at(const char *text, size_t size);

/* A copy of text with U+FFFD for each byte that begins no well-formed sequence. malloc'ed; NULL when memory ran out. */
char *gs_utf8_repair(const char *text);

#endif
