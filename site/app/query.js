// query.js - the query, and with it the page's whole state, as the address says it.
//
//     const address = parseAddress('?q=kitten&like=flat-cats*-0.5&type=GAN');
//     address.q, address.weight, address.method        // the words, what they count, and how they are ranked
//     address.parts       // beside the words: [{ kind: 'model', slug: 'flat-cats', weight: -0.5, method: '' }]
//     address.filters     // { type: ['GAN'], tag: [], ... }
//     formatAddress(address)                            // the same text again
//     search(partsOf(address), conditionsOf(address))   // as search-worker.js takes them
//     withPart(address, part), withSketch(address, was, feature)
//     withoutPart(address, index), withWeight(address, index, weight)    // index: WORDS, or that of a part
//
// A part is {kind, weight, method} with "feature", the text of one (feature-text.js), of kind 'image' or 'sketch', or with "slug" of kind
// 'model'. A method of '' is the kind's own. In the address a part is VALUE*WEIGHT*METHOD, without what goes without saying.

/** What words are ranked by. form: the files of a published folder that a method reads beside the means. */
export const METHODS = {
  'centred-moment': { label: 'centred moment' },
  'first-moment': { label: '1st moment' },
  'first-second-moment': { label: '1st + 2nd moment', form: 'gaussian' },
  'monte-carlo': { label: 'Monte Carlo', form: 'features' },
};
export const DEFAULT_METHOD = 'centred-moment';
/** What a part without words can be ranked by: the density of a picture under a model says nothing of words, which are far from all of them. */
const PART_METHODS = ['gaussian-lowrank', 'gaussian-density', 'frechet-lowrank', ...Object.keys(METHODS)];

/** Conditions beside the words: those of core/filter.h by which a list of boxes makes sense. */
export const FILTERS = ['type', 'tag', 'family', 'author', 'license', 'resolution'];
/** The first is what the models come in unless another is asked for. */
export const SORTS = ['relevance', 'name', 'date', 'family'];
/** What can be done with a model on its page, beside looking at its samples. */
export const USES = ['interpolate', 'invert'];
/** Views that are named in the address by their name alone. */
const PLAIN_VIEWS = ['about', 'map', 'kept', 'few-shot'];

/** In the address, the name of each kind of part, and what its value may look like. */
const PARTS = {
  image: { name: 'image', field: 'feature', form: /^[\w-]{8,6000}$/ },
  sketch: { name: 'sketch', field: 'feature', form: /^[\w-]{8,6000}$/ },
  model: { name: 'like', field: 'slug', form: /^[a-z0-9-]{1,128}$/ },
};
const kindNamed = (name) => Object.keys(PARTS).find((kind) => PARTS[kind].name === name);

export const MAX_QUERY = 500;
export const MAX_PARTS = 8;
export const MAX_WEIGHT = 4;
/** In place of a part's index: the words. */
export const WORDS = -1;

/** search: location.search. Whatever is not understood is ignored: an address is typed by people. */
export function parseAddress(search) {
  const parameters = new URLSearchParams(search);
  const model = parameters.get('model') ?? '';
  const plain = PLAIN_VIEWS.find((name) => parameters.has(name));
  return {
    view: model ? 'model' : plain ?? 'results',
    q: (parameters.get('q') ?? '').slice(0, MAX_QUERY),
    weight: readWeight(parameters.get('weight')),
    method: Object.hasOwn(METHODS, parameters.get('method')) ? parameters.get('method') : DEFAULT_METHOD,
    parts: readParts(parameters),
    filters: Object.fromEntries(FILTERS.map((name) => [name, listed(parameters, name)])),
    sort: SORTS.find((name) => name === parameters.get('sort')) ?? SORTS[0],
    model: PARTS.model.form.test(model) ? model : model && '?',
    use: USES.find((name) => name === parameters.get('use')) ?? '',
    seed: wholeNumber(parameters.get('seed')),
  };
}

/** The address of a state, relative to the page. './' when there is nothing to say. */
export function formatAddress(address) {
  const parameters = new URLSearchParams();
  if (PLAIN_VIEWS.includes(address.view)) parameters.set(address.view, '');
  if (address.view === 'model') addModel(parameters, address);
  addQuery(parameters, address);
  if (address.sort && address.sort !== SORTS[0]) parameters.set('sort', address.sort);
  const text = parameters.toString().replace(/=(?=&|$)/g, '');
  return text ? `?${text}` : './';
}

function addModel(parameters, { model, use, seed }) {
  parameters.set('model', model);
  if (use) parameters.set('use', use);
  if (Number.isSafeInteger(seed)) parameters.set('seed', seed);
}

function addQuery(parameters, { q = '', weight = 1, method = DEFAULT_METHOD, parts = [], filters = {} }) {
  if (q.trim()) parameters.set('q', q.trim());
  if (weight !== 1) parameters.set('weight', weight);
  if (method !== DEFAULT_METHOD) parameters.set('method', method);
  for (const part of parts) parameters.append(PARTS[part.kind].name, formatPart(part));
  for (const [name, values] of Object.entries(filters)) for (const value of values) parameters.append(name, value);
}

function formatPart(part) {
  const fields = [part[PARTS[part.kind].field], part.weight === 1 ? '' : part.weight, part.method];
  return fields.join('*').replace(/\*+$/, '');
}

function readParts(parameters) {
  const read = [...parameters].map(([name, text]) => readPart(kindNamed(name), text));
  return read.filter(Boolean).slice(0, MAX_PARTS);
}

function readPart(kind, text) {
  if (!kind) return null;
  const [value, weight, method] = text.split('*');
  const { field, form } = PARTS[kind];
  return form.test(value) ? { kind, [field]: value, weight: readWeight(weight), method: PART_METHODS.includes(method) ? method : '' } : null;
}

/** Two decimals are kept; a part that counts nothing would be none. */
function readWeight(text) {
  const weight = /^-?\d(\.\d{1,2})?$/.test(text ?? '') ? Number(text) : 1;
  return weight !== 0 && Math.abs(weight) <= MAX_WEIGHT ? weight : 1;
}

/** A seed, or null. */
function wholeNumber(text) {
  return /^\d{1,15}$/.test(text ?? '') ? Number(text) : null;
}

function listed(parameters, name) {
  return [...new Set(parameters.getAll(name).filter(Boolean))];
}

// ---- what is asked ----

/** A condition among the words, as core/filter.h reads it. A double quote inside a value cannot be said: what follows it is left out. */
export function condition(field, value) {
  const [text] = value.split('"');
  return /\s/.test(text) ? `${field}:"${text.trim()}"` : `${field}:${text}`;
}

export const isSearch = ({ q, parts }) => q.trim() !== '' || parts.length > 0;

/** Equal for two addresses that ask the same. */
export const questionOf = (address) => {
  const parameters = new URLSearchParams();
  addQuery(parameters, address);
  return parameters.toString();
};

/** As search-worker.js takes them. */
export function partsOf({ q, weight, method, parts }) {
  const words = { kind: 'text', text: q.trim(), weight, method };
  return [words, ...parts.map((part) => ({ ...part, method: part.method || undefined }))];
}

export const conditionsOf = ({ filters }) => Object.entries(filters).flatMap(([name, values]) => values.map((value) => [name, value]));

// ---- changes ----

/** The same value twice is one part. */
export function withPart(address, part) {
  const same = ({ kind, feature, slug }) => kind === part.kind && feature === part.feature && slug === part.slug;
  const parts = [...address.parts.filter((other) => !same(other)), { weight: 1, method: '', ...part }];
  return { ...address, parts: parts.slice(-MAX_PARTS) };
}

/** A sketch that has been drawn on: it takes the place of what it was, and keeps its weight. '' removes it. */
export function withSketch(address, was, feature) {
  const index = address.parts.findIndex((part) => part.kind === 'sketch' && part.feature === was);
  if (feature === '') return index < 0 ? address : withoutPart(address, index);
  if (index < 0) return withPart(address, { kind: 'sketch', feature });
  return { ...address, parts: address.parts.map((part, i) => (i === index ? { ...part, feature } : part)) };
}

export function withoutPart(address, index) {
  if (index === WORDS) return { ...address, q: '', weight: 1 };
  return { ...address, parts: address.parts.filter((_, i) => i !== index) };
}

export function withWeight(address, index, weight) {
  if (index === WORDS) return { ...address, weight };
  return { ...address, parts: address.parts.map((part, i) => (i === index ? { ...part, weight } : part)) };
}
