// The page names every module it needs, so that none is found one after another, and
// the service worker keeps what the page names.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const WEB = new URL('..', import.meta.url);
const page = readFileSync(new URL('index.html', WEB), 'utf8');
const named = [...page.matchAll(/"\/static\/\{\{version\}\}\/([^"]+)"/g)].map((match) => match[1]);
const read = (/** @type {string} */ name) => readFileSync(new URL(name, WEB), 'utf8');

/** Every module that is reached from the first. */
function reached() {
  const found = new Set(['app/dashboard.js']);
  for (const name of found) {
    for (const [, specifier] of read(name).matchAll(/\bfrom\s*["'](\.[^"']+)["']/g))
      found.add(new URL(specifier, new URL(name, 'file:///')).pathname.slice(1));
  }
  return found;
}

test('every module is named on the page, and none that is not needed', () => {
  const modules = [...reached()].sort();
  assert.ok(modules.length > 20);
  const listed = named.filter((name) => name.endsWith('.js') && !['vendor/uplot.js', 'boot.js'].includes(name)).sort();
  assert.deepEqual(listed, modules);
});

test('what is named is there', () => {
  for (const name of named) assert.ok(read(name).length > 0, name);
  const icons = JSON.parse(read('manifest.webmanifest')).icons.map((/** @type {any} */ icon) =>
    icon.src.replace('/static/{{version}}/', ''),
  );
  for (const name of icons) assert.ok(readdirSync(WEB).includes(name), name);
});
