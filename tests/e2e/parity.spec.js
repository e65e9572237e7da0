// The browser ranks as the program does: the same models in the same order, with the same probabilities. Published with the text tower
// as it is; what is left of a difference is the f16 of the means and of the second moments.

import { ask, database, exactFolder } from './published.js';
import { expect, probabilities, searchFor, slugs, test } from './site-test.js';

test.use({ published: exactFolder });
test.skip(Boolean(process.env.GENSEARCH_PUBLISHED), 'no database to ask');

const TEXTS = ['cat', 'something to eat', 'a red car', 'Crème brûlée, 3 × “très bon”'];
const TOLERANCE = { 'centred-moment': 0.002, 'first-moment': 0.002 };

for (const [method, tolerance] of Object.entries(TOLERANCE)) {
  test(`the browser ranks as the program does (${method})`, async ({ page, site }) => {
    await site.open(`?method=${method}`);
    for (const text of TEXTS) {
      const expected = ask('search', database, '--text', text, '--method', method, '--limit', '1000', '--closest');
      await searchFor(page, text);
      const found = await slugs(page);
      const shares = await probabilities(page);
      expect(found).toHaveLength(expected.length);
      const program = new Map(expected.map(({ slug, probability }) => [slug, probability]));
      found.forEach((slug, i) => expect(Math.abs(shares[i] - program.get(slug)), `${text}: ${slug}`).toBeLessThan(tolerance));
      // Models that the program tells apart by more than the tolerance stand in its order.
      found.slice(1).forEach((slug, i) => expect(program.get(found[i]) - program.get(slug), `${text}: ${found[i]} before ${slug}`).toBeGreaterThan(-tolerance));
    }
  });
}
