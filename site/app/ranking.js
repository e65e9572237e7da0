// ranking.js - a query's feature to an order of the models, with the scoring core of the indexer (core/, as WebAssembly).
//
//     rankFirstMoment(core, means, feature, tau)        -> { order, scores, probabilities, compared }
//     rankLowRank(core, first, densities)               -> the same, the head of `first` put in the order of another score
//
// order: model indices, best first. scores: the method's own, by model. probabilities: p(model | query), by model, every model
// equally likely beforehand; NaN for a model that the second look did not reach. compared: how many have a probability.

/** How many of the best by the first moment are looked at again by a method that needs a file of each model. */
export const RERANKED = 48;

/** The score is a cosine; tau times it is a log-likelihood (core/METHOD.md: tau is exp(logit scale)). */
export function rankFirstMoment(core, means, feature, tau) {
  const scores = means.firstMoment(feature);
  return {
    order: core.rankTop(scores, scores.length),
    scores,
    probabilities: core.logSoftmax(scores.map((score) => tau * score)).map(Math.exp),
    compared: scores.length,
  };
}

/** densities: log-likelihoods of the models first.order[0 .. densities.length). The others follow in the order they had. */
export function rankLowRank(core, first, densities) {
  const head = first.order.subarray(0, densities.length);
  const best = core.rankTop(densities, densities.length);
  const shares = core.logSoftmax(densities).map(Math.exp);
  const scores = new Float64Array(first.scores.length).fill(NaN);
  const probabilities = new Float64Array(first.scores.length).fill(NaN);
  head.forEach((model, position) => {
    scores[model] = densities[position];
    probabilities[model] = shares[position];
  });
  const order = Uint32Array.from(first.order);
  best.forEach((position, rank) => {
    order[rank] = head[position];
  });
  return { order, scores, probabilities, compared: head.length };
}

/** Binary files of another encoder must not be ranked: both kinds carry 16 bytes of its fingerprint at offset 48. */
export function checkFingerprint(bytes, path, fingerprint) {
  const found = Array.from(bytes.subarray(48, 64), (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (found !== fingerprint.slice(0, 32))
    throw new Error(`${path} was made with encoder ${found.slice(0, 8)}, the catalog with ${fingerprint.slice(0, 8)}. Publish the folder again.`);
}
