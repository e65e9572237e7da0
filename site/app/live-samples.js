// live-samples.js - the samples of a model: those that were stored, and new ones that the visitor's browser makes.
//
//     const node = renderSamples({ stored, note, title, slug, generator, seed, remember });
//
// stored: [{src, width, height}]. generator: generator.js, or null where there is none. seed: of the address, or null; with one, its samples are made
// at once. remember({seed}): writes it to the address.

import { element } from './dom.js';
import { drawFrame } from './frames.js';
import { openLightbox } from './lightbox.js';
import { number } from './sentence.js';
import { progressOf, stoppable } from './working.js';

const COUNT = 16;
const MAX_SEED = 999_999_999;

export function renderSamples({ stored, places = stored.length, note, title, slug, generator, seed, remember }) {
  const tiles = stored.map(({ src, width, height }, i) =>
    tile(element('img', { src, width, height, alt: '', decoding: 'async', loading: i < 12 ? 'eager' : 'lazy' }), `Sample ${i + 1}`, `${slug}-sample-${i + 1}`),
  );
  const empty = Array.from({ length: Math.max(0, places - stored.length) }, () => element('li', { 'aria-hidden': 'true' }));
  const live = element('ul', { class: 'gallery live', 'aria-label': 'New samples', hidden: true });
  const said = element('p', { class: 'note', role: 'status' });
  const controls = generator && makeControls({ generator, seed, live, said, slug, remember });
  return element(
    'div',
    { onclick: enlarge },
    controls,
    live,
    said,
    element('ul', { class: 'gallery', 'aria-label': `Samples of ${title}` }, tiles, empty),
    note && element('p', { class: 'note' }, note),
  );
}

function tile(picture, label, file) {
  return element('li', {}, element('button', { class: 'tile', type: 'button', 'aria-label': `${label}, enlarge`, 'data-label': label, 'data-file': file }, picture));
}

function enlarge(event) {
  const chosen = event.target.closest('.tile');
  if (!chosen) return;
  const tiles = [...event.currentTarget.querySelectorAll('.tile')];
  openLightbox(tiles, tiles.indexOf(chosen));
}

function makeControls({ generator, seed, live, said, slug, remember }) {
  const input = element('input', { type: 'number', min: 0, max: MAX_SEED, step: 1, value: seed ?? 1 + Math.floor(Math.random() * 9999), id: 'seed', inputmode: 'numeric' });
  const button = element('button', { class: 'button primary', type: 'submit' }, `Sample ${COUNT} more`);
  let next = { seed: null, first: 0 };

  const draw = stoppable(button, generator, async () => {
    if (!input.reportValidity()) return;
    const wanted = Number(input.value);
    if (next.seed !== wanted) {
      next = { seed: wanted, first: 0 };
      live.replaceChildren();
    }
    remember({ seed: wanted });
    const { frames, milliseconds } = await generator.ask('sample', { ...next, count: COUNT });
    for (let i = 0; i < frames.count; i++) {
      const index = next.first + i;
      live.append(tile(drawFrame(frames, i), `Sample ${index} of seed ${wanted}`, `${slug}-seed-${wanted}-sample-${index}`));
    }
    live.hidden = false;
    next.first += COUNT;
    said.textContent = `Seed ${wanted}, samples 0 to ${number(next.first - 1)}. Made in your browser (WebAssembly), ${perPicture(milliseconds / COUNT)}. Nothing was sent anywhere.`;
  }, progressOf(said));
  const form = element('form', { class: 'sampling', onsubmit: submit }, element('label', { for: 'seed' }, 'seed'), input, button);

  function submit(event) {
    event.preventDefault();
    draw();
  }

  if (seed !== null) draw();
  return form;
}

const perPicture = (ms) => (ms < 1 ? 'less than 1 ms per picture' : `${number(Math.round(ms))} ms per picture`);
