// compose.js - how a query is put together beside its words: pictures that are chosen, pasted or dropped, sketches, models, weights.
//
//     const compose = makeCompose({ folder, searcher, visits, current, onEmpty });     // current(): the address; onEmpty: chips.js
//     compose.show(address);        // its parts as chips
//
// A button with data-like="SLUG", anywhere, adds that model.

import { makeChips } from './chips.js';
import { newestOnly } from './newest-only.js';
import { makePartPictures } from './part-pictures.js';
import { MAX_PARTS, WORDS, withPart, withSketch, withWeight, withoutPart } from './query.js';

const KINDS = { image: 'picture', sketch: 'sketch' };

const byId = (id) => document.getElementById(id);

export function makeCompose({ folder, searcher, visits, current, onEmpty }) {
  const { placeholder } = byId('q');
  const pictures = makePartPictures(tabStorage());
  const coming = []; // what is being read, in words
  const results = () => ({ ...current(), view: 'results' });
  const chips = makeChips(byId('chips'), {
    onWeight: (index, weight) => visits.go(withWeight(current(), index, weight)),
    onRemove: (index) => visits.go(withoutPart(current(), index)),
    onEmpty,
  });

  function show(address) {
    const sketching = isOpen(byId('sketch')) && !address.parts.some(({ kind }) => kind === 'sketch');
    const waiting = sketching ? [...coming, 'Your sketch'] : coming; // its place is kept: nothing moves under the pen when it comes
    const parts = address.parts.map((part, index) => ({ index, weight: part.weight, ...lookOf(part, folder, pictures) }));
    const others = parts.length + waiting.length;
    if (address.q.trim() && (others > 0 || address.weight !== 1)) parts.push({ index: WORDS, weight: address.weight, label: 'words' });
    chips.show(parts, waiting);
    byId('q').placeholder = others > 0 ? 'and words' : placeholder;
  }

  function add(part) {
    if (current().parts.length >= MAX_PARTS) return tell(`A query has at most ${MAX_PARTS} parts beside its words: remove one first.`);
    return visits.go(withPart(results(), part));
  }

  /** One after the other, so that they stand in the order they came in. */
  async function addPictures(files) {
    tell('');
    const problems = [];
    for (const file of files) {
      coming.push(`Reading ${file.name || 'the picture'} …`);
      show(current());
      try {
        const feature = await encode(file);
        await pictures.keep(feature, file);
        add({ kind: 'image', feature });
      } catch (error) {
        problems.push(files.length > 1 ? `${file.name}: ${error.message}` : error.message);
      }
      coming.pop();
      show(current());
    }
    if (problems.length > 0) tell(problems.join(' '));
  }

  const encode = async (blob) => searcher.encode(await readable(blob));

  takeModels((slug) => add({ kind: 'model', slug }));
  if (folder.manifest.roles.vision) {
    takePictures(addPictures);
    offerSketches({ encode, pictures, visits, results, showChips: () => show(current()) });
  }

  return { show, focusLast: chips.focusLast };
}

function lookOf({ kind, slug, feature }, folder, pictures) {
  if (kind !== 'model') return { label: KINDS[kind], picture: pictures.of(feature) };
  const model = folder.find(slug);
  return { label: model?.title ?? slug, picture: model?.thumbs[0] };
}

/** A picture as the worker can read it. */
async function readable(blob) {
  const { canDecodeInWorkers, decodePicture } = await import('./picture.js');
  return canDecodeInWorkers ? blob : decodePicture(blob);
}

/** One message beside the sentence: what could not be added, and why. '' takes it away. */
function tell(message) {
  byId('problem').textContent = message;
}

function tabStorage() {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

const isOpen = (opener) => opener.getAttribute('aria-expanded') === 'true';

// ---- where parts come from ----

/** The pad is loaded when it is first asked for. The results follow the drawing as fast as it can be encoded. */
function offerSketches({ encode, pictures, visits, results, showChips }) {
  const opener = byId('sketch');
  let pad;
  let drawn = ''; // the feature of what was last drawn

  const follow = newestOnly(async () => {
    try {
      const picture = await pad.picture();
      const feature = picture ? await encode(picture) : '';
      if (picture) await pictures.keep(feature, picture);
      visits.draft(withSketch(results(), drawn, feature));
      drawn = feature;
    } catch (error) {
      tell(error.message);
    }
  });

  function onClose() {
    opener.setAttribute('aria-expanded', 'false');
    opener.focus();
    visits.commit();
    showChips();
  }

  opener.hidden = false;
  opener.addEventListener('click', async () => {
    if (isOpen(opener)) return pad.close();
    try {
      const { makeSketchPad } = await import('./sketch-pad.js');
      pad ??= makeSketchPad({ onDraw: follow, onClose });
    } catch (error) {
      return tell(`The sketch pad did not arrive (${error.message}). Try again.`);
    }
    byId('form').after(pad.node);
    opener.setAttribute('aria-expanded', 'true');
    showChips();
    return pad.open();
  });
}

function takeModels(add) {
  document.addEventListener('click', ({ target }) => {
    const button = target.closest?.('[data-like]');
    if (button) add(button.dataset.like);
  });
}

/** What a part of the page has taken for itself (defaultPrevented) is not taken again. */
function takePictures(add) {
  byId('pick').hidden = false;
  byId('pick').addEventListener('click', () => byId('files').click());
  byId('files').addEventListener('change', ({ target }) => {
    add([...target.files]);
    target.value = ''; // the same file can be chosen again
  });
  document.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (event.defaultPrevented || files.length === 0) return;
    event.preventDefault();
    add(files);
  });
  takeDrops(add);
}

function takeDrops(add) {
  const { classList } = document.documentElement;
  const carriesFiles = (event) => !event.defaultPrevented && event.dataTransfer?.types.includes('Files');
  document.addEventListener('dragover', (event) => {
    classList.toggle('dropping', carriesFiles(event));
    if (carriesFiles(event)) event.preventDefault();
  });
  document.addEventListener('dragleave', (event) => !event.relatedTarget && classList.remove('dropping'));
  document.addEventListener('drop', (event) => {
    classList.remove('dropping');
    if (!carriesFiles(event)) return;
    event.preventDefault();
    add([...event.dataTransfer.files]);
  });
}
