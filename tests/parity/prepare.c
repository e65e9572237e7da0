/* Prepares pictures as an encoder would, with no encoder: of every line
 *
 *     CONFIG_DIRECTORY <tab> IMAGE_SIZE <tab> FILE
 *
 * on standard input, the file's picture to standard output, as a line WIDTH HEIGHT and f32 [3, HEIGHT, WIDTH]. */
#include "indexer/hf/preprocessor.h"
#include "indexer/image/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gs_status prepare(const gs_preprocess *p, const gs_image *image, FILE *out, gs_error *err)
{
    int width, height;
    gs_preprocess_output_size(p, image->width, image->height, &width, &height);
    size_t need = gs_preprocess_workspace(p, image->width, image->height);
    size_t n = 3 * (size_t)width * (size_t)height;
    void *work = malloc(need);
    float *pixels = malloc(n * sizeof *pixels);
    gs_status st = GS_OK;
    if (need == 0 || !work || !pixels)
        st = gs_fail(err, GS_ENOMEM, "no memory for %d x %d pixels", width, height);
    else
        st = gs_preprocess_run(p, image->rgb, image->width, image->height, work, pixels, err);
    if (st == GS_OK) {
        fprintf(out, "%d %d\n", width, height);
        fwrite(pixels, sizeof *pixels, n, out);
        fflush(out);
    }
    free(pixels);
    free(work);
    return st;
}

static gs_status answer(const char *directory, size_t image_size, const char *file, gs_error *err)
{
    gs_clip_config config = {.image_size = image_size};
    gs_directory files = {.path = (char *)directory};
    gs_notes notes = {0};
    gs_preprocess p;
    gs_image image;
    gs_status st;
    if ((st = gs_preprocessor_read(&p, &files, &config, &notes, err)) != GS_OK ||
        (st = gs_image_read(&image, file, err)) != GS_OK)
        return st;
    st = prepare(&p, &image, stdout, err);
    gs_image_free(&image);
    return st;
}

int main(void)
{
    char line[8192];
    gs_error err = {{0}};
    while (fgets(line, sizeof line, stdin)) {
        char *directory = strtok(line, "\t"), *size = strtok(NULL, "\t"), *file = strtok(NULL, "\n");
        if (!file) {
            fprintf(stderr, "prepare: expected a directory, a size and a file\n");
            return 2;
        }
        if (answer(directory, strtoul(size, NULL, 10), file, &err) != GS_OK) {
            fprintf(stderr, "prepare: %s\n", err.message);
            return 2;
        }
    }
    return 0;
}
