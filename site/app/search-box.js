// search-box.js - the box, the keys that lead to it, the sentence under it and its progress bar.
//
//     const box = makeSearchBox({ onFocus, onType, onCommit, onClear, onReveal, onBackspace, onAction });
//     box.set('kitten');
//     box.offerClear(true);                          // there is something to clear
//     box.focus();
//     box.describe({ phase: 'ranked', ... });       // sentence.js
//     box.say(['text'], { error: true });
//     if (box.focused()) ...

import { element } from './dom.js';
import { describe, plainText } from './sentence.js';

const QUIET = 700; // ms a sentence must stand before it is read out

const byId = (id) => document.getElementById(id);

export function makeSearchBox({ onFocus, onType, onCommit, onClear, onReveal, onBackspace, onAction }) {
  const input = byId('q');
  const clear = byId('clear');
  const say = makeSentence(onAction);

  input.addEventListener('focus', onFocus);
  input.addEventListener('input', () => {
    onType(input.value);
  });
  byId('form').addEventListener('submit', (event) => {
    event.preventDefault();
    onCommit(input.value);
  });
  clear.addEventListener('click', () => {
    onClear();
    input.focus();
  });
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Backspace' || input.value !== '') return;
    event.preventDefault(); // or the chip's button would have the key too
    onBackspace();
  });
  watchKeys(() => {
    if (byId('search').hidden) onReveal(); // on another view the box is out of sight
    input.focus();
    input.select();
  });

  function set(text) {
    if (input.value !== text) input.value = text;
  }

  function showState(state) {
    showProgress(state);
    say(describe(state), { error: state.phase === 'failed' });
  }

  return { set, say, offerClear: (offered) => (clear.hidden = !offered), focus: () => input.focus(), describe: showState, value: () => input.value, focused: () => document.activeElement === input };
}

/** Ctrl K (or Cmd K) anywhere, / where nothing is being typed. */
function watchKeys(reveal) {
  document.addEventListener('keydown', (event) => {
    const shortcut = event.key === 'k' && (event.ctrlKey || event.metaKey);
    const slash = event.key === '/' && !event.ctrlKey && !event.metaKey && !isTyping(event.target);
    if (!shortcut && !slash) return;
    event.preventDefault();
    reveal();
  });
}

const isTyping = (target) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target.type !== 'checkbox';

function showProgress({ phase, loaded, bytes }) {
  const progress = byId('progress');
  progress.hidden = phase !== 'opening';
  progress.max = bytes || 1;
  progress.value = loaded || 0;
}

/** The sentence on the page, and its copy for screen readers, which is read out only when it has stood for a moment. */
function makeSentence(onAction) {
  const sentence = byId('sentence');
  let quiet = 0;

  function toNode(part) {
    if (typeof part === 'string') return part;
    if (part.strong) return element('strong', {}, part.strong);
    const onclick = () => onAction(part.action, part.value);
    return element('button', { class: 'link', type: 'button', title: part.hint, 'data-action': part.action, onclick }, part.text);
  }

  return function say(parts, { error = false } = {}) {
    const focused = sentence.contains(document.activeElement) && document.activeElement.dataset.action;
    sentence.classList.toggle('error', error);
    sentence.replaceChildren(...parts.map(toNode));
    if (focused) sentence.querySelector(`[data-action="${focused}"]`)?.focus();
    clearTimeout(quiet);
    quiet = setTimeout(() => (byId('announce').textContent = plainText(parts)), QUIET);
  };
}
