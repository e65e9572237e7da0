#include "indexer/sampler/data_files.h"

#include <stdio.h>
#include <string.h>

/* In the file, a protobuf message, each stands as an entry of two texts, "location" (field 1, 8 bytes) and the name (field 2, its length
 * first). */
bool gs_next_data_file(const gs_bytes *graph, size_t *at, char name[GS_DATA_FILE_NAME])
{
    static const char entry[] = "\x0a\x08location\x12";
    const uint8_t *found = graph->data ? memmem(graph->data + *at, graph->size - *at, entry, sizeof entry - 1) : NULL;
    if (!found)
        return false;
    const uint8_t *end = graph->data + graph->size;
    found += sizeof entry - 1;
    size_t size = found < end ? *found++ : 0;
    if (size >= 128 && found < end)
        size = size - 128 + ((size_t)*found++ << 7);
    if (size > (size_t)(end - found))
        size = (size_t)(end - found);
    *at = (size_t)(found - graph->data);
    snprintf(name, GS_DATA_FILE_NAME, "%.*s", (int)(size < GS_DATA_FILE_NAME ? size : GS_DATA_FILE_NAME - 1),
             (const char *)found);
    return true;
}
