// pages.js - the views other than the results: a model's page, about, and what to say when there is no such page.
//
//     const pages = makePages(document.getElementById('page'), folder);
//     pages.show(address);          // address: query.js, with view 'model' or 'about'
//     pages.hide();

import { renderAbout } from './about.js';
import { element } from './dom.js';
import { renderModel } from './model-page.js';
import { formatAddress } from './query.js';

export function makePages(container, folder) {
  let current = null; // the address whose page is shown: what arrives late for another one is dropped

  async function show(address) {
    current = address;
    container.hidden = false;
    if (address.view === 'about') return present('About', renderAbout(folder));
    const model = folder.find(address.model);
    if (!model) return presentProblem(address, `There is no model “${address.model}” in this catalog. It may have been renamed or withdrawn.`);
    const view = { folder, model, back: backLink(address), hrefOf: (change) => formatAddress({ ...address, ...change }) };
    present(model.title, renderModel({ ...view, page: null }));
    try {
      const page = await folder.page(model.index);
      if (current === address) replace(renderModel({ ...view, page }));
    } catch (error) {
      if (current === address) presentProblem(address, error.message);
    }
    return undefined;
  }

  function presentProblem(address, message) {
    present('Not found', [backLink(address), element('h1', { tabindex: '-1' }, 'Not found'), element('p', { class: 'note' }, message)]);
  }

  /** A new page: its title goes to the tab, and the focus to its heading, so that a screen reader says where it is. */
  function present(title, parts) {
    document.title = `${title} · gensearch`;
    container.replaceChildren(element('div', {}, parts));
    container.querySelector('h1').focus({ preventScroll: true });
  }

  /** The same page, now complete: the focus stays where it is, if that is still there. */
  function replace(parts) {
    const hadFocus = container.contains(document.activeElement);
    container.replaceChildren(element('div', {}, parts));
    if (hadFocus) container.querySelector('h1').focus({ preventScroll: true });
  }

  function hide() {
    current = null;
    container.hidden = true;
  }

  return { show, hide };
}

function backLink(address) {
  const q = address.q.trim();
  const href = formatAddress({ ...address, view: 'results' });
  return element('a', { class: 'back', href, 'data-page': true }, `← ${q ? `results for “${q}”` : 'all models'}`);
}
