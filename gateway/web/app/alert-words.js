// Alerts in words, made from their data: never the English string of the gateway.

import { refusalWords } from './api.js';
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
  name?.startsWith('bridge/') ? t('subject.bridge', { part: name.slice(7) }) : of('who', withSession(name ?? ''));

/** Words of the SDK that are steps of ours. @type {Record<string, string>} */
const TURNS = { cw: 'turnRight', ccw: 'turnLeft' };

/** A command of the SDK in words: `up 50`; one that the page has no words for as it is written. @param {string} text */
export function commandWords(text) {
  const [word, n] = text.split(' ');
  const step = TURNS[word] ?? word;
  if (has('step', step)) return t(`step.${step}`, { n });
  return has('command', word) ? of('command', word) : text;
}

/** The session that did it, as the gateway writes it behind a name or a deed. @param {string} text */
const withSession = (text) =>
  text.replace(/(^|,? \(?)session (\w+)\)?$/, (_, before, id) => `${before && ' · '}${t('audit.session', { id })}`);

/**
 * What a line of the audit trail is about, in words as far as the gateway gives it a shape:
 * `roof: takeoff, command 1a-7, not taken: why (session 9f)`, `land-all: roof sent (1a-8), …`,
 * `group hall: land: roof sent (1a-9), …`.
 * @param {string} subject
 * @param {Map<string, string>} names
 */
export function audited(subject, names) {
  if (subject === 'not counted') return t('audit.notCounted');
  const [, kind, about] = /^(lacks|failure) (\w+)$/.exec(subject.replace(/^after (\d+) failures$/, 'failure $1')) ?? [];
  if (kind) return t(`audit.${kind}`, { n: about, what: of('permissionShort', about) });
  const session = / \(session \w+\)$/.exec(subject)?.[0] ?? '';
  const text = subject.slice(0, subject.length - session.length);
  const nameOf = (/** @type {string} */ id) => names.get(id) ?? id;
  const [, all, group, command, each] = /^(?:([\w-]+-all)|group ([^:]+): ([^:]+)): (.+)$/.exec(text) ?? [];
  if (each) {
    const list = each.replace(
      /([^\s,]+) (\w+)(?: \([\w-]+\))?/g,
      (_, id, result) => `${nameOf(id)} ${of('groupResult', result)}`,
    );
    const what = all ? of('command', all) : `${t('groups')} ${group}: ${commandWords(command)}`;
    return withSession(`${what}: ${list}${session}`);
  }
  const [, id, what, why] = /^([^\s:]+): ([^,:]+)(?:, command [\w-]+)?(?:, not taken: |: )?(.*)$/.exec(text) ?? [];
  if (!id || !names.has(id)) return withSession(subject);
  const deed = has('audited', what) ? of('audited', what) : commandWords(what);
  return withSession(`${nameOf(id)}: ${deed}${why && ` — ${refusalWords(why)}`}${session}`);
}

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
