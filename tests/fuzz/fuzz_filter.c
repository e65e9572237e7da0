/* fuzz_filter.c - conditions among the words of a query: whatever is typed, words and conditions come out, and models can be asked. */
#include "core/filter.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    gs_filter filter;
    gs_error err;
    char *text = malloc(size + 1);
    if (!text || gs_filter_parse(&filter, (const char *)bytes, size, &err) != GS_OK)
        abort();
    memcpy(text, bytes, size);
    text[size] = 0;
    const char *model[GS_FIELD_COUNT] = {[GS_FIELD_TITLE] = text, [GS_FIELD_TAG] = text, [GS_FIELD_TYPE] = "GAN"};
    bool passes;
    if (strlen(filter.words) > size || gs_filter_passes(&filter, model, &passes, &err) != GS_OK)
        abort();
    gs_filter_free(&filter);
    free(text);
    return 0;
}
