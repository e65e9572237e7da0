// about.js - what this site does, in a few true sentences.

import { element } from './dom.js';
import { number } from './sentence.js';

/** A view of pages.js. */
export const show = ({ folder, present }) => present('About', renderAbout(folder));

function renderAbout({ count, encoder }) {
  const part = (title, ...paragraphs) => [element('h2', {}, title), paragraphs.map((text) => element('p', {}, text))];
  return element(
    'div',
    { class: 'prose' },
    element('h1', { tabindex: '-1' }, 'About'),
    element(
      'p',
      {},
      `gensearch finds a generative model by what it generates. This catalog holds ${number(count)} ${count === 1 ? 'model' : 'models'}; ` +
        `their samples were encoded with ${encoder.name} (${encoder.fingerprint.slice(0, 8)}), a CLIP encoder.`,
    ),
    part(
      'How the ranking works',
      'Every model was asked for many samples, and each sample was turned into a feature: a point on a sphere, where pictures and words of ' +
        'like meaning lie close together. Of each model only the mean and the spread of its features are kept.',
      'Your words become a point too. The centred moment compares it with the models’ means; the Gaussian density asks how likely each model’s ' +
        'distribution makes that point. The number on a card is the probability of that model given your words, if all were equally likely before: ' +
        'the numbers of one search add up to one. A model matches when it is at least twice as likely as chance would make it.',
    ),
    part(
      'Your words stay with you',
      'The encoder runs in your browser, as WebAssembly; it is loaded when you first use the box, and typing sends nothing anywhere. Your words ' +
        'stand in the address of this page, so that you can keep them or pass them on: whoever hosts the page sees them only when such an address ' +
        'is opened or reloaded.',
    ),
  );
}
