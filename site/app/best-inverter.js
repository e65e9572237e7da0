// best-inverter.js - which model can make a picture best: those whose samples look most like it are tried one after the other.
//
//     const report = await findInverter({ folder, blob, rank, makeGenerator, onTry });
//     report.tried;                    // [{model, loss, frames}], nearest first
//     report.left;                     // how many of the leading models cannot be inverted here
//
// rank(blob): a promise of the models' indices, the likeliest first. onTry(model, tried) before each. signal.aborted ends it after the model at hand,
// signal.onStop() that one too.

import { hasLatents } from '../lib/sampling.js';
import { fitPicture } from './frames.js';

export const MOST_TRIED = 5;
export const EFFORT = { starts: 128, keep: 2, steps: 8 }; // enough to tell them apart, which takes less than coming as near as can be

export async function findInverter({ folder, blob, rank, makeGenerator, onTry, signal }) {
  const tried = [];
  let left = 0;
  for (const index of await rank(blob)) {
    if (tried.length === MOST_TRIED || signal.aborted) break;
    const { graphs } = await folder.page(index);
    if (!graphs || !hasLatents(graphs.sampler)) {
      left += 1;
      continue;
    }
    const model = folder.model(index);
    onTry(model, tried);
    const generator = makeGenerator(folder, graphs);
    signal.onStop = generator.stop;
    try {
      const { width, height } = await generator.open();
      const { rgb } = await fitPicture(blob, width, height);
      const { loss, frames } = await generator.ask('invert', { target: { width, height, rgb }, directions: 0, effort: EFFORT });
      tried.push({ model, loss, frames });
      tried.sort((a, b) => a.loss - b.loss);
    } catch (error) {
      if (signal.aborted) throw error;
      left += 1; // its file is damaged, or it gives what is no picture: the others are tried all the same
    } finally {
      generator.stop();
    }
  }
  return { tried, left };
}
