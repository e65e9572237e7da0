// frames.js - pictures of a generator on canvases, and as files.
//
//     const canvas = drawFrame(frames, 3);                     // frames {width, height, count, data}, as site/lib/sampling.js has them
//     await savePng(canvas, 'cats-seed-1-sample-3.png');
//     const target = await fitPicture(blob, 64, 64);           // {width, height, rgb, canvas}: the middle of a picture, at a model's size

export function drawFrame({ width, height, data }, index = 0, canvas = document.createElement('canvas')) {
  const image = new ImageData(width, height);
  const from = index * width * height * 3;
  for (let i = 0; i < width * height; i++) {
    image.data.set(data.subarray(from + 3 * i, from + 3 * i + 3), 4 * i);
    image.data[4 * i + 3] = 255;
  }
  Object.assign(canvas, { width, height });
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

/** Canvases of one size side by side. */
export function drawStrip(canvases) {
  const [{ width, height }] = canvases;
  const strip = Object.assign(document.createElement('canvas'), { width: width * canvases.length, height });
  const context = strip.getContext('2d');
  canvases.forEach((canvas, i) => context.drawImage(canvas, i * width, 0));
  return strip;
}

export async function savePng(canvas, name) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
  saveFile(blob, name);
}

export function saveFile(blob, name) {
  const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** picture: whatever createImageBitmap takes. Transparent parts lie on white, as the generators' training pictures do. */
export async function fitPicture(picture, width, height) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(picture);
  } catch {
    throw new Error('This file cannot be read as a picture. PNG, JPEG and WebP always can; what else, the browser decides.');
  }
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const [w, h] = [bitmap.width * scale, bitmap.height * scale];
  context.drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) rgb.set(data.subarray(4 * i, 4 * i + 3), 3 * i);
  return { width, height, rgb, canvas };
}
