// renew.js - replaces what the browser's cache still holds of an earlier version of the page. index.html starts it by itself: it must run even
// where a module of the old version and one of the new do not fit together.
//
// Modules and styles keep their names, because they name each other, and a host may let browsers cache them. The hashes that manifest.json
// has of them are kept from visit to visit: what changed is fetched past the cache, and then the page starts anew, once.

const base = new URL('.', document.baseURI);
const key = `gensearch page ${base.pathname}`;

async function renew() {
  const response = await fetch(new URL('manifest.json', base), { cache: 'no-cache' });
  const { files } = await response.json();
  const code = Object.entries(files).filter(([path]) => /\.(js|css)$/.test(path));
  const current = Object.fromEntries(code.map(([path, { sha256 }]) => [path, sha256]));
  const seen = JSON.parse(localStorage.getItem(key));
  const changed = seen ? Object.keys(current).filter((path) => current[path] !== seen[path]) : [];
  const answers = await Promise.all(changed.map((path) => fetch(new URL(path, base), { cache: 'reload' })));
  if (!answers.every(({ ok }) => ok)) return; // tried again at the next visit
  await Promise.all(answers.map((answer) => answer.arrayBuffer())); // whole, so that they are in the cache
  localStorage.setItem(key, JSON.stringify(current));
  if (changed.length) location.reload();
}

// Without a manifest or without storage nothing can be renewed; the page itself says what it lacks.
addEventListener('load', () => renew().catch(() => {}));
