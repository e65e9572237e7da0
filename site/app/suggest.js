// suggest.js - what the catalog's own words can answer with no encoder: completions, typing errors, a first order. Pure.
//
//     const suggest = makeSuggest(models);
//     suggest.complete('big ani')      -> { tags: ['animals'], models: [model, ...] }   for the word that is being typed
//     suggest.correct('smilling fase') -> 'smiling face', or '' when there is nothing better
//     suggest.order('kat')             -> the models, those first whose title, tags or family have the words, or nearly
//     suggest.examples(4)              -> ['bird', 'clock', ...]
//
// Conditions (core/filter.h) are no words.

const SHOWN = 3; // completions of a kind

export function makeSuggest(models) {
  const wordsOf = models.map(({ title, tags, family }) => [...new Set(split([title, ...tags, family].join(' ')))]);
  const vocabulary = [...new Set(wordsOf.flat())];
  const tags = [...new Set(models.flatMap((model) => model.tags))];

  function complete(text) {
    const start = split(text).at(-1) ?? '';
    if (start.length < 2 || /\s$/.test(text)) return { tags: [], models: [] };
    const starts = (value) => split(value).some((word) => word.startsWith(start));
    return { tags: tags.filter(starts).slice(0, SHOWN), models: models.filter(({ title }) => starts(title)).slice(0, SHOWN) };
  }

  /** Only words that the catalog does not have; the rest of the text stays as it was typed. */
  function correct(text) {
    const corrected = text.replace(/[\p{L}\p{M}]+/gu, (word) => nearest(fold(word)) ?? word);
    return corrected === text ? '' : corrected;
  }

  function nearest(word) {
    const allowed = errorsAllowed(word);
    if (allowed === 0 || vocabulary.some((known) => known.startsWith(word))) return undefined;
    const near = vocabulary.map((known) => ({ known, errors: distance(word, known, allowed) })).filter(({ errors }) => errors <= allowed);
    return near.sort((a, b) => a.errors - b.errors)[0]?.known;
  }

  function order(text) {
    const asked = split(text);
    const scores = wordsOf.map((words) => asked.reduce((sum, word) => sum + likeness(word, words), 0));
    return [...models.keys()].sort((a, b) => scores[b] - scores[a] || a - b).map((index) => models[index]);
  }

  /** From all over the catalog. */
  function examples(count) {
    const step = Math.max(1, models.length / count);
    const chosen = Array.from({ length: Math.min(count, models.length) }, (_, i) => models[Math.floor(i * step)]);
    return [...new Set(chosen.map((model) => model.tags[0] ?? fold(model.title)))];
  }

  return { complete, correct, order, examples };
}

/** How well a word is among others: whole, at the start of one, or nearly. */
function likeness(word, words) {
  if (words.includes(word)) return 3;
  if (words.some((known) => known.startsWith(word))) return 2;
  const allowed = errorsAllowed(word);
  return allowed > 0 && words.some((known) => distance(word, known, allowed) <= allowed) ? 1 : 0;
}

const errorsAllowed = (word) => (word.length < 4 ? 0 : word.length < 8 ? 1 : 2);
const isCondition = (piece) => /^-|^[a-z]+:/i.test(piece);
const split = (text) => (text.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? []).filter((piece) => !isCondition(piece)).flatMap((piece) => fold(piece).match(/[\p{L}\p{N}]+/gu) ?? []);

/** Lower case, without accents. */
const fold = (text) => text.toLowerCase().normalize('NFD').replace(/\p{M}/gu, '');

/** Letters to add, leave out, change, or swap with their neighbour; more than `most` is most + 1. */
export function distance(a, b, most) {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    if (Math.min(...row) > most) return most + 1;
    [before, last] = [last, row];
  }
  return last[b.length];
}
