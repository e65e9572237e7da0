// links.js - which addresses of a model.json may become links, and what they are called.
//
//     webAddress('https://example.org/x')   -> 'https://example.org/x'
//     webAddress('javascript:alert(1)')     -> null

/** The address, if it is an absolute http(s) one; anything else, however it is dressed up, is text. */
export function webAddress(value) {
  if (typeof value !== 'string') return null;
  try {
    const url = new URL(value.trim());
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
  } catch {
    return null;
  }
}
