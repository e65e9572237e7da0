// visits.js - addresses come and go: links, typing, back and forward.
//
//     const visits = makeVisits((address, { typed }) => show(address));
//     visits.start();               // shows the address the page was opened with
//     visits.draft(address);        // typing: shown at once; after a pause a new entry for the first words, the same for what they grow into
//     visits.commit();              // Enter: the entry stands, the next words get another
//     visits.go(address);           // a link, a filter: an entry of its own
//
// A link with data-page leads to another address of this page and is followed here, without loading the page again.

import { formatAddress, parseAddress } from './query.js';

const PAUSE = 180; // ms without a change before a draft is written down: browsers allow only so many entries in a time

export function makeVisits(show) {
  let drafting = false;
  let pending = ''; // the draft that is shown and not written down yet
  let pause = 0;

  const urlOf = (address) => new URL(formatAddress(address), document.baseURI).href;

  function draft(address) {
    pending = urlOf(address);
    clearTimeout(pause);
    pause = setTimeout(write, PAUSE);
    show(parseAddress(new URL(pending).search), { typed: true });
  }

  function write() {
    clearTimeout(pause);
    const url = pending;
    pending = '';
    if (!url || url === location.href) return;
    if (drafting) history.replaceState(null, '', url);
    else history.pushState(null, '', url);
    drafting = true;
  }

  function commit() {
    write();
    drafting = false;
  }

  function go(address) {
    follow(urlOf(address));
  }

  function follow(url) {
    commit();
    const from = parseAddress(location.search);
    if (url !== location.href) history.pushState(null, '', url);
    const to = parseAddress(location.search);
    show(to, {});
    if (to.view !== 'results' || from.view !== 'results') scrollTo(0, 0);
  }

  function start() {
    addEventListener('popstate', () => {
      clearTimeout(pause);
      pending = '';
      drafting = false;
      show(parseAddress(location.search), {});
    });
    document.addEventListener('click', (event) => {
      const link = event.target.closest?.('a[data-page]');
      if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      follow(link.href);
    });
    show(parseAddress(location.search), {});
  }

  return { start, draft, commit, go };
}
