// model-page.js - everything about one model, below its title: its samples, what it is, what its numbers stand on, how to get it, what is like it.
//
//     const node = renderModel({ folder, model, page, hrefOf });
//
// page: models/SLUG-HASH.json, or null while it loads: what the catalog knows is shown at once. hrefOf(change) is the address of
// another state, such as {model: 'cats'} or {q: 'kitten'}.

import { thumbPath } from './catalog.js';
import { element } from './dom.js';
import { webAddress } from './links.js';
import { makeCard, updateCard } from './results.js';
import { number } from './sentence.js';
import { typeShape } from './type-legend.js';

/** Fields of a model.json that have a place of their own on the page; all others are listed under "More". */
const PLACED = new Set([
  'slug', 'title', 'type', 'family', 'description', 'authors', 'tags', 'license', 'base_model', 'resolution', 'paper', 'bibtex',
  'project', 'download', 'created', 'sampler',
]);
const SHOWN_NEIGHBORS = 8;

export function renderModel({ folder, model, page, hrefOf }) {
  const facts = page?.model ?? {};
  return element(
    'div',
    { class: 'details' },
    element(
      'div',
      { class: 'kind' },
      typeShape(model.type),
      element('span', {}, model.type),
      element('span', { class: 'family' }, [model.family, resolution(facts.resolution)].filter(Boolean).join(' · ')),
    ),
    element(
      'div',
      { class: 'model' },
      element('div', {}, gallery(model, page), page && element('p', { class: 'note' }, galleryNote(page))),
      page && element('div', { class: 'facts' }, ...factSections(folder, page, hrefOf)),
    ),
    page && similar(folder, page, hrefOf),
  );
}

// ---- samples ----

function gallery(model, page) {
  const thumbs = page ? page.thumbs.map(({ hash, width, height }) => ({ src: thumbPath(hash), width, height })) : model.thumbs.map((src) => ({ src }));
  const tiles = thumbs.map((thumb, index) =>
    element('li', {}, element('img', { ...thumb, alt: `Sample ${index + 1}`, decoding: 'async', loading: index < 12 ? 'eager' : 'lazy' })),
  );
  const places = page ? 0 : 24 - tiles.length; // the page's own samples are on their way: keep their room
  return element('ul', { class: 'gallery', 'aria-label': `Samples of ${model.title}` }, tiles, Array.from({ length: Math.max(0, places) }, () => element('li', { 'aria-hidden': 'true' })));
}

function galleryNote({ thumbs, samples }) {
  if (thumbs.length === samples) return `All ${number(samples)} samples.`;
  return `The first ${number(thumbs.length)} of ${number(samples)} samples, as they came: none were picked.`;
}

// ---- facts ----

function factSections(folder, page, hrefOf) {
  const { model } = page;
  return [
    section('About', aboutParts(model)),
    section('What the numbers stand on', [rows(numberRows(folder, page))]),
    section('Get it', getParts(model)),
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

function numberRows({ encoder }, { samples, seed }) {
  return [
    ['samples', `${number(samples)}, seed ${seed}`],
    ['encoder', `${encoder.name} · ${encoder.fingerprint.slice(0, 8)}`],
    ['feature', `${encoder.dim} numbers`],
  ];
}

function getParts(model) {
  const parts = [
    linkOrText('download', model.download),
    linkOrText('paper', model.paper),
    linkOrText('project', model.project),
    textOf(model.bibtex) && bibtex(textOf(model.bibtex)),
  ].filter(Boolean);
  return parts.length > 0 ? [element('div', { class: 'get' }, parts)] : [];
}

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
  const link = (tag) => element('li', {}, element('a', { href: hrefOf({ view: 'results', q: tag }), 'data-page': true }, tag));
  return tags.length > 0 ? [element('ul', { class: 'tags-list' }, tags.map(link))] : [];
}

function moreRows(model) {
  return Object.entries(model)
    .filter(([name]) => !PLACED.has(name))
    .map(([name, value]) => [name, textOf(value)]);
}

// ---- similar models ----

function similar(folder, page, hrefOf) {
  const known = page.neighbors.map(({ slug, distance }) => ({ model: folder.find(slug), distance })).filter(({ model }) => model);
  if (known.length === 0) return null;
  const cards = known.slice(0, SHOWN_NEIGHBORS).map(({ model, distance }) => {
    const card = makeCard(model);
    updateCard(card, { model, distance, href: hrefOf({ view: 'model', model: model.slug }) });
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
