import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flightOf, valueAt } from './flight-record.js';

const opening = { at_s: 0, kind: 'opening', opening: { started: '2026-11-30T14:05:00Z' } };
const FROM = Date.parse('2026-11-30T14:05:00Z') / 1000;
const step = (/** @type {number} */ at, /** @type {string} */ state, /** @type {string | null} */ why = null) => ({
  at_s: at,
  kind: 'event',
  event: { kind: 'command', who: 'Floor', why, values: { command_id: 'a-1', command: 'up 50', state } },
});
const lines = (/** @type {any[]} */ ...records) => records.map((one) => JSON.stringify(one)).join('\n');

test('a flight is its states as series, and what happened as a list', () => {
  const flight = flightOf(
    lines(
      opening,
      { at_s: 0.1, kind: 'state', datagram: 'h:10;bat:87;temph:62;mid:;\r\n' },
      { at_s: 0.2, kind: 'state', datagram: 'h:x;bat:86;\r\n' },
      step(1, 'queued'),
      step(2, 'refused', 'too near'),
      { at_s: 3, kind: 'alert', alert: { event: 'raised', level: 'warning' } },
      { at_s: 4, kind: 'alert', alert: { event: 'cleared', level: 'warning' } },
      { at_s: 5, kind: 'link', link: { state: 'error' } },
    ),
  );
  assert.deepEqual([flight.from, flight.to], [FROM, FROM + 5]);
  assert.deepEqual(
    flight.series.battery_level.map(([at, value]) => [Math.round((at - FROM) * 10), value]),
    [
      [1, 87],
      [2, 86],
    ],
  );
  assert.equal(flight.series.height.length, 1, 'what is no number is left out');
  const [command, alert, link, ...more] = flight.happened;
  assert.deepEqual(command, {
    at: FROM + 1,
    kind: 'command',
    id: 'a-1',
    command: 'up 50',
    who: 'Floor',
    state: 'refused',
    why: 'too near',
    isGuard: false,
  });
  assert.deepEqual([alert.kind, link.kind, more.length, flight.isDamaged], ['alert', 'link', 0, false]);
});

test('a recording that was cut is read up to there, and says so', () => {
  const flight = flightOf(`${lines(opening, { kind: 'damage', what: 'it is cut off' })}\n`);
  assert.ok(flight.isDamaged);
  assert.equal(flight.to, FROM);
});

test('the value at a time is the last that was told', () => {
  /** @type {import('./series.js').Point[]} */
  const points = [
    [10, 1],
    [20, 2],
    [30, 3],
  ];
  assert.deepEqual(
    [5, 10, 25, 99].map((at) => valueAt(points, at)),
    [null, 1, 2, 3],
  );
  assert.equal(valueAt([], 1), null);
});
