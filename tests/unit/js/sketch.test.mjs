// A drawing's strokes, and work that follows it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PAPER, makeDrawing } from '../../../site/app/drawing.js';
import { newestOnly } from '../../../site/app/newest-only.js';

/** A context that remembers the lines which would be seen: filling everything takes them away. */
function paper() {
  const lines = [];
  let path = [];
  return {
    lines,
    fillRect: () => lines.splice(0),
    beginPath: () => (path = []),
    moveTo: (...point) => path.push(point),
    lineTo: (...point) => path.push(point),
    stroke() {
      lines.push([this.strokeStyle, path]);
    },
  };
}
const INK = { colour: '#000000', width: 10 };

test('a stroke is drawn piece by piece, and whole again after another was undone', () => {
  const context = paper();
  const drawing = makeDrawing(context, 100);
  drawing.begin(INK, [1, 1]);
  drawing.extend([2, 3]);
  drawing.extend([5, 5]);
  assert.deepEqual(context.lines.map(([, path]) => path), [[[1, 1], [1.01, 1]], [[1, 1], [2, 3]], [[2, 3], [5, 5]]]);
  drawing.begin({ ...INK, colour: PAPER }, [9, 9]);
  assert.equal(drawing.undo(), true);
  assert.deepEqual(context.lines, [['#000000', [[1, 1], [2, 3], [5, 5]]]]);
  assert.equal(drawing.undo(), true);
  assert.equal(drawing.undo(), false);
  assert.deepEqual(context.lines, []);
});

test('clearing can be undone, and what is only erased is empty', () => {
  const context = paper();
  const drawing = makeDrawing(context, 100);
  assert.equal(drawing.clear(), false);
  drawing.begin({ ...INK, colour: PAPER }, [0, 0]);
  assert.equal(drawing.isEmpty(), true);
  drawing.begin(INK, [1, 1]);
  assert.equal(drawing.isEmpty(), false);
  assert.equal(drawing.clear(), true);
  assert.deepEqual([drawing.isEmpty(), context.lines.length], [true, 0]);
  assert.equal(drawing.undo(), true);
  assert.deepEqual([drawing.isEmpty(), context.lines.length], [false, 2]);
});

test('the newest of what came while working is next, and nothing between', async () => {
  const seen = [];
  let release;
  const follow = newestOnly(async (value) => {
    seen.push(value);
    await new Promise((resolve) => (release = resolve));
  });
  const done = follow('a');
  for (const value of ['b', 'c', 'd']) follow(value);
  release();
  await new Promise(setImmediate);
  assert.deepEqual(seen, ['a', 'd']);
  release();
  await done;
  follow('e');
  assert.deepEqual(seen, ['a', 'd', 'e']);
});
