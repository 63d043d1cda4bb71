import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actor, advice, audited, event, operatorOf, sentence, subjectName } from './alert-words.js';
import { language } from './words.js';

const low = /** @type {any} */ ({
  metric: 'battery_level',
  value: 15,
  threshold: 20,
  subject: 'roof',
  title: 'Low Battery',
  message: 'Low Battery: battery_level of roof is 15 % (< 20 %)',
});
const names = new Map([['roof', '屋上']]);
/** Spaces that keep a figure and its unit together are spaces. */
const plain = (/** @type {string} */ text) => text.replaceAll('\u00a0', ' ');

test('an alert is said from its data, in both languages', () => {
  language.value = 'ja';
  assert.equal(plain(sentence(low, names)), '屋上: バッテリー残量 15 %（20 % 未満）');
  language.value = 'en';
  assert.equal(plain(sentence(low, names)), '屋上: Battery 15 % (below 20 %)');
});

test('what is no measure has words of its own', () => {
  language.value = 'ja';
  assert.equal(event(/** @type {any} */ ({ title: 'Drone lost', metric: null, message: '' })), '接続が切れています');
  assert.equal(
    event(/** @type {any} */ ({ metric: 'emergency_stop', value: 1, threshold: 1, message: '' })),
    '緊急停止ボタンが押されています',
  );
  assert.equal(subjectName('bridge/mast', names), 'ブリッジ mast');
  assert.ok(advice(low));
});

test('the comparison is read from the end of the message', () => {
  assert.equal(operatorOf(low.message), '<');
  assert.equal(operatorOf('Odd (name): x of y is 93 °C (>= 92 °C)'), '>=');
  assert.equal(operatorOf('a lost bridge'), null);
});

test('the audit trail is read in words, as far as it has a shape', () => {
  language.value = 'ja';
  for (const [subject, words] of [
    ['roof: takeoff, command 1a-7 (session 9f)', '屋上: 離陸 · セッション 9f'],
    ['roof: up 50, command 1a-8', '屋上: 上へ 50 cm'],
    ['roof: control given back (session 9f)', '屋上: 操縦権を返却 · セッション 9f'],
    [
      'roof: takeoff, command 1a-9, not taken: battery too low',
      '屋上: 離陸 — バッテリー残量が少なく、離陸できません。',
    ],
    ['land-all: roof sent (1a-8), d2 not_needed', '全機着陸: 屋上 送信しました, d2 不要（地上または未接続）'],
    ['group hall: land: roof sent (1a-8)', 'グループ hall: 着陸: 屋上 送信しました'],
    ['session 9f', 'セッション 9f'],
    ['lacks admin', '必要な権限: 管理'],
    ['failure 3', '3 回目'],
    ['after 5 failures', '5 回目'],
    ['not counted', '回数に含めません'],
    ['Gate tablet (ab12)', 'Gate tablet (ab12)'],
  ])
    assert.equal(audited(subject, names), words);
  assert.equal(actor('Admin Key, session 9f'), 'Admin Key · セッション 9f');
  assert.equal(actor('console'), '機器のコマンド');
});
