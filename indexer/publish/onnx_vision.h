/* onnx_vision.h - the vision tower as an ONNX file, for the visitor's browser.
 *
 *     gs_bytes model;
 *     if ((st = gs_onnx_vision_write(encoder, true, &model, err)) != GS_OK) return st;
 *     st = gs_file_write("encoder/vision.onnx", model.data, model.size, err);
 *     gs_bytes_free(&model);
 *
 * Input "pixels": f32 [batch, 3, image_size, image_size], as core/preprocess.h prepares a picture. Output "feature":
 * f32 [batch, dim], L2-normalised. Opset 17, standard operators only. quantize stores the matrices as int8
 * (onnx_layers.h).
 */
#ifndef GS_ONNX_VISION_H
#define GS_ONNX_VISION_H

#include "indexer/encoder/encoder.h"
#include "indexer/util/file.h" /* gs_bytes */

/* out is the caller's to free with gs_bytes_free(). GS_EFORMAT when it would be larger than an ONNX file can be. */
gs_status gs_onnx_vision_write(const gs_encoder *encoder, bool quantize, gs_bytes *out, gs_error *err);

/* How many weights the tower's matrices have. A quantised file has more bytes than that. */
size_t gs_onnx_vision_weights(const gs_encoder *encoder);

#endif
