// main.js - wires the address, the box, the searcher and the views together. State lives here and nowhere else.

import { watchCardKeys } from './card-keys.js';
import { openFolder } from './catalog.js';
import { reserveChips } from './chips.js';
import { makeCompose } from './compose.js';
import { fitsOf } from './fits.js';
import { makeHints } from './hints.js';
import { makeSuggest } from './suggest.js';
import { makeVisits } from './visits.js';
import { makePages } from './pages.js';
import { FILTERS, METHODS, conditionsOf, formatAddress, isSearch, parseAddress, partsOf, questionOf } from './query.js';
import { makeCards } from './results.js';
import { canSearch, makeSearcher } from './searcher.js';
import { makeSearchBox } from './search-box.js';
import { renderSort, sorted } from './sorting.js';
import { makeFacets, matches, renderFacets } from './facets.js';

const STEP = 60; // cards drawn at a time

const byId = (id) => document.getElementById(id);
const layout = document.querySelector('.layout');
const cards = makeCards(byId('cards'));

const state = {
  address: null,
  result: null, // the last search's, as search-worker.js has it, with the address it answers
  opening: null, // {loaded, total} while the searcher's files arrive
  failure: '',
  limit: STEP,
  waits: false, // opened with a question: the cards keep their place until the order is known
};

let folder;
let models = [];
let facetsOf;
let searcher;
let pages;
let compose; // there when the folder is
let suggest;
let hints;

const box = makeSearchBox({ onFocus: warm, onType: type, onCommit: commit, onClear: clear, onReveal: returnToBox, onBackspace: () => compose?.focusLast(), onAction: act });
const visits = makeVisits(show);
start();

async function start() {
  byId('late').remove();
  reveal(parseAddress(location.search));
  reserveChips(byId('chips'), parseAddress(location.search));
  try {
    folder = await openFolder(new URL('.', document.baseURI));
    wire();
  } catch (error) {
    byId('cards').replaceChildren();
    byId('search').hidden = false;
    box.say([error.message], { error: true });
  }
  layout.classList.remove('loading');
}

function reveal({ view }) {
  layout.hidden = view !== 'results';
  byId('search').hidden = view !== 'results';
}

function wire() {
  models = Array.from({ length: folder.count }, (_, index) => folder.model(index));
  facetsOf = makeFacets(models);
  pages = makePages(byId('page'), folder, { rank: rankByPicture, search: ask, rankLike });
  searcher = makeSearcher(folder, { onProgress: setOpening, onClosed: closeOpening });
  suggest = makeSuggest(models);
  hints = makeHints(byId('hints'), suggest, { onWords: choose, hrefOf: (model) => formatAddress({ ...state.address, view: 'model', model: model.slug }) });
  watchCardKeys(byId('q'), byId('cards'));
  compose = makeCompose({ folder, searcher, visits, current: () => state.address, onEmpty: box.focus });
  byId('more').addEventListener('click', showMore);
  watchEnd(byId('more'), showMore);
  byId('sort').addEventListener('change', (event) => visits.go({ ...state.address, sort: event.target.value }));
  const typedEarly = box.value(); // while the catalog was loading
  visits.start();
  if (box.focused() || typedEarly) warm(); // the focus came before there was anything to warm
  if (typedEarly) {
    box.set(typedEarly);
    type(typedEarly);
  }
}

function showMore() {
  state.limit += STEP;
  render();
}

function setOpening(opening) {
  state.opening = opening;
  if (state.address.view === 'results') renderSentence();
}

/** What was answered early is asked again, now that the encoder is there. */
function closeOpening() {
  setOpening(null);
  if (rankedNow()?.early && !state.failure) search(state.address);
}

// ---- what the visitor does ----

/** The box has the focus: what a search needs starts to load. */
function warm() {
  if (folder && canSearch()) searcher.open();
}

/** Words changed. */
function type(q) {
  if (folder) visits.draft({ ...state.address, view: 'results', q });
}

/** Enter: these words get an entry of their own in the visits. */
function commit(q) {
  if (q !== state.address?.q) type(q);
  visits.commit();
}

/** Words that were offered: they stand in the box, ready to be changed. */
function choose(q) {
  visits.go({ ...state.address, q });
  box.focus();
}

/** Nothing is asked any more; filters stay. */
function clear() {
  if (folder) visits.go({ ...state.address, q: '', weight: 1, parts: [] });
}

/** Ctrl K or / on another view. */
function returnToBox() {
  if (folder) visits.go({ ...state.address, view: 'results' });
}

function act(action, value) {
  if (action === 'method') visits.go({ ...state.address, method: value });
  else if (action === 'clear-filters') visits.go({ ...state.address, filters: Object.fromEntries(FILTERS.map((name) => [name, []])) });
  else if (action === 'retry') search(state.address);
}

function filter(name, values) {
  visits.go({ ...state.address, filters: { ...state.address.filters, [name]: values } });
}

/** The result of the address's query; null when a newer one has overtaken it. */
const ask = (address, options) => searcher.search(partsOf(address), conditionsOf(address), options);

/** The models' indices, the likeliest to make a picture first. */
async function rankByPicture(image) {
  const result = await searcher.search([{ kind: 'image', image }], []);
  if (!result) throw new Error('a newer search has taken its place');
  return Array.from(result.order);
}

/** The result for the models whose samples are most like these pictures. */
async function rankLike(images) {
  const result = await searcher.search([{ kind: 'model', images, method: 'frechet-lowrank' }], []);
  if (!result) throw new Error('a newer search has taken its place');
  return result;
}

// ---- from an address to what is seen ----

/** A new address, from typing, a link, or back and forward. */
function show(address, { typed = false } = {}) {
  const last = state.address;
  state.address = address;
  if (!typed) box.set(address.q);
  box.offerClear(isSearch(address));
  compose.show(address);
  reveal(address);
  markCurrent(address);
  if (address.view === 'results') showResults(address, last);
  else pages.show(address);
}

/** Which of the site's places the visitor is at. */
function markCurrent({ view }) {
  for (const link of document.querySelectorAll('.top nav a')) {
    if (parseAddress(new URL(link.href).search).view === view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

function showResults(address, last) {
  pages.hide();
  document.title = address.q ? `${address.q} · gensearch` : 'gensearch: find a generative model by what it generates';
  if (!last || questionOf(last) !== questionOf(address)) state.limit = STEP;
  state.waits = !last && isSearch(address) && canSearch();
  render();
  if (last?.view === 'model') cards.focus(last.model);
  if (isSearch(address) && !answers(state.result, address) && canSearch()) search(address);
}

/** Calls back when the end of the list comes near. Where a browser cannot tell, the button is there all the same. */
function watchEnd(button, onNear) {
  if (typeof IntersectionObserver !== 'function') return;
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.at(-1).isIntersecting || button.hidden) return;
      onNear();
      observer.unobserve(button); // observed anew: where the end is near still, more follows
      observer.observe(button);
    },
    { rootMargin: '800px' },
  );
  observer.observe(button);
}

const answers = (result, address) => result !== null && questionOf(result.address) === questionOf(address);

async function search(address) {
  state.failure = '';
  renderSentence();
  try {
    const result = await ask(address, { early: true });
    if (!result) return; // newer words have overtaken these
    state.result = { ...result, address };
  } catch (error) {
    state.failure = error.message;
  }
  state.waits = false;
  render();
}

/** While newer words are on their way, the order of the last ones stays. */
const rankedNow = () => (isSearch(state.address) ? state.result : null);

function passingModels() {
  const ranked = rankedNow();
  const order = ranked ? Array.from(ranked.order, (index) => models[index]) : suggest.order(state.address.q);
  const passing = answers(ranked, state.address) ? order : order.filter((model) => matches(model, state.address.filters));
  return sorted(passing, state.address.sort);
}

function render() {
  const { address, limit } = state;
  if (address.view !== 'results') return;
  const passing = passingModels();
  const ranked = rankedNow();
  const fits = fitsOf(ranked ?? {});
  const someMatch = ranked?.makes?.some((makes) => makes);
  const toItem = (model) => ({
    model,
    href: formatAddress({ ...address, view: 'model', model: model.slug }),
    probability: ranked?.probabilities?.[model.index],
    fits: fits(model.index),
    misses: Boolean(someMatch) && !ranked.makes[model.index],
  });
  renderFacets(byId('facets'), facetsOf(address.filters), filter);
  renderSort(byId('sort'), address.sort);
  if (!state.waits) cards.show(passing.slice(0, limit).map(toItem));
  byId('cards').dataset.ranked = ranked?.address.q ?? ''; // whose order this is: '' for the catalog's own
  byId('more').hidden = state.waits || passing.length <= limit;
  byId('more').textContent = `Show ${Math.min(STEP, passing.length - limit)} more of ${passing.length}`;
  renderSentence(passing);
  hints.show(address, answers(ranked, address) ? ranked : null);
}

function renderSentence(passing = passingModels()) {
  const ranked = rankedNow();
  box.describe({
    ...phaseNow(ranked),
    shown: passing.length,
    total: ranked?.probabilities || ranked?.order.length === 0 ? passing.length : models.length,
    conflict: Boolean(ranked?.conflict),
    matching: ranked?.makes ? passing.filter(({ index }) => ranked.makes[index]).length : null,
    filtered: conditionsOf(state.address).length > 0,
    method: asksWords(ranked) ? ranked.address.method : '',
    methods: Object.keys(METHODS).filter((name) => !METHODS[name].form || folder.holds(METHODS[name].form)),
  });
}

/** Whether words were ranked, and not conditions alone. */
const asksWords = (ranked) => Boolean(ranked?.address.q && ranked.words);

function phaseNow(ranked) {
  const searching = isSearch(state.address);
  if (!canSearch()) return { phase: 'unsupported' };
  if (searching && state.failure) return { phase: 'failed', message: state.failure };
  if (state.opening) return { phase: 'opening', loaded: state.opening.loaded, bytes: state.opening.total, what: state.opening.what };
  if (ranked?.early) return { phase: 'opening', loaded: 1, bytes: 1 };
  if (ranked && (ranked.probabilities || ranked.order.length === 0)) return { phase: 'ranked', milliseconds: ranked.milliseconds };
  if (ranked) return { phase: 'browse' };
  return { phase: searching ? 'opening' : 'browse', loaded: 0, bytes: 0 };
}
