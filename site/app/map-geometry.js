// map-geometry.js - the arithmetic of the map: a view of the plane, and who is where in it. Pure.
//
//     let view = fitView(points, { width: 800, height: 600 });      // points: [{x, y}]; view: {scale, x, y}: pixels for a unit, the plane's point in the middle
//     const { left, top } = toScreen(view, size, points[3]);
//     view = zoomAt(view, size, { left: 10, top: 20 }, 1.5);         // what is under that place stays there
//     view = pan(view, 30, -10);                                    // by pixels, as a hand drags
//     nearest(points, view, size, { left: 10, top: 20 }, 24);       // the index of the point within 24 pixels, or -1
//     towards(points, 3, 'ArrowRight');                             // the index of the point that lies that way from point 3, or 3

const MARGIN = 56; // pixels that a fitted view leaves at every side
const MOST_ZOOM = 200; // times the fitted scale

export function fitView(points, { width, height }) {
  const xs = points.map(({ x }) => x), ys = points.map(({ y }) => y);
  const [left, right] = extent(xs), [low, high] = extent(ys);
  const scale = Math.min(Math.max(width - 2 * MARGIN, 1) / (right - left || 1), Math.max(height - 2 * MARGIN, 1) / (high - low || 1));
  return { scale, least: scale / 2, most: scale * MOST_ZOOM, x: (left + right) / 2, y: (low + high) / 2 };
}

/** Not Math.min(...list): a catalog may have more models than a call takes arguments. */
const extent = (values) => [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];

/** y grows upwards in the plane, downwards on the screen. */
export const toScreen = ({ scale, x, y }, { width, height }, point) => ({ left: width / 2 + (point.x - x) * scale, top: height / 2 - (point.y - y) * scale });

export function zoomAt(view, { width, height }, { left, top }, factor) {
  const scale = Math.min(view.most, Math.max(view.least, view.scale * factor));
  const shift = 1 / view.scale - 1 / scale;
  return { ...view, scale, x: view.x + (left - width / 2) * shift, y: view.y - (top - height / 2) * shift };
}

export const pan = (view, right, down) => ({ ...view, x: view.x - right / view.scale, y: view.y + down / view.scale });

export const centreOn = (view, { x, y }) => ({ ...view, x, y });

export function nearest(points, view, size, { left, top }, reach) {
  let [found, least] = [-1, reach];
  points.forEach((point, index) => {
    const place = toScreen(view, size, point);
    const distance = Math.hypot(place.left - left, place.top - top);
    if (distance < least) [found, least] = [index, distance];
  });
  return found;
}

const WAYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Of the points in the quarter of the plane that the key points into, the nearest. */
export function towards(points, from, key) {
  const [dx, dy] = WAYS[key], start = points[from];
  let [found, least] = [from, Infinity];
  points.forEach(({ x, y }, index) => {
    const along = (x - start.x) * dx + (y - start.y) * dy, aside = Math.abs((x - start.x) * dy) + Math.abs((y - start.y) * dx);
    if (along <= 0 || aside > along || index === from) return;
    const distance = Math.hypot(along, 2 * aside);
    if (distance < least) [found, least] = [index, distance];
  });
  return found;
}

/** Where the mass of the weights lies; null where there is none. */
export function middle(points, weights) {
  let [x, y, total] = [0, 0, 0];
  points.forEach((point, i) => {
    if (!(weights[i] > 0)) return;
    x += weights[i] * point.x;
    y += weights[i] * point.y;
    total += weights[i];
  });
  return total > 0 ? { x: x / total, y: y / total } : null;
}
