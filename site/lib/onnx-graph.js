// onnx-graph.js - looks into an ONNX file: for nodes that draw random numbers of their own, and for data that lies in other files.
//
//     const node = findRandomNode(bytes);      // { name: 'noise', operator: 'RandomNormal' } or null
//     const names = findExternalData(bytes);   // ['g.onnx.data']: paths from the folder of the graph on, which they do not leave
//
// Such a node gives other numbers at every run, and others again in another runtime, whatever its seed attribute says, so
// that no sample could be drawn twice. bytes (borrowed) is a whole file; an Error says where it is not ONNX.
//
// An ONNX file is one protobuf message (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Of it only the fields below are
// read, and nothing is copied but names.

/** Per message: field number -> what to call the field, and what its bytes hold: 'text', 'bytes', or another message. */
const FIELDS = {
  Model: { 7: ['graphs', 'Graph'], 25: ['functions', 'Function'] },
  Graph: { 1: ['nodes', 'Node'], 5: ['tensors', 'Tensor'] },
  Function: { 7: ['nodes', 'Node'], 11: ['attributes', 'Attribute'] },
  Node: {
    1: ['inputs', 'text'], 2: ['outputs', 'text'], 3: ['names', 'text'], 4: ['types', 'text'], 5: ['attributes', 'Attribute'],
    7: ['domains', 'text'],
  },
  Attribute: { 5: ['tensors', 'Tensor'], 6: ['graphs', 'Graph'], 11: ['graphs', 'Graph'] },
  Tensor: { 5: ['data', 'bytes'], 8: ['names', 'text'], 9: ['data', 'bytes'], 13: ['places', 'Entry'] },  // 5, 9: where a bool lies
  Entry: { 1: ['keys', 'text'], 2: ['values', 'text'] },
};

/** The operators that ONNX calls non-deterministic, and the one of onnxruntime. Dropout is another matter: see drawsRandom. */
const RANDOM = new Set(['Bernoulli', 'Multinomial', 'RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike',
  'com.microsoft.Sampling']);

const MAX_VARINT = 10;  // bytes
const utf8 = new TextDecoder();

/** The first node that draws random numbers, in the graph, in the graphs of its If, Loop and Scan, or in a local function. */
export function findRandomNode(bytes) {
  const start = utf8.decode(bytes.subarray(0, 40));
  if (start.startsWith('version https://git-lfs')) throw new Error('a Git LFS pointer, not the file: fetch it with `git lfs pull`');
  if (/^\s*<(!doctype|html|\?xml)/i.test(start)) throw new Error('a web page, not the file: download it again');
  if (utf8.decode(bytes.subarray(4, 8)) === 'ORTM')
    throw new Error("in onnxruntime's own format; give the ONNX file that it was made from");
  const { graphs, functions } = decode(bytes, 'Model');
  if (graphs.length === 0) throw new Error('not an ONNX file: no graph in it');
  return findInScopes([...graphs, ...functions], new Set());
}

/** Where the tensors lie that are not in the file itself, each file once. */
export function findExternalData(bytes) {
  const names = new Set();
  for (const graph of decode(bytes, 'Model').graphs) collectPlaces(graph, names);
  const outside = [...names].find((name) => /^[/\\]|^[a-z]:/i.test(name) || name.split(/[/\\]/).includes('..'));
  if (outside !== undefined) throw new Error(`its data file '${outside}' lies outside of the graph's folder`);
  return [...names];
}

function collectPlaces({ nodes, tensors }, names) {
  const attributes = nodes.flatMap((node) => node.attributes);
  for (const { places } of [...tensors, ...attributes.flatMap((attribute) => attribute.tensors)])
    for (const { keys, values } of places) if (keys.at(-1) === 'location') names.add(values.at(-1));
  for (const graph of attributes.flatMap((attribute) => attribute.graphs)) collectPlaces(graph, names);
}

/** off: names of tensors of the scopes around that are constant and false. */
function findInScopes(scopes, off) {
  for (const scope of scopes) {
    const found = findInScope(scope, new Set(off));
    if (found) return found;
  }
  return null;
}

function findInScope({ nodes, tensors = [], attributes = [] }, off) {
  for (const tensor of tensors) if (isFalse(tensor)) off.add(tensor.names.at(-1));
  for (const node of nodes) {
    const operator = operatorOf(node);
    if (drawsRandom(operator, node.inputs, off)) return { name: node.names.at(-1) || node.outputs[0], operator };
    if (operator === 'Constant' && node.attributes.some((a) => a.tensors.some(isFalse))) off.add(node.outputs[0]);
  }
  const inner = [...nodes.flatMap((node) => node.attributes), ...attributes].flatMap((attribute) => attribute.graphs);
  return findInScopes(inner, off);
}

function operatorOf({ types, domains }) {
  const type = types.at(-1), domain = domains.at(-1) ?? '';
  return domain === '' || domain === 'ai.onnx' ? type : `${domain}.${type}`;
}

/** Dropout passes its input on unless its third input, training_mode, is true: so that must be absent or surely false. */
function drawsRandom(operator, inputs, off) {
  return RANDOM.has(operator) || (operator === 'Dropout' && Boolean(inputs[2]) && !off.has(inputs[2]));
}

const isFalse = ({ data }) => data.length === 1 && data[0].length === 1 && data[0][0] === 0;

// ---- protobuf -----------------------------------------------------------------------------------------------------------

/** The fields of a message that FIELDS names, each as a list: a protobuf field may come again, and then the last one counts. */
function decode(bytes, message) {
  const known = FIELDS[message];
  const values = Object.fromEntries(Object.values(known).map(([name]) => [name, []]));
  for (const [number, value] of fieldsOf(bytes)) {
    const [name, type] = known[number] ?? [];
    if (name === undefined || value === null) continue;
    if (type === 'text') values[name].push(utf8.decode(value));
    else values[name].push(type === 'bytes' ? value : decode(value, type));
  }
  return values;
}

/** [field number, its bytes, or null when it is a plain number] of a message, one after the other. */
function* fieldsOf(bytes) {
  let at = 0;
  const varint = () => {
    for (let value = 0, place = 0; place < MAX_VARINT && at < bytes.length; place++) {
      const byte = bytes[at++];
      value += (byte & 127) * 128 ** place;
      if (byte < 128) return value;
    }
    throw new Error('not an ONNX file, or cut off: a number in it has no end');
  };
  while (at < bytes.length) {
    const key = varint(), wire = key % 8, number = Math.floor(key / 8);
    if (wire === 0) varint();
    const size = wire === 0 ? 0 : wire === 1 ? 8 : wire === 2 ? varint() : wire === 5 ? 4 : Infinity;
    if (size > bytes.length - at) throw new Error('not an ONNX file, or cut off: a field goes beyond its end');
    yield [number, wire === 2 ? bytes.subarray(at, at + size) : null];
    at += size;
  }
}
