// Commands to drones: a wish, what became of it, and whether the drone shows it. What is
// taken is not yet done: a wish stays until the state shows it, or says that it does not.

import { effect, signal } from '../vendor/signals.js';
import { act, mend, say, tellFailure } from './acts.js';
import { ask, Failure, post } from './api.js';
import { asFlyer, whenCommanded } from './live.js';
import { drones, names, nowMs } from './state.js';
import { of, t } from './words.js';

/** @typedef {import('./state.js').Drone} Drone */
/** @typedef {{ command: string, phase: 'sending' | 'sent', at: number, id?: string }} Wish */

/** How long a drone may take to show that it does what it took. */
const SHOWN_WITHIN_MS = 15_000;

/** The wish under way of each drone. @type {import('../vendor/signals.js').Signal<Map<string, Wish>>} */
export const wishes = signal(new Map());

/** Whether the state shows it. Stop and moves are over when they were taken. */
/** @type {Record<string, (drone: Drone) => boolean>} */
const SHOWN = {
  takeoff: (drone) => drone.flight_status === 'taking_off' || drone.flight_status === 'flying',
  land: (drone) => drone.flight_status === 'landed' && drone.flight_status_known,
};

/** @param {string} id @param {Wish | null} wish */
function wished(id, wish) {
  const next = new Map(wishes.value);
  if (wish) next.set(id, wish);
  else next.delete(id);
  wishes.value = next;
}

const nameOf = (/** @type {string} */ id) => names.value.get(id) ?? id;

/** What was tried, in words. @param {string} id @param {string} command */
const tried = (id, command) => () => `${nameOf(id)}: ${of('command', command)}`;

/** Tells it, with another try. @param {string} id @param {string} command @param {Failure} error */
const failed = (id, command, error) =>
  tellFailure(`${id}/${command}`, tried(id, command), error, () => void fly(id, command));

/**
 * Sends a command; what fails is told with another try.
 * @param {string} id
 * @param {string} command as in the address: `takeoff`, `land`, `move`…
 * @param {any} [body]
 * @param {{ isForSafety?: boolean }} [how] the page's own wish: that a drone cannot do it is no failure
 */
export async function fly(id, command, body, { isForSafety = false } = {}) {
  const key = `${id}/${command}`;
  await act(key, tried(id, command), async () => {
    wished(id, { command, phase: 'sending', at: nowMs() });
    /** @type {any} */
    let told;
    try {
      await asFlyer(command);
      told = await post(`/api/drones/${encodeURIComponent(id)}/${command}`, body);
    } catch (error) {
      wished(id, null);
      // What a later wish overtook did not fail: the later one counts.
      if (error instanceof Failure && (/overtaken/.test(error.words) || (isForSafety && error.kind === 'refused')))
        return;
      throw error;
    }
    say(t('said.sent', { name: nameOf(id), command: of('command', command) }));
    wished(id, SHOWN[command] ? { command, phase: 'sent', at: nowMs(), id: told.command_id } : null);
  });
}

/**
 * Takes control of a drone for this page, or gives it back; whether it went well.
 * @param {string} id @param {boolean} takes
 */
export const control = (id, takes) =>
  act(
    `${id}/control`,
    () => `${nameOf(id)}: ${t(takes ? 'control.take' : 'control.give')}`,
    async () => {
      await asFlyer();
      await ask(`/api/drones/${encodeURIComponent(id)}/control`, { method: takes ? 'POST' : 'DELETE' });
      say(`${nameOf(id)}: ${t(takes ? 'control.mine' : 'control.given')}`);
    },
  );

/** Every drone at once: `land-all` or `emergency-all`. @param {'land-all' | 'emergency-all'} command */
export async function flyAll(command) {
  await act(
    command,
    () => of('command', command),
    async () => {
      const { results } = await post(`/api/drones/${command}`);
      const told = results.filter((/** @type {any} */ one) => one.result === 'sent' || one.result === 'done');
      const refused = results.filter((/** @type {any} */ one) => one.result === 'failed');
      say(t('said.all', { command: of('command', command), n: told.length }));
      for (const { drone_id: id } of told)
        if (command === 'land-all') wished(id, { command: 'land', phase: 'sent', at: nowMs() });
      for (const { drone_id: id, message } of refused) {
        const one = command === 'land-all' ? 'land' : 'emergency';
        failed(id, one, new Failure('refused', { status: 503, code: 'DRONE_UNAVAILABLE', message }));
      }
    },
  );
}

/** Looks at each new state of the drones: a wish that it shows is over. */
function review() {
  for (const drone of drones.value ?? []) {
    // On the ground nothing of a flight is to be mended any more.
    if (SHOWN.land(drone)) for (const command of ['land', 'stop', 'move', 'rotate']) mend(`${drone.id}/${command}`);
    const wish = wishes.value.get(drone.id);
    if (wish?.phase !== 'sent' || drone.toldAt < wish.at) continue;
    if (SHOWN[wish.command](drone)) {
      wished(drone.id, null);
      mend(`${drone.id}/${wish.command}`);
    } else if (nowMs() - wish.at > SHOWN_WITHIN_MS && drone.flight_status !== 'landing') {
      wished(drone.id, null);
      failed(drone.id, wish.command, new Failure('refused', { status: 503, message: FAILED.unconfirmed }));
    }
  }
}

/** Outcomes that are no success, and the gateway's words that ours are found by. @type {Record<string, string>} */
const FAILED = { refused: 'refused', unconfirmed: 'is not confirmed' };

/** A wish of this page that the gateway knows the end of. @param {import('./state.js').Command} command */
function ended(command) {
  const wish = wishes.value.get(command.drone);
  if (!wish?.id || wish.id !== command.id) return;
  const why = FAILED[command.state];
  if (!why && command.state !== 'confirmed' && command.state !== 'overtaken') return;
  wished(command.drone, null);
  if (!why) {
    mend(`${command.drone}/${wish.command}`);
    return;
  }
  failed(command.drone, wish.command, new Failure('refused', { status: 503, message: command.why ?? why }));
}

/** Once, at the start of the page. */
export function watchFlights() {
  whenCommanded(ended);
  effect(review);
}
