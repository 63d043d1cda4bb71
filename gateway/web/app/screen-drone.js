// One drone: what it sees, how it is, how it was.

import { useState } from '../vendor/hooks.js';
import { event } from './alert-words.js';
import { ask, gatewayNow } from './api.js';
import { Chart } from './chart.js';
import { Battery, batteryLines, lastWord, reasonWords, stateWord, whoFlies } from './drone-parts.js';
import { fly, wishes } from './flight.js';
import { duration, quantity, UNKNOWN } from './format.js';
import { html } from './html.js';
import { Join } from './join.js';
import { grouped, levelOf } from './order.js';
import { Age, HoldButton, Level, useAsked } from './parts.js';
import { Pilot } from './pilot.js';
import { PlanPanel } from './plans.js';
import { Recordings } from './recordings.js';
import { place } from './router.js';
import { FlightButtons } from './screen-home.js';
import { history } from './series.js';
import { alerts, drones, may, OLD_AFTER_MS, rules, silence } from './state.js';
import { VideoView } from './video.js';
import { of, t } from './words.js';

/** @typedef {import('./state.js').Drone} Drone */
/** @typedef {import('./state.js').Alert} Alert */

/** Minutes that charts may show. */
const SPANS = [10, 60, 1440];
const CHARTS = ['battery_level', 'drone_temperature', 'height', 'state_rate'];

/** @param {{ drone: Drone, past: Alert[] }} props */
function Charts({ drone, past }) {
  const [minutes, setMinutes] = useState(SPANS[0]);
  const title = () => t('chart.of', { what: drone.name });
  const work = () => Promise.all(CHARTS.map((metric) => history(drone.id, metric, minutes)));
  const everyMs = minutes === 10 ? 5000 : 60_000;
  const { data, at, again } = useAsked(`charts/${drone.id}`, title, work, [drone.id, minutes], everyMs);
  const now = gatewayNow() / 1000;
  return html`<section class="panel" aria-label=${t('charts')}>
    <div class="row between"><h2>${t('charts')}</h2><${Age} at=${at} everyMs=${everyMs} /></div>
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
    <div class="row between"><h1>${drone.name}</h1><${Level} level=${level} isDim=${isDim} /></div>
    <div class="drone-page">
      <div>
        <section class=${`panel card level-${level ?? (isDim ? 'old' : 'calm')}`} aria-label=${t('state')}>
          <p class=${isDim ? 'state dim' : 'state'}><strong>${stateWord(drone)}</strong>${wish ? html` <span class="wish">${t(`wish.${wish.phase}`, { command: of('command', wish.command) })}</span>` : null}</p>
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
        <${PlanPanel} drone=${drone} />
        <${Pilot} drone=${drone} />
      </div>
      <div><${VideoView} drone=${drone} isLarge /></div>
    </div>
    <${Charts} drone=${drone} past=${past} />
    <${Recordings} drone=${drone.id} />
    <${Facts} drone=${drone} />
    <${Join} drone=${drone} />`;
}
