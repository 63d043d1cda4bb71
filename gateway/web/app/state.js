// What the screens show: signals that the live data fills. Nothing here asks or sends.

import { computed, signal } from '../vendor/signals.js';

/**
 * A drone as the gateway tells it (`DroneStatus`), and when that was.
 * @typedef {{
 *   id: string, name: string, connection_status: string, flight_status: string,
 *   flight_status_known: boolean, flight_status_basis: string, flight_status_unknown_since: string | null,
 *   battery_level: number | null, battery_age_s: number | null, flight_time: number | null,
 *   height: number | null, temperature: number | null, speed: number | null, wifi_signal: number | null,
 *   status: string, lastSeen: string, simulated: boolean, reason: string | null,
 *   serial_number?: string | null, identity?: string,
 *   control?: { name: string, session: string | null, since: string } | null,
 *   real_drone_info?: Record<string, string | null>,
 *   toldAt: number, silentS: number,
 * }} Drone
 * `toldAt`: by our clock, ms. `silentS`: for how long it had been silent then, by the gateway's clock.
 */

/**
 * @typedef {{
 *   id: string, level: string, type: string, message: string, details: string | null, title: string,
 *   created_at: string, acknowledged: boolean, resolved: boolean, subject: string, metric: string | null,
 *   value: number | null, threshold: number | null, cleared_at: string | null,
 *   acknowledged_at: string | null, acknowledged_by: string | null, resolved_at: string | null,
 *   resolved_by: string | null, durable: boolean, muted_until?: string | null,
 * }} Alert
 */

/** Time between two words of the gateway on anything that changes. */
export const PERIOD_MS = 1000;
/** Older than three periods is old, and shown so. */
export const OLD_AFTER_MS = 3 * PERIOD_MS;

/** Milliseconds of a clock that nobody sets. */
export const nowMs = () => performance.now();

/** Ticks each second, so that ages move. */
export const clock = signal(nowMs());

/** @type {import('../vendor/signals.js').Signal<Drone[] | null>} Null until they were heard of. */
export const drones = signal(null);
/** @type {import('../vendor/signals.js').Signal<Alert[] | null>} Those that stand. */
export const alerts = signal(null);
/** When the alerts were last told. */
export const alertsAt = signal(0);
/** @type {import('../vendor/signals.js').Signal<any>} */
export const system = signal(null);
export const systemAt = signal(0);
/** @type {import('../vendor/signals.js').Signal<any[]>} Rules in effect. */
export const rules = signal([]);

/** When the gateway was last heard, by anything it said. 0: never. */
export const heardAt = signal(0);

/** Whether what is shown is of now: by the data, not by an event. */
export const isLive = computed(() => heardAt.value > 0 && clock.value - heardAt.value <= OLD_AFTER_MS);

/**
 * A command and how far it came, by events or `/api/commands`.
 * @typedef {{ id: string, drone: string, command: string, state: string, who: string | null, why: string | null }} Command
 */

/**
 * A flight plan (`PlanView`): `left` are the drones that are no part of it any more, `doing` is
 * what each does in the step that it is at.
 * @typedef {{
 *   plan_id: string, name: string, state: string, why: string | null, by: string | null, ended_at: string | null,
 *   step: number, of: number, drones: string[], left: string[], doing: { drone_id: string, command: string }[],
 * }} Plan
 */

/** Plans under way and the last that are over, the newest first. @type {import('../vendor/signals.js').Signal<Plan[]>} */
export const plans = signal([]);

/** Who commanded each drone last. @type {import('../vendor/signals.js').Signal<Map<string, string>>} */
export const pilots = signal(new Map());

/** The session of this page's socket, as the gateway called it. @type {import('../vendor/signals.js').Signal<string | null>} */
export const flyer = signal(null);

/** Names of drones by their ids. */
export const names = computed(() => new Map((drones.value ?? []).map(({ id, name }) => [id, name])));

/** What the gateway calls itself, once it said so. @type {import('../vendor/signals.js').Signal<string | null>} */
export const host = signal(null);

/**
 * Who is signed in: null is nobody, undefined is not found out yet.
 * @type {import('../vendor/signals.js').Signal<
 *   { name: string | null, permissions: string[] | null, expiresAt: string | null } | null | undefined>}
 */
export const session = signal(undefined);

/**
 * Whether the key may do it; where the gateway does not say, it is tried.
 * @param {string} permission
 */
export function may(permission) {
  const held = session.value?.permissions;
  if (!held) return true;
  return held.includes(permission) || (permission === 'respond' && held.includes('write'));
}

/**
 * Seconds since a drone was heard; null when it never was.
 * @param {Drone} drone
 */
export function silence(drone) {
  if (drone.flight_status_basis === 'never_heard') return null;
  return drone.silentS + (clock.value - drone.toldAt) / 1000;
}

/** Whether a value that comes so often, told then, is old now. @param {number} at @param {number} [everyMs] */
export const isOld = (at, everyMs = PERIOD_MS) => clock.value - at > 3 * everyMs;
