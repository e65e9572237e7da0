// comparison.js - models side by side: a column each.
//
//     const node = renderComparison(models, pages, hrefOf);      // pages: models/SLUG-HASH.json of each; hrefOf(slug): the model's address

import { thumbPath } from './catalog.js';
import { element } from './dom.js';
import { sizeOfGraphs } from './generator.js';
import { number } from './sentence.js';
import { typeShape } from './facets.js';

const SAMPLES = 9;

const ROWS = [
  ['type', ({ model }) => [typeShape(model.type), ' ', model.type]],
  ['family', ({ model }) => model.family],
  ['resolution', ({ page }) => (Array.isArray(page.model.resolution) ? page.model.resolution.join('×') : '')],
  ['licence', ({ page }) => page.model.license],
  ['tags', ({ model }) => model.tags.join(', ')],
  ['samples', ({ page }) => number(page.samples)],
  ['mean’s error', ({ page }) => page.mean_error?.toPrecision(2)],
  ['graphs', ({ page }) => (page.graphs ? `${(sizeOfGraphs(page.graphs) / 1e6).toFixed(2)} MB` : 'not published')],
  ['distance', ({ page, first }) => (page.slug === first.slug ? '' : first.neighbors.find(({ slug }) => slug === page.slug)?.distance.toFixed(3) ?? 'far')],
];

export function renderComparison(models, pages, hrefOf) {
  const columns = models.map((model, i) => ({ model, page: pages[i], first: pages[0] }));
  const cells = (cell) => columns.map((column) => element('td', {}, ...[cell(column)].flat().filter(Boolean).map((part) => (typeof part === 'object' ? part : String(part)))));
  return element(
    'div',
    { class: 'comparison', tabindex: '0', role: 'region', 'aria-label': 'Comparison' },
    element(
      'table',
      {},
      element('thead', {}, element('tr', {}, element('td', {}), columns.map(({ model }) => element('th', { scope: 'col' }, element('a', { href: hrefOf(model.slug), 'data-page': true }, model.title))))),
      element(
        'tbody',
        {},
        row('samples', cells(({ page }) => samples(page))),
        ROWS.map(([name, cell]) => row(name === 'distance' ? `distance to ${models[0].title}` : name, cells(cell))),
      ),
    ),
  );
}

const row = (name, cells) => element('tr', {}, element('th', { scope: 'row' }, name), cells);

const samples = ({ thumbs }) =>
  element('div', { class: 'compared-samples' }, thumbs.slice(0, SAMPLES).map(({ hash, width, height }) => element('img', { src: thumbPath(hash), width, height, alt: '', loading: 'lazy' })));
