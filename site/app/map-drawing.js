// map-drawing.js - draws the map on a canvas: a mark of each model in its type's colour and shape, pictures where there is room.
//
//     const draw = makeDrawing(canvas, models, requestDraw);          // requestDraw(): called when a picture has arrived
//     draw({ points, view, size, weights, chosen, query });           // weights: by model, from 0 to 1, or null; query: {x, y} or null

import { toScreen } from './map-geometry.js';

const PICTURE = 46; // pixels
const MOST_PICTURES = 150; // in sight; more would hide each other
const DIMMED = 0.3;

/** Corners of the shapes, as in style.css; a circle for those that are not here. */
const CORNERS = {
  GAN: [[0, -0.55], [0.6, 0.5], [-0.6, 0.5]],
  VAE: [[-0.45, -0.45], [0.45, -0.45], [0.45, 0.45], [-0.45, 0.45]],
  autoregressive: [[0, -0.6], [0.6, 0], [0, 0.6], [-0.6, 0]],
  flow: [[0, -0.58], [0.58, -0.12], [0.36, 0.55], [-0.36, 0.55], [-0.58, -0.12]],
  implicit: [[0, -0.58], [0.52, -0.29], [0.52, 0.29], [0, 0.58], [-0.52, 0.29], [-0.52, -0.29]],
};

export function makeDrawing(canvas, models, requestDraw) {
  const context = canvas.getContext('2d');
  const images = new Map();

  function imageOf({ thumbs: [src] }) {
    if (!src) return null;
    if (!images.has(src)) {
      const image = new Image();
      image.onload = requestDraw;
      image.src = src;
      images.set(src, image);
    }
    const image = images.get(src);
    return image.complete && image.naturalWidth > 0 ? image : null;
  }

  return function draw({ points, view, size, weights, chosen, query }) {
    const ratio = globalThis.devicePixelRatio || 1;
    Object.assign(canvas, { width: size.width * ratio, height: size.height * ratio });
    context.scale(ratio, ratio);
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    const seen = inSight(points, view, size);
    const withPictures = seen.length <= MOST_PICTURES;
    for (const place of inOrder(seen, weights, chosen)) {
      const model = models[place.index];
      context.globalAlpha = opacity(place.index, weights, chosen);
      drawModel(context, place, model, { image: withPictures ? imageOf(model) : null, isChosen: place.index === chosen, colour });
    }
    context.globalAlpha = 1;
    if (query) drawQuery(context, toScreen(view, size, query), colour('--accent'));
  };
}

/** What matters most is drawn last, on top. */
function inOrder(seen, weights, chosen) {
  const rank = ({ index }) => (index === chosen ? 2 : weights ? weights[index] : 0);
  return [...seen].sort((a, b) => rank(a) - rank(b));
}

const opacity = (index, weights, chosen) => (weights && index !== chosen ? DIMMED + (1 - DIMMED) * weights[index] : 1);

function drawModel(context, { left, top }, { type }, { image, isChosen, colour }) {
  if (image) drawPicture(context, image, left, top, colour(isChosen ? '--accent' : '--line'));
  const shift = image ? PICTURE / 2 - 3 : 0;
  drawShape(context, type, left + shift, top + shift, isChosen ? 18 : 13, colour);
}

function inSight(points, view, size) {
  const seen = [];
  points.forEach((point, index) => {
    const { left, top } = toScreen(view, size, point);
    if (left > -PICTURE && top > -PICTURE && left < size.width + PICTURE && top < size.height + PICTURE) seen.push({ index, left, top });
  });
  return seen;
}

function drawPicture(context, image, left, top, edge) {
  const [x, y] = [left - PICTURE / 2, top - PICTURE / 2];
  context.save();
  context.beginPath();
  context.roundRect(x, y, PICTURE, PICTURE, 8);
  context.clip();
  context.drawImage(image, x, y, PICTURE, PICTURE);
  context.restore();
  context.strokeStyle = edge;
  context.lineWidth = 1.5;
  context.beginPath();
  context.roundRect(x, y, PICTURE, PICTURE, 8);
  context.stroke();
}

/** With an edge of the paper's colour, so that it stands out on any picture. */
function drawShape(context, type, x, y, size, colour) {
  context.beginPath();
  const corners = CORNERS[type];
  if (corners) for (const [dx, dy] of corners) context.lineTo(x + dx * size, y + dy * size);
  else context.arc(x, y, size * 0.46, 0, 2 * Math.PI);
  context.closePath();
  context.lineWidth = 3;
  context.strokeStyle = colour('--paper');
  context.stroke();
  context.fillStyle = colour(`--type-${type}`);
  context.fill();
}

function drawQuery(context, { left, top }, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 2;
  for (const radius of [7, 14]) {
    context.beginPath();
    context.arc(left, top, radius, 0, 2 * Math.PI);
    context.stroke();
  }
}
