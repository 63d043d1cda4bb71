// The page that describes the API has words for a Japanese reader: none missing, none unused.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { JA } from '../docs-words.js';

const read = (/** @type {string} */ name) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
const [script, page] = ['docs.js', 'docs.html'].map(read);
const asked = [...[...script.matchAll(/\bw\('([^']+)'/g), ...page.matchAll(/data-w>([^<]+)</g)].map(([, one]) => one)];

test('every word of the page has one in Japanese', () => {
  assert.ok(asked.length > 25, `${asked.length} found`);
  assert.deepEqual(
    asked.filter((one) => !(one in JA)),
    [],
  );
});

test('none is unused', () => {
  const isUsed = (/** @type {string} */ one) => script.includes(`'${one}'`) || page.includes(one);
  assert.deepEqual(
    Object.keys(JA).filter((one) => !isUsed(one)),
    [],
  );
});
