// ranking.js - a query of parts to an order of the models, with the scoring core of the indexer (core/, as WebAssembly).
//
//     const parts = [{ method: 'gaussian-lowrank', weight: 1, feature }];
//     const { order, scores, probabilities, compared, conflict } = await rankParts({ core, means, tau, read }, parts);
//
// read(index): a promise of the model's second moments, core.lowrank() of its file. Asked only where a part's method needs
// them, and only for the models that lead by first moments; the others follow in the order of these.
//
// order: model indices, best first. scores: for each part its method's score, by model. probabilities: p(model | all parts),
// by model, every model equally likely beforehand; NaN, as its scores, for a model that was not compared. compared: how many
// were. conflict: no model is near the best one for every part, so that the best of each are in front.

/** How many of the best by first moments are compared where a method needs a file of each model. */
export const RERANKED = 48;

const FIRST_MOMENT = 'first-moment';

export async function rankParts({ core, means, tau, read }, parts, most = RERANKED) {
  const cosines = parts.map(({ feature }) => means.firstMoment(feature));
  const order = core.candidates(parts, cosines, tau, means.count);
  const head = parts.every(({ method }) => method === FIRST_MOMENT) ? order : order.slice(0, most);
  const models = head === order ? [] : await Promise.all(Array.from(head, read));
  const scores = parts.map(({ method, feature }, part) => {
    const row = new Float64Array(means.count).fill(NaN);
    head.forEach((index, position) => {
      row[index] = method === FIRST_MOMENT ? cosines[part][index] : models[position].score(feature);
    });
    return row;
  });
  const { logProbabilities, conflict } = core.rank(parts, scores, tau);
  order.set(core.rankTop(logProbabilities, head.length));
  return { order, scores, probabilities: logProbabilities.map(Math.exp), compared: head.length, conflict };
}

/** Binary files of another encoder must not be ranked: both kinds carry 16 bytes of its fingerprint at offset 48. */
export function checkFingerprint(bytes, path, fingerprint) {
  const found = Array.from(bytes.subarray(48, 64), (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (found !== fingerprint.slice(0, 32))
    throw new Error(`${path} was made with encoder ${found.slice(0, 8)}, the catalog with ${fingerprint.slice(0, 8)}. Publish the folder again.`);
}
