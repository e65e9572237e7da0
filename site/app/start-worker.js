// start-worker.js - starts a module as a worker, from another site too, where browsers allow no worker but allow a module.
//
//     const worker = startWorker(new URL('search-worker.js', import.meta.url), 'search');

export function startWorker(url, name) {
  const options = { type: 'module', name };
  if (url.origin === location.origin) return new Worker(url, options);
  const script = new Blob([`import ${JSON.stringify(url.href)};`], { type: 'text/javascript' });
  return new Worker(URL.createObjectURL(script), options);
}
