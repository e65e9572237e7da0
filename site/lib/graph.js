// graph.js - a graph of a generator: its file, its session, and what fills its inputs.
//
//     const graph = await openGraph(ort, 'cats/g.onnx', { readBytes, sessionOptions, fromDisk }, null, sampler.inputs ?? {});
//     await planInputs(graph, sampler.inputs ?? {}, batch);
//     const [pictures] = await runGraph(ort, graph, { [graph.own[0]]: z }, null, seed, start);
//     await graph.session.release();
//
// An Error begins with the graph's path.

import { planInput } from './inputs.js';
import { findExternalData, findRandomNode } from './onnx-graph.js';
import { describe } from './tensors.js';

/**
 * own: the inputs that the caller fills; null: the one that `given`, the sampler's "inputs", does not name. fromDisk: onnxruntime reads the
 * graph and its data from path itself, so that weights of gigabytes are not copied; else both come from readBytes.
 */
export async function openGraph(ort, path, { readBytes, sessionOptions, fromDisk }, own, given) {
  const bytes = await readBytes(path);
  const session = await naming(path, async () => {
    refuseRandomNode(bytes);
    const data = findExternalData(bytes);
    if (fromDisk) return ort.InferenceSession.create(path, sessionOptions);
    const options = data.length === 0 ? sessionOptions : { ...sessionOptions, externalData: await readData(path, data, readBytes) };
    return ort.InferenceSession.create(bytes, options);
  });
  const inputs = new Map(session.inputMetadata.map((input) => [input.name, input]));
  try {
    return { path, session, inputs, own: ownInputs(path, inputs, own, given), given: [] };
  } catch (error) {
    await session.release();
    throw error;
  }
}

/** What lies beside the graph, as onnxruntime takes it. */
function readData(path, names, readBytes) {
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  return Promise.all(names.map(async (name) => ({ path: name, data: await readBytes(folder + name) })));
}

function refuseRandomNode(bytes) {
  const node = findRandomNode(bytes);
  if (node) {
    throw new Error(`node '${node.name}' (${node.operator}) draws random numbers of its own, so that no sample could be drawn twice; ` +
      "export the graph with these numbers as an input, and name it in field 'sampler.inputs'");
  }
}

function ownInputs(path, inputs, own, given) {
  const list = [...inputs].map(([name, input]) => `'${name}' ${describe(input)}`).join(', ');
  const missing = own?.find((name) => !inputs.has(name));
  if (missing !== undefined) throw new Error(`${path}: no input '${missing}', the graph has ${list}`);
  const left = [...inputs.keys()].filter((name) => !own?.includes(name) && !Object.hasOwn(given, name));
  if (left.length === (own ? 0 : 1)) return own ?? left;
  if (left.length === 0) throw new Error(`${path}: field 'sampler.inputs' leaves no input for the latent, the graph has ${list}`);
  const other = left.at(-1);
  throw new Error(`${path}: field 'sampler.inputs' must say what the graph's inputs get${own ? '' : ', all but the latent'}: ${list}; ` +
    `such as {"${other}": 1} or {"${other}": {"classes": 10}}`);
}

/** Finds out what fills the inputs that `given` names. */
export function planInputs(graph, given, batch) {
  graph.batch = batch;
  return naming(graph.path, () => {
    graph.given = Object.keys(given).map((name, index) => ({ name, index })).filter(({ name }) => graph.inputs.has(name))
      .map(({ name, index }) => [name, planInput(graph.inputs.get(name), name, given[name], index, batch)]);
  });
}

/** Runs a graph for samples start and on; the outputs by name, or its first one when names is null. */
export async function runGraph(ort, graph, own, names, seed, start) {
  const { path, session } = graph;
  const wanted = names ?? [session.outputNames[0]];
  const missing = wanted.find((name) => !session.outputNames.includes(name));
  if (missing !== undefined) throw new Error(`${path}: no output '${missing}', the graph has ${session.outputNames.join(', ')}`);
  const feeds = { ...own };
  for (const [name, fill] of graph.given) feeds[name] = fill(ort, seed, start);
  const advice = graph.batch > 1 ? "; if the graph makes one picture at a time, field 'sampler.batch' must be 1" : '';
  const results = await naming(path, () => session.run(feeds, wanted), advice);
  return wanted.map((name) => results[name]);
}

/** Adds the file, and what to do, to the message of whatever action throws. */
export async function naming(path, action, advice = '') {
  try {
    return await action();
  } catch (error) {
    throw new Error(`${path}: ${error.message}${advice}`, { cause: error });
  }
}
