// sentence.js - the one sentence under the box: what happened, or what to do next. Pure: a state to parts of text.
//
//     describe({ phase: 'ranked', total: 12, matching: 3, milliseconds: 4.2, method: 'centred-moment', methods })
//       -> [{strong: '3 models'}, ' of 12 match · ranked in your browser in 4 ms by ', {action: 'method', text: 'centred moment', ...}]
//
// matching: null where nothing is known of that, as of sketches. conflict: no model is good for every part. method: of the words; '' where there are none.
//
// phases: browse, opening {loaded, bytes, what}, ranked, failed {message}, unsupported. An action is a button inside the sentence.

import { METHODS } from './query.js';

export function describe(state) {
  switch (state.phase) {
    case 'browse':
      return browse(state);
    case 'opening':
      return opening(state);
    case 'ranked':
      return ranked(state);
    case 'failed':
      return [`The search failed: ${withStop(state.message)} `, { action: 'retry', text: 'Try again' }];
    case 'unsupported':
      return ['This browser has no WebAssembly with SIMD, which the search needs; all since 2023 have. The models can still be browsed.'];
    default:
      throw new Error(`no sentence for phase '${state.phase}'`);
  }
}

/** filtered: by the boxes, not only by conditions among the words. */
const noneLeft = (filtered) => ['No model passes these filters. ', ...(filtered ? [{ action: 'clear-filters', text: 'Clear the filters' }] : [])];

function browse({ shown, total, filtered }) {
  if (shown === 0 && total > 0) return noneLeft(filtered);
  if (shown === total) return [{ strong: countOf(total) }, ' · type what you want to see'];
  return [{ strong: countOf(shown) }, ` of ${number(total)} · type what you want to see`];
}

function opening({ loaded, bytes, what = 'the search' }) {
  if (!bytes) return [`Loading ${what} …`];
  if (loaded >= bytes) return [`Starting ${what} …`];
  return [`Loading ${what}: ${Math.floor((100 * loaded) / bytes)} % of ${megabytes(bytes)}`];
}

function ranked({ matching, conflict, total, filtered, milliseconds, method, methods }) {
  const how = [` · ranked in your browser in ${duration(milliseconds)}`, ...(method ? [' by ', methodPart(method, methods)] : [])];
  if (total === 0) return noneLeft(filtered);
  if (conflict && matching !== 0) return [{ strong: 'No model makes all of this' }, ' · the best for each part come first', ...how];
  if (matching === null) return [{ strong: countOf(total) }, ...how];
  if (matching === 0) return [{ strong: 'No good match' }, ' · the nearest models come first', ...how];
  return [{ strong: countOf(matching) }, ` of ${number(total)} ${matching === 1 ? 'matches' : 'match'}`, ...how];
}

/** The method's name; a button when there is another one to change to. */
function methodPart(method, methods) {
  const { label } = METHODS[method];
  const next = methods[(methods.indexOf(method) + 1) % methods.length];
  if (next === method) return label;
  return { action: 'method', text: label, hint: `Ranked by ${label}. Change to ${METHODS[next].label}`, value: next };
}

/** The plain text of a sentence, for a screen reader's live region: the buttons can be found by themselves. */
export const plainText = (parts) => parts.map((part) => (typeof part === 'string' ? part : part.strong ?? part.text)).join('');

export const number = (value) => value.toLocaleString('en');
const countOf = (n) => `${number(n)} ${n === 1 ? 'model' : 'models'}`;
const duration = (ms) => (ms < 1 ? 'under 1 ms' : `${number(Math.round(ms))} ms`);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
const withStop = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);
