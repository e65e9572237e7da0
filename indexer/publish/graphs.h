/* graphs.h - the ONNX graphs of a model, so that a browser can run it; for publish/ only. */
#ifndef GS_GRAPHS_H
#define GS_GRAPHS_H

#include "indexer/publish/folder.h"
#include "indexer/store/store.h"

/* Adds the graphs of a model as files, and "graphs" to its page, as publish.h has it. The page gets none where the model is not of kind "onnx",
 * states no licence, has graphs of more than limit bytes in all, or where the files are not there any more as they were sampled. */
gs_status gs_graphs_add(gs_folder *folder, const gs_store_model *model, uint64_t limit, gs_json_tree *page,
                        gs_error *err);

#endif
