// query.js - what the address says: the page's whole state, and back.
//
//     parseAddress('?q=kitten&type=GAN')  -> { view: 'results', q: 'kitten', types: ['GAN'], tags: [], method: 'centred-moment', model: '', ... }
//     formatAddress(state)                -> '?q=kitten&type=GAN'

/** form: the files of a published folder that a method reads beside the means. */
export const METHODS = {
  'centred-moment': { label: 'centred moment' },
  'gaussian-lowrank': { label: 'Gaussian density', form: 'second' },
  'gaussian-density': { label: 'Gaussian density in full', form: 'gaussian' },
  'first-second-moment': { label: '1st + 2nd moment', form: 'gaussian' },
  'monte-carlo': { label: 'Monte Carlo', form: 'features' },
};
export const DEFAULT_METHOD = 'centred-moment';

/** What can be done with a model on its page, beside looking at its samples. */
export const USES = ['interpolate', 'invert'];
/** Views that are named in the address by their name alone. */
const PLAIN_VIEWS = ['about', 'map', 'kept', 'few-shot'];

const SLUG = /^[a-z0-9-]{1,128}$/;
export const MAX_QUERY = 500;

/** search: location.search. Whatever is not understood is ignored: an address is typed by people. */
export function parseAddress(search) {
  const parameters = new URLSearchParams(search);
  const model = parameters.get('model') ?? '';
  const method = parameters.get('method');
  const plain = PLAIN_VIEWS.find((name) => parameters.has(name));
  return {
    view: model ? 'model' : plain ?? 'results',
    q: (parameters.get('q') ?? '').slice(0, MAX_QUERY),
    types: listed(parameters, 'type'),
    tags: listed(parameters, 'tag'),
    method: Object.hasOwn(METHODS, method) ? method : DEFAULT_METHOD,
    model: SLUG.test(model) ? model : model && '?',
    use: USES.find((name) => name === parameters.get('use')) ?? '',
    seed: wholeNumber(parameters.get('seed')),
  };
}

/** The address of a state, relative to the page. './' when there is nothing to say. */
export function formatAddress({ view, q, types = [], tags = [], method = DEFAULT_METHOD, model, use, seed }) {
  const parameters = new URLSearchParams();
  if (PLAIN_VIEWS.includes(view)) parameters.set(view, '');
  if (view === 'model') addModel(parameters, model, use, seed);
  if (q?.trim()) parameters.set('q', q.trim());
  for (const type of types) parameters.append('type', type);
  for (const tag of tags) parameters.append('tag', tag);
  if (method !== DEFAULT_METHOD) parameters.set('method', method);
  const text = parameters.toString().replace(/=(?=&|$)/g, '');
  return text ? `?${text}` : './';
}

function addModel(parameters, model, use, seed) {
  parameters.set('model', model);
  if (use) parameters.set('use', use);
  if (Number.isSafeInteger(seed)) parameters.set('seed', seed);
}

/** A seed, or null. */
function wholeNumber(text) {
  return /^\d{1,15}$/.test(text ?? '') ? Number(text) : null;
}

function listed(parameters, name) {
  return [...new Set(parameters.getAll(name).filter(Boolean))];
}
