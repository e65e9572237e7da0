/* Writes an encoder's text tower as ONNX: write_onnx ENCODER OUT.onnx [--quantize] */
#include "indexer/publish/onnx_text.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    gs_error err = {{0}};
    gs_encoder *encoder = NULL;
    gs_bytes model = {0};
    if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "--quantize") != 0)) {
        fprintf(stderr, "usage: write_onnx ENCODER OUT.onnx [--quantize]\n");
        return 2;
    }
    gs_status st = gs_encoder_open(&encoder, argv[1], &(gs_encoder_options){.threads = 1, .batch = 1}, &err);
    if (st == GS_OK)
        st = gs_onnx_text_write(encoder, argc == 4, &model, &err);
    if (st == GS_OK)
        st = gs_file_write(argv[2], model.data, model.size, &err);
    if (st != GS_OK)
        fprintf(stderr, "write_onnx: %s\n", err.message);
    gs_bytes_free(&model);
    gs_encoder_close(encoder);
    return st == GS_OK ? 0 : 2;
}
