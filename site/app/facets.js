// facets.js - the filters beside the results, with how many models a click would leave; and the shapes of types, whose legend they are.
//
//     const facetsOf = makeFacets(models);
//     facetsOf(filters)     -> [{name: 'type', title: 'Type', further: false, options: [{value, count, chosen}]}, ...]
//     matches(model, filters)                        // filters are query.js's
//     renderFacets(container, facets, onChange)      // onChange(facet name, chosen values)
//
// Values mean what core/filter.h says: a family, author or licence contains them, a type, tag or resolution is equal to one.

import { TYPES } from './catalog.js';
import { element } from './dom.js';

const list = (value) => (value ? [value] : []);
const equals = (text, value) => text === value;
const contains = (text, value) => text.toLowerCase().includes(value.toLowerCase());

/** of(model): its values. offer(text): what is offered of one. further: folded away, until it is asked for. */
const FACETS = [
  { name: 'type', title: 'Type', of: (model) => [model.type], has: equals, most: TYPES.length, order: TYPES, always: true },
  { name: 'tag', title: 'Tags', of: (model) => model.tags, has: equals, most: 8 },
  { name: 'family', title: 'Family', of: (model) => list(model.family), has: contains, most: 8, further: true },
  { name: 'author', title: 'Author', of: (model) => model.authors, has: contains, most: 8, further: true },
  { name: 'license', title: 'Licence', of: (model) => list(model.license), offer: firstName, has: contains, most: 8, further: true },
  { name: 'resolution', title: 'Resolution', of: (model) => list(model.resolution), has: equals, most: 8, further: true },
];

/** "MIT (weights); trained on CC-BY pictures" is found as MIT. */
function firstName(license) {
  return license.split(/[(;,]/)[0].trim();
}

const passes = (facet, model, values = []) => values.length === 0 || values.some((value) => facet.of(model).some((text) => facet.has(text, value)));

/** Nothing chosen in a facet means everything; in one facet any of the chosen will do, over facets all must. */
export const matches = (model, filters) => FACETS.every((facet) => passes(facet, model, filters[facet.name]));

/** What does not change is counted once, and the rest only when another choice is made: a catalog may be long. */
export function makeFacets(models) {
  const offers = new Map(FACETS.map((facet) => [facet, offered(facet, models)]));
  let last = { key: '', facets: [] };

  return function facetsOf(filters) {
    const key = JSON.stringify(filters);
    if (last.key !== key) last = { key, facets: FACETS.map((facet) => compute(facet, filters)).filter(({ options }) => options.length > 0) };
    return last.facets;
  };

  /** The counts of a facet are among the models that the other facets let through: what a click would show. */
  function compute(facet, filters) {
    const chosen = filters[facet.name] ?? [];
    const others = models.filter((model) => matches(model, { ...filters, [facet.name]: [] }));
    const values = [...new Set([...offers.get(facet), ...chosen])];
    const count = (value) => others.reduce((sum, model) => sum + passes(facet, model, [value]), 0);
    const options = values.map((value) => ({ value, count: count(value), chosen: chosen.includes(value) }));
    return { name: facet.name, title: facet.title, further: Boolean(facet.further), options };
  }
}

/** Values that divide the catalog, the commonest first: those of more than one model, and not of all. Types are a legend too: all of them. */
function offered(facet, models) {
  const totals = new Map();
  for (const model of models)
    for (const value of new Set(facet.of(model).map(facet.offer ?? String))) totals.set(value, (totals.get(value) ?? 0) + 1);
  if (facet.always) return facet.order.filter((value) => totals.has(value));
  return [...totals]
    .filter(([value, n]) => value && n > 1 && n < models.length)
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, facet.most)
    .map(([value]) => value);
}

/** The checkboxes are kept from one rendering to the next, so that the one with the focus keeps it. */
export function renderFacets(container, facets, onChange) {
  const layout = JSON.stringify(facets.map(({ name, options }) => [name, options.map(({ value }) => value)]));
  if (container.dataset.layout !== layout) {
    container.dataset.layout = layout;
    build(container, facets, onChange);
  }
  const rows = container.querySelectorAll('.facet');
  facets.flatMap(({ options }) => options).forEach((option, index) => {
    rows[index].classList.toggle('none', option.count === 0);
    rows[index].querySelector('input').checked = option.chosen;
    rows[index].querySelector('.count').textContent = option.count;
  });
}

function build(container, facets, onChange) {
  const [common, further] = [false, true].map((which) => facets.filter((facet) => facet.further === which));
  const isOpen = container.querySelector('details')?.open || further.some(({ options }) => options.some(({ chosen }) => chosen));
  container.replaceChildren(
    element('div', { class: 'common' }, common.map((facet) => fieldset(facet, onChange))),
    ...(further.length > 0
      ? [element('details', { class: 'further', open: isOpen }, element('summary', {}, 'More filters'), further.map((facet) => fieldset(facet, onChange)))]
      : []),
  );
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
        { class: 'facet', title: value },
        element('input', { type: 'checkbox', name, value, autocomplete: 'off' }),
        name === 'type' && typeShape(value),
        element('span', { class: 'name', dir: 'auto' }, value),
        element('span', { class: 'count' }),
      ),
    ),
  );
}

export const typeShape = (type) => element('span', { class: 'shape', 'data-type': type, 'aria-hidden': 'true' });
