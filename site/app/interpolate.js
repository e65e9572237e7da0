// interpolate.js - the way from one sample to another, as a strip of pictures and one that a slider moves along.
//
//     const node = renderInterpolate({ slug, generator, seed, remember });

import { element } from './dom.js';
import { drawFrame, drawStrip, savePng } from './frames.js';
import { progressOf, stoppable } from './working.js';

const STEPS = 33;
const SHOWN = 9; // of them, in the strip

export function renderInterpolate({ slug, generator, seed, remember }) {
  const ends = [0, 1].map((index) => ({ seed: seed ?? 1, index }));
  const pictures = ends.map(() => element('canvas', { role: 'img' }));
  const large = element('canvas', { role: 'img', 'aria-label': 'The picture in between' });
  const strip = element('div', { class: 'strip', 'aria-hidden': 'true' });
  const slider = element('input', { type: 'range', min: 0, max: STEPS - 1, value: (STEPS - 1) / 2, 'aria-label': 'Place between the two samples', oninput: show });
  const said = element('p', { class: 'note', role: 'status' });
  const save = element('button', { class: 'button', type: 'button', disabled: true, onclick: () => savePng(drawStrip(shown()), `${name()}.png`) }, 'Save the strip as PNG');
  const start = element('button', { class: 'button primary', type: 'button' }, 'Interpolate');
  let frames = null;

  const shown = () => Array.from({ length: SHOWN }, (_, k) => drawFrame(frames, Math.round((k * (STEPS - 1)) / (SHOWN - 1))));
  const name = () => `${slug}-seed-${ends[0].seed}-from-${ends[0].index}-to-${ends[1].index}`;

  const run = stoppable(start, generator, async () => {
    ({ frames } = await generator.ask('between', { ends, count: STEPS }));
    pictures.forEach((canvas, i) => {
      drawFrame(frames, i * (STEPS - 1), canvas);
      canvas.setAttribute('aria-label', labelOf(ends[i]));
    });
    strip.replaceChildren(...shown());
    save.disabled = false;
    show();
    said.textContent = `${STEPS} pictures on the arc between the two latents, made in your browser.`;
  }, progressOf(said));
  start.addEventListener('click', run);

  function show() {
    if (frames) drawFrame(frames, Number(slider.value), large);
    slider.setAttribute('aria-valuetext', `${Math.round((100 * slider.value) / (STEPS - 1))} %`);
  }

  /** Another sample at one end. */
  function change(end) {
    end.index = Math.max(ends[0].index, ends[1].index) + 1;
    remember({ seed: end.seed });
    run();
  }

  const end = (i, label) =>
    element(
      'figure',
      {},
      pictures[i],
      element('figcaption', {}, label, element('button', { class: 'link', type: 'button', onclick: () => change(ends[i]), 'aria-label': `Another sample as ${label}` }, 'another')),
    );
  if (seed !== null) run();
  return element(
    'div',
    { class: 'interpolate' },
    element('div', { class: 'between' }, end(0, 'from'), element('figure', { class: 'large' }, large, slider), end(1, 'to')),
    strip,
    element('div', { class: 'actions' }, start, save),
    said,
  );
}

const labelOf = ({ seed, index }) => `Sample ${index} of seed ${seed}`;
