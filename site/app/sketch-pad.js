// sketch-pad.js - draws with a mouse, a pen, a finger or the arrow keys.
//
//     const pad = makeSketchPad({ onDraw, onClose });     // onDraw(): the drawing has changed
//     container.append(pad.node);
//     pad.open();                                          // the focus goes to it; Esc and Done close it
//     await pad.picture();                                 // a PNG, or null of an empty drawing

import { PAPER, makeDrawing } from './drawing.js';
import { element } from './dom.js';

const SIDE = 448;
const STEP = 8; // of a key
const KEYS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
const HELP = 'Draw with a mouse, a pen or a finger. With the keys: arrows move the pen, Space lowers and lifts it.';
const ERASER_BUTTON = 32; // of a pen, in a pointer event's buttons

export function makeSketchPad({ onDraw, onClose }) {
  const canvas = element('canvas', { width: SIDE, height: SIDE, tabindex: '0', role: 'application', 'aria-label': `Drawing. ${HELP}` });
  const drawing = makeDrawing(canvas.getContext('2d'), SIDE);
  const tools = makeTools();
  const undo = button('Undo', () => change(drawing.undo()));
  const clear = button('Clear', () => change(drawing.clear()));
  const node = element(
    'section',
    { class: 'pad', role: 'dialog', 'aria-label': 'Sketch', hidden: true, onkeydown: onKey },
    element('div', { class: 'sheet' }, canvas, element('span', { class: 'pen', hidden: true })),
    element('div', { class: 'pad-tools' }, tools.nodes, element('div', { class: 'pad-row' }, undo, clear, button('Done', close)), element('p', { class: 'note' }, HELP)),
  );
  drawWithPointer(canvas, drawing, tools.brush, change);
  drawWithKeys(canvas, node.querySelector('.pen'), drawing, tools.brush, change);
  refresh();

  function change(changed) {
    if (!changed) return;
    refresh();
    onDraw();
  }

  /** Not by `disabled`, which would take the focus away from the button that was just pressed. */
  function refresh() {
    undo.setAttribute('aria-disabled', String(!drawing.canUndo()));
    clear.setAttribute('aria-disabled', String(drawing.isEmpty()));
  }

  function onKey(event) {
    if (event.key === 'Escape') close();
    else if (event.key === 'z' && (event.ctrlKey || event.metaKey)) change(drawing.undo());
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function open() {
    node.hidden = false;
    canvas.focus();
  }

  function close() {
    node.hidden = true;
    onClose();
  }

  const picture = () => (drawing.isEmpty() ? null : new Promise((resolve) => canvas.toBlob(resolve, 'image/png')));
  return { node, open, close, picture };
}

const button = (text, onclick) => element('button', { class: 'button', type: 'button', onclick }, text);

/** Brush or eraser, how wide, which colour. */
function makeTools() {
  const width = element('input', { type: 'range', min: 4, max: 64, value: 14, 'aria-label': 'Width' });
  const colour = element('input', { type: 'color', value: '#1b1c1e', 'aria-label': 'Colour' });
  const choose = ({ currentTarget }) => both.forEach((tool) => tool.setAttribute('aria-pressed', String(tool === currentTarget)));
  const tool = (name, pressed) => element('button', { class: 'button', type: 'button', 'aria-pressed': String(pressed), onclick: choose }, name);
  const both = [tool('Brush', true), tool('Eraser', false)];
  const erases = () => both[1].getAttribute('aria-pressed') === 'true';
  return {
    nodes: [element('div', { class: 'pad-row' }, both), element('div', { class: 'pad-row' }, width, colour)],
    brush: (eraser = erases()) => ({ colour: eraser ? PAPER : colour.value, width: Number(width.value) * (eraser ? 2 : 1) }),
  };
}

function drawWithPointer(canvas, drawing, brush, change) {
  let pointer = null; // the one that draws: a second finger does not

  function placeOf({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    return [((clientX - box.left) * SIDE) / box.width, ((clientY - box.top) * SIDE) / box.height];
  }

  canvas.addEventListener('pointerdown', (event) => {
    const eraser = (event.buttons & ERASER_BUTTON) !== 0;
    if (pointer !== null || (event.button !== 0 && !eraser)) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    drawing.begin(brush(eraser || undefined), placeOf(event));
    change(true);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (event.pointerId !== pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const moved of events.length > 0 ? events : [event]) drawing.extend(placeOf(moved));
    change(true);
  });
  for (const end of ['pointerup', 'pointercancel'])
    canvas.addEventListener(end, (event) => {
      if (event.pointerId === pointer) pointer = null;
    });
}

/** mark: shows where the pen is. */
function drawWithKeys(canvas, mark, drawing, brush, change) {
  let at = [SIDE / 2, SIDE / 2];
  let down = false;

  function showPen(shown) {
    mark.hidden = !shown;
    mark.classList.toggle('down', down);
    mark.style.left = `${(100 * at[0]) / SIDE}%`;
    mark.style.top = `${(100 * at[1]) / SIDE}%`;
  }

  canvas.addEventListener('keydown', (event) => {
    const step = KEYS[event.key];
    if (!step && event.key !== ' ') return;
    event.preventDefault();
    if (step) at = at.map((value, i) => Math.min(SIDE, Math.max(0, value + step[i])));
    else down = !down;
    if (down && step) drawing.extend(at);
    else if (down) drawing.begin(brush(), at);
    showPen(true);
    change(down);
  });
  canvas.addEventListener('blur', () => {
    down = false;
    showPen(false);
  });
}
