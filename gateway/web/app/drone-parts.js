// A drone in words and values, as several screens show it.

import { effect } from '../vendor/signals.js';
import { actor } from './alert-words.js';
import { minutesLeft, WINDOW_S } from './estimate.js';
import { age, quantity } from './format.js';
import { html } from './html.js';
import { isFlying, rank, worst } from './order.js';
import { drones, flyer, pilots, rules, silence } from './state.js';
import { has, of, t } from './words.js';

/** @typedef {import('./state.js').Drone} Drone */
/** @typedef {import('./state.js').Alert} Alert */

/** Percent of the lines where no rule says otherwise: the gateway's own. */
const LINES = { warning: 20, critical: 10 };

/** Percent under which the first rule for every drone warns, and under which one is critical. */
export function batteryLines() {
  const all = rules.value.filter(
    (rule) => rule.metric === 'battery_level' && rule.enabled && !rule.source && rule.operator.startsWith('<'),
  );
  const first = (/** @type {'warning' | 'critical'} */ level) =>
    all.reduce((line, rule) => (rule.level === level ? Math.max(line, rule.threshold) : line), 0) || LINES[level];
  return { warning: first('warning'), critical: first('critical') };
}

/** Battery of each drone over the last minutes: seconds and percent. @type {Map<string, [number, number][]>} */
const courses = new Map();

/** Keeps what the battery of each drone was; once, at the start of the page. */
export const watchBatteries = () =>
  effect(() => {
    for (const { id, battery_level: battery, toldAt } of drones.value ?? []) {
      if (battery === null) continue;
      const course = courses.get(id) ?? [];
      const at = toldAt / 1000;
      if (course.length && at - course[course.length - 1][0] < 1) continue;
      course.push([at, battery]);
      while (at - course[0][0] > WINDOW_S) course.shift();
      courses.set(id, course);
    }
  });

/**
 * The charge, its lines, and how long it lasts.
 * @param {{ drone: Drone, lines: { warning: number, critical: number } }} props
 */
export function Battery({ drone, lines }) {
  const charge = drone.battery_level;
  const grade =
    charge === null ? '' : charge < lines.critical ? 'critical' : charge < lines.warning ? 'warning' : 'calm';
  const left = drone.flight_status === 'flying' ? minutesLeft(courses.get(drone.id) ?? [], lines.critical) : null;
  return html`<div class=${`value battery level-${grade}`}><span>${t('value.battery')}</span><b>${quantity(charge, '%', 0)}</b>
    <svg class="charge" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="shell" width="100" height="8" /><rect class="fill" width=${charge ?? 0} height="8" />
      <path class="line" d=${`M${lines.warning} 0v8M${lines.critical} 0v8`} /></svg>
    ${left === null ? null : html`<small>${t('battery.left', { n: Math.floor(left), value: quantity(lines.critical, '%', 0) })}</small>`}
  </div>`;
}

/** What a drone does, in words; what is not known is told so. @param {Drone} drone */
export function stateWord(drone) {
  if (drone.flight_status_basis === 'never_heard') return t('state.never');
  if (drone.connection_status === 'error') return t('state.lost', { was: of('flight', drone.flight_status) });
  if (drone.connection_status === 'disconnected') return t('state.disconnected');
  if (!drone.flight_status_known) return t('state.unproven');
  return of('flight', drone.flight_status);
}

/** 「最終受信 12 秒前」 @param {Drone} drone */
export function lastWord(drone) {
  const silentS = silence(drone);
  return silentS === null ? t('heard.never') : t('heard.ago', { age: age(silentS) });
}

/** Whether this page has control of it. @param {Drone} drone */
export const isMine = (drone) => Boolean(drone.control && drone.control.session === flyer.value);

/** Who flies it, after a dot; nothing where nobody does. @param {Drone} drone */
export function whoFlies(drone) {
  if (drone.control)
    return ` · ${isMine(drone) ? t('control.mine') : t('control.by', { name: actor(drone.control.name) })}`;
  const name = pilots.value.get(drone.id);
  return isFlying(drone) && name ? ` · ${t('card.by', { name: actor(name) })}` : '';
}

/**
 * What is looked at before a take-off.
 * @param {Drone} drone
 * @param {Alert[]} open alerts of that drone
 */
export function checks(drone, open) {
  const lines = batteryLines();
  const charge = drone.battery_level;
  const level = worst(open.filter((alert) => !alert.cleared_at && alert.metric !== 'battery_level'));
  const silentS = silence(drone);
  return [
    {
      name: 'link',
      isGood: drone.connection_status === 'connected' && silentS !== null && silentS < 3,
      shown: lastWord(drone),
    },
    { name: 'battery', isGood: charge !== null && charge >= lines.warning, shown: quantity(charge, '%', 0) },
    { name: 'ground', isGood: drone.flight_status === 'landed' && drone.flight_status_known, shown: stateWord(drone) },
    { name: 'alerts', isGood: rank(level) < rank('error'), shown: level ? of('level', level) : t('level.calm') },
  ];
}

/** Why a drone cannot be reached, where the page has words for it. @param {string | null} reason */
export function reasonWords(reason) {
  if (!reason) return null;
  const known = REASONS.find(([pattern]) => pattern.test(reason));
  return known && has('reason', known[1]) ? of('reason', known[1]) : null;
}

/** How the gateway explains a silent drone, and our words for it. @type {[RegExp, string][]} */
const REASONS = [
  [/state port UDP \d+ is not bound/, 'port'],
  [/silent in the air/, 'silentInFlight'],
  [/^Interface /, 'noInterface'],
  [/^No route to/, 'noRoute'],
  [/another network/, 'otherNetwork'],
  [/nothing listens/, 'nothingListens'],
  [/firewall on this board/, 'firewall'],
  [/state does not arrive/, 'noState'],
  [/unactive/, 'unactive'],
  [/refuses SDK mode/, 'refused'],
  [/^Nothing comes back/, 'noAnswer'],
];
