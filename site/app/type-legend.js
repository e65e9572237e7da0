// type-legend.js - the filters beside the results: types, which are the legend of the shapes too, and the commonest tags.
//
//     facetsOf(models, chosen)     -> [{name: 'type', title: 'Type', options: [{value, count, chosen}]}, ...]
//     matches(model, {types, tags})
//     renderFacets(container, facets, onChange)      // onChange(facet name, chosen values)

import { TYPES } from './catalog.js';
import { element } from './dom.js';

const SHOWN_TAGS = 8;

/** Nothing chosen in a facet means everything; in one facet any of the chosen will do, over facets all must. */
export function matches(model, { types, tags }) {
  return (types.length === 0 || types.includes(model.type)) && (tags.length === 0 || tags.some((tag) => model.tags.includes(tag)));
}

/** The counts of a facet are those of the models which the other facet lets through: what a click would show. */
export function facetsOf(models, { types, tags }) {
  const typeCounts = count(models.filter((model) => matches(model, { types: [], tags })).map((model) => model.type));
  const allTypes = count(models.map((model) => model.type));
  const tagCounts = count(models.filter((model) => matches(model, { types, tags: [] })).flatMap((model) => model.tags));
  const allTags = count(models.flatMap((model) => model.tags));
  const option = (counts, chosen) => (value) => ({ value, count: counts.get(value) ?? 0, chosen: chosen.includes(value) });
  return [
    { name: 'type', title: 'Type', options: TYPES.filter((type) => allTypes.has(type)).map(option(typeCounts, types)) },
    { name: 'tag', title: 'Tags', options: commonTags(allTags, models.length, tags).map(option(tagCounts, tags)) },
  ].filter((facet) => facet.options.length > 0);
}

/** Tags that split the catalog: on more than one model, not on all; and those chosen, whatever they are. */
function commonTags(counts, total, chosen) {
  const common = [...counts]
    .filter(([, n]) => n > 1 && n < total)
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, SHOWN_TAGS)
    .map(([tag]) => tag);
  return [...common, ...chosen.filter((tag) => !common.includes(tag))];
}

function count(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
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
