// server.js - the plainest static server: files below a folder, from a sub-path, no headers but the type. It remembers what was asked for.
//
//     const server = await serve('build/e2e/public');
//     server.url         // http://127.0.0.1:PORT/people/ada/models/
//     server.requests    // paths relative to url, in order
//     server.referrers   // the pages that requests said they came from
//     await server.close();

import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const SUB_PATH = '/people/ada/models/';
// What every host knows, stock nginx of Debian 12 among them; the rest is bytes.
const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
  '.webp': 'image/webp',
};

/** headers: sent with every file. */
export async function serve(folder, headers = {}) {
  const requests = [];
  const referrers = [];
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://x').pathname);
    const name = path.startsWith(SUB_PATH) ? normalize(path.slice(SUB_PATH.length) || 'index.html') : null;
    requests.push(name ?? path);
    if (request.headers.referer) referrers.push(request.headers.referer);
    const file = name && !name.startsWith('..') && join(folder, name);
    if (!file || !(await isFile(file))) return response.writeHead(404).end();
    return response.writeHead(200, { ...headers, 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(await readFile(file));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}${SUB_PATH}`,
    requests,
    referrers,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

const isFile = (file) => stat(file).then((entry) => entry.isFile(), () => false);
