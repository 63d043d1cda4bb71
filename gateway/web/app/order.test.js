import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bySubject, counts, grouped, inInterest, inOrder, levelOf, refusalsOf, worst } from './order.js';

const alert = (/** @type {any} */ facts) => ({
  id: 'a',
  level: 'warning',
  subject: 'd1',
  metric: 'battery_level',
  title: 'Low',
  created_at: '2026-01-01T00:00:00Z',
  cleared_at: null,
  ...facts,
});
const drone = (/** @type {any} */ facts) => ({
  id: 'd1',
  name: 'd1',
  connection_status: 'connected',
  flight_status: 'landed',
  ...facts,
});

test('High and Critical of one thing are one row, worst first', () => {
  const groups = grouped([
    alert({ id: '1', metric: 'drone_temperature', level: 'warning' }),
    alert({ id: '2', metric: 'drone_temperature', level: 'critical' }),
    alert({ id: '3', subject: 'd2', level: 'error' }),
    alert({ id: '4', metric: null, title: 'Drone lost', level: 'error', created_at: '2026-01-02T00:00:00Z' }),
  ]);
  assert.deepEqual(
    groups.map(({ first, alerts }) => [first.id, alerts.length]),
    [
      ['2', 2],
      ['4', 1],
      ['3', 1],
    ],
  );
  assert.deepEqual(counts(groups), [
    ['critical', 1],
    ['error', 2],
  ]);
});

test('a drone is as bad as the worst alert that stands', () => {
  const hot = alert({ level: 'critical' });
  assert.equal(worst([alert({}), hot]), 'critical');
  assert.equal(levelOf(drone({}), [hot]), 'critical');
  assert.equal(levelOf(drone({}), [alert({ level: 'critical', cleared_at: 'now' })]), null);
  assert.equal(levelOf(drone({}), []), null);
});

test('a drone that should be heard and is not is never calm', () => {
  assert.equal(levelOf(drone({ connection_status: 'error' }), []), 'error');
  assert.equal(levelOf(drone({ connection_status: 'error' }), [alert({ level: 'critical' })]), 'critical');
});

test('worst first, then those in the air, then by name as people count', () => {
  const list = [
    drone({ id: 'a', name: 'Drone 10' }),
    drone({ id: 'b', name: 'Drone 9' }),
    drone({ id: 'c', name: 'Drone 11', flight_status: 'flying' }),
    drone({ id: 'd', name: 'Drone 12' }),
  ];
  const open = bySubject([alert({ subject: 'd' })]);
  assert.deepEqual(
    inOrder(/** @type {any} */ (list), open).map(({ id }) => id),
    ['d', 'c', 'b', 'a'],
  );
});

test('a group that was refused says why for each drone', () => {
  const words =
    'takeoff was given to none of hall: drone_1: battery too low for a take-off: 15 %; charge it; drone_10: the drone is busy';
  assert.deepEqual(
    [...refusalsOf(words, ['drone_10', 'drone_1', 'drone_2'])],
    [
      ['drone_1', 'battery too low for a take-off: 15 %; charge it'],
      ['drone_10', 'the drone is busy'],
    ],
  );
  assert.equal(refusalsOf('There is no group "hall"', ['drone_1']).size, 0);
});

test('rules of what drones fall by come first, of one value the worst', () => {
  const rule = (/** @type {string} */ metric, /** @type {string} */ level) => ({ metric, level });
  const rules = [
    rule('cpu_usage', 'critical'),
    rule('humidity', 'info'),
    rule('battery_level', 'warning'),
    rule('drone_temperature', 'critical'),
    rule('battery_level', 'critical'),
  ];
  assert.deepEqual(
    inInterest(rules).map(({ metric, level }) => `${metric} ${level}`),
    [
      'battery_level critical',
      'battery_level warning',
      'drone_temperature critical',
      'cpu_usage critical',
      'humidity info',
    ],
  );
});
