// card-keys.js - the arrows lead from the box into the results, from card to card, and back; Esc leads back too.
//
//     watchCardKeys(input, list);      // list: whose children are the cards

const linkOf = (card) => card?.querySelector('a');

export function watchCardKeys(input, list) {
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') focus(event, linkOf(list.children[0]));
  });
  list.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const card = event.target.closest('li');
    if (event.key === 'Escape') focus(event, input);
    else if (card) focus(event, neighbour([...list.children], card, event.key, input));
  });
}

function focus(event, node) {
  if (!node) return;
  event.preventDefault();
  node.focus();
}

/** What an arrow leads to; above the first row stands the box. */
function neighbour(cards, card, key, input) {
  const at = cards.indexOf(card);
  const forward = getComputedStyle(card).direction === 'rtl' ? -1 : 1;
  const columns = cards.filter(({ offsetTop }) => offsetTop === cards[0].offsetTop).length;
  const step = { ArrowRight: forward, ArrowLeft: -forward, ArrowDown: columns, ArrowUp: -columns }[key];
  if (!step) return undefined;
  if (key === 'ArrowUp' && at < columns) return input;
  return linkOf(cards[at + step]);
}
