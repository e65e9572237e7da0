// query.js - what the address says: the page's whole state, and back.
//
//     parseAddress('?q=kitten&type=GAN')  -> { view: 'results', q: 'kitten', types: ['GAN'], tags: [], method: 'centred-moment', model: '' }
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

const SLUG = /^[a-z0-9-]{1,128}$/;
export const MAX_QUERY = 500;

/** search: location.search. Whatever is not understood is ignored: an address is typed by people. */
export function parseAddress(search) {
  const parameters = new URLSearchParams(search);
  const model = parameters.get('model') ?? '';
  const method = parameters.get('method');
  let view = 'results';
  if (model) view = 'model';
  else if (parameters.has('about')) view = 'about';
  return {
    view,
    q: (parameters.get('q') ?? '').slice(0, MAX_QUERY),
    types: listed(parameters, 'type'),
    tags: listed(parameters, 'tag'),
    method: Object.hasOwn(METHODS, method) ? method : DEFAULT_METHOD,
    model: SLUG.test(model) ? model : model && '?',
  };
}

/** The address of a state, relative to the page. './' when there is nothing to say. */
export function formatAddress({ view, q, types = [], tags = [], method = DEFAULT_METHOD, model }) {
  const parameters = new URLSearchParams();
  if (view === 'about') return '?about';
  if (view === 'model') parameters.set('model', model);
  if (q?.trim()) parameters.set('q', q.trim());
  for (const type of types) parameters.append('type', type);
  for (const tag of tags) parameters.append('tag', tag);
  if (method !== DEFAULT_METHOD) parameters.set('method', method);
  const text = parameters.toString();
  return text ? `?${text}` : './';
}

function listed(parameters, name) {
  return [...new Set(parameters.getAll(name).filter(Boolean))];
}
