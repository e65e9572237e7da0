// Run from the root of the tree, as `npm --prefix tests/e2e run lint` does: the site, the workers, and every test in JavaScript.
import js from '@eslint/js';
import globals from 'globals';

const rules = {
  complexity: ['error', 12],
  eqeqeq: 'error',
  'max-lines': ['error', 300],
  'max-lines-per-function': ['error', 60],
  'no-shadow': 'error',
  'no-unused-vars': ['error', { args: 'after-used' }],
  'no-var': 'error',
  'object-shorthand': 'error',
  'prefer-const': 'error',
};

export default [
  { ignores: ['build/', 'out/', '**/node_modules/'] },
  js.configs.recommended,
  { rules },
  { files: ['site/app/**/*.js', 'site/embed.js'], languageOptions: { globals: globals.browser } },
  { files: ['site/app/*-worker.js'], languageOptions: { globals: globals.worker } },
  { files: ['site/lib/**/*.js', 'wasm/**/*.js'], languageOptions: { globals: globals['shared-node-browser'] } },
  { files: ['tests/**/*.{js,mjs}', 'tools/**/*.{js,mjs}'], languageOptions: { globals: globals.node } },
  // What a test hands to page.evaluate runs in the browser.
  { files: ['tests/e2e/**/*.js'], languageOptions: { globals: globals.browser }, rules: { 'max-lines-per-function': 'off' } },
];
