// The ONNX worker as its caller sees it: a child process, requests in lines, answers in headers and bytes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const WORKER = fileURLToPath(new URL('../../../tools/workers/onnx.mjs', import.meta.url));
const GOLDEN = fileURLToPath(new URL('../../golden/sampling/', import.meta.url));
const expected = JSON.parse(await readFile(path.join(GOLDEN, 'expected.json'), 'utf8'));
const golden = (slug) => path.join(GOLDEN, `${slug}.json`);

/** Feeds lines to a worker, closes its input and gives { code, answers: [{ header, data }] } once it has ended. */
async function converse(lines, args = [], env = process.env) {
  const child = spawn(process.execPath, [WORKER, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env });
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.resume();
  child.stdin.end(lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)) + '\n').join(''));
  const [code] = await once(child, 'close');
  return { code, answers: parseAnswers(Buffer.concat(chunks)) };
}

function parseAnswers(bytes) {
  const answers = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf('\n', at);
    const header = JSON.parse(bytes.subarray(at, end).toString());
    const size = header.error || header.ops ? 0 : header.width * header.height * header.channels * header.count;
    answers.push({ header, data: bytes.subarray(end + 1, end + 1 + size) });
    at = end + 1 + size;
  }
  return answers;
}

const request = (slug, more = {}) => ({ op: 'sample', model: golden(slug), seed: 1, first: 0, count: 4, ...more });

test('answers info and samples in order, then ends with its input', async () => {
  const { seed, first, count } = expected;
  const { code, answers } = await converse([
    { op: 'info', model: golden('decode') }, request('autoregressive', { seed, first, count }), request('decode'),
  ]);
  assert.equal(code, 0);
  assert.equal(answers.length, 3);
  assert.deepEqual(answers[0].header,
    { ops: ['info', 'sample'], procedure: 'decode', latent: [6], resolution: [5, 4] });
  assert.deepEqual(answers[1].header, { width: 5, height: 4, channels: 3, count });
  assert.ok(answers[1].data.equals(Buffer.from(expected.frames.autoregressive, 'hex')));
  assert.equal(answers[2].data.length, 4 * 5 * 4 * 3);
});

test('a bad request is answered with an error and the next one is served', async () => {
  const bad = ['{"op":', '[]', 'null', {}, { op: 'constructor' }, { op: 'sample' }, request('decode', { count: 0 }),
    request('decode', { model: '/nonexistent/model.json' })];
  const { code, answers } = await converse([...bad, '', request('decode')]);
  assert.equal(code, 0);
  const errors = answers.slice(0, -1).map(({ header }) => header.error);
  const wanted = [/not JSON/, /'op'/, /'op'/, /'op'/, /'op'/, /'model'/, /'count'/, /^\/nonexistent\/model\.json: ENOENT/];
  assert.equal(errors.length, wanted.length);
  wanted.forEach((message, i) => assert.match(errors[i], message));
  assert.equal(answers.at(-1).header.count, 4);
});

test('a bad model file is named with its field or its graph', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'gensearch-'));
  try {
    const place = (name) => path.join(folder, name);
    const sampler = { kind: 'onnx', procedure: 'decode', path: 'bad.onnx', latent: [6], range: [-1, 1] };
    await writeFile(place('broken.json'), '{"slug": ');
    await writeFile(place('null.json'), 'null');
    await writeFile(place('field.json'), JSON.stringify({ sampler: { ...sampler, latent: 'six' } }));
    await writeFile(place('absent.json'), JSON.stringify({ sampler: { ...sampler, path: 'absent.onnx' } }));
    await writeFile(place('graph.json'), JSON.stringify({ sampler }));
    await writeFile(place('bad.onnx'), 'not a graph');
    const names = ['broken', 'null', 'field', 'absent', 'graph'];
    const { answers } = await converse(names.map((name) => request('', { model: place(`${name}.json`) })));
    const errors = answers.map(({ header }) => header.error);
    assert.match(errors[0], /broken\.json: .*JSON/);
    assert.match(errors[1], /null\.json: field 'sampler'/);
    assert.match(errors[2], /field\.json: field 'sampler\.latent' is "six"/);
    assert.match(errors[3], /absent\.onnx: ENOENT.*named by .*absent\.json/);
    assert.match(errors[4], /bad\.onnx: /);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('more models than it keeps open, each asked twice, all answer', async () => {
  const slugs = Object.keys(expected.frames);
  const folder = await mkdtemp(path.join(tmpdir(), 'gensearch-'));
  try {
    const files = [];
    for (let i = 0; i < 10; i++) {
      const model = JSON.parse(await readFile(golden(slugs[i % slugs.length]), 'utf8'));
      model.sampler.path = path.join(GOLDEN, model.sampler.path);
      if (model.sampler.decoder) model.sampler.decoder = [model.sampler.decoder].flat().map((name) => path.join(GOLDEN, name));
      files.push(path.join(folder, `${i}.json`));
      await writeFile(files[i], JSON.stringify(model));
    }
    const { code, answers } = await converse([...files, ...files].map((model) => request('', { model })));
    assert.equal(code, 0);
    assert.equal(answers.length, 20);
    for (let i = 0; i < 10; i++) assert.ok(answers[i].data.length > 0 && answers[i].data.equals(answers[i + 10].data));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('leaves no file in the folders of its user', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'gensearch-'));
  try {
    const env = { ...process.env, HOME: folder, XDG_CACHE_HOME: path.join(folder, 'cache'), TMPDIR: path.join(folder, 'tmp') };
    delete env.ORT_DISABLE_TELEMETRY;
    await mkdir(env.XDG_CACHE_HOME);
    await mkdir(env.TMPDIR);
    const { answers } = await converse([request('decode')], [], env);
    assert.equal(answers[0].header.count, 4);
    assert.deepEqual((await readdir(folder, { recursive: true })).sort(), ['cache', 'tmp']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('waits for a slow reader and ends when the reader goes away', async () => {
  const child = spawn(process.execPath, [WORKER], { stdio: ['pipe', 'pipe', 'ignore'] });
  const line = JSON.stringify(request('decode', { count: 4096 })) + '\n';
  child.stdin.on('error', () => {});  // its end of the pipe closes when it exits
  child.stdin.write(line.repeat(50));
  await once(child.stdout, 'readable');
  child.stdout.destroy();
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
});

test('--threads must be a whole number', async () => {
  assert.notEqual((await converse([], ['--threads', 'many'])).code, 0);
  assert.equal((await converse([], ['--threads', '2'])).code, 0);
});
