/* fuzz_model.c - model.json files. */
#include "indexer/model/model.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, bytes, size);
    text[size] = 0;
    gs_model model;
    gs_error err;
    if (gs_model_parse(&model, text, "fuzz/model.json", &err) == GS_OK) {
        gs_model again; /* what was accepted is accepted as it is stored */
        if (gs_model_parse(&again, model.json, "fuzz/model.json", &err) != GS_OK)
            abort();
        gs_model_free(&again);
    }
    gs_model_free(&model);
    free(text);
    return 0;
}
