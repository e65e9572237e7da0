/* unicode.h - the little of Unicode that a tokenizer needs, as the library behind CLIPTokenizer sees it.
 *
 *     uint32_t *points = malloc(...), *scratch = malloc(...);                 // GS_UNICODE_GROWTH * length each
 *     size_t n = gs_unicode_nfc(text, length, points, scratch);
 *     n = gs_unicode_lower(points, n, scratch);                               // the small letters are in scratch
 *     if (gs_unicode_kind_of(scratch[0]) == GS_LETTER) ...
 */
#ifndef GS_UNICODE_H
#define GS_UNICODE_H

#include <stddef.h>
#include <stdint.h>

/* No text of so many bytes has more than twice as many code points, however it is taken apart. */
#define GS_UNICODE_GROWTH 2

typedef enum { GS_OTHER, GS_LETTER, GS_NUMBER, GS_SPACE } gs_unicode_kind;

gs_unicode_kind gs_unicode_kind_of(uint32_t point);

/* UTF-8 text [length] to code points in normalisation form C. Every maximal piece of an ill-formed sequence counts as
 * U+FFFD. points and scratch [GS_UNICODE_GROWTH * length]. Returns how many. */
size_t gs_unicode_nfc(const char *text, size_t length, uint32_t *points, uint32_t *scratch);

/* The same without normalisation; scratch is not needed. */
size_t gs_unicode_decode(const char *text, size_t length, uint32_t *points);

/* Each of points [n] in lower case, by itself, to lower [GS_UNICODE_GROWTH * length of the text]. Returns how many: the
 * Turkish capital I with a dot becomes two. */
size_t gs_unicode_lower(const uint32_t *points, size_t n, uint32_t *lower);

/* UTF-8 of a code point; returns its length. */
size_t gs_unicode_encode(uint32_t point, uint8_t bytes[4]);

#endif
