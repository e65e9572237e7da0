// waits.js - how long a page has waited for the network: while at least one of some promises was open.
//
//     const waits = makeWaits();
//     const bytes = await waits.during(download(path));
//     waits.milliseconds()             // in all, so far
export function makeWaits(now = () => performance.now()) {
  let open = 0;
  let since = 0;
  let total = 0;

  async function during(promise) {
    if (open++ === 0) since = now();
    try {
      return await promise;
    } finally {
      if (--open === 0) total += now() - since;
    }
  }

  return { during, milliseconds: () => total + (open > 0 ? now() - since : 0) };
}
