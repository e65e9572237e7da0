// The arithmetic of the map: what is fitted is seen, what is zoomed at stays, and the arrows lead where they point.

import assert from 'node:assert/strict';
import test from 'node:test';
import { centreOn, fitView, middle, nearest, pan, toScreen, towards, zoomAt } from '../../../site/app/map-geometry.js';

const SIZE = { width: 800, height: 600 };
const POINTS = [{ x: -1, y: -2 }, { x: 3, y: -2 }, { x: 3, y: 4 }, { x: -1, y: 4 }, { x: 1, y: 1.5 }];
const isNear = (a, b) => assert.ok(Math.hypot(a.left - b.left, a.top - b.top) < 1e-6, `${JSON.stringify(a)} is not ${JSON.stringify(b)}`);

test('a fitted view shows all points, y upwards', () => {
  const view = fitView(POINTS, SIZE);
  for (const point of POINTS) {
    const { left, top } = toScreen(view, SIZE, point);
    assert.ok(left >= 0 && left <= 800 && top >= 0 && top <= 600);
  }
  assert.ok(toScreen(view, SIZE, POINTS[2]).top < toScreen(view, SIZE, POINTS[1]).top);
  assert.ok(Number.isFinite(fitView([{ x: 5, y: 5 }], SIZE).scale)); // one model alone
});

test('what lies under the pointer stays there when it zooms, within bounds', () => {
  const view = fitView(POINTS, SIZE);
  const place = toScreen(view, SIZE, POINTS[1]);
  isNear(toScreen(zoomAt(view, SIZE, place, 3), SIZE, POINTS[1]), place);
  assert.equal(zoomAt(view, SIZE, place, 1e9).scale, view.most);
  assert.equal(zoomAt(view, SIZE, place, 1e-9).scale, view.least);
});

test('a drag moves everything by as many pixels; a point can be put in the middle', () => {
  const view = fitView(POINTS, SIZE);
  const { left, top } = toScreen(view, SIZE, POINTS[0]);
  isNear(toScreen(pan(view, 30, -12), SIZE, POINTS[0]), { left: left + 30, top: top - 12 });
  isNear(toScreen(centreOn(view, POINTS[3]), SIZE, POINTS[3]), { left: 400, top: 300 });
});

test('the nearest point within reach is found, or none', () => {
  const view = fitView(POINTS, SIZE);
  const { left, top } = toScreen(view, SIZE, POINTS[4]);
  assert.equal(nearest(POINTS, view, SIZE, { left: left + 5, top }, 10), 4);
  assert.equal(nearest(POINTS, view, SIZE, { left: left + 15, top }, 10), -1);
});

test('arrows lead to the nearest point in their direction, and nowhere where there is none', () => {
  assert.equal(towards(POINTS, 0, 'ArrowRight'), 1);
  assert.equal(towards(POINTS, 1, 'ArrowUp'), 4);
  assert.equal(towards(POINTS, 2, 'ArrowRight'), 2);
  assert.equal(towards(POINTS, 2, 'ArrowDown'), 4);
});

test('the query stands where the weights lie', () => {
  assert.deepEqual(middle(POINTS, [0, 1, 1, 0, NaN]), { x: 3, y: 1 });
  assert.equal(middle(POINTS, [0, 0, 0, 0, 0]), null);
});
