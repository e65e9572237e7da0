// pages.js - the views other than the results, each loaded when it is first asked for; and what to say when there is no such page.
//
//     const pages = makePages(document.getElementById('page'), folder, { rank, search, rankLike });
//     pages.show(address);          // address: query.js, of any view but 'results'
//     pages.hide();
//
// rank(blob): a promise of the models' indices, the likeliest to make the picture first. search(address): a promise of the result for the address's query
// (search-worker.js); rankLike(blobs): the same for the models most like these pictures together.
//
// A view is a module whose show({address, folder, rank, search, rankLike, present, isShown, onClose}) puts its page up. present(title, ...parts) shows a new page;
// isShown() is false as soon as another one is; onClose(end) is told what ends the work that the page has started.

import { element } from './dom.js';
import { formatAddress, isSearch } from './query.js';

const VIEWS = {
  about: () => import('./about.js'),
  model: () => import('./model-view.js'),
  map: () => import('./map.js'),
  kept: () => import('./kept.js'),
  'few-shot': () => import('./few-shot.js'),
};

export function makePages(container, folder, asks) {
  let shown = 0; // which page it is: what arrives late for another one is dropped
  let close = () => {};

  async function show(address) {
    leave();
    const mine = shown;
    const isShown = () => mine === shown;
    try {
      const view = await VIEWS[address.view]();
      if (!isShown()) return;
      container.hidden = false;
      view.show({ address, folder, ...asks, present, isShown, onClose: (end) => (close = end) });
    } catch (error) {
      if (!isShown()) return;
      container.hidden = false;
      const retry = element('button', { class: 'button', type: 'button', onclick: () => show(address) }, 'Try again');
      present('Not loaded', backLink(address), heading('Not loaded'), note(`This page’s script did not arrive (${error.message}).`), retry);
    }
  }

  /** A new page: its title goes to the tab, and the focus to its heading, so that a screen reader says where it is. */
  function present(title, ...parts) {
    document.title = `${title} · gensearch`;
    container.replaceChildren(element('div', {}, parts));
    container.querySelector('h1').focus({ preventScroll: true });
  }

  function leave() {
    shown += 1;
    close();
    close = () => {};
  }

  function hide() {
    leave();
    container.hidden = true;
  }

  return { show, hide };
}

export const heading = (title) => element('h1', { tabindex: '-1', dir: 'auto' }, title);
export const note = (message) => element('p', { class: 'note', role: 'alert' }, message);

export function backLink(address) {
  const q = address.q.trim();
  const href = formatAddress({ ...address, view: 'results' });
  const results = q ? `results for “${q}”` : 'results';
  return element('a', { class: 'back', href, 'data-page': true }, `← ${isSearch(address) ? results : 'all models'}`);
}
