/* onnx_text.h - the text tower as an ONNX file, for the visitor's browser.
 *
 *     gs_bytes model;
 *     if ((st = gs_onnx_text_write(encoder, true, &model, err)) != GS_OK) return st;
 *     st = gs_file_write("encoder/text.onnx", model.data, model.size, err);
 *     gs_bytes_free(&model);
 *
 * Input "input_ids": int64 [batch, sequence], the tokens of core/tokenize.h, sequence at most its context; shorter
 * texts of a batch are padded after their end-of-text with any token (where the end is the largest id, with none
 * larger). Output "feature": f32 [batch, dim], L2-normalised. Opset 17, standard operators only. quantize stores the
 * matrices as int8 (onnx_layers.h).
 */
#ifndef GS_ONNX_TEXT_H
#define GS_ONNX_TEXT_H

#include "indexer/encoder/encoder.h"
#include "indexer/util/file.h" /* gs_bytes */

/* out is the caller's to free with gs_bytes_free(). */
gs_status gs_onnx_text_write(const gs_encoder *encoder, bool quantize, gs_bytes *out, gs_error *err);

#endif
