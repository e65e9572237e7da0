// part-pictures.js - what the pictures among a query's parts look like. The address has only their features; the pictures themselves never leave
// this tab, which remembers the last few, over a reload too.
//
//     const pictures = makePartPictures(sessionStorage);    // or null, where the browser allows no storage
//     await pictures.keep(feature, blob);
//     pictures.of(feature);                                  // a data: address, or ''

const KEY = 'gensearch.pictures';
const MOST = 24;
const SIDE = 64;

export function makePartPictures(storage) {
  let known = new Map(read(storage));

  async function keep(feature, blob) {
    known.delete(feature);
    known.set(feature, await shrink(blob));
    known = new Map([...known].slice(-MOST));
    try {
      storage?.setItem(KEY, JSON.stringify([...known]));
    } catch {
      // No room left: they are known until the page is left.
    }
  }

  return { keep, of: (feature) => known.get(feature) ?? '' };
}

function read(storage) {
  try {
    return JSON.parse(storage?.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

/** The middle square, on white. */
async function shrink(blob) {
  const bitmap = await createImageBitmap(blob);
  const side = Math.min(bitmap.width, bitmap.height);
  const canvas = Object.assign(document.createElement('canvas'), { width: SIDE, height: SIDE });
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, SIDE, SIDE);
  context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  bitmap.close();
  return canvas.toDataURL('image/webp', 0.8);
}
