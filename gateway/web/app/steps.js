// Steering by steps: one at a time, each sent when the one before was taken, and none is
// left over.

import { useEffect, useRef, useState } from '../vendor/hooks.js';
import { busy } from './acts.js';
import { fly } from './flight.js';
import { quantity } from './format.js';
import { html } from './html.js';
import { Icon } from './parts.js';
import { t } from './words.js';

/** @typedef {import('./state.js').Drone} Drone */

/** How far a step goes, in centimetres; a drone goes no less than 20. */
export const STEPS_CM = [20, 50, 100];
const TURN_DEG = 45;
/** A step of a metre takes some three seconds. */
const STEP_WITHIN_MS = 5000;

/** Steps: their key, their place on the pad, what is sent. */
const PAD = [
  { name: 'turnLeft', key: 'Q', command: 'rotate', direction: 'counter_clockwise' },
  { name: 'forward', key: 'W', command: 'move', direction: 'forward', icon: 'up' },
  { name: 'turnRight', key: 'E', command: 'rotate', direction: 'clockwise' },
  { name: 'left', key: 'A', command: 'move', direction: 'left', icon: 'left' },
  { name: 'back', key: 'S', command: 'move', direction: 'back', icon: 'down' },
  { name: 'right', key: 'D', command: 'move', direction: 'right', icon: 'right' },
  { name: 'up', key: 'R', command: 'move', direction: 'up' },
  { name: 'down', key: 'F', command: 'move', direction: 'down' },
];

/** Whether a key that is pressed there steers: not where text is written, nor as a shortcut. @param {KeyboardEvent} event */
export const steers = ({ ctrlKey, metaKey, altKey, target }) =>
  !(ctrlKey || metaKey || altKey || /INPUT|SELECT|TEXTAREA/.test(/** @type {HTMLElement} */ (target).tagName));

/** @param {{ drone: Drone, still: { current: () => void } }} props `still`: ends what is under way */
export function Steps({ drone, still }) {
  const [cm, setCm] = useState(50);
  const isFlying = drone.flight_status === 'flying';
  const steppedAt = useRef(-Infinity);
  const step = (/** @type {typeof PAD[number]} */ { command, direction }) => {
    // Pressed faster than the drone takes them: what is too much is not kept for later.
    if (busy.value.has(`${drone.id}/${command}`)) return;
    steppedAt.current = performance.now();
    fly(drone.id, command, command === 'rotate' ? { direction, angle: TURN_DEG } : { direction, distance: cm });
  };
  // A step that may be under way: nobody looks any more.
  still.current = () => {
    if (performance.now() - steppedAt.current < STEP_WITHIN_MS) fly(drone.id, 'stop', undefined, { isForSafety: true });
    steppedAt.current = -Infinity;
  };
  useEffect(() => {
    const onKey = (/** @type {KeyboardEvent} */ event) => {
      const wanted = PAD.find(({ key }) => `Key${key}` === event.code);
      if (!wanted || event.repeat || !steers(event)) return;
      event.preventDefault();
      step(wanted);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [cm, drone.id]);
  return html`
    <div class="row" role="group" aria-label=${t('steps.size')}>${STEPS_CM.map((one) => html`<button key=${one} type="button" class="toggle" aria-pressed=${cm === one} onClick=${() => setCm(one)}>${quantity(one, 'cm')}</button>`)}</div>
    <div class="pad">${PAD.map(
      (
        one,
      ) => html`<button key=${one.name} type="button" class=${`pad-${one.name}`} disabled=${!isFlying} aria-keyshortcuts=${one.key}
        aria-busy=${busy.value.has(`${drone.id}/${one.command}`) ? 'true' : undefined} onClick=${() => step(one)}>
        <${Icon} name=${one.icon ?? one.name} />
        <span>${t(`step.${one.name}`, { n: one.command === 'rotate' ? TURN_DEG : cm })}</span><kbd aria-hidden="true">${one.key}</kbd></button>`,
    )}</div>
    <p class="quiet">${t(isFlying ? 'steps.says' : 'steps.notFlying')}</p>`;
}
