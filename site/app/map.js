// map.js - all models in the plane, near each other where their samples are alike. A view of pages.js.

import { element } from './dom.js';
import { makeDrawing } from './map-drawing.js';
import { centreOn, fitView, middle, nearest, pan, toScreen, towards, zoomAt } from './map-geometry.js';
import { listenToPointers } from './map-pointers.js';
import { backLink, heading, note } from './pages.js';
import { formatAddress, isSearch } from './query.js';
import { typeShape } from './facets.js';

const REACH = 30; // pixels from a model's place at which a pointer means it
const STEP = 1.4; // of a zoom by key or button
const ASIDE = 32; // pixels from a model's place to its card

export function show({ address, folder, search, present, isShown, onClose }) {
  const points = pointsOf(folder.catalog);
  const title = 'Map';
  if (!points) return present(title, backLink(address), heading(title), note('This folder was published without a map. Publish it again with a newer gensearch.'));
  const models = points.map((_, index) => folder.model(index));
  const hrefOf = (index) => formatAddress({ ...address, view: 'model', model: models[index].slug });
  const map = new MapPane(models, points, hrefOf);
  onClose(() => map.close());
  present(title, backLink(address), heading(title), legend(models), map.node, note(''));
  map.start();
  const said = map.node.nextElementSibling;
  said.textContent = 'Drag to move, scroll or pinch to zoom. With the keys: arrows go from model to model, + and − zoom, 0 shows all, Enter opens.';
  return isSearch(address) ? markQuery(map, address, search, isShown, said) : undefined;
}

/** [{x, y}] by model, or null where the catalog has no map. */
function pointsOf({ x, y, count }) {
  return Array.isArray(x) && Array.isArray(y) && x.length === count ? x.map((value, i) => ({ x: value, y: y[i] })) : null;
}

async function markQuery(map, address, search, isShown, said) {
  try {
    const { probabilities } = await search(address);
    if (isShown() && probabilities) map.mark(probabilities);
  } catch (error) {
    said.textContent = `The query is not shown: ${error.message}`;
  }
}

function legend(models) {
  const types = [...new Set(models.map(({ type }) => type))];
  return element('ul', { class: 'map-legend', 'aria-label': 'Types' }, types.map((type) => element('li', {}, typeShape(type), type)));
}

class MapPane {
  #models;
  #points;
  #hrefOf;
  #view = null;
  #size = { width: 0, height: 0 };
  #weights = null;
  #query = null;
  #chosen = -1;
  #frame = 0; // of the animation that will draw
  #later = () => (this.#frame ||= requestAnimationFrame(() => this.#paint()));
  #watcher = new ResizeObserver(() => this.#measure());
  #scheme = matchMedia('(prefers-color-scheme: dark)');
  #live = element('p', { class: 'hidden', role: 'status' });
  #card = element('a', { class: 'map-card', 'data-page': true, hidden: true, tabindex: '-1' });
  #pane;
  #draw;

  constructor(models, points, hrefOf) {
    [this.#models, this.#points, this.#hrefOf] = [models, points, hrefOf];
    const canvas = element('canvas', {});
    const button = (name, label, action) => element('button', { class: 'button', type: 'button', 'aria-label': label, onclick: action }, name);
    this.#pane = element(
      'div',
      { class: 'map-pane', tabindex: '0', role: 'application', 'aria-label': `Map of ${models.length} models`, onkeydown: (event) => this.#onKey(event) },
      canvas,
      this.#card,
    );
    this.node = element(
      'div',
      { class: 'map' },
      this.#pane,
      element('div', { class: 'map-buttons' }, button('+', 'Zoom in', () => this.#zoom(STEP)), button('−', 'Zoom out', () => this.#zoom(1 / STEP)), button('all', 'Show all', () => this.#fit())),
      this.#live,
    );
    this.#draw = makeDrawing(canvas, models, this.#later);
  }

  /** To be called when node is in the page. */
  start() {
    this.#watcher.observe(this.#pane);
    this.#scheme.addEventListener('change', this.#later);
    this.#measure();
    listenToPointers(this.#pane, {
      onHover: (place) => this.#choose(this.#at(place)),
      onTap: (place) => {
        this.#choose(this.#at(place));
        return this.#chosen >= 0;
      },
      onOpen: () => this.#card.click(),
      onPan: (right, down) => this.#move(pan(this.#view, right, down)),
      onZoom: (factor, place) => this.#zoom(factor, place),
    });
  }

  close() {
    this.#watcher.disconnect();
    this.#scheme.removeEventListener('change', this.#later);
    cancelAnimationFrame(this.#frame);
  }

  /** Shows a query by what makes it. probabilities: by model, NaN for one that was not compared. */
  mark(probabilities) {
    const most = probabilities.reduce((a, b) => (b > a ? b : a), 0) || 1;
    this.#weights = Float64Array.from(probabilities, (value) => (value > 0 ? Math.sqrt(value / most) : 0));
    this.#query = middle(this.#points, probabilities);
    this.node.dataset.marked = 'true';
    this.#later();
  }

  #at = (place) => nearest(this.#points, this.#view, this.#size, place, REACH);

  #measure() {
    this.#size = { width: this.#pane.clientWidth, height: this.#pane.clientHeight };
    this.#view ??= fitView(this.#points, this.#size);
    this.#later();
  }

  #move(view) {
    this.#view = view;
    this.#later();
  }

  #fit() {
    this.#move(fitView(this.#points, this.#size));
  }

  #zoom(factor, place = { left: this.#size.width / 2, top: this.#size.height / 2 }) {
    this.#move(zoomAt(this.#view, this.#size, place, factor));
  }

  #choose(index, isSpoken = false) {
    if (index === this.#chosen) return;
    this.#chosen = index;
    this.#card.hidden = index < 0;
    if (index >= 0) fillCard(this.#card, this.#models[index], this.#hrefOf(index));
    if (index >= 0 && isSpoken) this.#live.textContent = `${this.#models[index].title}, ${this.#models[index].type}. Enter opens it.`;
    this.#later();
  }

  #onKey(event) {
    const actions = {
      '+': () => this.#zoom(STEP), '=': () => this.#zoom(STEP), '-': () => this.#zoom(1 / STEP), 0: () => this.#fit(),
      Escape: () => this.#choose(-1),
      Enter: () => this.#chosen >= 0 && this.#card.click(),
    };
    const action = event.key.startsWith('Arrow') ? () => this.#step(event.key) : actions[event.key];
    if (!action || event.target !== this.#pane || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  }

  #step(key) {
    const centre = { left: this.#size.width / 2, top: this.#size.height / 2 };
    const index = this.#chosen >= 0 ? towards(this.#points, this.#chosen, key) : nearest(this.#points, this.#view, this.#size, centre, Infinity);
    this.#choose(index, true);
    const { left, top } = toScreen(this.#view, this.#size, this.#points[index]);
    if (left < 0 || top < 0 || left > this.#size.width || top > this.#size.height) this.#move(centreOn(this.#view, this.#points[index]));
  }

  #paint() {
    this.#frame = 0;
    const [view, size, chosen] = [this.#view, this.#size, this.#chosen];
    this.#draw({ points: this.#points, view, size, weights: this.#weights, chosen, query: this.#query });
    if (chosen >= 0) placeCard(this.#card, toScreen(view, size, this.#points[chosen]), size);
  }
}

function fillCard(card, { title, type, thumbs }, href) {
  card.href = href;
  card.replaceChildren(
    element('span', { class: 'map-samples' }, thumbs.slice(0, 4).map((src) => element('img', { src, alt: '', width: 56, height: 56 }))),
    element('strong', {}, title),
    element('span', { class: 'kind' }, typeShape(type), type),
  );
}

/** Beside the model's mark, on the side where there is room. */
function placeCard(card, { left, top }, size) {
  const [width, height] = [card.offsetWidth, card.offsetHeight];
  const x = left + ASIDE + width < size.width ? left + ASIDE : left - ASIDE - width;
  const within = (value, most) => Math.max(4, Math.min(value, most - 4));
  card.style.transform = `translate(${within(x, size.width - width)}px, ${within(top - height / 2, size.height - height)}px)`;
}
