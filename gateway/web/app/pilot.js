// Who flies a drone from this page: control taken and given, by steps or by sticks. A page
// that is hidden or loses the focus lets go of it. Control is the gateway's to give.

import { useEffect, useRef, useState } from '../vendor/hooks.js';
import { signal } from '../vendor/signals.js';
import { actor } from './alert-words.js';
import { isMine } from './drone-parts.js';
import { control } from './flight.js';
import { html } from './html.js';
import { Button, Dialog } from './parts.js';
import { may, nowMs, OLD_AFTER_MS } from './state.js';
import { Steps } from './steps.js';
import { Sticks, sticksAnew } from './sticks.js';
import { t } from './words.js';

const STORED = 'steer';
/** Steps or sticks, as it was last. */
const way = signal(globalThis.localStorage?.getItem(STORED) === 'sticks' ? 'sticks' : 'steps');

/** @param {{ drone: import('./state.js').Drone }} props */
export function Pilot({ drone }) {
  const [isTaken, setTaken] = useState(false);
  const [isAsking, setAsking] = useState(false);
  const busyKey = `${drone.id}/control`;
  const takenAt = useRef(0);
  const wasMine = useRef(false);
  const still = useRef(() => {});
  const take = async () => {
    setAsking(false);
    if (!(await control(drone.id, true))) return;
    sticksAnew();
    [takenAt.current, wasMine.current] = [nowMs(), false];
    setTaken(true);
  };
  const letGo = () => {
    still.current();
    setTaken(false);
  };
  const give = () => {
    letGo();
    control(drone.id, false);
  };
  const steer = (/** @type {string} */ by) => {
    still.current();
    way.value = by;
    localStorage.setItem(STORED, by);
  };
  useEffect(() => {
    if (!isTaken) return undefined;
    const onHidden = () => document.hidden && letGo();
    const onKey = (/** @type {KeyboardEvent} */ { key }) => key === 'Escape' && letGo();
    addEventListener('blur', letGo);
    addEventListener('pagehide', letGo);
    document.addEventListener('visibilitychange', onHidden);
    document.addEventListener('keydown', onKey);
    return () => {
      removeEventListener('blur', letGo);
      removeEventListener('pagehide', letGo);
      document.removeEventListener('visibilitychange', onHidden);
      document.removeEventListener('keydown', onKey);
    };
  }, [isTaken, drone.id]);
  useEffect(() => () => still.current(), []);
  if (isMine(drone)) wasMine.current = true;
  // Somebody else took it: what is pressed here would be refused. (What was said before control
  // was taken may be heard after; a busy gateway says it late.)
  const patienceMs = wasMine.current ? OLD_AFTER_MS / 3 : OLD_AFTER_MS;
  const isLost = isTaken && drone.toldAt > takenAt.current + patienceMs && !isMine(drone);
  useEffect(() => {
    if (isLost) letGo();
  }, [isLost]);
  if (!may('write')) return null;
  const other = drone.control && !isMine(drone) ? actor(drone.control.name) : null;
  // Control stays with a page that let go of the steering, by being hidden or left.
  const isHeld = isMine(drone);
  const WAYS = { steps: Steps, sticks: Sticks };
  const Way = WAYS[/** @type {keyof typeof WAYS} */ (way.value)];
  return html`<section class="panel" aria-label=${t('pilot')}>
    <div class="row between"><h2>${t('pilot')}</h2>
      <div class="row">${isTaken ? null : html`<${Button} busyKey=${busyKey} class="primary" onClick=${other ? () => setAsking(true) : take}>${t(isHeld ? 'control.steer' : 'control.take')}<//>`}
        ${isTaken || isHeld ? html`<${Button} busyKey=${busyKey} onClick=${give}>${t('control.give')}<//>` : null}</div></div>
    ${other && !isTaken ? html`<p class="note">${t('control.by', { name: other })}</p>` : null}
    ${
      isTaken
        ? html`<div class="row" role="group" aria-label=${t('pilot.way')}>${Object.keys(WAYS).map((one) => html`<button key=${one} type="button" class="toggle" aria-pressed=${way.value === one} onClick=${() => steer(one)}>${t(`way.${one}`)}</button>`)}</div>
          <${Way} key=${way.value} drone=${drone} still=${still} onTake=${take} />`
        : html`<p class="quiet">${t(isHeld ? 'control.mine' : 'pilot.how')}</p>`
    }
    ${
      isAsking
        ? html`<${Dialog} title=${t('control.take')} onClose=${() => setAsking(false)}><p>${t('control.from', { name: other ?? '' })}</p>
      <div class="row end"><button type="button" onClick=${() => setAsking(false)}>${t('cancel')}</button><button type="button" class="primary" onClick=${take}>${t('control.take')}</button></div><//>`
        : null
    }
  </section>`;
}
