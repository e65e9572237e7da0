#include "indexer/serve/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h> /* strcasecmp */
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes the path of url to decoded [capacity]. False for a bad escape, a NUL, or what does not fit. */
static bool decode_path(const char *url, char *decoded, size_t capacity)
{
    size_t used = 0;
    for (const char *c = url; *c && *c != '?' && *c != '#'; c++) {
        int byte = (unsigned char)*c;
        if (*c == '%') {
            int high = hex_value(c[1]), low = high < 0 ? -1 : hex_value(c[2]);
            if (low < 0)
                return false;
            byte = high * 16 + low;
            c += 2;
        }
        if (byte == 0 || used + 1 >= capacity)
            return false;
        decoded[used++] = (char)byte;
    }
    decoded[used] = 0;
    return decoded[0] == '/';
}

/* Any part that begins with a dot: hidden files, "." and "..". */
static bool has_dotted_part(const char *path)
{
    return strstr(path, "/.") != NULL;
}

static bool is_below(const char *path, const char *root)
{
    size_t length = strlen(root);
    return strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == 0 || length == 1);
}

/* The real path of root + path, index.html for a path that ends in '/'. */
static gs_found resolve(gs_file *file, const char *root, const char *path)
{
    char wanted[PATH_MAX];
    bool folder = path[strlen(path) - 1] == '/';
    int length = snprintf(wanted, sizeof wanted, "%s%s%s", root, path, folder ? "index.html" : "");
    if (length >= (int)sizeof wanted || !realpath(wanted, file->path) || !is_below(file->path, root))
        return GS_MISSING;
    return GS_FOUND;
}

static void format_date(time_t modified, char text[32])
{
    time_t now = time(NULL);
    struct tm date;
    gmtime_r(modified < now ? &modified : &now, &date);
    strftime(text, 32, "%a, %d %b %Y %H:%M:%S GMT", &date);
}

/* Size, ETag and date, of an open file. False for what is no regular one. */
static bool describe(gs_file *file, struct stat *info)
{
    if (fstat(file->fd, info) != 0 || !S_ISREG(info->st_mode))
        return false;
    file->size = (uint64_t)info->st_size;
    /* The clock of a file system may tick in milliseconds: a file replaced within one has at least another inode. */
    snprintf(file->etag, sizeof file->etag, "\"%llx-%llx-%llx-%llx\"", (unsigned long long)info->st_ino,
             (unsigned long long)info->st_size, (unsigned long long)info->st_mtim.tv_sec,
             (unsigned long long)info->st_mtim.tv_nsec);
    format_date(info->st_mtim.tv_sec, file->modified);
    return true;
}

gs_found gs_file_open(gs_file *file, const char *root, const char *url)
{
    file->fd = -1;
    file->coding = NULL;
    char path[PATH_MAX];
    if (!decode_path(url, path, sizeof path))
        return GS_BAD_URL;
    if (has_dotted_part(path) || resolve(file, root, path) != GS_FOUND)
        return GS_MISSING;
    struct stat info;
    file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold us */
    if (file->fd < 0 || fstat(file->fd, &info) != 0)
        return GS_MISSING;
    if (S_ISDIR(info.st_mode))
        return GS_FOLDER;
    return describe(file, &info) ? GS_FOUND : GS_MISSING;
}

void gs_file_close(gs_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

/* Whether an Accept-Encoding header takes coding: as its own entry says, else as that of "*" does; not with a weight of 0. */
static bool accepts(const char *header, const char *coding)
{
    size_t length = strlen(coding);
    bool any = false;
    for (const char *at = header; *at; at += strcspn(at, ","), at += *at == ',') {
        at += strspn(at, " \t");
        size_t name = strcspn(at, ";, \t");
        const char *weight = at + name;
        weight += strspn(weight, " \t");
        if (*weight == ';')
            weight += 1 + strspn(weight + 1, " \t");
        bool taken = strncasecmp(weight, "q=", 2) != 0 || strtod(weight + 2, NULL) > 0;
        if (name == length && strncasecmp(at, coding, length) == 0)
            return taken;
        any = any || (name == 1 && *at == '*' && taken);
    }
    return any;
}

void gs_file_choose_form(gs_file *file, const char *accepted)
{
    static const struct {
        const char *coding, *suffix;
    } forms[] = {{"br", ".br"}, {"gzip", ".gz"}};
    struct stat whole, info;
    if (!accepted || fstat(file->fd, &whole) != 0)
        return;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char path[PATH_MAX + 4];
        gs_file form = *file;
        if (!accepts(accepted, forms[i].coding))
            continue;
        snprintf(path, sizeof path, "%s%s", file->path, forms[i].suffix);
        form.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        if (form.fd < 0)
            continue;
        if (!describe(&form, &info) || info.st_mtim.tv_sec < whole.st_mtim.tv_sec) {
            close(form.fd);
            continue;
        }
        close(file->fd);
        form.coding = forms[i].coding;
        *file = form;
        return;
    }
}

const char *gs_content_type(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".wasm", "application/wasm"},
        {".txt", "text/plain; charset=utf-8"},
        {".md", "text/plain; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".jpeg", "image/jpeg"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".xml", "application/xml"},
    };
    const char *extension = strrchr(path, '.');
    for (size_t i = 0; extension && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(extension, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream"; /* .onnx, .bin and whatever else */
}

#define HASH_DIGITS 16 /* publish/publish.h */

/* means-0123456789abcdef.bin, thumbs/0123456789abcdef.webp */
const char *gs_cache_control(const char *path)
{
    const char *slash = strrchr(path, '/'); /* only the name counts: the served folder may be called anything */
    for (const char *c = slash ? slash : path; *c; c++)
        if ((*c == '/' || *c == '-') && strspn(c + 1, "0123456789abcdef") == HASH_DIGITS && c[1 + HASH_DIGITS] == '.')
            return "public, max-age=31536000, immutable";
    return "no-cache";
}

bool gs_etag_matches(const char *header, const char *etag)
{
    return strcmp(header, "*") == 0 || strstr(header, etag) != NULL;
}

/* Decimal digits at *text to *value; false when there are none, or too many. */
static bool parse_number(const char **text, uint64_t *value)
{
    size_t digits = strspn(*text, "0123456789");
    if (digits == 0 || digits > 18)
        return false;
    *value = strtoull(*text, NULL, 10);
    *text += digits;
    return true;
}

gs_range gs_range_parse(const char *header, uint64_t size, uint64_t *first, uint64_t *count)
{
    if (!header || strncmp(header, "bytes=", 6) != 0)
        return GS_RANGE_NONE;
    const char *at = header + 6;
    uint64_t begin = 0, end = 0;
    bool has_begin = parse_number(&at, &begin);
    if (*at++ != '-')
        return GS_RANGE_NONE;
    bool has_end = parse_number(&at, &end);
    if (*at || (!has_begin && !has_end) || (has_begin && has_end && end < begin))
        return GS_RANGE_NONE;
    if (!has_begin) { /* the last end bytes */
        begin = end < size ? size - end : 0;
        has_end = false;
        if (end == 0)
            return GS_RANGE_UNSATISFIABLE;
    }
    if (begin >= size)
        return GS_RANGE_UNSATISFIABLE;
    *first = begin;
    *count = (has_end && end < size ? end + 1 : size) - begin;
    return GS_RANGE_PART;
}
