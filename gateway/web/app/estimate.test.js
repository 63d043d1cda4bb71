import assert from 'node:assert/strict';
import { test } from 'node:test';
import { minutesLeft } from './estimate.js';

/** @returns {[number, number][]} */
const falling = (/** @type {number} */ perMinute, /** @type {number} */ seconds) =>
  Array.from({ length: seconds + 1 }, (_, at) => [at, Math.round(80 - (perMinute * at) / 60)]);

test('minutes until the line, by how it fell', () => {
  const left = minutesLeft(falling(6, 200), 10) ?? 0;
  assert.ok(Math.abs(left - 50 / 6) < 0.5, `${left}`);
});

test('nothing is said of too short a time, nor of a battery that does not fall', () => {
  assert.equal(minutesLeft(falling(6, 60), 10), null);
  assert.equal(minutesLeft(falling(0, 200), 10), null);
  assert.equal(minutesLeft(falling(-3, 200), 10), null);
  assert.equal(minutesLeft([], 10), null);
});

test('under the line nothing is left', () => {
  assert.equal(minutesLeft(falling(30, 200), 60), 0);
});
