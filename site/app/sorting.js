// sorting.js - the orders in which models can be looked at.
//
//     sorted(order, 'date')          // a list of models in another order; 'relevance' leaves it
//     renderSort(select, 'date');    // names: query.js's SORTS
//
// What a model does not say comes last; models that are equal stay in the order that they came in.

import { element } from './dom.js';
import { SORTS } from './query.js';

const TITLES = { relevance: 'Relevance', name: 'Name', date: 'Newest', family: 'Family' };

const byText = (a, b) => a.localeCompare(b, undefined, { numeric: true, sensitivity: 'base' });
/** Empty texts behind all others. */
const knownFirst = (compare) => (a, b) => (a === '' || b === '' ? Number(a === '') - Number(b === '') : compare(a, b));

const COMPARE = {
  name: (a, b) => byText(a.title, b.title),
  date: (a, b) => knownFirst((x, y) => (x < y ? 1 : x > y ? -1 : 0))(a.created, b.created),
  family: (a, b) => knownFirst(byText)(a.family, b.family),
};

export const sorted = (models, sort) => (COMPARE[sort] ? [...models].sort(COMPARE[sort]) : models);

export function renderSort(select, sort) {
  if (select.options.length === 0) select.append(...SORTS.map((name) => element('option', { value: name }, TITLES[name])));
  select.value = sort;
}
