// The floor: every drone, the one that needs somebody first.

import { useEffect, useMemo, useRef, useState } from '../vendor/hooks.js';
import { busy } from './acts.js';
import { event, sentence } from './alert-words.js';
import { Battery, batteryLines, checks, lastWord, reasonWords, stateWord, whoFlies } from './drone-parts.js';
import { fly, wishes } from './flight.js';
import { quantity } from './format.js';
import { Groups } from './groups.js';
import { Happenings } from './happenings.js';
import { HeldCheck, useHeld, Veto } from './held.js';
import { html } from './html.js';
import { bySubject, grouped, inOrder, isFlying, levelOf } from './order.js';
import { Dialog, dialogs, Level, useKeptFocus } from './parts.js';
import { PlanLine } from './plans.js';
import { folded } from './session.js';
import { alerts, drones, may, names, OLD_AFTER_MS, silence } from './state.js';
import { of, t } from './words.js';

/** @typedef {import('./state.js').Drone} Drone */
/** @typedef {import('./state.js').Alert} Alert */

/** How long cards stay where they are after a touch: none moves away under a finger. */
const STILL_MS = 3000;

/** The order of the cards, held while somebody touches them. @param {string[]} wanted */
function useStillOrder(wanted) {
  const shown = useRef(wanted);
  const touchedAt = useRef(-Infinity);
  const touch = () => {
    touchedAt.current = performance.now();
  };
  // (A dialog that moves with its card is none any more: the page behind it can be pressed.)
  const isStill = dialogs.value > 0 || performance.now() - touchedAt.current < STILL_MS;
  const isSame = shown.current.length === wanted.length && wanted.every((id) => shown.current.includes(id));
  if (!isStill || !isSame) shown.current = wanted;
  return { order: shown.current, touch };
}

/** What must be well before a drone takes off, and one more question. @param {{ drone: Drone, open: Alert[], onClose: () => void }} props */
export function TakeOff({ drone, open, onClose }) {
  const list = checks(drone, open);
  const held = useHeld(drone.id);
  const isWell = list.every(({ isGood }) => isGood) && !held?.isHeld;
  return html`<${Dialog} title=${t('takeoff.title', { name: drone.name })} onClose=${onClose}>
    <ul class="checks">${list.map(
      ({ name, isGood, shown }) => html`<li key=${name} class=${isGood ? 'good' : 'bad'}>
      <span aria-hidden="true">${isGood ? '✓' : '✕'}</span> ${t(`check.${name}`)}: <b>${shown}</b></li>`,
    )}<${HeldCheck} held=${held} /></ul>
    <p>${t('takeoff.look')}</p>
    ${isWell && !held?.isRefused ? null : html`<p class="note bad">${t(held?.isRefused ? 'takeoff.refused' : 'takeoff.notWell')}</p>`}
    <div class="row end"><button type="button" onClick=${onClose}>${t('cancel')}</button>
      <button type="button" class=${isWell ? 'primary' : ''} disabled=${held?.isRefused} onClick=${() => {
        onClose();
        fly(drone.id, 'takeoff');
      }}>${t('takeOff')}</button></div>
  <//>`;
}

/** Take off, land, stop. @param {{ drone: Drone, open: Alert[] }} props */
export function FlightButtons({ drone, open }) {
  const [isAsking, setAsking] = useState(false);
  const isBusy = (/** @type {string} */ command) => (busy.value.has(`${drone.id}/${command}`) ? 'true' : undefined);
  const isDown = drone.flight_status === 'landed' && drone.flight_status_known;
  return html`<div class="row actions">
    ${
      may('write') &&
      html`<button type="button" class=${isDown && !open.length ? 'primary' : ''} aria-busy=${isBusy('takeoff')} disabled=${!isDown || drone.connection_status !== 'connected'}
      onClick=${() => setAsking(true)}>${t('takeOff')}</button>`
    }
    ${
      may('respond') &&
      html`<button type="button" class=${isFlying(drone) ? 'primary' : ''} aria-busy=${isBusy('land')} disabled=${isDown} onClick=${() => fly(drone.id, 'land')}>${t('land')}</button>
      <button type="button" aria-busy=${isBusy('stop')} disabled=${isDown} onClick=${() => fly(drone.id, 'stop')}>${t('stop')}</button>`
    }
    <${Veto} id=${drone.id} open=${open} />
    ${isAsking ? html`<${TakeOff} drone=${drone} open=${open} onClose=${() => setAsking(false)} />` : null}
  </div>`;
}

/** @param {{ drone: Drone, open: Alert[], isDense: boolean }} props */
function Card({ drone, open, isDense }) {
  const level = levelOf(drone, open);
  const silentS = silence(drone);
  const isDim = silentS === null || silentS * 1000 > OLD_AFTER_MS;
  const wish = wishes.value.get(drone.id);
  // (That it is not heard says its state already.)
  const groups = grouped(open).filter(
    ({ first }) => drone.connection_status === 'connected' || !/^Drone (lost|not heard)$/.test(first.title),
  );
  const lines = batteryLines();
  return html`<article class=${`card level-${level ?? (isDim ? 'old' : 'calm')} ${isFlying(drone) ? 'flying' : ''} ${isDense ? 'dense' : ''}`} aria-label=${drone.name}>
    <div class="row between top">
      <h2><a href=${`#/drone/${encodeURIComponent(drone.id)}`}>${drone.name}</a></h2>
      <${Level} level=${level} isDim=${isDim} />
    </div>
    <p class=${isDim ? 'state dim' : 'state'}><strong>${stateWord(drone)}</strong>${wish ? html` <span class="wish">${t(`wish.${wish.phase}`, { command: of('command', wish.command) })}</span>` : null}</p>
    ${drone.connection_status !== 'connected' && reasonWords(drone.reason) ? html`<p class="advice">${reasonWords(drone.reason)}</p>` : null}
    <div class=${isDim ? 'values dim' : 'values'}>
      <${Battery} drone=${drone} lines=${lines} />
      <div class="value"><span>${t('value.temperature')}</span><b>${quantity(drone.temperature, '°C')}</b></div>
      <div class="value"><span>${t('value.height')}</span><b>${quantity(drone.height, 'cm')}</b></div>
    </div>
    ${groups.slice(0, isDense ? 1 : 2).map((group) => html`<p key=${group.key} class=${`reason level-${group.level}`}>${event(group.first)}</p>`)}
    ${groups.length > 2 && !isDense ? html`<p class="quiet">${t('card.more', { n: groups.length - 2 })}</p>` : null}
    <${PlanLine} id=${drone.id} />
    <p class=${isDim ? 'heard old' : 'heard'}>${lastWord(drone)}${whoFlies(drone)}</p>
    <${FlightButtons} drone=${drone} open=${open} />
  </article>`;
}

/** So few cards may fill a screen on the wall. */
const FEW = 6;
/** As it is looked for, however it is typed. @param {string} text */
const plain = (text) => folded(text).toLowerCase();
/** How many cards are too many for large ones. */
const DENSE_FROM = 13;

/** A card whose drone and alerts are the same as before is not drawn again. @type {Alert[]} */
const NONE = [];

export function Home() {
  useKeptFocus();
  const list = drones.value;
  const open = useMemo(() => bySubject(alerts.value ?? NONE), [alerts.value]);
  const sorted = inOrder(list ?? [], open);
  const { order, touch } = useStillOrder(sorted.map(({ id }) => id));
  const [wanted, setWanted] = useState('');
  const isWanted = (/** @type {Drone} */ drone) =>
    plain(drone.name + drone.id + stateWord(drone)).includes(plain(wanted));
  const byId = new Map((list ?? []).map((drone) => [drone.id, drone]));
  const others = grouped((alerts.value ?? []).filter((alert) => !byId.has(alert.subject) && !alert.acknowledged));
  useEffect(() => {
    document.body.classList.add('on-floor');
    return () => document.body.classList.remove('on-floor');
  }, []);
  return html`<h1 class="hidden">${t('nav.home')}</h1>
    ${
      others.length
        ? html`<a class=${`strip level-${others[0].level}`} href="#/alerts"><${Level} level=${others[0].level} /> ${sentence(others[0].first, names.value)}
      ${others.length > 1 ? html` <span class="quiet">${t('card.more', { n: others.length - 1 })}</span>` : null}</a>`
        : null
    }
    ${list === null ? html`<p class="empty" aria-live="polite">${t('home.waiting')}</p>` : null}
    ${list?.length === 0 ? html`<div class="empty"><h2>${t('home.none')}</h2><p>${t('home.none.how')}</p></div>` : null}
    ${
      order.length > FEW
        ? html`<input type="search" class="find" aria-label=${t('home.find')} placeholder=${t('home.find')} value=${wanted} onInput=${(/** @type {any} */ event) => setWanted(event.target.value)} />`
        : null
    }
    ${wanted && !list?.some(isWanted) ? html`<p class="empty">${t('home.noSuch')}</p>` : null}
    <div class=${`cards ${order.length <= FEW ? 'few' : order.length >= DENSE_FROM ? 'many' : ''}`} onPointerDown=${touch} onFocusCapture=${touch}>
      ${order
        .map((id) => byId.get(id))
        .filter((drone) => drone !== undefined)
        .filter(isWanted)
        .map(
          (drone) =>
            html`<${Card} key=${drone.id} drone=${drone} open=${open.get(drone.id) ?? NONE} isDense=${order.length >= DENSE_FROM} />`,
        )}
    </div>
    <${Groups} /><${Happenings} />`;
}
