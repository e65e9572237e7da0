/* format.c - what a file is, by its first bytes. */
#include "indexer/image/codec.h"

#include <string.h>

#define BYTES(text) (text), sizeof(text) - 1

typedef struct {
    const char *name;
    gs_decoder *decode; /* NULL: not read */
    const char *begin;  /* [n_begin]  the file begins so */
    size_t n_begin;
    size_t at;        /* and has there */
    const char *then; /* [n_then] */
    size_t n_then;
} format;

static const format formats[] = {
    {"PNG", gs_png_decode, BYTES("\x89PNG\r\n\x1a\n"), 0, BYTES("")},
    {"JPEG", gs_jpeg_decode, BYTES("\xff\xd8\xff"), 0, BYTES("")},
    {"WebP", gs_webp_decode, BYTES("RIFF"), 8, BYTES("WEBP")},
    {"GIF", NULL, BYTES("GIF8"), 0, BYTES("")},
    {"BMP", NULL, BYTES("BM"), 6, BYTES("\0\0\0\0")},
    {"TIFF", NULL, BYTES("II*\0"), 0, BYTES("")},
    {"TIFF", NULL, BYTES("MM\0*"), 0, BYTES("")},
    {"AVIF", NULL, BYTES(""), 4, BYTES("ftypavi")}, /* avif, avis */
    {"HEIC", NULL, BYTES(""), 4, BYTES("ftyphe")},  /* heic, heix, heim, hevc ... */
    {"HEIF", NULL, BYTES(""), 4, BYTES("ftypmif1")},
    {"HEIF", NULL, BYTES(""), 4, BYTES("ftypmsf1")},
    {"JPEG XL", NULL, BYTES("\xff\x0a"), 0, BYTES("")},
    {"JPEG XL", NULL, BYTES(""), 4, BYTES("JXL \r\n\x87\n")},
    {"JPEG 2000", NULL, BYTES(""), 4, BYTES("jP  \r\n\x87\n")},
};

static const format *find_format(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const format *f = &formats[i];
        if (size >= f->n_begin && size >= f->at + f->n_then && memcmp(bytes, f->begin, f->n_begin) == 0 &&
            memcmp(bytes + f->at, f->then, f->n_then) == 0)
            return f;
    }
    return NULL;
}

const char *gs_image_format(const void *bytes, size_t size, bool *is_read)
{
    const format *f = find_format(bytes, size);
    *is_read = f && f->decode;
    return f ? f->name : NULL;
}

static bool begins_with(const uint8_t *bytes, size_t size, const char *text)
{
    return size >= strlen(text) && memcmp(bytes, text, strlen(text)) == 0;
}

/* Markup, behind a byte order mark and blanks if there are any. */
static bool is_markup(const uint8_t *bytes, size_t size)
{
    size_t i = begins_with(bytes, size, "\xef\xbb\xbf") ? 3 : 0;
    while (i < size && strchr(" \t\r\n", bytes[i]) && bytes[i])
        i++;
    return i < size && bytes[i] == '<';
}

gs_status gs_image_find_decoder(gs_decoder **decode, const uint8_t *bytes, size_t size, gs_error *err)
{
    const format *f = find_format(bytes, size);
    *decode = f ? f->decode : NULL;
    if (*decode)
        return GS_OK;
    if (f)
        return gs_fail(err, GS_EFORMAT, "is a picture in the format %s; PNG, JPEG and WebP are read", f->name);
    if (size == 0)
        return gs_fail(err, GS_EFORMAT, "is empty");
    if (begins_with(bytes, size, "version https://git-lfs.github.com/spec/"))
        return gs_fail(err, GS_EFORMAT, "is a Git LFS pointer in place of the picture: `git lfs pull` fetches it");
    if (is_markup(bytes, size))
        return gs_fail(err, GS_EFORMAT, "is HTML or XML, no picture");
    return gs_fail(err, GS_EFORMAT, "is no PNG, JPEG or WebP picture");
}
