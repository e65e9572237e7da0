// latents.js - ways through the latents of a generator, whose numbers are standard normal.
//
//     const path = between(a, b, 9);                     // 9 latents from a to b, both included
//     const [first] = principalDirections(jacobian, 5);  // the directions along which a picture changes most, each of length 1

/** count latents on the arc from a to b. A straight line would leave the shell that normal numbers lie on, and show what is never drawn. */
export function between(a, b, count) {
  const [lengthA, lengthB] = [Math.hypot(...a), Math.hypot(...b)];
  const cosine = a.reduce((total, value, i) => total + value * b[i], 0) / (lengthA * lengthB || 1);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  return Array.from({ length: count }, (_, k) => mix(a, b, angle, count === 1 ? 0 : k / (count - 1)));
}

/** t 0 is a, t 1 is b. Where both point the same way, or in opposite ones, an arc is not defined: a line then. */
function mix(a, b, angle, t) {
  const sine = Math.sin(angle);
  const [fromA, fromB] = sine < 1e-4 ? [1 - t, t] : [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
  return Float32Array.from(a, (value, i) => fromA * value + fromB * b[i]);
}

const ROUNDS = 24;

/** jacobian: for each number of the latent, how the picture changes with it (a list of equally long lists). By subspace iteration. */
export function principalDirections(jacobian, count) {
  const size = jacobian.length;
  const found = [];
  for (let k = 0; k < Math.min(count, size); k++) {
    let direction = Float64Array.from({ length: size }, (_, i) => Math.cos(1 + i * (k + 1)));
    for (let round = 0; round < ROUNDS; round++) direction = unit(without(applyTwice(jacobian, direction), found));
    found.push(direction);
  }
  return found.map((direction) => Float32Array.from(direction));
}

/** J^T J direction. */
function applyTwice(jacobian, direction) {
  const change = new Float64Array(jacobian[0].length);
  jacobian.forEach((row, i) => row.forEach((value, k) => (change[k] += value * direction[i])));
  return Float64Array.from(jacobian, (row) => row.reduce((total, value, k) => total + value * change[k], 0));
}

function without(vector, others) {
  const rest = vector.slice();
  for (const other of others) {
    const along = rest.reduce((total, value, i) => total + value * other[i], 0);
    other.forEach((value, i) => (rest[i] -= along * value));
  }
  return rest;
}

function unit(vector) {
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}
