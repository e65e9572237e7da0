// totals.js - a Playwright reporter whose one line tools/test adds up.

export default class Totals {
  #counts = { passed: 0, failed: 0, skipped: 0 };
  #suite;

  printsToStdio() {
    return true;
  }

  onBegin(config, suite) {
    this.#suite = suite;
  }

  onEnd({ status }) {
    for (const test of this.#suite?.allTests() ?? []) {
      const outcome = { expected: 'passed', flaky: 'passed', skipped: 'skipped', unexpected: 'failed' }[test.outcome()];
      this.#counts[test.results.length === 0 && outcome === 'skipped' ? 'failed' : outcome] += 1; // never run: not a pass, not a choice
    }
    const { passed, failed, skipped } = this.#counts;
    const broken = status !== 'passed' && failed === 0 ? 1 : 0; // the setup failed, or there was no test to run
    this.line = `${passed} passed, ${failed + broken} failed, ${skipped} skipped`;
  }

  async onExit() {
    process.stdout.write(`${this.line}\n`);
  }
}
