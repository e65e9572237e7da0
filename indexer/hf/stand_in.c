#include "indexer/hf/stand_in.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h> /* strncasecmp */

#define LONGEST_MESSAGE 300 /* bytes of an error message that is saved as a file */

static bool begins(const char *text, size_t size, const char *with)
{
    size_t length = strlen(with);
    return size >= length && strncasecmp(text, with, length) == 0;
}

/* A ZIP, or a pickle of protocol 2 to 5. A safetensors file may begin with the same two bytes: there they are of its header's length, and the
 * header's brace is the ninth. */
static bool is_pickle(const uint8_t *bytes, size_t size)
{
    if (begins((const char *)bytes, size, "PK\3\4"))
        return true;
    return size >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5 && !(size > 8 && bytes[8] == '{');
}

/* One line of at least three words, such as "Entry not found" or {"error":"Repository not found"}. */
static bool is_message(const char *text, size_t size)
{
    size_t words = 1;
    if (size < 3 || size > LONGEST_MESSAGE || !(isupper((unsigned char)text[0]) || begins(text, size, "{\"error\"")))
        return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n' && i + 1 == size)
            continue;
        if (!isprint((unsigned char)text[i]))
            return false;
        words += text[i] == ' ';
    }
    return words >= 3;
}

gs_status gs_stand_in_check(const char *path, const void *bytes, size_t size, gs_error *err)
{
    static const char *const pages[] = {"<!doctype", "<html", "<?xml", "<head"};
    const char *text = bytes, *start = text;
    if (begins(text, size, "version https://git-lfs"))
        return gs_fail(err, GS_EFORMAT, "%s: is a Git LFS pointer, not the file: fetch it with `git lfs pull`", path);
    if (is_pickle(bytes, size))
        return gs_fail(err, GS_EFORMAT, "%s: is a pickle of PyTorch: make safetensors of it with tools/convert_encoder",
                       path);
    while (start < text + size && isspace((unsigned char)*start))
        start++;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (begins(start, size - (size_t)(start - text), pages[i]))
            return gs_fail(err, GS_EFORMAT, "%s: is a web page, not the file: download it again", path);
    if (!is_message(text, size))
        return GS_OK;
    size_t length = text[size - 1] == '\n' ? size - 1 : size;
    return gs_fail(err, GS_EFORMAT, "%s: is an error message, not the file: '%.*s': download it again", path,
                   (int)length, text);
}
