// invert-picture.js - the visitor's own picture as a model would make it: the latent that comes nearest, how near that is, and ways from there.
//
//     const node = renderInvert({ slug, title, generator, compare });
//
// compare(blob, {onTry, onStop}): looks for the model that can make the picture best (best-inverter.js); see there.

import { element } from './dom.js';
import { drawFrame, fitPicture, savePng } from './frames.js';
import { progressOf, stoppable } from './working.js';

const DIRECTIONS = 5;
const REACH = 3; // standard deviations that a slider goes to either side

export function renderInvert({ slug, title, generator, compare }) {
  const original = element('canvas', { role: 'img', 'aria-label': 'Your picture, at the model’s size' });
  const made = element('canvas', { role: 'img', 'aria-label': `The nearest picture of ${title}` });
  const distance = element('figcaption', {}, 'reconstruction');
  const said = element('p', { class: 'note', role: 'status' }, 'Your picture stays in your browser: nothing is sent anywhere.');
  const input = element('input', { type: 'file', accept: 'image/*', class: 'hidden', id: 'own-picture', onchange: () => take(input.files[0]) });
  const start = element('button', { class: 'button primary', type: 'button', disabled: true }, 'Invert');
  const save = element('button', { class: 'button', type: 'button', disabled: true, onclick: () => savePng(made, `${slug}-reconstruction.png`) }, 'Save PNG');
  const sliders = element('div', { class: 'sliders' });
  const others = element('div', {});
  let blob = null;

  const run = stoppable(start, generator, async () => {
    const { width, height } = await generator.open();
    const target = await fitPicture(blob, width, height);
    drawOver(original, target.canvas);
    const { canvas: dropped, ...pixels } = target;
    said.textContent = 'Looking for the nearest picture …';
    const found = await generator.ask('invert', { target: pixels, directions: DIRECTIONS }, ({ loss, frames }) => {
      drawFrame(frames, 0, made);
      distance.textContent = `reconstruction, ${percent(loss)} off so far`;
    });
    drawFrame(found.frames, 0, made);
    distance.textContent = `reconstruction, ${percent(found.loss)} off`;
    said.textContent = `${dropped.width} × ${dropped.height} pixels; the distance is the root mean square difference, of the range from black to white. ${found.made} pictures were tried.`;
    save.disabled = false;
    sliders.replaceChildren(...edit(generator, found, made));
    others.replaceChildren(compare(blob));
  }, progressOf(said));
  start.addEventListener('click', run);

  async function take(file) {
    if (!file) return;
    blob = file;
    start.disabled = false;
    if (start.classList.contains('running')) generator.stop();
    else run();
  }

  const drop = element(
    'label',
    { class: 'drop', for: 'own-picture', ondragover: allow, ondrop: (event) => (event.preventDefault(), take(event.dataTransfer.files[0])) },
    'Drop a picture here, or ',
    element('span', { class: 'like-link' }, 'choose a file'),
  );
  return element(
    'div',
    { class: 'invert', onpaste: (event) => event.clipboardData.files.length > 0 && (event.preventDefault(), take(event.clipboardData.files[0])) },
    input,
    drop,
    element('div', { class: 'between' }, element('figure', {}, original, element('figcaption', {}, 'your picture')), element('figure', {}, made, distance)),
    element('div', { class: 'actions' }, start, save),
    said,
    sliders,
    others,
    element('p', { class: 'note' }, 'More than one picture? ', element('a', { href: '?few-shot', 'data-page': true }, 'Find the model to fine-tune with them')),
  );
}

const percent = (loss) => `${(100 * Math.sqrt(loss)).toFixed(1)} %`;
const allow = (event) => event.preventDefault();

function drawOver(canvas, picture) {
  Object.assign(canvas, { width: picture.width, height: picture.height });
  canvas.getContext('2d').drawImage(picture, 0, 0);
}

/** A slider for each direction along which the picture changes most from where it is. While one picture is made only the last wish is kept. */
function edit(generator, { latent, directions }, canvas) {
  const values = directions.map(() => 0);
  let [busy, wanted] = [false, false];

  async function draw() {
    wanted = true;
    if (busy) return;
    busy = true;
    while (wanted) {
      wanted = false;
      const edited = latent.map((value, i) => value + directions.reduce((total, direction, k) => total + values[k] * direction[i], 0));
      const { frames } = await generator.ask('render', { latents: [edited] });
      drawFrame(frames, 0, canvas);
    }
    busy = false;
  }

  const inputs = directions.map((_, k) => {
    const change = ({ target }) => {
      values[k] = Number(target.value);
      draw();
    };
    return element('input', { type: 'range', min: -REACH, max: REACH, step: 0.1, value: 0, 'aria-label': `Direction ${k + 1}`, oninput: change });
  });
  const reset = () => {
    values.fill(0);
    for (const input of inputs) input.value = 0;
    draw();
  };
  return [
    element('h2', {}, 'Edit along the directions that change this picture most'),
    ...inputs.map((input, k) => element('div', { class: 'slider' }, element('span', { 'aria-hidden': 'true' }, `direction ${k + 1}`), input)),
    element('button', { class: 'link', type: 'button', onclick: reset }, 'Back to the reconstruction'),
  ];
}
