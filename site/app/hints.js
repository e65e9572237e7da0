// hints.js - the line under the sentence: examples while nothing is asked, completions while somebody types, what may have been meant.
//
//     const hints = makeHints(document.getElementById('hints'), suggest, { onWords, hrefOf });
//     hints.show(address, result);     // the result for it, if there is one
//
// onWords(q): these words were chosen. hrefOf(model): the address of its page.

import { element } from './dom.js';
import { condition } from './query.js';

const EXAMPLES = 5;

export function makeHints(line, suggest, { onWords, hrefOf }) {
  const words = (q, text = q) => element('button', { class: 'hint', type: 'button', 'data-key': `words ${q}`, dir: 'auto', onclick: () => onWords(q) }, text);

  function examples({ q, parts }) {
    return q === '' && parts.length === 0 ? ['Try', ...suggest.examples(EXAMPLES).map((word) => words(word))] : [];
  }

  function strange(result) {
    const unknown = result?.strange ?? [];
    return unknown.length > 0 ? [`The encoder has never seen ${unknown.map((word) => `“${word}”`).join(', ')}: what is found for it is chance. Try other words.`] : [];
  }

  /** Where a model makes what was typed, it was meant. */
  function correction({ q }, result) {
    const better = result?.found ? '' : suggest.correct(q);
    return better ? ['Did you mean', words(better), '?'] : [];
  }

  function completions({ q }) {
    const { tags, models } = suggest.complete(q);
    const before = q.replace(/\S+$/, '');
    return [
      ...tags.map((tag) => words(before + condition('tag', tag), `tag: ${tag}`)),
      ...models.map((model) => element('a', { class: 'hint', 'data-page': true, 'data-key': `model ${model.slug}`, href: hrefOf(model) }, model.title)),
    ];
  }

  /** The first that has something to say. */
  function show(address, result) {
    const ways = [examples, (_, given) => strange(given), correction, completions];
    let parts = [];
    for (const way of ways) if (parts.length === 0) parts = way(address, result);
    const focused = line.contains(document.activeElement) && document.activeElement.dataset.key;
    line.replaceChildren(...parts);
    if (focused) line.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  return { show };
}
