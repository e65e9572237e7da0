// kept.js - the models that the visitor keeps: their cards, up to four side by side, to a file and from one. A view of pages.js.

import { renderComparison } from './comparison.js';
import { element } from './dom.js';
import { saveFile } from './frames.js';
import { browserStorage, openKept } from './kept-list.js';
import { backLink, heading } from './pages.js';
import { formatAddress } from './query.js';
import { makeCard, updateCard } from './results.js';

const MOST_COMPARED = 4;

export function show({ address, folder, present, isShown }) {
  const kept = openKept(browserStorage());
  const hrefOf = (slug) => formatAddress({ ...address, view: 'model', model: slug });
  const list = element('ol', { class: 'cards kept' });
  const said = element('p', { class: 'note', role: 'status' });
  const comparison = element('div', {});
  const chosen = new Set();
  const compare = element('button', { class: 'button primary', type: 'button', onclick: compareChosen }, 'Compare');
  const files = fileButtons(kept, draw, (message) => (said.textContent = message));
  present('Kept', backLink(address), heading('Kept'), said, element('div', { class: 'actions' }, compare, files), comparison, element('h2', { class: 'hidden' }, 'Models'), list);
  draw();

  function draw(message = '') {
    const slugs = kept.slugs();
    const models = slugs.map((slug) => folder.find(slug)).filter(Boolean);
    for (const slug of chosen) if (!slugs.includes(slug)) chosen.delete(slug);
    list.replaceChildren(...models.map((model) => keptCard(model, { href: hrefOf(model.slug), isChosen: chosen.has(model.slug), choose, remove })));
    update();
    said.textContent = [message, summary(models.length, slugs.length - models.length)].filter(Boolean).join(' ');
  }

  function remove(slug) {
    kept.toggle(slug);
    draw();
  }

  function choose(slug, isChosen) {
    if (isChosen) chosen.add(slug);
    else chosen.delete(slug);
    update();
  }

  /** Two to four can be compared: the other boxes are closed when four are chosen. */
  function update() {
    compare.disabled = chosen.size < 2;
    for (const box of list.querySelectorAll('input')) box.disabled = !box.checked && chosen.size >= MOST_COMPARED;
  }

  async function compareChosen() {
    const models = [...chosen].map((slug) => folder.find(slug));
    try {
      const pages = await Promise.all(models.map(({ index }) => folder.page(index)));
      if (isShown()) comparison.replaceChildren(renderComparison(models, pages, hrefOf));
    } catch (error) {
      said.textContent = error.message;
    }
  }
}

function keptCard(model, { href, isChosen, choose, remove }) {
  const card = makeCard(model);
  updateCard(card, { model, href });
  const box = element('input', { type: 'checkbox', onchange: () => choose(model.slug, box.checked), checked: isChosen });
  card.append(
    element(
      'div',
      { class: 'kept-actions' },
      element('label', {}, box, 'compare'),
      element('button', { class: 'link', type: 'button', 'aria-label': `remove ${model.title}`, onclick: () => remove(model.slug) }, 'remove'),
    ),
  );
  return card;
}

/** The list to a file, and from one. */
function fileButtons(kept, onChange, say) {
  async function take(chosen) {
    if (!chosen) return;
    try {
      onChange(`${kept.read(await chosen.text())} added.`);
    } catch (error) {
      say(error.message);
    }
    file.value = '';
  }
  const write = () => saveFile(new Blob([kept.write()], { type: 'application/json' }), 'gensearch-collection.json');
  const file = element('input', { type: 'file', accept: 'application/json,.json', class: 'hidden', id: 'collection-file', onchange: () => take(file.files[0]) });
  return [element('button', { class: 'button', type: 'button', onclick: write }, 'Save as a file'), file, element('label', { class: 'button', for: 'collection-file' }, 'Add from a file')];
}

function summary(shown, missing) {
  if (shown + missing === 0) return 'You keep no model yet: press “Keep” on a model’s page. The list stays in this browser.';
  const others = missing > 0 ? ` ${missing} more are not in this catalog.` : '';
  return `${shown} ${shown === 1 ? 'model' : 'models'}, kept in this browser.${others}`;
}
