// few-shot.js - from a few pictures of one's own to the model that a fine-tuning should start from: the nearest by Frechet distance. A view of pages.js.

import { element } from './dom.js';
import { saveFile } from './frames.js';
import { backLink, heading } from './pages.js';
import { formatAddress } from './query.js';
import { makeCard, updateCard } from './results.js';

const [LEAST, MOST] = [5, 50];
const SHOWN = 12;

export function show({ address, folder, rankLike, present, isShown }) {
  const said = element('p', { class: 'note', role: 'status' });
  const list = element('ol', { class: 'cards kept' });
  const chosen = element('div', {});
  const hrefOf = (slug) => formatAddress({ ...address, view: 'model', model: slug });
  const input = element('input', { type: 'file', accept: 'image/*', multiple: true, class: 'hidden', id: 'few-pictures', onchange: () => take([...input.files]) });
  const drop = element(
    'label',
    { class: 'drop', for: 'few-pictures', ondragover: (event) => event.preventDefault(), ondrop: (event) => (event.preventDefault(), take([...event.dataTransfer.files])) },
    `Drop ${LEAST} to ${MOST} pictures here, or `,
    element('span', { class: 'like-link' }, 'choose files'),
  );
  const intro = `A fine-tuning needs less when it starts from a model that makes similar things. Your pictures are compared with the samples of every model. So few pictures say little of how their features vary: their covariance is drawn towards an even one (Ledoit and Wolf 2004). They stay in your browser.`;
  present('Start from which model?', backLink(address), heading('Start from which model?'), element('p', { class: 'intro' }, intro), input, drop, said, chosen, list);

  async function take(files) {
    if (files.length < LEAST || files.length > MOST) {
      said.textContent = `${files.length} ${files.length === 1 ? 'picture' : 'pictures'}: please choose ${LEAST} to ${MOST}.`;
      return;
    }
    said.textContent = `Encoding ${files.length} pictures …`;
    try {
      const { order, scores } = await rankLike(files);
      if (!isShown()) return;
      const ranked = Array.from(order.slice(0, SHOWN), (index) => ({ model: folder.model(index), distance: -scores[0][index] })).filter(({ distance }) => Number.isFinite(distance));
      said.textContent = `The nearest of ${folder.count} models to your ${files.length} pictures, by Fréchet distance.`;
      list.replaceChildren(...ranked.map((entry) => rankedCard(entry, hrefOf)));
      chosen.replaceChildren(await exportOf(folder, ranked, files.length));
    } catch (error) {
      said.textContent = `This did not work: ${error.message}`;
    }
  }
}

function rankedCard({ model, distance }, hrefOf) {
  const card = makeCard(model);
  updateCard(card, { model, distance, href: hrefOf(model.slug) });
  return card;
}

/** The first choice, as a command that fetches it and as a file with all that was found. */
async function exportOf(folder, ranked, count) {
  const [{ model }] = ranked;
  const page = await folder.page(model.index);
  const command = commandFor(folder.base, page);
  const file = {
    format: 'gensearch-source-models', version: 1, encoder: folder.encoder, pictures: count, command,
    models: ranked.map(({ model: { slug, title, type }, distance }) => ({ slug, title, type, distance })),
  };
  const save = () => saveFile(new Blob([`${JSON.stringify(file, null, 1)}\n`], { type: 'application/json' }), 'gensearch-source-models.json');
  return element(
    'section',
    { class: 'choice' },
    element('h2', { class: 'section' }, `Start from ${model.title}`),
    command ? element('pre', { class: 'bibtex', tabindex: '0', 'aria-label': 'Command' }, command) : element('p', { class: 'note' }, 'Its files were not published: see its page for how to get it.'),
    element('div', { class: 'actions' }, element('button', { class: 'button', type: 'button', onclick: save }, 'Save the choice as JSON')),
  );
}

/** What fetches a model in a shell; '' where nothing of it is published. */
export function commandFor(base, { slug, graphs, model }) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  if (graphs) {
    const fetches = Object.entries(graphs.files).map(([name, { path }]) => `curl -fL --create-dirs -o ${quote(`${slug}/${name}`)} ${quote(new URL(path, base).href)}`);
    return fetches.join(' && \\\n');
  }
  return /^https?:\/\//.test(model.download ?? '') ? `curl -fLO ${quote(model.download)}` : '';
}
