#!/usr/bin/env node
// onnx.mjs - the sampler worker for generators in ONNX form (model.json with sampler.kind "onnx").
//
//     node onnx.mjs [--threads N]
//
// One JSON request a line on standard input, one answer each on standard output, in order:
//   {"op":"sample","model":"/zoo/cats/model.json","seed":1,"first":0,"count":64}
//       -> {"width":64,"height":64,"channels":3,"count":64} and a newline, then count*height*width*3 bytes of RGB
//   {"op":"info","model":"/zoo/cats/model.json"}
//       -> {"ops":[...],"procedure":"decode","latent":[64],"resolution":[64,64]}
//   whatever cannot be done -> {"error":"..."}; the worker then goes on with the next request
// It ends when standard input does. Nothing but answers is written to standard output.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { checkSampler, closeModel, openModel, sample } from '../../site/lib/sampling.js';

// onnxruntime writes a device identifier and a database of events into the user's folders, for telemetry, unless this stands in the
// environment before it is loaded.
process.env.ORT_DISABLE_TELEMETRY = '1';
const { default: ort } = await import('onnxruntime-node');

const OPS = { info, sample: sampleFrames };
const MAX_OPEN = 8;  // models kept open; an indexer works through one at a time

const threads = readThreads();
const models = new Map();  // path of model.json -> { json, model }, the least recently used first

function readThreads() {
  const { values } = parseArgs({ options: { threads: { type: 'string', default: '1' } } });
  const count = Number(values.threads);
  if (Number.isInteger(count) && count >= 1 && count <= 256) return count;
  throw new Error(`--threads ${values.threads}: expected a whole number from 1 to 256`);
}

async function readJson(file) {
  const text = await readFile(file, 'utf8').catch((error) => { throw new Error(`${file}: ${error.message}`); });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file}: ${error.message}`, { cause: error });
  }
}

/** The opened model of a model.json: its graphs stay loaded until MAX_OPEN others were used. */
async function getModel(file) {
  if (typeof file !== 'string' || file === '') throw new Error("request: field 'model' must be the path of a model.json");
  const entry = models.get(file) ?? await loadModel(file);
  models.delete(file);
  models.set(file, entry);
  if (models.size > MAX_OPEN) {
    const [oldest, { model }] = models.entries().next().value;
    models.delete(oldest);
    await closeModel(model);
  }
  return entry;
}

async function loadModel(file) {
  const json = await readJson(file);
  const sampler = { ...checkSampler(json?.sampler, file) };
  const resolve = (name) => path.resolve(path.dirname(file), name);
  sampler.path = resolve(sampler.path);
  if (sampler.decoder !== undefined) sampler.decoder = [sampler.decoder].flat().map(resolve);
  const readBytes = (graph) =>
    readFile(graph).catch((error) => { throw new Error(`${graph}: ${error.message} (named by ${file})`); });
  const sessionOptions = { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3 };
  return { json, model: await openModel(ort, sampler, { readBytes, sessionOptions, fromDisk: true }) };
}

async function info(request) {
  const { json, model } = await getModel(request.model);
  const { latent, sampler: { procedure } } = model;
  return { header: { ops: Object.keys(OPS), procedure, ...(latent && { latent }), resolution: json.resolution } };
}

async function sampleFrames(request) {
  const { model } = await getModel(request.model);
  const { data, ...header } = await sample(ort, model, request);
  return { header, data };
}

async function answer(line) {
  try {
    const request = JSON.parse(line);
    if (!Object.hasOwn(OPS, request?.op ?? ''))
      throw new Error(`request: field 'op' must be one of ${Object.keys(OPS).join(', ')}`);
    return await OPS[request.op](request);
  } catch (error) {
    const message = error instanceof SyntaxError ? `request is not JSON: ${error.message}` : error.message;
    return { header: { error: message.replace(/\s+/g, ' ').trim() } };
  }
}

/** Resolves when the reader at the other end has taken the bytes, so that answers never pile up in memory. */
const write = (bytes) => new Promise((resolve) => { process.stdout.write(bytes, () => resolve()); });

process.stdout.on('error', () => process.exit(0));  // the reader has gone: nobody is left to answer
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (line.trim() === '') continue;
  const { header, data } = await answer(line);
  await write(`${JSON.stringify(header)}\n`);
  if (data) await write(data);
}
