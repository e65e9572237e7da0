#include "indexer/util/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The length of the sequence at bytes [left], 0 when it is not well formed. */
static size_t sequence_length(const uint8_t *bytes, size_t left)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (bytes[0] < 0x80)
        return 1;
    size_t length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    if (bytes[0] < 0xc0 || bytes[0] > 0xf7 || length > left)
        return 0;
    uint32_t code = bytes[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    int surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < smallest[length] || code > 0x10ffff || surrogate ? 0 : length;
}

size_t gs_utf8_invalid_at(const char *text, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)text;
    for (size_t at = 0; at < size;) {
        size_t length = sequence_length(bytes + at, size - at);
        if (length == 0)
            return at;
        at += length;
    }
    return size;
}

char *gs_utf8_repair(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t left = strlen(text), used = 0;
    char *repaired = malloc(3 * left + 1);
    for (size_t length; repaired && left > 0; text += length, left -= length) {
        length = sequence_length((const uint8_t *)text, left);
        const char *from = length ? text : replacement;
        size_t size = length ? length : sizeof replacement - 1;
        memcpy(repaired + used, from, size);
        used += size;
        length = length ? length : 1;
    }
    if (repaired)
        repaired[used] = 0;
    return repaired;
}
