// pages.js - the views other than the results: a model's page, about, and what to say when there is no such page.
//
//     const pages = makePages(document.getElementById('page'), folder);
//     pages.show(address);          // address: query.js, with view 'model' or 'about'
//     pages.hide();

import { renderAbout } from './about.js';
import { element } from './dom.js';
import { renderModel } from './model-page.js';
import { formatAddress } from './query.js';

const NOT_FOUND = 'Not found';

export function makePages(container, folder) {
  let current = null; // the address whose page is shown: what arrives late for another one is dropped

  async function show(address) {
    current = address;
    container.hidden = false;
    if (address.view === 'about') return present('About', renderAbout(folder));
    const model = folder.find(address.model);
    const back = backLink(address);
    if (!model) return present(NOT_FOUND, back, heading(NOT_FOUND), note(`There is no model “${address.model}” in this catalog. It may have been renamed or withdrawn.`));
    const view = { folder, model, hrefOf: (change) => formatAddress({ ...address, ...change }) };
    const early = renderModel({ ...view, page: null });
    const title = heading(model.title);
    present(model.title, back, title, early);
    // What arrives takes the place of `early` alone: the way back and the title stay, with the focus and a click half done.
    try {
      const page = await folder.page(model.index);
      if (current === address) early.replaceWith(renderModel({ ...view, page }));
    } catch (error) {
      if (current !== address) return;
      title.textContent = NOT_FOUND;
      document.title = tabTitle(NOT_FOUND);
      early.replaceWith(note(error.message));
    }
  }

  /** A new page: its title goes to the tab, and the focus to its heading, so that a screen reader says where it is. */
  function present(title, ...parts) {
    document.title = tabTitle(title);
    container.replaceChildren(element('div', {}, parts));
    container.querySelector('h1').focus({ preventScroll: true });
  }

  function hide() {
    current = null;
    container.hidden = true;
  }

  return { show, hide };
}

const tabTitle = (title) => `${title} · gensearch`;
const heading = (title) => element('h1', { tabindex: '-1' }, title);
const note = (message) => element('p', { class: 'note', role: 'alert' }, message);

function backLink(address) {
  const q = address.q.trim();
  const href = formatAddress({ ...address, view: 'results' });
  return element('a', { class: 'back', href, 'data-page': true }, `← ${q ? `results for “${q}”` : 'all models'}`);
}
