// model-view.js - a model's page: what is known at once, then what arrives, or what went wrong and how to go on. A view of pages.js.

import { element } from './dom.js';
import { renderModel } from './model-page.js';
import { backLink, heading, note } from './pages.js';
import { formatAddress } from './query.js';

const NOT_FOUND = 'Not found';

export async function show({ address, folder, rank, present, isShown, onClose }) {
  const model = folder.find(address.model);
  const back = backLink(address);
  if (!model) {
    present(NOT_FOUND, back, heading(NOT_FOUND), note(`There is no model “${address.model}” in this catalog. It may have been renamed or withdrawn.`));
    return;
  }
  const hrefOf = (change) => formatAddress({ ...address, ...change });
  const view = { folder, model, address, rank, hrefOf, remember: makeRemember(address), onClose };
  const early = renderModel({ ...view, page: null });
  present(model.title, back, heading(model.title), early);
  await load();

  /** What arrives takes the place of `early` alone: the way back and the title stay, with the focus and a click half done. */
  async function load() {
    try {
      const page = await folder.page(model.index);
      if (isShown()) early.replaceWith(renderModel({ ...view, page }));
    } catch (error) {
      if (isShown()) early.append(failure(error.message, load));
    }
  }
}

/** Changes of what is done with the model go to the address, without a new entry in the history. */
function makeRemember(address) {
  let now = address;
  return (change) => {
    now = { ...now, ...change };
    history.replaceState(history.state, '', new URL(formatAddress(now), document.baseURI));
  };
}

/** What is known stays; the message goes away when it is tried again. */
function failure(message, load) {
  const again = () => {
    node.remove();
    load();
  };
  const node = element('div', { class: 'failure' }, note(message), element('button', { class: 'button', type: 'button', onclick: again }, 'Try again'));
  return node;
}
