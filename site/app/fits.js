// fits.js - how well each model fits each part of a query, beside the other models: what the thin bars of a card show.
//
//     const fits = fitsOf(result);          // result: rankParts() of ranking.js
//     fits(model.index)                     // [1, 0.4]: the best of all for the first part, in the middle for the second; null for one part alone
//
// 1 is the best model's score and 0 the worst's, by the part's method: scores of different methods have nothing else in common.

export function fitsOf({ scores = [] }) {
  const ranges = scores.map(rangeOf);
  const share = (row, [low, high], index) => (high > low ? (row[index] - low) / (high - low) : 1);
  return (index) => (scores.length > 1 && !Number.isNaN(scores[0][index]) ? scores.map((row, p) => share(row, ranges[p], index)) : null);
}

function rangeOf(row) {
  let [low, high] = [Infinity, -Infinity];
  for (const score of row) {
    if (score < low) low = score;
    if (score > high) high = score;
  }
  return [low, high];
}
