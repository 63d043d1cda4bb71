// What comes first, and what belongs together. Pure.

import { BOARD_METRICS, DRONE_METRICS } from './series.js';

/** @typedef {import('./state.js').Alert} Alert */
/** @typedef {import('./state.js').Drone} Drone */

/** From calm to worst. */
export const LEVELS = ['info', 'warning', 'error', 'critical'];

/** @param {string | null | undefined} level */
export const rank = (level) => LEVELS.indexOf(level ?? '');

/**
 * The worst level among these alerts, if any.
 * @param {Alert[]} alerts
 */
export function worst(alerts) {
  return alerts.reduce(
    (level, alert) => (rank(alert.level) > rank(level) ? alert.level : level),
    /** @type {string | null} */ (null),
  );
}

/**
 * What one thing raised: High and Critical of one value are one row.
 * @typedef {{ key: string, level: string, first: Alert, alerts: Alert[] }} Group
 * `first` is the worst and, of those, the newest: the one that is put in words.
 */

/** What raised it: one thing, whatever the level. @param {Alert} alert */
export const keyOf = (alert) => `${alert.subject}\n${alert.metric ?? alert.title}`;

/**
 * @param {Alert[]} alerts
 * @returns {Group[]} worst first, of one level the newest first
 */
export function grouped(alerts) {
  /** @type {Map<string, Alert[]>} */
  const groups = new Map();
  for (const alert of alerts) {
    const key = keyOf(alert);
    groups.set(key, [...(groups.get(key) ?? []), alert]);
  }
  const made = [...groups].map(([key, members]) => {
    const sorted = [...members].sort(byWorst);
    return { key, level: sorted[0].level, first: sorted[0], alerts: sorted };
  });
  return made.sort((a, b) => byWorst(a.first, b.first));
}

/** @param {Alert} a @param {Alert} b */
function byWorst(a, b) {
  return rank(b.level) - rank(a.level) || b.created_at.localeCompare(a.created_at) || b.id.localeCompare(a.id);
}

/**
 * Counts of rows by level, worst first, without those that have none.
 * @param {Group[]} groups
 * @returns {[string, number][]}
 */
export function counts(groups) {
  return [...LEVELS]
    .reverse()
    .map((level) => /** @type {[string, number]} */ ([level, groups.filter((group) => group.level === level).length]))
    .filter(([, count]) => count > 0);
}

/**
 * How bad it is about a drone, whatever raised it: the worst alert that stands, and
 * a drone that should be heard and is not is never calm.
 * @param {Drone} drone
 * @param {Alert[]} alerts of that drone
 */
export function levelOf(drone, alerts) {
  const level = worst(alerts.filter((alert) => !alert.cleared_at));
  return drone.connection_status === 'error' && rank(level) < rank('error') ? 'error' : level;
}

/**
 * Rules as people look for them: the drones' battery and temperature before all, of one
 * value the worst first.
 * @template {{ metric: string, level: string }} R
 * @param {R[]} rules
 * @returns {R[]}
 */
export function inInterest(rules) {
  // (What is in neither list comes last.)
  const place = (/** @type {R} */ { metric }) => [...DRONE_METRICS, ...BOARD_METRICS].indexOf(metric) >>> 0;
  return [...rules].sort(
    (a, b) => place(a) - place(b) || a.metric.localeCompare(b.metric) || rank(b.level) - rank(a.level),
  );
}

/** @param {Drone} drone */
export const isFlying = (drone) => drone.flight_status !== 'landed';

/**
 * Drones in the order in which they need somebody: worst first, then those in the air,
 * then by name as people count.
 * @param {Drone[]} drones
 * @param {Map<string, Alert[]>} bySubject
 */
export function inOrder(drones, bySubject) {
  const facts = new Map(drones.map((drone) => [drone.id, rank(levelOf(drone, bySubject.get(drone.id) ?? []))]));
  return [...drones].sort(
    (a, b) =>
      (facts.get(b.id) ?? -1) - (facts.get(a.id) ?? -1) ||
      Number(isFlying(b)) - Number(isFlying(a)) ||
      a.name.localeCompare(b.name, undefined, { numeric: true }),
  );
}

/**
 * @param {Alert[]} alerts
 * @returns {Map<string, Alert[]>}
 */
export function bySubject(alerts) {
  const map = new Map();
  for (const alert of alerts) map.set(alert.subject, [...(map.get(alert.subject) ?? []), alert]);
  return map;
}

/**
 * Why each drone of a group may not, from the gateway's one sentence about all:
 * "… none of hall: drone_001: why; drone_002: why".
 * @param {string} words
 * @param {string[]} ids
 * @returns {Map<string, string>}
 */
export function refusalsOf(words, ids) {
  const starts = ids
    .map((id) => ({ id, at: words.search(new RegExp(`(: |; )${id.replace(/[^\w-]/g, '\\$&')}: `)) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at);
  return new Map(
    starts.map(({ id, at }, index) => [id, words.slice(at + 2 + id.length + 2, starts[index + 1]?.at ?? words.length)]),
  );
}
