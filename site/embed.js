// embed.js - the search for other people's pages: a module, and an element made of it. The folder's host must allow other sites to read it
// (Access-Control-Allow-Origin); words stay in the visitor's browser here too.
//
//     import { openSearch } from 'https://models.example/embed.js';
//     const models = await openSearch();                    // of the folder that embed.js lies in, or openSearch('https://models.example/')
//     models.all;                                           // [{slug, title, type, family, tags, url, thumbs: [address, ...]}]
//     const { found, results } = await models.search('a kitten', { limit: 5, types: ['GAN'], tags: [] });
//     results[0].title, results[0].probability;             // the likeliest first; found: whether any makes it. Fields as in `all`
//     models.close();
//
//     <gensearch-box query="a kitten" limit="8"></gensearch-box>
//
// The element asks as one types, and fires "gensearch-results" with {query, found, results} as its detail. Attributes: query, limit (8), src: the
// folder. Its parts "input", "status" and "results" can be styled with ::part(). search() gives null when a newer question has overtaken it.
// Everything else that is published can be read as JSON: manifest.json leads to the catalog and to a file for each model (indexer/publish/publish.h).

import { openFolder } from './app/catalog.js';
import { element } from './app/dom.js';
import { formatAddress } from './app/query.js';
import { canSearch, makeSearcher } from './app/searcher.js';

const PAUSE = 180; // ms without a key before the words are searched for
const LIMIT = 8;

/** address: of a published folder. */
export async function openSearch(address = new URL('.', import.meta.url)) {
  const folder = await openFolder(new URL(address, document.baseURI));
  const searcher = makeSearcher(folder, { onProgress: () => {}, onClosed: () => {} });
  const all = Array.from({ length: folder.count }, (_, index) => describe(folder, index));

  async function search(words, { limit = LIMIT, types = [], tags = [] } = {}) {
    if (!canSearch()) throw new Error('This browser has no WebAssembly with SIMD, which the search needs.');
    const conditions = [...types.map((value) => ['type', value]), ...tags.map((value) => ['tag', value])];
    const result = await searcher.search([{ kind: 'text', text: words.trim() }], conditions);
    if (!result) return null;
    const { order, probabilities, found = true } = result;
    return { found, results: Array.from(order.slice(0, limit), (index) => ({ ...all[index], probability: probabilities?.[index] })) };
  }

  return { all, search, close: searcher.close };
}

function describe(folder, index) {
  const { slug, title, type, family, tags, thumbs } = folder.model(index);
  const absolute = (path) => new URL(path, folder.base).href;
  return { slug, title, type, family, tags, url: absolute(formatAddress({ view: 'model', model: slug })), thumbs: thumbs.map(absolute) };
}

const STYLE = `
:host { display: block; font: inherit; color: inherit; }
input { box-sizing: border-box; width: 100%; padding: 10px 12px; border: 1px solid #8b8e94; border-radius: 9px; background: transparent; color: inherit; font: inherit; }
p { margin: 8px 0; font-size: 0.9em; }
ol { display: grid; grid-template-columns: repeat(auto-fill, minmax(120px, 1fr)); gap: 10px; margin: 0; padding: 0; list-style: none; }
a { display: block; color: inherit; text-decoration: none; }
a:hover { text-decoration: underline; }
img { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 9px; }
`;

class GensearchBox extends HTMLElement {
  #models;
  #pause = 0;
  #input = element('input', { type: 'search', part: 'input', 'aria-label': 'Search models by what they generate', placeholder: 'What should the model generate?', maxlength: 500 });
  #status = element('p', { part: 'status', role: 'status' });
  #results = element('ol', { part: 'results' });

  connectedCallback() {
    if (!this.shadowRoot) this.attachShadow({ mode: 'open' }).append(element('style', {}, STYLE), this.#input, this.#status, this.#results);
    this.#input.oninput = () => {
      clearTimeout(this.#pause);
      this.#pause = setTimeout(() => this.#ask(), PAUSE);
    };
    this.#input.value = this.getAttribute('query') ?? '';
    if (this.#input.value) this.#ask();
  }

  disconnectedCallback() {
    clearTimeout(this.#pause);
    this.#models?.then((models) => models.close(), () => {});
    this.#models = undefined;
  }

  async #ask() {
    const query = this.#input.value.trim();
    if (!query) return this.#results.replaceChildren();
    try {
      if (!this.#models) this.#status.textContent = 'Loading the search …';
      this.#models ??= openSearch(this.getAttribute('src') ?? undefined);
      const answer = await (await this.#models).search(query, { limit: Number(this.getAttribute('limit')) || LIMIT });
      if (!answer) return undefined;
      this.#status.textContent = answer.found ? `The likeliest models for “${query}”` : `No good match for “${query}”: the nearest models`;
      this.#results.replaceChildren(...answer.results.map(({ url, title, thumbs: [src] }) => element('li', {}, element('a', { href: url }, src && element('img', { src, alt: '' }), title))));
      this.dispatchEvent(new CustomEvent('gensearch-results', { detail: { query, ...answer } }));
    } catch (error) {
      this.#models = undefined;
      this.#status.textContent = error.message;
    }
    return undefined;
  }
}

if (!customElements.get('gensearch-box')) customElements.define('gensearch-box', GensearchBox);
