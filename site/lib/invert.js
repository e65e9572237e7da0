// invert.js - finds the latent whose picture comes nearest to a given one: without gradients, for runtimes that have none.
//
//     const found = await invert({ render, latentSize: 30, target });
//     found.latent, found.loss;              // Float32Array [30]; mean square difference of the pixels compared, black to white is 1
//     found.jacobian;                        // for each number of the latent, how what is compared changes with it, nearby
//
// render(latents) -> {width, height, data} as sampling.js has it; target {width, height, rgb} has the same size. Compared are the means of the cells
// of a grid, at most CELLS a side: enough to tell pictures apart, and what is smaller than a cell would only roughen the way.
//
// The best of `starts` random latents are improved by Levenberg and Marquardt's method: the derivative of each cell along each number of the latent
// comes from finite differences, which cost a picture for each number, and several lengths of a step are tried in one batch. Of the ways
// that were compared it comes nearest with the same number of pictures (tests/quality/README.md, Inversion).

import { LATENT, fillNormal } from './random.js';

const CELLS = 24;
const NUDGE = 0.02; // of a number of the latent, for a finite difference
const PRIOR = 2e-4; // latents far from where a generator draws them make no good pictures: weight of their square
const DAMPINGS = [3e-4, 3e-3, 0.03, 0.3, 3]; // shares of the mean curvature
const LENGTHS = [0.5, 1, 1.5]; // of a step
const GOOD = 1e-4; // a loss that ends the search: 1 % of the range from black to white

/**
 * starts: random latents, drawn from seed, of which the best `keep` are improved in at most `steps` steps each. onStep({latent, loss}), awaited after every
 * step that came nearer than any before. made: how many pictures it took.
 */
export async function invert({ render, latentSize, target, starts = 256, keep = 6, steps = 12, seed = 1, onStep = () => {} }) {
  const problem = makeProblem(render, target);
  let best = null;
  const onBetter = async (state) => {
    if (best && best.cost <= state.cost) return;
    best = state;
    await onStep({ latent: state.latent, loss: state.loss });
  };
  for (const start of (await begin(problem, latentSize, starts, seed)).slice(0, keep)) {
    await descend(problem, start, steps, onBetter);
    if (best.loss < GOOD) break;
  }
  const jacobian = best.jacobian ?? (await differences(problem, best));
  return { latent: best.latent, loss: best.loss, jacobian, made: problem.made };
}

function makeProblem(render, { width, height, rgb }) {
  const columns = Math.min(CELLS, width), rows = Math.min(CELLS, height);
  const cells = (data) => meansOfCells(data, width, height, columns, rows);
  const wanted = cells(rgb);
  const problem = {
    made: 0,
    async look(latents) {
      const { data, ...made } = await render(latents);
      if (made.width !== width || made.height !== height)
        throw new Error(`the generator makes ${made.width} x ${made.height} pixels, the picture has ${width} x ${height}`);
      problem.made += latents.length;
      const size = width * height * 3;
      return latents.map((latent, i) => {
        const seen = cells(data.subarray(i * size, (i + 1) * size));
        const rest = seen.map((value, k) => value - wanted[k]);
        const loss = meanSquare(rest);
        return { latent, rest, loss, cost: loss + PRIOR * meanSquare(latent) };
      });
    },
  };
  return problem;
}

async function begin(problem, latentSize, starts, seed) {
  const latents = Array.from({ length: starts }, (_, i) => {
    const latent = new Float32Array(latentSize);
    if (i > 0) fillNormal(latent, seed, i, LATENT); // the first is the middle of all
    return latent;
  });
  return (await problem.look(latents)).sort((a, b) => a.cost - b.cost);
}

async function descend(problem, start, steps, onBetter) {
  let state = start;
  await onBetter(state);
  for (let step = 0; step < steps && state.loss > GOOD / 10; step++) {
    state.jacobian = await differences(problem, state);
    const tried = await problem.look(candidates(state));
    const next = tried.reduce((a, b) => (b.cost < a.cost ? b : a));
    if (!(next.cost < 0.999 * state.cost)) return;
    state = next;
    await onBetter(state);
  }
}

/** For each number of the latent, how the cells change with it. */
async function differences(problem, { latent, rest }) {
  const nudged = Array.from(latent, (_, i) => {
    const other = latent.slice();
    other[i] += NUDGE;
    return other;
  });
  return (await problem.look(nudged)).map((state) => state.rest.map((value, k) => (value - rest[k]) / NUDGE));
}

/** Where to look next: steps towards the minimum of the linear model, more or less cautious. */
function candidates({ latent, rest, jacobian }) {
  const n = rest.length, d = latent.length, prior = PRIOR / d;
  const normal = Array.from({ length: d }, (_, i) => Float64Array.from({ length: d }, (__, j) => (j <= i ? dot(jacobian[i], jacobian[j]) / n : 0)));
  for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) normal[j][i] = normal[i][j];
  const slope = Float64Array.from(latent, (value, i) => -dot(jacobian[i], rest) / n - prior * value);
  const scale = normal.reduce((total, row, i) => total + row[i], 0) / d;
  return DAMPINGS.flatMap((damping) => {
    const step = solve(normal, scale * damping + prior, slope);
    return LENGTHS.map((length) => latent.map((value, i) => value + length * step[i]));
  });
}

/** x of (matrix + diagonal I) x = b, by Cholesky. */
function solve(matrix, diagonal, b) {
  const d = b.length, L = matrix.map((row) => row.slice());
  for (let i = 0; i < d; i++) L[i][i] += diagonal;
  for (let j = 0; j < d; j++) {
    for (let k = 0; k < j; k++) L[j][j] -= L[j][k] ** 2;
    L[j][j] = Math.sqrt(Math.max(L[j][j], 1e-30));
    for (let i = j + 1; i < d; i++) {
      for (let k = 0; k < j; k++) L[i][j] -= L[i][k] * L[j][k];
      L[i][j] /= L[j][j];
    }
  }
  const x = b.slice();
  for (let i = 0; i < d; i++) {
    for (let k = 0; k < i; k++) x[i] -= L[i][k] * x[k];
    x[i] /= L[i][i];
  }
  for (let i = d - 1; i >= 0; i--) {
    for (let k = i + 1; k < d; k++) x[i] -= L[k][i] * x[k];
    x[i] /= L[i][i];
  }
  return x;
}

function dot(a, b) {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
}

const meanSquare = (values) => dot(values, values) / values.length;

/** The mean of each cell and channel, from 0 to 1: Float32Array [rows * columns * 3]. */
function meansOfCells(rgb, width, height, columns, rows) {
  const means = new Float32Array(rows * columns * 3), counts = new Float32Array(rows * columns);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y * rows) / height) * columns;
    for (let x = 0; x < width; x++) {
      const cell = row + Math.floor((x * columns) / width), from = 3 * (y * width + x);
      counts[cell] += 255;
      for (let c = 0; c < 3; c++) means[3 * cell + c] += rgb[from + c];
    }
  }
  return means.map((total, i) => total / counts[Math.floor(i / 3)]);
}
