// newest-only.js - work that follows something faster than itself: never two at a time, never a queue.
//
//     const follow = newestOnly(async (text) => { ... });     // work takes care of its own faults
//     follow('a'); follow('b'); follow('c');                  // works on 'a', then on 'c'

export function newestOnly(work) {
  let running = false;
  let next = [];

  return async function follow(...values) {
    next = [values];
    if (running) return;
    running = true;
    while (next.length > 0) await work(...next.pop());
    running = false;
  };
}
