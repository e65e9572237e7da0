// pictures.js - the pictures in what a generator gives, as RGB bytes.
//
//     const pictures = readPictures(tensor, batch, sampler);    // an Error says what it is, and which field would settle it
//     pictures.write(slot, bytes, at);                          // one of them [height, width, 3], from bytes[at] on
//
// For each sample: [3, h, w] or [h, w, 3] of colour, [4, h, w] or [h, w, 4] with alpha, which is laid on white, [1, h, w], [h, w, 1] or
// [h, w] of grey, or a flat vector of one of these. Of a sampler block these fields are read, each of which may be left out where the
// tensor leaves no doubt:
//
//   "range": [low, high]         the values that mean black and white; not needed of uint8, where they are 0 and 255
//   "layout": "NCHW" or "NHWC"   where the channels stand: needed of flat vectors of colour, and where both ends could be channels
//   "size": [width, height]      needed of flat vectors that are no square

import { describe, isFloat, numbersOf } from './tensors.js';

export const LAYOUTS = ['NCHW', 'NHWC'];
const CHANNELS = [1, 3, 4];
const INTEGERS = ['uint8', 'int32', 'int64'];
const OTHER_OUTPUT = "field 'sampler.output' names another output of the graph";

export function readPictures(tensor, batch, sampler) {
  const refuse = (what) => { throw new Error(`gives ${describe(tensor)}${what}`); };
  if (!isFloat(tensor.type) && !INTEGERS.includes(tensor.type))
    refuse(`, expected pictures of float32, float16, float64 or ${INTEGERS.join(', ')}`);
  const range = sampler.range ?? (tensor.type === 'uint8' ? [0, 255] : null);
  if (!range) refuse(": field 'sampler.range' must tell which two values mean black and white");
  const { width, height, channels, first } = readShape(tensor.dims, batch, sampler, refuse);
  const place = first ? { channel: width * height, pixel: 1 } : { channel: 1, pixel: channels };
  const source = { values: numbersOf(tensor), size: width * height * channels, channels, ...place };
  return { width, height, write: (slot, bytes, at) => writePicture(source, range, slot, bytes, at, width * height) };
}

/** first: whether the channels stand before the rows. */
function readShape(dims, batch, { layout, size }, refuse) {
  const shape = dims[0] === batch ? dims.slice(1) : dims;
  if (dims[0] !== batch && batch !== 1)
    refuse(` for a batch of ${batch}; if the graph makes one picture at a time, field 'sampler.batch' must be 1`);
  if (shape.length === 1) return readFlat(shape[0], layout, size, refuse);
  if (shape.length !== 2 && shape.length !== 3) refuse(`, expected pictures [n, c, h, w], [n, h, w, c], [n, h, w] or flat; ${OTHER_OUTPUT}`);
  const [height, width] = shape;
  const found = shape.length === 2 ? { height, width, channels: 1, first: true } : readPlanes(shape, layout, refuse);
  if (size && (size[0] !== found.width || size[1] !== found.height))
    refuse(`, pictures of ${found.width} x ${found.height} pixels; field 'sampler.size' is ${size[0]} x ${size[1]}`);
  return found;
}

function readPlanes(shape, layout, refuse) {
  const [a, b, c] = shape;
  const fits = LAYOUTS.filter((name, i) => CHANNELS.includes([a, c][i]) && name === (layout ?? name));
  if (fits.length === 0) refuse(`, expected 1, 3 or 4 channels${layout ? ` where field 'sampler.layout' (${layout}) has them` : ''}; ${OTHER_OUTPUT}`);
  if (fits.length === 2) refuse(", where either end may be the channels: field 'sampler.layout' must be NCHW or NHWC");
  return fits[0] === 'NCHW' ? { channels: a, height: b, width: c, first: true } : { height: a, width: b, channels: c, first: false };
}

function readFlat(length, layout, size, refuse) {
  const side = [1, 3].map((channels) => Math.sqrt(length / channels)).find(Number.isInteger);
  const [width, height] = size ?? [side, side];
  const channels = length / (width * height);
  if (!CHANNELS.includes(channels) && size) refuse(`, no picture of ${width} x ${height} pixels, as field 'sampler.size' says; ${OTHER_OUTPUT}`);
  if (!CHANNELS.includes(channels))
    refuse(`, no square picture of 1 or 3 channels: field 'sampler.size' must be its [width, height], or ${OTHER_OUTPUT}`);
  if (channels > 1 && !layout) refuse(`, ${width} x ${height} pixels of ${channels} channels: field 'sampler.layout' must be NCHW or NHWC`);
  return { width, height, channels, first: layout !== 'NHWC' };
}

function writePicture({ values, size, channels, channel, pixel }, [low, high], slot, bytes, at, pixels) {
  const scale = 255 / (high - low);
  const byteAt = (from) => {
    const value = (values[from] - low) * scale;
    if (Number.isNaN(value)) throw new Error('the generator gave a value that is not a number');
    return Math.min(255, Math.max(0, Math.round(value)));
  };
  for (let i = 0; i < pixels; i++) {
    const from = slot * size + i * pixel;
    for (let c = 0; c < 3; c++) bytes[at + 3 * i + c] = byteAt(from + (channels === 1 ? 0 : c) * channel);
    if (channels !== 4) continue;
    const alpha = byteAt(from + 3 * channel);
    for (let c = 0; c < 3; c++) bytes[at + 3 * i + c] = Math.floor((bytes[at + 3 * i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
  }
}
