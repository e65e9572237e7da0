/* data_files.h - what ONNX calls external data: the files beside a graph that it keeps tensors in.
 *
 *     char name[GS_DATA_FILE_NAME];
 *     for (size_t at = 0; gs_next_data_file(&graph, &at, name);)
 *         ...                                          // "g.onnx.data", seen from the graph's folder
 */
#ifndef GS_DATA_FILES_H
#define GS_DATA_FILES_H

#include "indexer/util/file.h"

#include <stdbool.h>

#define GS_DATA_FILE_NAME 1024

/* The next one of a graph's file (borrowed), from *at on. False when there is none left. Each is named as often as tensors lie in it; those of
 * one file mostly come one after the other. The names are whatever the file says: they may leave the folder. */
bool gs_next_data_file(const gs_bytes *graph, size_t *at, char name[GS_DATA_FILE_NAME]);

#endif
