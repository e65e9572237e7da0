/* Writes one of an encoder's towers as ONNX: write_onnx ENCODER text|vision OUT.onnx [--quantize] */
#include "indexer/publish/onnx_text.h"
#include "indexer/publish/onnx_vision.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    gs_error err = {{0}};
    gs_encoder *encoder = NULL;
    gs_bytes model = {0};
    bool vision = argc > 2 && strcmp(argv[2], "vision") == 0;
    if (argc < 4 || argc > 5 || (!vision && strcmp(argv[2], "text") != 0) ||
        (argc == 5 && strcmp(argv[4], "--quantize") != 0)) {
        fprintf(stderr, "usage: write_onnx ENCODER text|vision OUT.onnx [--quantize]\n");
        return 2;
    }
    gs_status st = gs_encoder_open(&encoder, argv[1], &(gs_encoder_options){.threads = 1, .batch = 1}, &err);
    if (st == GS_OK)
        st = vision ? gs_onnx_vision_write(encoder, argc == 5, &model, &err)
                    : gs_onnx_text_write(encoder, argc == 5, &model, &err);
    if (st == GS_OK)
        st = gs_file_write(argv[3], model.data, model.size, &err);
    if (st != GS_OK)
        fprintf(stderr, "write_onnx: %s\n", err.message);
    gs_bytes_free(&model);
    gs_encoder_close(encoder);
    return st == GS_OK ? 0 : 2;
}
