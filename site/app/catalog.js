// catalog.js - what a published folder holds: its manifest and the columns of its catalog.
//
//     const folder = await openFolder(new URL('.', document.baseURI));
//     folder.count; folder.model(3).title; folder.find('cats')?.index;
//     const page = await folder.page(model);           // models/SLUG-HASH.json
//
// indexer/publish/publish.h is the contract. Only manifest.json is revalidated; every other name carries a hash.

const VERSION = 1;
export const TYPES = ['GAN', 'diffusion', 'VAE', 'autoregressive', 'flow', 'implicit', 'other'];

/** A message that a visitor can act on; shown as it is. */
export class FolderError extends Error {}

export async function openFolder(base) {
  const manifest = await readManifest(base);
  const catalog = await readJson(new URL(manifest.roles.catalog.path, base), 'The catalog', 'force-cache');
  checkCatalog(catalog, manifest);
  return makeFolder(base, manifest, catalog);
}

function makeFolder(base, manifest, catalog) {
  const bySlug = new Map(catalog.slug.map((slug, index) => [slug, index]));
  const at = (column, index, otherwise) => catalog[column]?.[index] ?? otherwise;
  const model = (index) => ({
    index,
    slug: catalog.slug[index],
    title: catalog.title[index],
    type: knownType(catalog.type[index]),
    family: at('family', index, ''),
    tags: at('tags', index, []),
    authors: at('authors', index, []),
    license: at('license', index, ''),
    resolution: at('resolution', index, ''),
    created: at('created', index, ''),
    samples: at('samples', index, 0),
    thumbs: at('thumbs', index, []).map((hash) => thumbPath(hash)),
  });
  return {
    base,
    manifest,
    catalog,
    encoder: manifest.encoder,
    count: catalog.count,
    model,
    find: (slug) => (bySlug.has(slug) ? model(bySlug.get(slug)) : undefined),
    pagePath: (index) => `models/${catalog.slug[index]}-${catalog.page[index]}.json`,
    holds: (form) => Array.isArray(catalog[form]) && catalog[form].length === catalog.count, // second, gaussian or features
    async page(index) {
      return readJson(new URL(this.pagePath(index), base), 'This model’s page', 'force-cache');
    },
  };
}

export const thumbPath = (hash) => `thumbs/${encodeURIComponent(hash)}.webp`;
export const knownType = (type) => (TYPES.includes(type) ? type : 'other');

async function readManifest(base) {
  const manifest = await readJson(new URL('manifest.json', base), 'The list of files (manifest.json)', 'no-cache');
  if (manifest?.format !== 'gensearch' || !manifest.roles?.catalog?.path)
    throw new FolderError('manifest.json is not one of gensearch. Publish again with “gensearch publish DB DIR”.');
  if (manifest.version !== VERSION)
    throw new FolderError(`This folder has format version ${manifest.version}, the page reads ${VERSION}. Publish again with the program the page came with.`);
  return manifest;
}

function checkCatalog(catalog, manifest) {
  const columns = ['slug', 'title', 'type', 'family', 'tags', 'thumbs', 'page'];
  const bad = columns.find((name) => !Array.isArray(catalog?.[name]) || catalog[name].length !== catalog.count);
  if (bad || catalog.count !== manifest.count)
    throw new FolderError(`The catalog is damaged (${bad ? `column “${bad}”` : 'its count'}). Publish again with “gensearch publish DB DIR”.`);
}

/** cache: manifest.json is asked for again each time, hashed names never. */
async function readJson(url, what, cache) {
  let response;
  try {
    response = await fetch(url, { cache });
  } catch {
    throw new FolderError(`${what} could not be loaded: the server does not answer. Check the connection and reload.`);
  }
  if (!response.ok)
    throw new FolderError(`${what} could not be loaded (${response.status}). If you serve this folder, it must be one that “gensearch publish DB DIR” wrote.`);
  try {
    return await response.json();
  } catch {
    throw new FolderError(`${what} is not JSON. Publish again with “gensearch publish DB DIR”.`);
  }
}
