// ranking.js - a query of parts to an order of the models, with the scoring core of the indexer (core/, as WebAssembly), as the
// program ranks a published folder.
//
//     const parts = [{ kind: 'image', method: 'gaussian-lowrank', weight: 1, feature }, { kind: 'model', method: 'frechet-lowrank', index: 3 }];
//     const { order, scores, probabilities, ... } = await rankParts({ core, means, tau, read }, parts, passes);
//
// A part of kind 'model' that is no model of the catalog has a feature and "model", core.lowrank() of it.
//
// passes: by model, whether a filter lets it through. read(index, needs): a promise of the model's file that methods with these needs
// read, core.model() of it. Asked only where a part's method needs one, and only for the models that lead by first moments; the
// others follow in the order of these. A model that is a part of the query is not ranked: it would be nearest to itself.
//
// order: indices of the models that pass, best first. scores: for each part its method's score, by model. probabilities: p(model | all
// parts), by model, every model equally likely beforehand; NaN, as its scores, for a model that was not compared. compared: how many
// were. conflict: no model is near the best one for every part, so that the best of each are in front. matched: of each part, whether a
// compared model makes it; found: whether one makes any; makes: of each model, whether it makes one (0 or 1), null where that is not known.

export async function rankParts({ core, means, tau, read }, parts, passes) {
  const asked = parts.map((part) => (part.index === undefined ? part : { ...part, feature: means.feature(part.index) }));
  const cosines = asked.map(({ feature }) => means.firstMoment(feature));
  const isRanked = (index) => passes[index] && asked.every((part) => part.index !== index);
  const rows = means.scores(asked, cosines).map((row) => row.map((score, index) => (isRanked(index) ? score : NaN)));
  const order = core.candidates(asked, rows, tau, means.count);
  const needs = asked.map(({ method }) => core.needs(method));
  const head = needs.every((name) => name === 'mean') ? order : order.slice(0, core.mostCandidates);
  const files = await readFiles(read, head, new Set(needs));
  const own = await Promise.all(asked.map(({ index, method, model }) => model ?? (method === 'frechet-lowrank' && index !== undefined ? read(index, 'lowrank') : undefined)));
  const scores = asked.map(({ method, feature }, p) => {
    const row = new Float64Array(means.count).fill(NaN);
    head.forEach((index, position) => {
      row[index] = needs[p] === 'mean' ? rows[p][index] : files.get(needs[p])[position].score({ method, feature, model: own[p] }, tau);
    });
    return row;
  });
  const { logProbabilities, conflict } = core.rank(asked, scores, tau);
  order.set(core.rankTop(logProbabilities, head.length));
  return { order, scores, probabilities: logProbabilities.map(Math.exp), compared: head.length, conflict, ...means.matched(asked, cosines, scores, logProbabilities) };
}

/** Of each need but the mean, the files of these models. */
async function readFiles(read, indices, needs) {
  const files = new Map();
  for (const name of needs) if (name !== 'mean') files.set(name, await Promise.all(Array.from(indices, (index) => read(index, name))));
  return files;
}

/** Binary files of another encoder must not be ranked: all carry 16 bytes of its fingerprint at offset 48. */
export function checkFingerprint(bytes, path, fingerprint) {
  const found = Array.from(bytes.subarray(48, 64), (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (found !== fingerprint.slice(0, 32))
    throw new Error(`${path} was made with encoder ${found.slice(0, 8)}, the catalog with ${fingerprint.slice(0, 8)}. Publish the folder again.`);
}
