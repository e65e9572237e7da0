// chips.js - the parts of a query in the box: each can be weighed and removed.
//
//     const chips = makeChips(document.getElementById('chips'), { onWeight, onRemove, onEmpty });
//     chips.show([{ index: 0, label: 'Flat cats', picture: 'thumbs/a.webp', weight: 1 }, ...], ['Reading cat.png …']);
//     reserveChips(list, address);                      // before the catalog has arrived
//
// index: the part's, or WORDS, whose chip has no way to be removed: the words are in the field beside it. The second list is of what is on its
// way. onWeight(index, weight), onRemove(index); onEmpty(): the chip that had the focus is gone, and no other is left to take it.

import { element } from './dom.js';
import { WORDS } from './query.js';

const WEIGHTS = [[2, '× 2'], [1, '× 1'], [0.5, '× ½'], [-0.5, '− ½'], [-1, '− 1']];

export function makeChips(list, { onWeight, onRemove, onEmpty }) {
  /** All are drawn again: there are few. The focus goes where it was, or to the chip that has moved there. */
  function show(parts, coming) {
    const at = focusWithin(list);
    list.replaceChildren(...parts.map(chip), ...coming.map((text) => element('li', { class: 'chip busy' }, text)));
    list.hidden = list.children.length === 0;
    if (at) refocus(at);
  }

  function chip({ index, label, picture, weight }) {
    const name = index === WORDS ? 'the words' : label;
    const choose = (event) => onWeight(index, Number(event.target.value));
    return element(
      'li',
      { class: weight < 0 ? 'chip against' : 'chip', 'data-index': index },
      picture && element('img', { src: picture, alt: '', width: 32, height: 32 }),
      element('span', { class: 'label', title: label, dir: 'auto' }, label),
      element('select', { 'aria-label': `Weight of ${name}`, title: 'How much it counts; − steers away', onchange: choose }, optionsFor(weight)),
      index !== WORDS && element('button', { type: 'button', 'aria-label': `Remove ${name}`, onclick: () => onRemove(index) }, '×'),
    );
  }

  function refocus({ tag, position }) {
    const controls = list.querySelectorAll(tag);
    if (controls.length > 0) controls[Math.min(position, controls.length - 1)].focus();
    else onEmpty();
  }

  return { show, focusLast: () => [...list.querySelectorAll('button')].at(-1)?.focus() };
}

/** Keeps the place of an address's chips until they can be drawn. */
export function reserveChips(list, { q, parts }) {
  const kept = parts.map(() => 'chip busy');
  if (kept.length > 0 && q) kept.push('chip busy words');
  list.replaceChildren(...kept.map((name) => element('li', { class: name }, '…')));
  list.hidden = kept.length === 0;
}

/** An address may have a weight of its own beside those that are offered. */
function optionsFor(weight) {
  const own = WEIGHTS.some(([value]) => value === weight) ? [] : [[weight, weight < 0 ? `− ${-weight}` : `× ${weight}`]];
  return [...WEIGHTS, ...own].map(([value, text]) => element('option', { value, selected: value === weight }, text));
}

function focusWithin(list) {
  const { activeElement } = document;
  if (!list.contains(activeElement)) return null;
  return { tag: activeElement.localName, position: [...list.querySelectorAll(activeElement.localName)].indexOf(activeElement) };
}
