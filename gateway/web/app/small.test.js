import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure, inWords } from './api.js';
import { codecOf, isKey } from './decoder.js';
import { batteryLines } from './drone-parts.js';
import { age, duration, quantity } from './format.js';
import { placeOf } from './router.js';
import { folded } from './session.js';
import { rules } from './state.js';
import { filled, language } from './words.js';

test('a key typed in full width, or pasted with spaces, is the key', () => {
  assert.equal(folded('　ｍｆｇ－ＫＥＹ＿１２\n'), 'mfg-KEY_12');
  assert.equal(folded(' a b\u200bc '), 'abc');
});

test('ages and durations in the largest units', () => {
  language.value = 'ja';
  assert.deepEqual([0, 59.4, 61, 7199, 90_000].map(age), ['0 秒', '59 秒', '1 分', '1 時間', '1 日']);
  assert.deepEqual([60, 3600, 5400, 86_400, 90_000].map(duration), [
    '1 分',
    '1 時間',
    '1 時間 30 分',
    '1 日',
    '1 日 1 時間',
  ]);
  assert.equal(quantity(null, '%'), '–');
  assert.equal(quantity(1234.56, 'MB'), '1,234.6\u00a0MB');
});

test('one is one, and more are more', () => {
  assert.equal(filled('{n} time|{n} times', { n: 1 }), '1 time');
  assert.equal(filled('{n} time|{n} times', { n: 0 }), '0 times');
});

test('failures are told apart in words', () => {
  language.value = 'ja';
  assert.equal(inWords(new Failure('timeout')), 'ゲートウェイから時間内に応答がありません。');
  // A command that nobody answered may fly the drone yet.
  assert.match(inWords(new Failure('unsure')), /実行された可能性/);
  assert.equal(inWords(new Failure('refused', { status: 401, code: 'HTTP_401' })), 'キーが正しくありません。');
  assert.equal(
    inWords(
      new Failure('refused', {
        status: 503,
        code: 'DRONE_UNAVAILABLE',
        message: 'the drone is busy with an earlier move; try again',
      }),
    ),
    '前の動作がまだ終わっていません。',
  );
  // A target of notifications is no drone.
  const said = { status: 502, code: 'NOTIFY_FAILED', message: 'refused with 404; check the address' };
  assert.match(inWords(new Failure('refused', said)), /^通知先に届きませんでした。/);
  assert.equal(inWords(new Failure('refused', { status: 418, code: 'ODD' })), 'ゲートウェイに拒否されました。');
});

test('the lines of a battery are those of the rules that tell first', () => {
  const rule = (/** @type {string} */ level, /** @type {number} */ threshold, more = {}) =>
    /** @type {any} */ ({
      metric: 'battery_level',
      operator: '<',
      enabled: true,
      source: null,
      level,
      threshold,
      ...more,
    });
  rules.value = [];
  assert.deepEqual(batteryLines(), { warning: 20, critical: 10 });
  rules.value = [
    rule('warning', 33),
    rule('warning', 25),
    rule('critical', 15),
    rule('warning', 90, { source: 'roof' }),
  ];
  assert.deepEqual(batteryLines(), { warning: 33, critical: 15 });
});

test('addresses of screens', () => {
  assert.deepEqual(placeOf('#/drone/a%20b'), { screen: 'drone', id: 'a b' });
  assert.deepEqual(placeOf(''), { screen: 'home', id: '' });
});

test('whole pictures and their codec are found in a stream', () => {
  const bytes = (/** @type {number[]} */ ...list) => new Uint8Array(list);
  const parameters = [0, 0, 0, 1, 0x67, 0x4d, 0x40, 0x28, 0];
  assert.ok(isKey(bytes(...parameters, 0, 0, 1, 0x65, 0)));
  assert.ok(!isKey(bytes(0, 0, 0, 1, 0x41, 0)));
  assert.equal(codecOf(bytes(...parameters)), 'avc1.4d4028');
  assert.equal(codecOf(bytes(0, 0, 1, 0x65)), null);
});
