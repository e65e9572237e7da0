// results.js - the cards, kept by slug so that a new order moves them instead of drawing them again.
//
//     const cards = makeCards(document.getElementById('cards'));
//     cards.show([{ model, href, probability }]);        // probability: undefined before a search, NaN when the method has none
//     cards.focus('cats');

import { typeShape } from './facets.js';
import { element } from './dom.js';

const MOVE = { duration: 260, easing: 'cubic-bezier(0.2, 0, 0, 1)' };

export function makeCards(list) {
  const nodes = new Map();

  function show(items) {
    const before = visibleBoxes(nodes);
    const wanted = items.map((item) => {
      const node = nodes.get(item.model.slug) ?? makeCard(item.model);
      nodes.set(item.model.slug, node);
      updateCard(node, item);
      return node;
    });
    arrange(list, wanted);
    if (before.size > 0 && !matchMedia('(prefers-reduced-motion: reduce)').matches) move(before);
  }

  return { show, focus: (slug) => nodes.get(slug)?.querySelector('a').focus() };
}

/** Puts exactly these children into the list, touching only what stands in the wrong place: an untouched link keeps its focus. */
function arrange(list, wanted) {
  const keep = new Set(wanted);
  for (const node of [...list.children]) if (!keep.has(node)) node.remove();
  const focused = document.activeElement;
  wanted.forEach((node, index) => {
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
  });
  if (focused !== document.activeElement && list.contains(focused)) focused.focus({ preventScroll: true });
}

/** Where the cards on the screen are now. Those elsewhere need no motion. */
function visibleBoxes(nodes) {
  const boxes = new Map();
  for (const node of nodes.values()) {
    if (!node.isConnected) continue;
    const box = node.getBoundingClientRect();
    if (box.width > 0 && box.bottom > 0 && box.top < innerHeight) boxes.set(node, box);
  }
  return boxes;
}

function move(before) {
  for (const [node, old] of before) {
    if (!node.isConnected) continue;
    const box = node.getBoundingClientRect();
    const [dx, dy] = [old.left - box.left, old.top - box.top];
    if (dx || dy) node.animate({ transform: [`translate(${dx}px, ${dy}px)`, 'none'] }, MOVE);
  }
}

/** The card of a model, also for the neighbours on a model's page. */
export function makeCard(model) {
  return element(
    'li',
    { class: 'card', 'data-slug': model.slug },
    element(
      'a',
      { 'data-page': true },
      samples(model.thumbs),
      element(
        'div',
        { class: 'text' },
        element('h3', { title: model.title, dir: 'auto' }, model.title),
        element('div', { class: 'kind' }, typeShape(model.type), element('span', {}, model.type), element('span', { class: 'family' }, model.family)),
        element('div', { class: 'measure' }),
      ),
    ),
    element('button', { class: 'like', type: 'button', 'data-like': model.slug, 'aria-label': `More like ${model.title}`, title: 'More like this' }, '≈'),
  );
}

function samples(thumbs) {
  const size = { width: 112, height: 112, loading: 'lazy', decoding: 'async', alt: '' };
  return element('div', { class: 'samples' }, thumbs.slice(0, 4).map((src) => element('img', { src, ...size })));
}

/** fits: how well the model fits each part (fits.js), or null. misses: others make what is asked for, this one does not. */
export function updateCard(node, { model, href, probability, fits, misses = false, distance }) {
  node.querySelector('a').setAttribute('href', href);
  node.classList.toggle('misses', misses);
  const measure = node.querySelector('.measure');
  if (probability >= 0 && fits) showFits(measure, probability, fits);
  else if (probability >= 0) showProbability(measure, probability);
  else measure.replaceChildren(...withoutProbability(model, probability, distance));
}

function withoutProbability(model, probability, distance) {
  if (distance !== undefined) return [element('span', {}, 'distance '), element('strong', {}, distance.toFixed(3))];
  if (Number.isNaN(probability)) return [element('span', {}, 'further down')];
  return [element('span', { class: 'tags' }, model.tags.slice(0, 4).join(' · '))];
}

/** One thin bar for each part beside the probability, in the order of the parts. */
function showFits(measure, probability, fits) {
  const told = fits.map((fit) => `${Math.round(100 * fit)} %`).join(', ');
  measure.replaceChildren(
    element('strong', { title: 'the probability of this model, given all parts' }, formatProbability(probability)),
    element('span', { class: 'fits', role: 'img', 'aria-label': `fits the parts to ${told}`, title: `Fits the parts to ${told} of the best model for each` }),
  );
  const bars = fits.map((fit) => {
    const bar = element('span', { class: 'fit' });
    bar.style.transform = `scaleX(${fit})`;
    return element('span', { class: 'meter' }, bar);
  });
  measure.querySelector('.fits').append(...bars);
}

/** A bar that is there already is kept, so that it grows or shrinks to its new length. */
function showProbability(measure, probability) {
  if (!measure.querySelector('.fill'))
    measure.replaceChildren(
      element('strong', { title: 'the probability of this model, given the words' }),
      element('span', { class: 'meter', 'aria-hidden': 'true' }, element('span', { class: 'fill' })),
    );
  measure.querySelector('strong').textContent = formatProbability(probability);
  measure.querySelector('.fill').style.transform = `scaleX(${probability})`;
}

export const formatProbability = (probability) => (probability < 0.005 ? '<0.01' : probability.toFixed(2));
