// working.js - buttons that start something long, and end it when they are pressed again; and words for how far it is.
//
//     const run = stoppable(button, generator, async () => { ... }, say);       // say(words): '' when there is nothing to say
//     button.addEventListener('click', run);

import { Stopped } from './generator.js';

/** While action runs the button says "Stop" and stops the generator. What goes wrong is said; being stopped is no fault. */
export function stoppable(button, generator, action, say) {
  let running = false;
  return async function run() {
    if (running) return generator.stop();
    running = true;
    const label = button.textContent;
    button.textContent = 'Stop';
    button.classList.add('running');
    say('Starting …');
    try {
      await action();
    } catch (error) {
      say(error instanceof Stopped ? 'Stopped.' : `This did not work: ${error.message}${/[.!?]$/.test(error.message) ? '' : '.'} Press the button to try again.`);
    }
    running = false;
    button.textContent = label;
    button.classList.remove('running');
    return undefined;
  };
}

export const progressOf = (node) => (words) => {
  node.textContent = words;
};

/** Of a download, for a sentence. */
export function loadingText({ loaded, total }) {
  return loaded < total ? `Loading the model: ${Math.floor((100 * loaded) / total)} % of ${(total / 1e6).toFixed(1)} MB` : 'Starting the model …';
}
