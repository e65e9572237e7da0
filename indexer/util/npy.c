#include "indexer/util/npy.h"

#include "core/half.h"

#include <float.h> /* LDBL_MANT_DIG */
#include <stdlib.h>
#include <string.h>

#define MAX_HEADER 65536 /* bytes: more than NumPy reads without being told to */

/* The header's dictionary, a Python literal, while it is read. */
typedef struct {
    const char *at, *end;
    const char *name; /* of the file */
    gs_error *err;
} reader;

static gs_status broken(const reader *r, const char *expected)
{
    int left = r->end - r->at > 20 ? 20 : (int)(r->end - r->at);
    return gs_fail(r->err, GS_EFORMAT, "%s: NumPy's header has '%.*s', expected %s", r->name, left, r->at, expected);
}

static void skip_blanks(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t'))
        r->at++;
}

/* Takes the character, after blanks, if it is the next one. */
static bool take(reader *r, char c)
{
    skip_blanks(r);
    bool found = r->at < r->end && *r->at == c;
    r->at += found;
    return found;
}

static bool take_word(reader *r, const char *word)
{
    skip_blanks(r);
    size_t length = strlen(word);
    bool found = (size_t)(r->end - r->at) >= length && memcmp(r->at, word, length) == 0;
    r->at += found ? length : 0;
    return found;
}

/* A string without escapes, of which NumPy writes none here. */
static gs_status read_string(reader *r, char *text, size_t size)
{
    skip_blanks(r);
    char quote = r->at < r->end ? *r->at : 0;
    if (quote != '\'' && quote != '"')
        return broken(r, "a string");
    const char *begin = r->at + 1, *close = memchr(begin, quote, (size_t)(r->end - begin));
    if (!close || (size_t)(close - begin) >= size || memchr(begin, '\\', (size_t)(close - begin)))
        return broken(r, "a short string");
    memcpy(text, begin, (size_t)(close - begin));
    text[close - begin] = 0;
    r->at = close + 1;
    return GS_OK;
}

static gs_status read_length(reader *r, uint64_t *length)
{
    skip_blanks(r);
    const char *begin = r->at;
    *length = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        if (__builtin_mul_overflow(*length, 10u, length) ||
            __builtin_add_overflow(*length, (unsigned)(*r->at - '0'), length))
            return broken(r, "a length below 2^64");
    if (r->at == begin)
        return broken(r, "the length of an axis");
    if (r->at < r->end && *r->at == 'L') /* as Python 2 wrote it */
        r->at++;
    return GS_OK;
}

/* (), (3,), (3, 4) */
static gs_status read_shape(reader *r, gs_npy *array)
{
    array->axes = 0;
    if (!take(r, '('))
        return broken(r, "'(' of a shape");
    while (!take(r, ')')) {
        if (array->axes == GS_NPY_AXES)
            return gs_fail(r->err, GS_EFORMAT, "%s: more than %d axes", r->name, GS_NPY_AXES);
        gs_status st = read_length(r, &array->shape[array->axes++]);
        if (st != GS_OK)
            return st;
        bool more = take(r, ',');
        skip_blanks(r);
        if (!more && (array->axes == 1 || r->at == r->end || *r->at != ')')) /* (3) is a number in Python */
            return broken(r, "',' in a shape");
    }
    return GS_OK;
}

static const char *kind_name(char kind)
{
    switch (kind) {
    case 'O':
        return "Python objects, which only unpickling would read";
    case 'c':
        return "complex numbers";
    case 'V':
        return "records";
    case 'M':
    case 'm':
        return "times";
    default:
        return "values of no known type";
    }
}

static bool is_known(char kind, size_t width)
{
    bool power = width == 1 || width == 2 || width == 4 || width == 8;
    switch (kind) {
    case 'b':
        return width == 1;
    case 'i':
    case 'u':
        return power;
    case 'f':
        return (power && width > 1) || (width == 16 && LDBL_MANT_DIG == 64);
    case 'S':
        return true;
    case 'U':
        return width % 4 == 0;
    default:
        return false;
    }
}

/* '<f4', '|u1', '|S64', '<U64': byte order, kind, size. Sizes of U are in characters. */
static gs_status read_type(reader *r, gs_npy *array)
{
    char text[32] = "";
    skip_blanks(r);
    if (r->at < r->end && *r->at == '[')
        return gs_fail(r->err, GS_EFORMAT, "%s: holds %s, expected numbers", r->name, kind_name('V'));
    gs_status st = read_string(r, text, sizeof text);
    if (st != GS_OK)
        return st;
    char order = text[0], *end = text;
    array->kind = order ? text[1] : 0;
    unsigned long width = array->kind && text[2] >= '0' && text[2] <= '9' ? strtoul(text + 2, &end, 10) : 0;
    array->width = width > 1u << 20 ? 0 : width * (array->kind == 'U' ? 4 : 1);
    array->big_endian = order == '>';
    bool ordered = order == '<' || order == '>' || ((order == '|' || order == '=') && array->width == 1);
    if (!is_known(array->kind, array->width) || *end || !(ordered || (order == '|' && array->kind == 'S')))
        return gs_fail(r->err, GS_EFORMAT, "%s: holds %s (dtype '%s'), expected numbers", r->name,
                       kind_name(array->kind), text);
    return GS_OK;
}

static gs_status read_bool(reader *r, bool *value)
{
    *value = take_word(r, "True");
    return *value || take_word(r, "False") ? GS_OK : broken(r, "True or False");
}

/* One entry of the dictionary: its bit of 1 (descr), 2 (fortran_order), 4 (shape) is set in *seen. */
static gs_status read_entry(reader *r, gs_npy *array, unsigned *seen)
{
    static const char *const names[] = {"descr", "fortran_order", "shape"};
    char name[32] = "";
    gs_status st = read_string(r, name, sizeof name);
    if (st != GS_OK)
        return st;
    unsigned which = 0;
    while (which < 3 && strcmp(name, names[which]) != 0)
        which++;
    if (which == 3 || *seen & 1u << which || !take(r, ':'))
        return broken(r, "descr, fortran_order and shape, each once and followed by ':'");
    *seen |= 1u << which;
    return which == 0 ? read_type(r, array) : which == 1 ? read_bool(r, &array->fortran) : read_shape(r, array);
}

static gs_status read_dictionary(reader *r, gs_npy *array)
{
    unsigned seen = 0;
    bool more = take(r, '{');
    if (!more)
        return broken(r, "'{'");
    while (!take(r, '}')) {
        if (!more)
            return broken(r, "',' or '}'");
        gs_status st = read_entry(r, array, &seen);
        if (st != GS_OK)
            return st;
        more = take(r, ',');
    }
    skip_blanks(r);
    if (r->at != r->end)
        return broken(r, "nothing more");
    return seen == 7 ? GS_OK : broken(r, "descr, fortran_order and shape before it");
}

/* The product of the axes, which a size_t of bytes must hold. An axis of 0 leaves the others free. */
static gs_status count_elements(gs_npy *array, size_t bytes, const char *name, gs_error *err)
{
    uint64_t size = array->width;
    bool overflows = false, empty = false;
    array->count = 1;
    for (size_t i = 0; i < array->axes; i++) {
        empty |= array->shape[i] == 0;
        overflows |= __builtin_mul_overflow(array->count, array->shape[i], &array->count);
    }
    array->count = empty ? 0 : array->count;
    overflows |= __builtin_mul_overflow(array->count, size, &size);
    if ((overflows && !empty) || size != bytes)
        return gs_fail(err, GS_EFORMAT, "%s: holds %zu bytes of data, which is not what its shape says", name, bytes);
    return GS_OK;
}

gs_status gs_npy_parse(gs_npy *array, const void *bytes, size_t size, const char *name, gs_error *err)
{
    const uint8_t *file = bytes;
    size_t magic = sizeof GS_NPY_MAGIC - 1, begin;
    *array = (gs_npy){0};
    if (size < magic + 4 || memcmp(file, GS_NPY_MAGIC, magic) != 0)
        return gs_fail(err, GS_EFORMAT, "%s: is no NumPy array", name);
    unsigned version = file[magic];
    if (version < 1 || version > 3 || file[magic + 1] != 0)
        return gs_fail(err, GS_EFORMAT, "%s: NumPy's format %u.%u, expected 1.0, 2.0 or 3.0", name, version,
                       file[magic + 1]);
    begin = magic + (version == 1 ? 4 : 6);
    size_t length = file[magic + 2] | (size_t)file[magic + 3] << 8;
    if (version > 1 && size >= begin)
        length |= (size_t)file[magic + 4] << 16 | (size_t)file[magic + 5] << 24;
    if (size < begin || length > MAX_HEADER || length > size - begin)
        return gs_fail(err, GS_EFORMAT, "%s: NumPy's header is cut short, or longer than %d bytes", name, MAX_HEADER);
    reader r = {(const char *)file + begin, (const char *)file + begin + length, name, err};
    gs_status st = read_dictionary(&r, array);
    array->data = file + begin + length;
    return st == GS_OK ? count_elements(array, size - begin - length, name, err) : st;
}

bool gs_npy_is_number(const gs_npy *array)
{
    return array->kind != 'S' && array->kind != 'U';
}

/* The element's bytes in the order of this machine. */
static void fetch(const gs_npy *array, uint64_t at, uint8_t bytes[16])
{
    const uint8_t *from = array->data + at * array->width;
    bool swap = array->big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
    for (size_t i = 0; i < array->width; i++)
        bytes[i] = from[swap ? array->width - 1 - i : i];
}

static double real_number(const uint8_t *bytes, size_t width)
{
    union {
        uint16_t f2;
        float f4;
        double f8;
        long double f16;
    } value;
    memcpy(&value, bytes, width);
    return width == 2   ? (double)gs_half_to_float(value.f2)
           : width == 4 ? (double)value.f4
           : width == 8 ? value.f8
                        : (double)value.f16;
}

static double whole_number(const uint8_t *bytes, size_t width, bool is_signed)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++) {
        size_t significance = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? width - 1 - i : i;
        value |= (uint64_t)bytes[i] << 8 * significance;
    }
    if (!is_signed)
        return (double)value;
    unsigned unused = 64 - 8 * (unsigned)width;
    return (double)((int64_t)(value << unused) >> unused);
}

double gs_npy_number(const gs_npy *array, uint64_t at)
{
    uint8_t bytes[16];
    fetch(array, at, bytes);
    return array->kind == 'f' ? real_number(bytes, array->width)
                              : whole_number(bytes, array->width, array->kind == 'i');
}

bool gs_npy_text(const gs_npy *array, char *text, size_t size)
{
    if (gs_npy_is_number(array) || array->count != 1)
        return false;
    gs_npy letters = *array; /* as numbers: one of a byte for S, of four for U */
    letters.kind = 'u';
    letters.width = array->kind == 'U' ? 4 : 1;
    letters.count = array->width / letters.width;
    size_t length = 0;
    for (; length < letters.count; length++) {
        double letter = gs_npy_number(&letters, length);
        if (letter == 0)
            break;
        if (letter > 126 || length + 1 >= size)
            return false;
        text[length] = (char)letter;
    }
    text[length] = 0;
    return true;
}
