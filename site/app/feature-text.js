// feature-text.js - a feature as text that fits into an address, and back.
//
//     writeFeature(feature, fingerprint)   -> 'q6uruwABf4E...'     base64url: 4 bytes of the encoder's fingerprint, then a signed byte for each number
//     readFeature(text, fingerprint)       -> Float32Array [dim], L2-normalised; throws when another encoder made it
//
// The largest number becomes 127. What is ranked by is always what the text says, so that an address ranks as the page did that wrote it.

const PREFIX = 4;

export function writeFeature(feature, fingerprint) {
  const scale = 127 / feature.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const bytes = Array.from(feature, (value) => Math.round(value * scale) & 255);
  return btoa(String.fromCharCode(...prefixOf(fingerprint), ...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

export function readFeature(text, fingerprint) {
  const bytes = decode(text);
  if (prefixOf(fingerprint).some((byte, i) => byte !== bytes[i])) throw new Error('The picture in this address was encoded by another encoder. Add the picture again.');
  const feature = Float32Array.from(new Int8Array(bytes.buffer, PREFIX));
  const length = Math.hypot(...feature);
  if (!(length > 0)) throw damaged();
  return feature.map((value) => value / length);
}

function decode(text) {
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
  } catch {
    throw damaged();
  }
}

const damaged = () => new Error('The picture in this address is damaged. Add the picture again.');

const prefixOf = (fingerprint) => Array.from({ length: PREFIX }, (_, i) => parseInt(fingerprint.slice(2 * i, 2 * i + 2), 16));
