// The distribution of a few pictures, against numpy (tests/golden/make_few_shot.py).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { describeFew } from '../../../site/lib/few-shot.js';

const golden = JSON.parse(readFileSync(new URL('../../golden/few_shot.json', import.meta.url), 'utf8'));
const few = describeFew(golden.features.map((feature) => Float32Array.from(feature)));

test('the shrinkage is that of Ledoit and Wolf', () => {
  assert.ok(Math.abs(few.shrinkage - golden.shrinkage) < 1e-6);
  assert.ok(golden.shrinkage > 0.02 && golden.shrinkage < 0.98); // else the test would say little
});

test('values, vectors and rest make up the shrunk covariance', () => {
  const d = few.mean.length;
  for (let i = 0; i < d; i++)
    for (let j = 0; j < d; j++) {
      const known = few.vectors.reduce((total, vector, r) => total + (few.values[r] - few.rest) * vector[i] * vector[j], i === j ? few.rest : 0);
      assert.ok(Math.abs(known - golden.covariance[i][j]) < 1e-5, `${i}, ${j}: ${known}, expected ${golden.covariance[i][j]}`);
    }
  assert.equal(few.vectors.length, golden.features.length - 1);
  assert.ok(few.values.every((value, r) => r === 0 || value <= few.values[r - 1]));
});

test('pictures that are all the same have no spread but the ridge', () => {
  const same = describeFew([1, 2, 3].map(() => Float32Array.of(0.6, 0.8)));
  assert.deepEqual([same.vectors.length, same.shrinkage], [0, 1]);
  assert.ok(Math.abs(same.rest - 0.001) < 1e-9);
});
