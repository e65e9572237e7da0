#include "indexer/publish/phrases.h"

#include <stdlib.h>
#include <string.h>

static void add(gs_phrases *phrases, const cJSON *text)
{
    if (!cJSON_IsString(text) || !*text->valuestring)
        return;
    for (size_t i = 0; i < phrases->count; i++)
        if (strcmp(phrases->texts[i], text->valuestring) == 0)
            return;
    if (phrases->count < GS_PHRASES_MOST)
        phrases->texts[phrases->count++] = text->valuestring;
}

void gs_phrases_collect(gs_phrases *phrases, const cJSON *tags, const cJSON *titles)
{
    const cJSON *list, *text;
    cJSON_ArrayForEach(list, tags)
    {
        cJSON_ArrayForEach(text, list) add(phrases, text);
    }
    cJSON_ArrayForEach(text, titles) add(phrases, text);
}

gs_status gs_phrases_write(const gs_phrases *phrases, gs_encoder *encoder, const uint8_t fingerprint[GS_FINGERPRINT],
                           gs_bytes *out, gs_error *err)
{
    size_t count = phrases->count, dim = (size_t)gs_encoder_get_info(encoder)->dim;
    size_t size = gs_means_size(count, dim, GS_I8);
    float *features = calloc(count * dim + 1, sizeof *features);
    *out = (gs_bytes){.data = size ? malloc(size) : NULL, .size = size};
    gs_status st = features && out->data ? GS_OK : gs_fail(err, GS_ENOMEM, "no memory for %zu phrases", count);
    if (st == GS_OK)
        st = gs_encoder_texts(encoder, phrases->texts, count, features, err);
    if (st == GS_OK)
        st = gs_means_write(out->data, features, count, dim, GS_I8, fingerprint, err);
    free(features);
    if (st != GS_OK)
        gs_bytes_free(out);
    return st;
}
