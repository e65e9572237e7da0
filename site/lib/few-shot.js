// few-shot.js - the distribution of a handful of pictures, which are far fewer than their features have numbers.
//
//     const { mean, values, vectors, rest, shrinkage } = describeFew(features);     // features: 2 or more Float32Arrays of one length
//
// The covariance of n features has at most n - 1 directions; it says nothing of the others, and too much of those. It is drawn towards the
// multiple of the identity with the same trace, (1 - s) S + s (tr S / d) I, by as much as Ledoit and Wolf (2004, "A well-conditioned estimator for
// large-dimensional covariance matrices") find best from the features themselves: s is `shrinkage`, from 0 to 1. The form is that of second/: mean [d];
// values, the largest first, and vectors, of S + 0.001 I; rest, its value in every other direction.

const RIDGE = 0.001; // core/METHOD.md
const SWEEPS = 60;

export function describeFew(features) {
  const n = features.length, d = features[0].length;
  const mean = Float32Array.from({ length: d }, (_, i) => features.reduce((total, feature) => total + feature[i], 0) / n);
  const centred = features.map((feature) => Float64Array.from(feature, (value, i) => value - mean[i]));
  const gram = centred.map((a) => Float64Array.from(centred, (b) => dot(a, b)));
  const shrinkage = ledoitWolf(gram, d);
  const level = (gram.reduce((total, row, i) => total + row[i], 0) / n) / d;
  const pairs = eigenpairs(gram).filter(({ value }) => value > 1e-10 * gram.length).sort((a, b) => b.value - a.value);
  return {
    mean,
    values: Float32Array.from(pairs, ({ value }) => ((1 - shrinkage) * value) / n + shrinkage * level + RIDGE),
    vectors: pairs.map(({ value, vector }) => Float32Array.from({ length: d }, (_, i) => centred.reduce((total, row, k) => total + vector[k] * row[i], 0) / Math.sqrt(value))),
    rest: shrinkage * level + RIDGE,
    shrinkage,
  };
}

function dot(a, b) {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
}

/** All from inner products of the centred features, [n, n]. */
function ledoitWolf(gram, d) {
  const n = gram.length;
  const trace = gram.reduce((total, row, i) => total + row[i], 0) / n;
  const square = gram.reduce((total, row) => total + dot(row, row), 0) / (n * n); // |S|^2
  const spread = (square - (trace * trace) / d) / d;
  const noise = gram.reduce((total, row, k) => total + row[k] ** 2 - (2 * dot(row, row)) / n + square, 0) / (n * n) / d;
  return spread > 0 ? Math.min(1, noise / spread) : 1;
}

/** Of a symmetric matrix, by Jacobi's rotations: [{value, vector}]. */
function eigenpairs(matrix) {
  const n = matrix.length, a = matrix.map((row) => row.slice());
  const vectors = a.map((_, i) => Float64Array.from({ length: n }, (__, j) => (i === j ? 1 : 0)));
  const size = Math.sqrt(a.reduce((total, row) => total + dot(row, row), 0));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = 0; q < p; q++) off += a[p][q] ** 2;
    if (Math.sqrt(off) <= 1e-14 * size) break;
    for (let p = 1; p < n; p++) for (let q = 0; q < p; q++) rotate(a, vectors, p, q);
  }
  return vectors.map((vector, i) => ({ value: a[i][i], vector }));
}

/** Makes a[p][q] zero; vectors are the rows. */
function rotate(a, vectors, p, q) {
  if (a[p][q] === 0) return;
  const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1), s = t * c;
  for (let k = 0; k < a.length; k++) [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
  for (let k = 0; k < a.length; k++) [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
  for (let k = 0; k < a.length; k++) [vectors[p][k], vectors[q][k]] = [c * vectors[p][k] - s * vectors[q][k], s * vectors[p][k] + c * vectors[q][k]];
}
