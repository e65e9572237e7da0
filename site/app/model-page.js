// model-page.js - everything about one model, below its title: its samples, what it is, what its numbers stand on, how to get it, what is like it.
//
//     const node = renderModel({ folder, model, page, address, hrefOf, remember, rank, onClose });
//
// page: models/SLUG-HASH.json, or null while it loads: what the catalog knows is shown at once. hrefOf(change) is the address of another state, such
// as {view: 'results', q: 'kitten'}. The others: model-uses.js.

import { element } from './dom.js';
import { sizeOfGraphs } from './generator.js';
import { browserStorage, openKept } from './kept-list.js';
import { webAddress } from './links.js';
import { renderSamples } from './live-samples.js';
import { renderUses } from './model-uses.js';
import { makeCard, updateCard } from './results.js';
import { condition } from './query.js';
import { number } from './sentence.js';
import { typeShape } from './facets.js';

/** Fields of a model.json that have a place of their own on the page; all others are listed under "More". */
const PLACED = new Set([
  'slug', 'title', 'type', 'family', 'description', 'authors', 'tags', 'license', 'base_model', 'resolution', 'paper', 'bibtex',
  'project', 'download', 'created', 'sampler',
]);
const SHOWN_NEIGHBORS = 8;
const PLACES = 24; // samples that a page has, at most

export function renderModel(view) {
  const { model, page, hrefOf } = view;
  return element(
    'div',
    { class: 'details' },
    kindLine(model, page?.model ?? {}),
    element(
      'div',
      { class: 'model' },
      page ? renderUses({ ...view, hrefOf: (slug) => hrefOf({ view: 'model', model: slug, use: '', seed: null }) }) : waiting(model),
      page && element('div', { class: 'facts' }, ...factSections(view)),
    ),
    page && similar(view),
  );
}

function kindLine(model, facts) {
  const family = [model.family, resolution(facts.resolution)].filter(Boolean).join(' · ');
  return element(
    'div',
    { class: 'kind' },
    typeShape(model.type),
    element('span', {}, model.type),
    family && element('span', { class: 'family' }, family),
    keepButton(model),
    element('button', { class: 'link', type: 'button', 'data-like': model.slug }, 'Search with this model'),
  );
}

function keepButton({ slug, title }) {
  const kept = openKept(browserStorage());
  const toggle = ({ currentTarget: button }) => button.setAttribute('aria-pressed', String(kept.toggle(slug)));
  return element('button', { class: 'link keep', type: 'button', 'aria-pressed': String(kept.has(slug)), 'aria-label': `Keep ${title}`, onclick: toggle }, 'Keep');
}

/** The samples that the catalog knows, in the place of those that are on their way. */
function waiting(model) {
  const stored = model.thumbs.map((src) => ({ src }));
  return element('div', { class: 'uses' }, element('div', { class: 'tabs', 'aria-hidden': 'true' }), renderSamples({ stored, places: PLACES, title: model.title, slug: model.slug }));
}

// ---- facts ----

function factSections({ folder, page, hrefOf }) {
  const { model } = page;
  return [
    section('About', aboutParts(model)),
    section('What the numbers stand on', [rows(numberRows(folder, page))]),
    section('Get it', getParts(page, folder.base)),
    section('Tags', tagParts(model, hrefOf)),
    section('More', [rows(moreRows(model))]),
  ];
}

function section(title, parts) {
  const content = parts.filter(Boolean);
  return content.length > 0 && element('section', {}, element('h2', {}, title), ...content);
}

function rows(pairs) {
  const filled = pairs.filter(([, value]) => value);
  return filled.length > 0 && element('dl', {}, filled.map(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]));
}

function aboutParts(model) {
  const paragraphs = textOf(model.description).split(/\n\s*\n/).filter((text) => text.trim());
  const credits = rows([
    ['authors', textOf(model.authors)],
    ['licence', textOf(model.license)],
    ['base model', textOf(model.base_model)],
    ['created', textOf(model.created)],
  ]);
  return [...paragraphs.map((text) => element('p', {}, text)), credits];
}

function numberRows({ encoder }, { samples, seed, mean_error: error, added }) {
  return [
    ['samples', `${number(samples)}, seed ${seed}`],
    ['encoder', `${encoder.name} · ${encoder.fingerprint.slice(0, 8)}`],
    ['feature', `${encoder.dim} numbers`],
    ['mean’s error', Number.isFinite(error) && error.toPrecision(2)],
    ['added', textOf(added).slice(0, 10)],
  ];
}

function getParts({ model, graphs }, base) {
  const parts = [
    ...graphLinks(model.slug, graphs, base),
    linkOrText('download', model.download),
    linkOrText('paper', model.paper),
    linkOrText('project', model.project),
    textOf(model.bibtex) && bibtex(textOf(model.bibtex)),
  ].filter(Boolean);
  return parts.length > 0 ? [element('div', { class: 'get' }, parts)] : [];
}

/** The graphs themselves, with their sizes. */
function graphLinks(slug, graphs, base) {
  if (!graphs) return [];
  const files = Object.entries(graphs.files);
  const link = ([name, { path, size }]) => {
    const file = `${slug}-${name.replace('/', '-')}`;
    return element('span', {}, element('a', { href: new URL(path, base).href, download: file }, files.length === 1 ? 'model.onnx' : file), ` ${bytes(size)}`);
  };
  return [...files.map(link), files.length > 1 && element('span', {}, `${bytes(sizeOfGraphs(graphs))} together`)];
}

const bytes = (count) => (count < 1e6 ? `${Math.ceil(count / 1e3)} kB` : `${(count / 1e6).toFixed(1)} MB`);

/** A web address becomes a link named for what it is; anything else is shown as it was written. */
function linkOrText(name, value) {
  const address = webAddress(value);
  if (address) return element('a', { href: address, rel: 'noopener noreferrer', title: address }, name);
  return textOf(value) && element('span', {}, `${name}: ${textOf(value)}`);
}

function bibtex(text) {
  const code = element('pre', { class: 'bibtex', tabindex: '0' }, text);
  const button = element('button', { class: 'button', type: 'button', 'aria-live': 'polite', onclick: () => copy(text, code, button) }, 'Copy BibTeX');
  return element('details', {}, element('summary', {}, 'BibTeX'), code, button);
}

/** Where the clipboard is refused (http, a permission) the text is selected instead. */
async function copy(text, code, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = 'Selected: press Ctrl C';
  }
  setTimeout(() => (button.textContent = 'Copy BibTeX'), 2500);
}

function tagParts(model, hrefOf) {
  const tags = Array.isArray(model.tags) ? model.tags.filter((tag) => typeof tag === 'string') : [];
  const link = (tag) => element('li', {}, element('a', { href: hrefOf({ view: 'results', q: condition('tag', tag), parts: [] }), 'data-page': true }, tag));
  return tags.length > 0 ? [element('ul', { class: 'tags-list' }, tags.map(link))] : [];
}

function moreRows(model) {
  return Object.entries(model)
    .filter(([name]) => !PLACED.has(name))
    .map(([name, value]) => [name, textOf(value)]);
}

// ---- similar models ----

function similar({ folder, page, hrefOf }) {
  const known = page.neighbors.map(({ slug, distance }) => ({ model: folder.find(slug), distance })).filter(({ model }) => model);
  if (known.length === 0) return null;
  const cards = known.slice(0, SHOWN_NEIGHBORS).map(({ model, distance }) => {
    const card = makeCard(model);
    updateCard(card, { model, distance, href: hrefOf({ view: 'model', model: model.slug, use: '', seed: null }) });
    return card;
  });
  return [
    element('h2', { class: 'section', id: 'similar' }, 'Similar models ', element('small', {}, 'by Fréchet distance, nearest first')),
    element('ol', { class: 'cards' }, cards),
  ];
}

// ---- text of unknown values ----

function resolution(value) {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) ? value.join('×') : '';
}

/** Whatever a model.json holds, as text: lists of plain values with commas, other structures as JSON. */
function textOf(value) {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.join(', ');
  return JSON.stringify(value);
}
