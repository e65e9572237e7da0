// model-files.js - the files that methods read of a model beside its mean: fetched when first needed, kept for the queries that follow.
//
//     const { read, trim } = modelFiles(core, download, catalog, fingerprint);
//     const model = await read(index, 'gaussian');          // core.model() of the model's file for what a method needs
//     trim();                                               // between two queries

import { checkFingerprint } from './ranking.js';

const FOLDERS = { lowrank: 'second', gaussian: 'gaussian', features: 'features' }; // by what a method needs
const MOST_KEPT = 256;

export function modelFiles(core, download, catalog, fingerprint) {
  const opened = new Map(); // by path, a promise of the model; the last read comes last

  async function open(path, needs) {
    const bytes = await download(path);
    checkFingerprint(bytes, path, fingerprint);
    return core.model(bytes, needs);
  }

  async function read(index, needs) {
    const folder = FOLDERS[needs];
    if (!folder || !catalog[folder]) throw new Error(`This folder was published without what this method needs${folder ? ` (${folder}/)` : ''}.`);
    const path = `${folder}/${catalog.slug[index]}-${catalog[folder][index]}.bin`;
    const kept = opened.get(path);
    const pending = kept ?? open(path, needs);
    if (!kept) pending.catch(() => opened.delete(path)); // asked again, it is fetched again
    opened.delete(path);
    opened.set(path, pending);
    return pending;
  }

  /** Frees what was read longest ago, down to MOST_KEPT files. No model that read() gave may be scored after this. */
  function trim() {
    for (const [path, pending] of opened) {
      if (opened.size <= MOST_KEPT) return;
      opened.delete(path);
      pending.then((model) => model.free(), () => {});
    }
  }

  return { read, trim };
}
