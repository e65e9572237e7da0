// type-legend.js - the filters beside the results: types, which are the legend of the shapes too, and the commonest tags.
//
//     const facetsOf = makeFacets(models);
//     facetsOf({type, tag})        -> [{name: 'type', title: 'Type', options: [{value, count, chosen}]}, ...]
//     matches(model, {type, tag})       // these are query.js's filters
//     renderFacets(container, facets, onChange)      // onChange(facet name, chosen values)

import { TYPES } from './catalog.js';
import { element } from './dom.js';

const SHOWN_TAGS = 8;

/** Nothing chosen in a facet means everything; in one facet any of the chosen will do, over facets all must. */
export function matches(model, { type, tag }) {
  return (type.length === 0 || type.includes(model.type)) && (tag.length === 0 || tag.some((value) => model.tags.includes(value)));
}

/** What does not change is counted once, and the rest only when another choice is made: a catalog may be long. */
export function makeFacets(models) {
  const typeTotals = count(models, (model) => [model.type]);
  const tagTotals = count(models, (model) => model.tags);
  const common = commonTags(tagTotals, models.length);
  let last = { key: '', facets: [] };

  return function facetsOf({ type: types, tag: tags }) {
    const key = JSON.stringify([types, tags]);
    if (last.key !== key) last = { key, facets: compute(types, tags) };
    return last.facets;
  };

  /** The counts of a facet are those of the models which the other facet lets through: what a click would show. */
  function compute(types, tags) {
    const typeCounts = tags.length === 0 ? typeTotals : count(models.filter((model) => matches(model, { type: [], tag: tags })), (model) => [model.type]);
    const tagCounts = types.length === 0 ? tagTotals : count(models.filter((model) => matches(model, { type: types, tag: [] })), (model) => model.tags);
    const shown = [...common, ...tags.filter((tag) => !common.includes(tag))];
    const option = (counts, chosen) => (value) => ({ value, count: counts.get(value) ?? 0, chosen: chosen.includes(value) });
    return [
      { name: 'type', title: 'Type', options: TYPES.filter((type) => typeTotals.has(type)).map(option(typeCounts, types)) },
      { name: 'tag', title: 'Tags', options: shown.map(option(tagCounts, tags)) },
    ].filter((facet) => facet.options.length > 0);
  }
}

/** Tags that divide the catalog, the commonest first: those of more than one model, and not of all. */
function commonTags(totals, all) {
  return [...totals]
    .filter(([, n]) => n > 1 && n < all)
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, SHOWN_TAGS)
    .map(([tag]) => tag);
}

function count(models, valuesOf) {
  const counts = new Map();
  for (const model of models) for (const value of valuesOf(model)) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** The checkboxes are kept from one rendering to the next, so that the one with the focus keeps it. */
export function renderFacets(container, facets, onChange) {
  const layout = JSON.stringify(facets.map(({ name, options }) => [name, options.map(({ value }) => value)]));
  if (container.dataset.layout !== layout) {
    container.dataset.layout = layout;
    container.replaceChildren(...facets.map((facet) => fieldset(facet, onChange)));
  }
  const rows = container.querySelectorAll('.facet');
  facets.flatMap(({ options }) => options).forEach((option, index) => {
    rows[index].classList.toggle('none', option.count === 0);
    rows[index].querySelector('input').checked = option.chosen;
    rows[index].querySelector('.count').textContent = option.count;
  });
}

function fieldset({ name, title, options }, onChange) {
  const read = (event) => {
    const checked = event.currentTarget.querySelectorAll('input:checked');
    onChange(name, Array.from(checked, (input) => input.value));
  };
  return element(
    'fieldset',
    { onchange: read },
    element('legend', {}, title),
    options.map(({ value }) =>
      element(
        'label',
        { class: 'facet' },
        element('input', { type: 'checkbox', name, value, autocomplete: 'off' }),
        name === 'type' && typeShape(value),
        element('span', { class: 'name' }, value),
        element('span', { class: 'count' }),
      ),
    ),
  );
}

export const typeShape = (type) => element('span', { class: 'shape', 'data-type': type, 'aria-hidden': 'true' });
