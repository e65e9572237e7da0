#include "indexer/image/codec.h"

#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs FILE */
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

/* A progressive file may send any number of scans, each of which costs a pass over the whole picture. libjpeg's own
 * cjpeg writes at most these. */
#define MAX_SCANS 100

/* Everything that must survive libjpeg's longjmp lives here, in the frame of the caller of the function that calls
 * setjmp. */
typedef struct {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    const uint8_t *bytes; /* [size]  borrowed */
    size_t size;
    gs_image *image;
    uint64_t most_pixels;
    gs_error *err;
    gs_status status;
    bool ended_early; /* before the marker of its end */
} reader;

static void on_error(j_common_ptr info)
{
    reader *r = info->client_data;
    char message[JMSG_LENGTH_MAX];
    info->err->format_message(info, message);
    bool memory = info->err->msg_code == JERR_OUT_OF_MEMORY;
    r->status = gs_fail(r->err, memory ? GS_ENOMEM : GS_EFORMAT, "JPEG: %s", message);
    longjmp(r->jump, 1);
}

/* libjpeg fills what is missing with grey and goes on; for us a damaged picture is no picture. Tolerated is what leaves
 * the pixels whole. The end of the file alone does (JWRN_JPEG_EOF): pixels whose bits then lack are another message. */
static void on_message(j_common_ptr info, int level)
{
    int code = info->err->msg_code;
    reader *r = info->client_data;
    r->ended_early |= level < 0 && code == JWRN_JPEG_EOF;
    if (level < 0 && code != JWRN_JPEG_EOF && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM &&
        code != JWRN_JFIF_MAJOR && code != JWRN_TOO_MUCH_DATA)
        on_error(info);
}

static void on_progress(j_common_ptr info)
{
    reader *r = info->client_data;
    if (r->info.input_scan_number <= MAX_SCANS)
        return;
    r->status = gs_fail(r->err, GS_EFORMAT, "JPEG of more than %d scans", MAX_SCANS);
    longjmp(r->jump, 1);
}

static int find_orientation(const struct jpeg_decompress_struct *info)
{
    for (jpeg_saved_marker_ptr m = info->marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && memcmp(m->data, "Exif\0\0", 6) == 0)
            return gs_exif_orientation(m->data + 6, m->data_length - 6);
    return 1;
}

/* CMYK to RGB in place: R = (1 - C)(1 - K). Files with Adobe's marker hold 1 - C, 1 - M, 1 - Y, 1 - K. */
static void cmyk_to_rgb(gs_image *image, bool inverted)
{
    size_t pixels = (size_t)image->width * (size_t)image->height;
    const uint8_t *from = image->rgb;
    uint8_t *to = image->rgb;
    unsigned flip = inverted ? 0 : 255;
    for (size_t i = 0; i < pixels; i++, from += 4, to += 3) {
        unsigned light = from[3] ^ flip;
        for (int c = 0; c < 3; c++)
            to[c] = (uint8_t)(((from[c] ^ flip) * light + 127) / 255);
    }
}

/* Whether every component was sent and, where scan after scan refines the picture, every bit of every coefficient. */
static bool is_whole(const struct jpeg_decompress_struct *info)
{
    for (int c = 0; c < info->num_components; c++) {
        if (!info->comp_info[c].quant_table) /* libjpeg takes it at the component's first scan */
            return false;
        for (int k = 0; info->coef_bits && k < DCTSIZE2; k++)
            if (info->coef_bits[c][k] != 0)
                return false;
    }
    return true;
}

static gs_status decode(reader *r, int *orientation)
{
    struct jpeg_decompress_struct *info = &r->info;
    if (setjmp(r->jump))
        return r->status;
    jpeg_create_decompress(info);
    info->client_data = r;
    info->progress = &r->progress;
    jpeg_mem_src(info, r->bytes, r->size);
    jpeg_save_markers(info, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(info, TRUE);
    *orientation = find_orientation(info);

    bool cmyk = info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK;
    info->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    int channels = cmyk ? 4 : 3;
    gs_status st = gs_image_reserve(r->image, info->image_width, info->image_height, channels, r->most_pixels, r->err);
    if (st != GS_OK)
        return st;
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        JSAMPROW row = r->image->rgb + (size_t)info->output_scanline * info->output_width * (size_t)channels;
        jpeg_read_scanlines(info, &row, 1);
    }
    if (r->ended_early && !is_whole(info))
        return gs_fail(r->err, GS_EFORMAT, "JPEG: cut short between two scans");
    jpeg_finish_decompress(info);
    if (cmyk)
        cmyk_to_rgb(r->image, info->saw_Adobe_marker);
    return GS_OK;
}

gs_status gs_jpeg_decode(gs_image *image, int *orientation, uint64_t most_pixels, const uint8_t *bytes, size_t size,
                         gs_error *err)
{
    reader r = {
        .bytes = bytes, .size = size, .image = image, .most_pixels = most_pixels, .err = err, .status = GS_ENOMEM};
    r.info.err = jpeg_std_error(&r.errors);
    r.info.client_data = &r;
    r.errors.error_exit = on_error;
    r.errors.emit_message = on_message;
    r.progress.progress_monitor = on_progress;
    gs_status st = decode(&r, orientation);
    jpeg_destroy_decompress(&r.info);
    return st;
}
