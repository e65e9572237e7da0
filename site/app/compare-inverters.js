// compare-inverters.js - the question "which model here can make this picture best?", with its button and its answer.
//
//     const node = renderCompare({ folder, blob, rank, hrefOf });

import { MOST_TRIED, findInverter } from './best-inverter.js';
import { element } from './dom.js';
import { drawFrame } from './frames.js';
import { makeGenerator } from './generator.js';
import { typeShape } from './facets.js';
import { progressOf, stoppable } from './working.js';

export function renderCompare({ folder, blob, rank, hrefOf }) {
  const said = element('p', { class: 'note', role: 'status' });
  const list = element('ol', { class: 'inverters' });
  const start = element('button', { class: 'button', type: 'button' }, 'Which model here makes it best?');
  const say = progressOf(said);
  const signal = {
    aborted: false,
    onStop: () => {},
    stop() {
      signal.aborted = true;
      signal.onStop();
    },
  };

  const run = stoppable(start, signal, async () => {
    signal.aborted = false;
    say('Ranking the models by your picture …');
    const show = (tried) => list.replaceChildren(...tried.map((found) => row(found, hrefOf)));
    const onTry = ({ title }, tried) => {
      show(tried);
      say(`Trying ${title}, ${tried.length + 1} of at most ${MOST_TRIED} …`);
    };
    const { tried, left } = await findInverter({ folder, blob, rank, makeGenerator, onTry, signal });
    show(tried);
    say(summary(tried, left));
  }, say);
  start.addEventListener('click', run);
  return element('section', { class: 'compare-inverters' }, element('div', { class: 'actions' }, start), said, list);
}

function summary(tried, left) {
  const others = left > 0 ? ` ${left} of those that look most like it cannot be inverted here.` : '';
  if (tried.length === 0) return `No model that looks like your picture can be inverted here.${others}`;
  return `${tried[0].model.title} comes nearest, of ${tried.length} tried.${others}`;
}

function row({ model, loss, frames }, hrefOf) {
  const picture = drawFrame(frames);
  picture.setAttribute('role', 'img');
  picture.setAttribute('aria-label', `The nearest picture of ${model.title}`);
  return element(
    'li',
    {},
    picture,
    element('div', {}, element('a', { href: hrefOf(model.slug), 'data-page': true }, model.title), element('div', { class: 'kind' }, typeShape(model.type), element('span', {}, model.type))),
    element('strong', {}, `${(100 * Math.sqrt(loss)).toFixed(1)} % off`),
  );
}
