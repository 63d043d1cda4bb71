import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aligned, csv, extent } from './series.js';

test('series are put on one axis, and a gap stays a gap', () => {
  const [times, a, b] = aligned([
    [
      [0, 1],
      [1, 2],
      [2, 3],
      [60, 4],
    ],
    [[1, 9]],
  ]);
  assert.deepEqual(times, [0, 1, 2, 3, 60]);
  assert.deepEqual(a, [1, 2, 3, null, 4]);
  assert.deepEqual(b, [null, 9, null, null, null]);
});

test('least, mean, greatest and newest', () => {
  assert.deepEqual(
    extent([
      [0, 3],
      [1, 1],
      [2, 2],
    ]),
    { min: 1, mean: 2, max: 3, latest: 2 },
  );
  assert.equal(extent([]), null);
});

test('a spreadsheet reads it, and takes no name for a formula', () => {
  const text = csv([
    { label: '=cmd("x")', points: [[0, 1.5]] },
    { label: '屋上, 2', points: [[0, 2]] },
  ]);
  assert.equal(text, `\ufefftime,"'=cmd(""x"")","屋上, 2"\r\n1970-01-01T00:00:00.000Z,1.5,2\r\n`);
});
