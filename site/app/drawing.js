// drawing.js - a drawing as a list of strokes, so that the last can be taken back.
//
//     const drawing = makeDrawing(context, side);                       // of a canvas [side, side]
//     drawing.begin({ colour: '#000000', width: 12 }, [x, y]);
//     drawing.extend([x, y]);                                           // of the stroke begun last
//     drawing.undo(); drawing.clear();                                  // both can be undone; each gives whether there was something to do
//     drawing.isEmpty();                                                // nothing but paper
//
// The eraser paints with paper.

export const PAPER = '#ffffff';

export function makeDrawing(context, side) {
  let strokes = []; // {colour, width, points}, or {cleared}: the strokes before
  paint();

  function begin(brush, point) {
    strokes.push({ ...brush, points: [point] });
    draw(context, strokes.at(-1), 0);
  }

  function extend(point) {
    const stroke = strokes.at(-1);
    stroke.points.push(point);
    draw(context, stroke, stroke.points.length - 2);
  }

  function undo() {
    const last = strokes.pop();
    if (last?.cleared) strokes = last.cleared;
    paint();
    return last !== undefined;
  }

  function clear() {
    if (isEmpty()) return false;
    strokes = [{ cleared: strokes }];
    paint();
    return true;
  }

  function paint() {
    context.fillStyle = PAPER;
    context.fillRect(0, 0, side, side);
    for (const stroke of strokes) if (stroke.points) draw(context, stroke, 0);
  }

  const isEmpty = () => !strokes.some(({ points, colour }) => points && colour !== PAPER);

  return { begin, extend, undo, clear, isEmpty, canUndo: () => strokes.length > 0 };
}

const DOT = 0.01; // the length of a line of one point: canvases draw none of length 0

/** The stroke's points from one on; one alone is a dot. */
function draw(context, { colour, width, points }, from) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.beginPath();
  context.moveTo(...points[from]);
  for (const point of points.slice(from + 1)) context.lineTo(...point);
  if (points.length === from + 1) context.lineTo(points[from][0] + DOT, points[from][1]);
  context.stroke();
}
