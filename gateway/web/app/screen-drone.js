// One drone: what it sees, how it was, how it is steered by steps.

import { useEffect, useRef, useState } from '../vendor/hooks.js';
import { busy } from './acts.js';
import { event } from './alert-words.js';
import { ask } from './api.js';
import { Chart } from './chart.js';
import { Battery, batteryLines, isMine, lastWord, reasonWords, stateWord, whoFlies } from './drone-parts.js';
import { control, fly, wishes } from './flight.js';
import { duration, quantity, UNKNOWN } from './format.js';
import { html } from './html.js';
import { grouped, levelOf } from './order.js';
import { Age, HoldButton, Icon, Level, useAsked } from './parts.js';
import { Recordings } from './recordings.js';
import { place } from './router.js';
import { FlightButtons } from './screen-home.js';
import { history } from './series.js';
import { alerts, drones, may, nowMs, OLD_AFTER_MS, rules, silence } from './state.js';
import { VideoView } from './video.js';
import { of, t } from './words.js';

/** @typedef {import('./state.js').Drone} Drone */
/** @typedef {import('./state.js').Alert} Alert */

/** Minutes that charts may show. */
const SPANS = [10, 60, 1440];
const CHARTS = ['battery_level', 'drone_temperature', 'height', 'state_rate'];

/** How far a step goes, in centimetres; a drone goes no less than 20. */
const STEPS_CM = [20, 50, 100];
const TURN_DEG = 45;
/** A step of a metre takes some three seconds. */
const STEP_WITHIN_MS = 5000;

/** Steps: their key, their place on the pad, what is sent. */
const PAD = [
  { name: 'turnLeft', key: 'q', command: 'rotate', direction: 'counter_clockwise' },
  { name: 'forward', key: 'w', command: 'move', direction: 'forward', icon: 'up' },
  { name: 'turnRight', key: 'e', command: 'rotate', direction: 'clockwise' },
  { name: 'left', key: 'a', command: 'move', direction: 'left', icon: 'left' },
  { name: 'back', key: 's', command: 'move', direction: 'back', icon: 'down' },
  { name: 'right', key: 'd', command: 'move', direction: 'right', icon: 'right' },
  { name: 'up', key: 'r', command: 'move', direction: 'up' },
  { name: 'down', key: 'f', command: 'move', direction: 'down' },
];

/**
 * Steering by steps: one at a time, each sent when the one before was taken, and none is
 * left over. A page that is hidden or loses the focus sends `stop`. Control of the drone
 * is the gateway's to give; here it opens the pad.
 * @param {{ drone: Drone }} props
 */
function Steps({ drone }) {
  const [isTaken, setTaken] = useState(false);
  const [cm, setCm] = useState(50);
  const takenAt = useRef(0);
  const take = async () => {
    if (!(await control(drone.id, true))) return;
    takenAt.current = nowMs();
    setTaken(true);
  };
  const give = () => {
    setTaken(false);
    letStand();
    control(drone.id, false);
  };
  const isFlying = drone.flight_status === 'flying';
  const steppedAt = useRef(-Infinity);
  const step = (/** @type {typeof PAD[number]} */ { command, direction }) => {
    // Pressed faster than the drone takes them: what is too much is not kept for later.
    if (busy.value.has(`${drone.id}/${command}`)) return;
    steppedAt.current = performance.now();
    fly(drone.id, command, command === 'rotate' ? { direction, angle: TURN_DEG } : { direction, distance: cm });
  };
  /** Ends a step that may be under way: nobody looks any more. */
  const letStand = () => {
    if (performance.now() - steppedAt.current < STEP_WITHIN_MS) fly(drone.id, 'stop', undefined, { isForSafety: true });
    steppedAt.current = -Infinity;
  };
  useEffect(() => {
    if (!isTaken) return undefined;
    const letGo = () => {
      setTaken(false);
      letStand();
    };
    const onHidden = () => document.hidden && letGo();
    const onKey = (/** @type {KeyboardEvent} */ event) => {
      const target = /** @type {HTMLElement} */ (event.target);
      if (
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        event.repeat ||
        /INPUT|SELECT|TEXTAREA/.test(target.tagName)
      )
        return;
      if (event.key === 'Escape') letGo();
      const wanted = PAD.find(({ key }) => key === event.key.toLowerCase());
      if (!wanted) return;
      event.preventDefault();
      step(wanted);
    };
    addEventListener('blur', letGo);
    document.addEventListener('visibilitychange', onHidden);
    document.addEventListener('keydown', onKey);
    return () => {
      removeEventListener('blur', letGo);
      document.removeEventListener('visibilitychange', onHidden);
      document.removeEventListener('keydown', onKey);
    };
  }, [isTaken, cm, drone.id]);
  useEffect(() => letStand, []);
  // Somebody else took it: what is pressed here would be refused.
  const isLost = isTaken && drone.toldAt > takenAt.current + OLD_AFTER_MS / 3 && !isMine(drone);
  useEffect(() => {
    if (isLost) setTaken(false);
  }, [isLost]);
  if (!may('write')) return null;
  return html`<section class="panel" aria-label=${t('steps')}>
    <div class="row between"><h2>${t('steps')}</h2>
      <button type="button" class=${isTaken ? '' : 'primary'} aria-pressed=${isTaken} onClick=${isTaken ? give : take}>${t(isTaken ? 'control.give' : 'control.take')}</button></div>
    ${
      isTaken
        ? html`
      <div class="row" role="group" aria-label=${t('steps.size')}>${STEPS_CM.map((one) => html`<button key=${one} type="button" class="toggle" aria-pressed=${cm === one} onClick=${() => setCm(one)}>${quantity(one, 'cm')}</button>`)}</div>
      <div class="pad">${PAD.map(
        (
          one,
        ) => html`<button key=${one.name} type="button" class=${`pad-${one.name}`} disabled=${!isFlying} aria-keyshortcuts=${one.key}
          aria-busy=${busy.value.has(`${drone.id}/${one.command}`) ? 'true' : undefined} onClick=${() => step(one)}>
          ${'icon' in one || one.command === 'rotate' ? html`<${Icon} name=${one.icon ?? one.name} />` : html`<${Icon} name=${one.name} />`}
          <span>${one.command === 'rotate' ? t(`step.${one.name}`, { n: TURN_DEG }) : t(`step.${one.name}`, { n: cm })}</span><kbd aria-hidden="true">${one.key.toUpperCase()}</kbd></button>`,
      )}</div>
      <p class="quiet">${t(isFlying ? 'steps.says' : 'steps.notFlying')}</p>`
        : html`<p class="quiet">${t('steps.how')}</p>`
    }
  </section>`;
}

/** @param {{ drone: Drone, past: Alert[] }} props */
function Charts({ drone, past }) {
  const [minutes, setMinutes] = useState(SPANS[0]);
  const title = () => t('chart.of', { what: drone.name });
  const work = () => Promise.all(CHARTS.map((metric) => history(drone.id, metric, minutes)));
  const { data, at, again } = useAsked(
    `charts/${drone.id}`,
    title,
    work,
    [drone.id, minutes],
    minutes === 10 ? 5000 : 60_000,
  );
  const now = Date.now() / 1000;
  return html`<section class="panel" aria-label=${t('charts')}>
    <div class="row between"><h2>${t('charts')}</h2><${Age} at=${at} /></div>
    <div class="row" role="group" aria-label=${t('charts.span')}>${SPANS.map((span) => html`<button key=${span} type="button" class="toggle" aria-pressed=${minutes === span} onClick=${() => setMinutes(span)}>${duration(span * 60)}</button>`)}
      <button type="button" class="plain" onClick=${again}>${t('refresh')}</button></div>
    ${
      data
        ? html`<div class="charts">${CHARTS.map(
            (metric, index) => html`<div key=${metric}><h3>${of('metric', metric)}</h3>
      <${Chart} label=${of('metric', metric)} metric=${metric} lines=${[{ label: drone.name, points: data[index] }]} span=${[now - minutes * 60, now]}
        limits=${rules.value.filter((rule) => rule.metric === metric && rule.enabled && (!rule.source || rule.source === drone.id)).map(({ level, threshold }) => ({ level, value: threshold }))}
        marks=${past.filter((alert) => alert.metric === metric || !alert.metric).map(({ level, created_at: created }) => ({ level, at: Date.parse(created) / 1000 }))} /></div>`,
          )}</div>`
        : html`<p class="quiet">${t('loading')}</p>`
    }
  </section>`;
}

/** @param {{ drone: Drone }} props */
function Facts({ drone }) {
  const { data } = useAsked(
    `facts/${drone.id}`,
    () => t('facts'),
    () => ask(`/api/drones/${encodeURIComponent(drone.id)}/type-info`),
    [drone.id],
  );
  const real = drone.real_drone_info ?? {};
  /** @type {[string, any][]} */
  const facts = [
    ['id', drone.id],
    ['kind', t(drone.simulated ? 'fact.simulated' : 'fact.real')],
    ['address', data?.ip_address],
    ['serial', drone.serial_number],
    ['identity', drone.identity && of('identity', drone.identity)],
    ['firmware', real.firmware_version],
    ['hardware', real.hardware_version],
    ['interface', real.interface],
    ['flightTime', drone.flight_time === null ? null : duration(drone.flight_time)],
  ];
  return html`<section class="panel" aria-label=${t('facts')}><h2>${t('facts')}</h2>
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${t(`fact.${name}`)}</dt><dd>${value ?? UNKNOWN}</dd></div>`)}</dl></section>`;
}

export function DronePage() {
  const drone = (drones.value ?? []).find(({ id }) => id === place.value.id);
  const { data } = useAsked(
    `past/${place.value.id}`,
    () => t('alerts.past'),
    () => ask('/api/alerts?limit=500'),
    [place.value.id],
    30_000,
  );
  if (drones.value === null) return html`<p class="empty">${t('loading')}</p>`;
  if (!drone) return html`<p class="empty">${t('drone.gone')} <a href="#/home">${t('nav.home')}</a></p>`;
  const open = (alerts.value ?? []).filter(({ subject }) => subject === drone.id);
  const past = (data?.alerts ?? open).filter((/** @type {Alert} */ { subject }) => subject === drone.id);
  const level = levelOf(drone, open);
  const silentS = silence(drone);
  const isDim = silentS === null || silentS * 1000 > OLD_AFTER_MS;
  const wish = wishes.value.get(drone.id);
  const why = reasonWords(drone.reason);
  return html`<p><a href="#/home">← ${t('nav.home')}</a></p>
    <div class="row between"><h1>${drone.name}</h1><${Level} level=${level} /></div>
    <div class="drone-page">
      <div>
        <section class=${`panel card level-${level ?? 'calm'}`} aria-label=${t('state')}>
          <p class="state"><strong>${stateWord(drone)}</strong>${wish ? html` <span class="wish">${t(`wish.${wish.phase}`, { command: of('command', wish.command) })}</span>` : null}</p>
          ${why ? html`<p class="advice">${why}</p>` : null}
          <div class=${isDim ? 'values dim' : 'values'}>
            <${Battery} drone=${drone} lines=${batteryLines()} />
            <div class="value"><span>${t('value.temperature')}</span><b>${quantity(drone.temperature, '°C')}</b></div>
            <div class="value"><span>${t('value.height')}</span><b>${quantity(drone.height, 'cm')}</b></div>
            <div class="value"><span>${t('value.speed')}</span><b>${quantity(drone.speed, 'cm/s', 0)}</b></div>
          </div>
          <p class=${isDim ? 'heard old' : 'heard'}>${lastWord(drone)}${whoFlies(drone)}</p>
          ${grouped(open).map((group) => html`<p key=${group.key} class=${`reason level-${group.level}`}><a href="#/alerts">${event(group.first)}</a></p>`)}
          <${FlightButtons} drone=${drone} open=${open} />
          ${may('respond') ? html`<${HoldButton} label=${t('emergencyOne')} says=${t('emergencyOne.says', { name: drone.name })} class="emergency" busyKey=${`${drone.id}/emergency`} onHeld=${() => fly(drone.id, 'emergency')} />` : null}
        </section>
        <${Steps} drone=${drone} />
      </div>
      <div><${VideoView} drone=${drone} isLarge /></div>
    </div>
    <${Charts} drone=${drone} past=${past} />
    <${Recordings} drone=${drone.id} />
    <${Facts} drone=${drone} />`;
}
