// Every word is there in both languages, is used, and fills the same blanks.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { EN } from './words-en.js';
import { JA } from './words-ja.js';

const HERE = new URL('.', import.meta.url);
const sources = readdirSync(HERE)
  .filter((name) => name.endsWith('.js') && !name.endsWith('.test.js') && !name.startsWith('words-'))
  .map((name) => readFileSync(new URL(name, HERE), 'utf8'))
  .join('\n');

/** Names that the sources hold: whole ones, and families of which the rest is data. */
const quoted = new Set([...sources.matchAll(/'([\w.-]+)'/g)].map((match) => match[1]));
const families = new Set(
  [...sources.matchAll(/\b(?:of|has)\('(\w+)'/g), ...sources.matchAll(/\bt\(`([\w.]+)\.\$\{/g)].map(
    (match) => match[1],
  ),
);

test('both languages have the same words', () => {
  assert.deepEqual(Object.keys(JA), Object.keys(EN));
});

test('no word is missing', () => {
  const asked = [...sources.matchAll(/\bt\('([\w.]+)'/g)].map((match) => match[1]);
  assert.ok(asked.length > 100, `${asked.length} were found: does the test still see them?`);
  assert.deepEqual(
    [...new Set(asked)].filter((name) => !(name in EN)),
    [],
  );
  for (const family of families)
    assert.ok(
      Object.keys(EN).some((name) => name.startsWith(`${family}.`)),
      family,
    );
});

test('no word is unused', () => {
  const isUsed = (/** @type {string} */ name) =>
    quoted.has(name) || [...families].some((family) => name.startsWith(`${family}.`));
  assert.deepEqual(
    Object.keys(EN).filter((name) => !isUsed(name)),
    [],
  );
});

test('every condition that the gateway tells of has words', () => {
  const titles = new Set();
  for (const room of ['src', 'crates']) {
    const root = new URL(`../../${room}/`, HERE);
    for (const name of readdirSync(root, { recursive: true }).map(String)) {
      if (!name.endsWith('.rs') || /tests|world|example/.test(name)) continue;
      const [source] = readFileSync(new URL(name, root), 'utf8').split('#[cfg(test)]');
      for (const [, title] of source.matchAll(/\btitle(?:: | = )"([^"]+)"/g)) titles.add(title);
    }
  }
  assert.ok(titles.size > 20, `${titles.size} were found: does the test still see them?`);
  assert.deepEqual(
    [...titles].filter((title) => !(`condition.${title}` in EN)),
    [],
  );
});

test('both languages fill the same blanks', () => {
  const blanks = (/** @type {string} */ text) =>
    [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]))].sort();
  for (const [name, text] of Object.entries(EN)) assert.deepEqual(blanks(JA[name]), blanks(text), name);
});

test('Japanese is Japanese: half-width figures and units, nobody writes in English', () => {
  for (const [name, text] of Object.entries(JA)) {
    assert.ok(!/[０-９Ａ-Ｚａ-ｚ％]/.test(text), `${name} has full-width letters or figures: ${text}`);
    if (/[a-z]{4,}/.test(EN[name].replace(/\{\w+\}/g, '')) && !/^(metric|profile)\./.test(name))
      assert.ok(/[ぁ-んァ-ヶ一-龠]/.test(text), `${name}: ${text}`);
  }
});

test('what a reader stumbled over is not said', () => {
  const all = Object.values(JA).join('\n');
  for (const word of [
    'ゲートウェイに届きません',
    '非常停止',
    '無効にされ',
    '復号',
    '画像認識',
    'dashboard 権限',
    '札',
    'グラウンド',
    ' min',
  ])
    assert.ok(!all.includes(word), word);
  assert.equal(JA['failure.offline'], 'ゲートウェイに接続できません。');
});
