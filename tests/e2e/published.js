// published.js - the folder under test: sixteen models of data/zoo indexed with data/encoder and published by the program that was built. Kept in
// build/e2e from run to run; made anew when the program, the zoo, the encoder or the site has changed.
//
//     GENSEARCH_BIN         the program; build/native/bin/gensearch
//     GENSEARCH_PUBLISHED   a folder published already, tested as it is

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const program = process.env.GENSEARCH_BIN ?? join(root, 'build/native/bin/gensearch');
export const folder = process.env.GENSEARCH_PUBLISHED ?? join(root, 'build/e2e/public');
export const exactFolder = join(root, 'build/e2e/exact'); // the same models, the text tower not quantised, and what every method reads
export const database = join(root, 'build/e2e/zoo.db');

const SAMPLES = '64';

/** Of data/zoo, which is too large to be published for every run. */
export const MODELS = [
  'birds', 'boats', 'buildings', 'cars', 'cats', 'clocks', 'digits', 'dogs', 'faces', 'fish', 'flowers', 'fruit', 'hearts', 'instruments',
  'moons', 'trees',
];

/** Playwright calls this once, before the tests. */
export default function publish() {
  if (process.env.GENSEARCH_PUBLISHED) return;
  if (!existsSync(program)) throw new Error(`${program} is not there: build first (cmake --build --preset native), or set GENSEARCH_BIN`);
  mkdirSync(dirname(database), { recursive: true });
  const models = MODELS.map((slug) => join(root, 'data/zoo', slug, 'model.json'));
  const encoder = join(root, 'data/encoder');
  if (newest([program, encoder, join(root, 'data/zoo')]) > newest([database])) {
    for (const suffix of ['', '-wal', '-shm']) rmSync(database + suffix, { force: true });
    run('index', database, ...models, '--encoder', encoder, '--samples', SAMPLES, '--keep-features', SAMPLES);
    utimesSync(database, new Date(), new Date());
  }
  run('publish', database, folder);
  run('publish', database, exactFolder, '--exact-text', '--gaussian', '--features', '40');
}

function run(...words) {
  execFileSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'] });
}

export const readPublished = (path) => JSON.parse(readFileSync(join(folder, path), 'utf8'));

/** The catalog's models, as far as tests need them, in its order. */
export function readCatalog() {
  const { slug, title, type, tags, page } = readPublished(readPublished('manifest.json').roles.catalog.path);
  return slug.map((name, i) => ({ slug: name, title: title[i], type: type[i], tags: tags[i], page: `models/${name}-${page[i]}.json` }));
}

/** What the program itself answers: one object for each line of --json. */
export function ask(...words) {
  return execFileSync(program, [...words, '--json'], { encoding: 'utf8' }).trim().split('\n').map((line) => JSON.parse(line));
}

function newest(paths) {
  return Math.max(...paths.map(changed));
}

function changed(path) {
  if (!existsSync(path)) return 0;
  const entry = statSync(path);
  if (!entry.isDirectory()) return entry.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => changed(join(path, name))));
}
