// What leaves for a thumb, a key, a gamepad; and that nothing flies on by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CENTRED,
  combined,
  fromKeys,
  fromPads,
  MODES,
  padsOf,
  shaped,
  shapedAll,
  speaker,
  thumb,
  USUAL,
} from './stick.js';

const FULL = { ...USUAL, expo: 0, limit: 100 };

test('a thumb that lands asks for nothing, and none asks for more than all', () => {
  assert.deepEqual(thumb([50, 50], [50, 50], 60), [0, 0]);
  assert.deepEqual(thumb([50, 50], [80, 20], 60), [0.5, 0.5]);
  assert.deepEqual(thumb([50, 50], [500, 500], 60), [1, -1]);
});

test('every mode steers each axis once; the left hand has what the right has', () => {
  for (const sides of Object.values(MODES)) assert.deepEqual(sides.flat().sort(), Object.keys(CENTRED).sort());
  assert.deepEqual(MODES[3], [...MODES[2]].reverse());
  assert.deepEqual(MODES[4], [...MODES[1]].reverse());
  const pads = /** @type {[number, number][]} */ ([
    [0.1, 0.2],
    [0.3, 0.4],
  ]);
  assert.deepEqual(fromPads(pads, 2), { yaw: 0.1, throttle: 0.2, roll: 0.3, pitch: 0.4 });
  assert.deepEqual(fromPads(pads, 1), { yaw: 0.1, pitch: 0.2, roll: 0.3, throttle: 0.4 });
});

test('a gamepad counts down as positive', () => {
  assert.equal(fromPads(padsOf([0, 0, 0, -1]), 2).pitch, 1);
  assert.deepEqual(padsOf([]), [
    [0, -0],
    [0, -0],
  ]);
});

test('keys begin softly, end at once, and two that oppose are none', () => {
  const first = fromKeys(new Set(['KeyW']), CENTRED);
  assert.ok(first.pitch > 0 && first.pitch < 1);
  let held = first;
  for (let tick = 0; tick < 10; tick += 1) held = fromKeys(new Set(['KeyW']), held);
  assert.equal(held.pitch, 1);
  assert.equal(fromKeys(new Set(['KeyS']), held).pitch, -first.pitch, 'turned round, it begins softly as well');
  assert.ok(Object.values(fromKeys(new Set(), held)).every((axis) => axis === 0));
  assert.equal(fromKeys(new Set(['KeyA', 'KeyD', 'KeyZ']), held).roll, 0);
});

test('around the centre is nothing, expo is gentle there, the limit is the most', () => {
  assert.equal(shaped(0.07, FULL), 0);
  assert.equal(shaped(-0.07, FULL), 0);
  assert.equal(shaped(1, FULL), 100);
  assert.equal(shaped(-1, { ...FULL, limit: 60 }), -60);
  assert.equal(shaped(1, { ...FULL, expo: 80 }), 100, 'the end of the way stays');
  assert.ok(shaped(0.5, { ...FULL, expo: 80 }) < shaped(0.5, FULL) / 2);
  assert.ok(shaped(2, FULL) === 100 && shaped(0.09, FULL) === 1);
  assert.deepEqual(shapedAll(CENTRED, USUAL), CENTRED);
});

test('of two that steer, who asks for most counts', () => {
  const [little, more] = [
    { ...CENTRED, roll: 0.2, yaw: -0.3 },
    { ...CENTRED, roll: -0.5 },
  ];
  assert.deepEqual(combined([little, more]), { ...CENTRED, roll: -0.5, yaw: -0.3 });
});

/** A speaker, what it said, and a wire that can be cut. */
function bench() {
  const wire = { isUp: true, said: /** @type {number[]} */ ([]) };
  const one = speaker(({ pitch }) => {
    if (wire.isUp) wire.said.push(pitch);
    return wire.isUp;
  });
  const tick = (/** @type {number} */ pitch) => one.tick({ ...CENTRED, pitch });
  return { wire, tick, halt: one.halt };
}

test('a lifted thumb is zero, and then silence', () => {
  const { wire, tick } = bench();
  assert.equal(tick(0), 'ready');
  assert.equal(tick(40), 'on');
  for (let n = 0; n < 10; n += 1) assert.equal(tick(0), 'ready');
  assert.deepEqual(wire.said, [40, 0, 0, 0]);
});

test('what is held when the pad opens is lifted first', () => {
  const { wire, tick } = bench();
  assert.equal(tick(40), 'lift');
  assert.deepEqual(wire.said, []);
  tick(0);
  assert.equal(tick(40), 'on');
});

test('after a cut nothing goes on by itself', () => {
  const { wire, tick } = bench();
  tick(0);
  tick(40);
  wire.isUp = false;
  assert.equal(tick(40), 'cut');
  wire.isUp = true;
  assert.equal(tick(40), 'cut');
  assert.deepEqual(wire.said, [40]);
  assert.equal(tick(0), 'ready');
  assert.equal(tick(20), 'on');
});

test('letting go says zero at once, whatever the thumbs do', () => {
  const { wire, tick, halt } = bench();
  tick(0);
  tick(40);
  halt();
  assert.deepEqual(wire.said, [40, 0]);
  assert.equal(tick(40), 'lift');
  halt();
  assert.deepEqual(wire.said, [40, 0]);
});
