// kept-list.js - the models that the visitor keeps: a list of slugs in the browser's storage, and as a file.
//
//     const kept = openKept(localStorage);
//     kept.slugs();                        // ['cats', 'dogs'], in the order in which they were kept
//     kept.toggle('cats');                 // true: it is kept now
//     kept.write();                        // the text of a file
//     kept.read(text);                     // adds what a file lists: how many were new. An Error says what is wrong with it
//
// Storage may be full or forbidden: then the list lasts as long as the page.

const KEY = 'gensearch.kept';
const FORMAT = 'gensearch-collection';
const SLUG = /^[a-z0-9-]{1,128}$/;
const MOST = 10_000;

export function openKept(storage) {
  let list = clean(parse(load(storage)));

  function save(next) {
    list = next;
    try {
      storage.setItem(KEY, JSON.stringify(list));
    } catch {
      // full, or forbidden
    }
  }

  return {
    slugs: () => [...list],
    has: (slug) => list.includes(slug),
    toggle(slug) {
      const keeps = !list.includes(slug);
      save(keeps ? [...list, slug] : list.filter((other) => other !== slug));
      return keeps;
    },
    write: () => `${JSON.stringify({ format: FORMAT, version: 1, models: list }, null, 1)}\n`,
    read(text) {
      const file = parse(text);
      if (file?.format !== FORMAT || !Array.isArray(file.models)) throw new Error(`This file is no collection of gensearch: it must be JSON with "format": "${FORMAT}" and a list "models".`);
      const added = clean(file.models).filter((slug) => !list.includes(slug));
      save([...list, ...added].slice(0, MOST));
      return added.length;
    },
  };
}

/** What other pages, or people, have put there is not trusted. */
const clean = (value) => (Array.isArray(value) ? [...new Set(value)].filter((slug) => typeof slug === 'string' && SLUG.test(slug)).slice(0, MOST) : []);

function load(storage) {
  try {
    return storage.getItem(KEY);
  } catch {
    return null;
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The browser's storage; nothing that keeps anything where even asking for it is forbidden. */
export function browserStorage() {
  try {
    return globalThis.localStorage;
  } catch {
    return null;
  }
}
