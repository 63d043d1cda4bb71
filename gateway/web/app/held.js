// What keeps a drone on the ground that is not its own: an emergency stop that nobody has
// reset, a bridge that is lost, a rule. And the landing that its flyer may refuse.

import { useEffect, useState } from '../vendor/hooks.js';
import { act, busy } from './acts.js';
import { ask, Failure, inWords, post } from './api.js';
import { html } from './html.js';
import { may, names } from './state.js';
import { t } from './words.js';

/** How often it is asked again while it is looked at. */
const LOOK_EVERY_MS = 2000;
/** Title of the alert that a landing is announced. */
const ANNOUNCED = 'Landing Announced';

/** @typedef {{ bridge: string, state: string, latched_since: string | null, refuses_takeoff: string | null, drones: string[] }} EmergencyStop */
/** `isRefused`: a take-off would be refused now. @typedef {{ stops: EmergencyStop[], isHeld: boolean, isRefused: boolean, others: string[] }} Held */

/** What holds a drone, asked again and again; null until it is known. @param {string} id @returns {Held | null} */
export function useHeld(id) {
  const [held, setHeld] = useState(/** @type {Held | null} */ (null));
  useEffect(() => {
    const look = async () => {
      const [safety, all] = await Promise.all([
        ask(`/api/drones/${encodeURIComponent(id)}/safety`, { quiet: true }),
        ask('/api/emergency-stop', { quiet: true }),
      ]);
      const isHeld = safety.takeoff_checks.some((/** @type {any} */ { check, ok }) => check === 'not_held' && !ok);
      const isOf = (/** @type {EmergencyStop} */ stop) => !stop.drones.length || stop.drones.includes(id);
      const stops = all.stops.filter((/** @type {EmergencyStop} */ stop) => stop.refuses_takeoff && isOf(stop));
      // What the page looks at itself, and what has a line of its own, is not said twice.
      const others = safety.takeoff_checks
        .filter((/** @type {any} */ { check, ok }) => !ok && !['connected', 'on_ground', 'not_held'].includes(check))
        .map((/** @type {any} */ { reason }) => reason ?? '');
      setHeld({ stops, isHeld, isRefused: !safety.takeoff_allowed, others });
    };
    const again = () => void look().catch(() => setHeld(null));
    again();
    const timer = setInterval(again, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [id]);
  return held;
}

/** In words: what one emergency stop is about. @param {EmergencyStop} stop */
function stopWords({ bridge, state, latched_since: since }) {
  if (state === 'unknown') return t('held.lost', { bridge });
  if (state === 'engaged') return t('held.engaged', { bridge });
  return t(since ? 'held.latched' : 'held.none', { bridge });
}

/** A line of the list before a take-off, and the reset. @param {{ held: Held | null }} props */
export function HeldCheck({ held }) {
  if (!held) return null;
  const { stops, isHeld, others } = held;
  const words = stops.length ? stops.map(stopWords).join(' · ') : t(isHeld ? 'held.rule' : 'held.none');
  const isReleased = stops.length > 0 && stops.every(({ state }) => state === 'released');
  return html`<li class=${isHeld ? 'bad' : 'good'}>
    <span aria-hidden="true">${isHeld ? '✕' : '✓'}</span> ${t('check.held')}: <b>${words}</b>
    ${
      isReleased && may('write')
        ? html` <button type="button" aria-busy=${busy.value.has('reset-stop') ? 'true' : undefined} onClick=${reset}>${t('held.reset')}</button>`
        : null
    }</li>${others.map((why) => html`<li key=${why} class="bad"><span aria-hidden="true">✕</span> ${inWords(new Failure('refused', { status: 409, message: why }))}</li>`)}`;
}

function reset() {
  act(
    'reset-stop',
    () => t('held.reset'),
    () => post('/api/emergency-stop/reset'),
  );
}

/** Refuses the landing that is announced, where one is. @param {{ id: string, open: import('./state.js').Alert[] }} props */
export function Veto({ id, open }) {
  if (!may('write') || !open.some(({ title }) => title === ANNOUNCED)) return null;
  const key = `${id}/veto`;
  const name = names.value.get(id) ?? id;
  const refuse = () =>
    act(
      key,
      () => `${name}: ${t('veto.do')}`,
      () => post(`/api/drones/${encodeURIComponent(id)}/veto`),
    );
  return html`<button type="button" aria-busy=${busy.value.has(key) ? 'true' : undefined} onClick=${refuse}>${t('veto.do')}</button>`;
}
