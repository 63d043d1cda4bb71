// Alerts in words, made from their data: never the English string of the gateway.

import { FLAGS, measured, quantity, unitOf } from './format.js';
import { has, of, t } from './words.js';

/** @typedef {import('./state.js').Alert} Alert */

/**
 * How value and threshold compare, as the gateway's message ends: `(< 20 %)`.
 * @param {string} message
 */
export function operatorOf(message) {
  return /\((<=?|>=?|==|!=) /.exec(message)?.[1] ?? null;
}

/** Name of the word for a limit, by operator. */
const LIMITS = {
  '<': 'limit.below',
  '<=': 'limit.atMost',
  '>': 'limit.above',
  '>=': 'limit.atLeast',
  '==': 'limit.equal',
  '!=': 'limit.notEqual',
};

/**
 * 「20 % 未満」, "below 20 %".
 * @param {string | null} operator
 * @param {string | null} metric
 * @param {number | null} threshold
 */
export function limit(operator, metric, threshold) {
  const name = LIMITS[/** @type {keyof typeof LIMITS} */ (operator ?? '')];
  const shown = metric === 'generic' ? quantity(threshold, '', 2) : quantity(threshold, unitOf(metric), 2);
  return name ? t(name, { value: shown }) : shown;
}

/**
 * What an alert is about: a drone's name, the board, a sensor of a bridge.
 * @param {string} subject
 * @param {Map<string, string>} names
 */
export function subjectName(subject, names) {
  const name = names.get(subject);
  if (name) return name;
  if (subject === 'board' || subject === 'gateway' || subject === '') return t('subject.board');
  if (subject.startsWith('board/')) return t('subject.boardPart', { part: subject.slice(6) });
  if (subject.startsWith('bridge/')) return t('subject.bridge', { part: subject.slice(7) });
  return subject.replace(/^notify\//, '');
}

/** Who did something: a key by its name, the gateway's own actors in the reader's words. @param {string | null | undefined} name */
export const actor = (name) =>
  name?.startsWith('bridge/') ? t('subject.bridge', { part: name.slice(7) }) : of('who', name);

/**
 * What happened, without whom it happened to: 「バッテリー残量 15 %（20 % 未満）」.
 * @param {Alert} alert
 */
export function event(alert) {
  const { metric, value, threshold } = alert;
  if (!metric) return of('condition', alert.title);
  if (FLAGS.includes(metric) && has('flag', metric)) return of('flag', metric);
  return t('alert.measured', {
    metric: of('metric', metric),
    value: measured(metric, value),
    limit: limit(operatorOf(alert.message), metric, threshold),
  });
}

/**
 * The whole: 「屋上: バッテリー残量 15 %（20 % 未満）」.
 * @param {Alert} alert
 * @param {Map<string, string>} names
 */
export const sentence = (alert, names) =>
  t('alert.sentence', { subject: subjectName(alert.subject, names), event: event(alert) });

/** Fields of a drone's status, by metric. @type {Record<string, 'battery_level' | 'temperature' | 'height' | 'speed'>} */
const OF_DRONE = { battery_level: 'battery_level', drone_temperature: 'temperature', height: 'height', speed: 'speed' };
/** Fields of the board's. */
const OF_BOARD = ['cpu_usage', 'memory_usage', 'disk_usage', 'temperature'];

/**
 * What the value is by now; null where the page is not told.
 * @param {Alert} alert
 * @param {import('./state.js').Drone | undefined} drone
 * @param {any} board
 */
export function valueNow(alert, drone, board) {
  const { metric, subject } = alert;
  if (!metric) return null;
  const field = OF_DRONE[metric];
  const value =
    field && drone ? drone[field] : subject === 'board' && OF_BOARD.includes(metric) ? board?.[metric] : null;
  return value === null || value === undefined ? null : measured(metric, value);
}

/**
 * What to do about it, where the page knows.
 * @param {Alert} alert
 */
export function advice(alert) {
  const name = alert.metric ?? alert.title;
  return has('advice', name) ? of('advice', name) : null;
}
