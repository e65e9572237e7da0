// lightbox.js - one picture of a gallery, large; the others are a key away.
//
//     openLightbox(tiles, 3);       // tiles: elements that hold an img or a canvas each; data-label says what it shows, data-file what to save it as

import { element } from './dom.js';
import { savePng } from './frames.js';

export function openLightbox(tiles, start) {
  let at = start;
  const place = element('div', { class: 'place' });
  const caption = element('p', { class: 'caption', 'aria-live': 'polite' });
  const move = (step) => show((at + step + tiles.length) % tiles.length);
  const dialog = element(
    'dialog',
    { class: 'lightbox', 'aria-label': 'A sample, enlarged', onclose: close, onkeydown: onKey, onclick: (event) => event.target === dialog && dialog.close() },
    element(
      'div',
      { class: 'sheet' },
      place,
      caption,
      element(
        'div',
        { class: 'actions' },
        element('button', { class: 'button', type: 'button', onclick: () => move(-1) }, '← Previous'),
        element('button', { class: 'button', type: 'button', onclick: () => move(1) }, 'Next →'),
        element('button', { class: 'button', type: 'button', onclick: () => savePng(copyOf(tiles[at]), `${tiles[at].dataset.file}.png`) }, 'Save PNG'),
        element('button', { class: 'button', type: 'button', onclick: () => dialog.close() }, 'Close'),
      ),
    ),
  );

  function show(index) {
    at = index;
    place.replaceChildren(copyOf(tiles[at]));
    caption.textContent = `${tiles[at].dataset.label} · ${at + 1} of ${tiles.length}`;
  }

  function onKey({ key }) {
    if (key === 'ArrowLeft') move(-1);
    if (key === 'ArrowRight') move(1);
  }

  function close() {
    dialog.remove();
    tiles[at].focus();
  }

  document.body.append(dialog);
  show(start);
  dialog.showModal();
}

/** The picture of a tile on a canvas of its own, in its own pixels. */
function copyOf(tile) {
  const picture = tile.querySelector('img, canvas');
  const [width, height] = [picture.naturalWidth ?? picture.width, picture.naturalHeight ?? picture.height];
  const canvas = Object.assign(element('canvas', { role: 'img', 'aria-label': tile.dataset.label }), { width, height });
  canvas.getContext('2d').drawImage(picture, 0, 0);
  return canvas;
}
