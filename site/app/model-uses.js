// model-uses.js - the three views of one place: samples, interpolate, invert. Which one stands in the address.
//
//     const node = renderUses({ folder, model, page, address, remember, rank, hrefOf, onClose });
//
// remember(change) writes to the address; rank(blob): a promise of the models' indices for a picture; onClose(close) is told what ends the work.

import { hasLatents } from '../lib/sampling.js';
import { thumbPath } from './catalog.js';
import { renderCompare } from './compare-inverters.js';
import { element } from './dom.js';
import { makeGenerator, sizeOfGraphs } from './generator.js';
import { renderInterpolate } from './interpolate.js';
import { renderInvert } from './invert-picture.js';
import { renderSamples } from './live-samples.js';
import { number } from './sentence.js';

const NAMES = { '': 'Samples', interpolate: 'Interpolate', invert: 'Invert my image' };

export function renderUses({ folder, model, page, address, remember, rank, hrefOf, onClose }) {
  const { graphs } = page;
  const generator = graphs ? makeGenerator(folder, graphs) : null;
  if (generator) onClose(generator.stop);
  const panel = element('div', { id: 'use', role: 'tabpanel', 'aria-labelledby': 'use-tab-' });
  const open = { '': true, interpolate: Boolean(graphs) && hasLatents(graphs.sampler), invert: Boolean(graphs) && hasLatents(graphs.sampler) };
  let { seed } = address;
  const rememberSeed = (change) => {
    seed = change.seed;
    remember(change);
  };
  const views = {
    '': () => renderSamples({ ...storedOf(page), title: model.title, slug: model.slug, generator, seed, remember: rememberSeed }),
    interpolate: () => renderInterpolate({ slug: model.slug, generator, seed, remember: rememberSeed }),
    invert: () => renderInvert({ slug: model.slug, title: model.title, generator, compare: (blob) => renderCompare({ folder, blob, rank, hrefOf }) }),
  };
  const tabs = Object.entries(NAMES).map(([use, name]) =>
    element('button', { class: 'tab', type: 'button', role: 'tab', id: `use-tab-${use}`, 'aria-controls': 'use', disabled: !open[use], onclick: () => choose(use), onkeydown: onKey }, name),
  );

  function choose(use) {
    generator?.stop();
    remember({ use });
    show(use);
  }

  function show(use) {
    const at = Object.keys(NAMES).indexOf(use);
    tabs.forEach((tab, i) => {
      tab.setAttribute('aria-selected', String(i === at));
      tab.tabIndex = i === at ? 0 : -1;
    });
    panel.setAttribute('aria-labelledby', tabs[at].id);
    panel.replaceChildren(views[use]());
  }

  /** As tabs are used with the keyboard: the arrows choose. */
  function onKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const usable = tabs.filter((tab) => !tab.disabled);
    const next = usable[(usable.indexOf(event.target) + step + usable.length) % usable.length];
    next.focus();
    next.click();
  }

  show(open[address.use] ? address.use : '');
  return element('div', { class: 'uses' }, element('div', { class: 'tabs', role: 'tablist', 'aria-label': 'What to do with this model' }, tabs), panel, element('p', { class: 'note' }, limits(page)));
}

function storedOf({ thumbs, samples }) {
  const stored = thumbs.map(({ hash, width, height }) => ({ src: thumbPath(hash), width, height }));
  if (thumbs.length === samples) return { stored, note: `All ${number(samples)} samples.` };
  return { stored, note: `The first ${number(thumbs.length)} of ${number(samples)} samples, as they came: none were picked.` };
}

/** What cannot be done with this model here, and why. */
function limits({ graphs, model }) {
  if (!graphs && model.sampler?.kind === 'onnx') return 'New samples cannot be made here: the model’s graphs were not published.';
  if (!graphs) return 'New samples cannot be made in a browser: that works with models in ONNX form.';
  const size = `Making pictures loads ${(sizeOfGraphs(graphs) / 1e6).toFixed(2)} MB of the model, once.`;
  if (hasLatents(graphs.sampler)) return size;
  return `${size} It has no continuous latent that says all about a picture, so it cannot be interpolated or inverted.`;
}
