// float16.js - half-precision numbers as their 16 bits, which is how tensors hold them where there is no Float16Array.
//
//     const bits = toHalf(0.1);          // 0x2e66
//     const value = fromHalf(bits);      // 0.0999755859375

/** The number that bits stand for. */
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The bits of the nearest half, of two equally near ones the even. */
export function toHalf(value) {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0, size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  const exponent = size < 2 ** -14 ? -14 : Math.floor(Math.log2(size));
  const steps = size / 2 ** (exponent - 10);  // of the last place; 1024 to 2048, fewer below the normal halves
  const below = Math.floor(steps), rest = steps - below;
  const nearest = below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0);
  return sign | ((exponent + 14) * 1024 + nearest);
}
