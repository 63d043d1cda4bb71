// The board that the gateway runs on, what is plugged into it, and its updates.

import { useRef, useState } from '../vendor/hooks.js';
import { act, say } from './acts.js';
import { ask, credentials, Failure } from './api.js';
import { duration, measured, number, quantity, UNKNOWN } from './format.js';
import { html } from './html.js';
import { isFlying } from './order.js';
import { Age, Level, useAsked } from './parts.js';
import { drones, isLive, isOld, may } from './state.js';
import { has, of, t } from './words.js';

const EVERY_MS = 3000;

/** States of an update that takes no other. */
const UPDATING = ['uploading', 'waiting', 'verifying', 'installing', 'rebooting', 'trying'];

/** What the gateway calls a health, as a level of ours. @type {Record<string, string | null>} */
const LEVEL_OF = { healthy: null, warning: 'warning', degraded: 'warning', critical: 'critical' };

/** @param {{ label: string, value: any, share?: number | null }} props */
function Tile({ label, value, share }) {
  return html`<div class="value"><span>${label}</span><b>${value}</b>
    ${share === undefined || share === null ? null : html`<svg class="charge" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="shell" width="100" height="8" /><rect class="fill" width=${share} height="8" /></svg>`}</div>`;
}

/** A sensor in words: what it measures where the page knows it, else as the board names it. @param {any} sensor */
const sensorName = (sensor) =>
  sensor.metric
    ? of('metric', sensor.metric)
    : has('role', sensor.role ?? '')
      ? of('role', sensor.role)
      : (sensor.label ?? sensor.name);

/** @param {{ sensors: any[] }} props */
function Sensors({ sensors }) {
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${t('board.sensors')}><table><thead><tr><th>${t('board.sensor')}</th><th>${t('board.value')}</th><th>${t('board.state')}</th></tr></thead>
    <tbody>${sensors.map(
      (
        sensor,
      ) => html`<tr key=${sensor.name} class=${sensor.state === 'fresh' ? '' : 'dim'}><td>${sensorName(sensor)}<br /><small class="quiet">${sensor.source ?? sensor.name}</small></td>
      <td class="figure">${sensor.value === null ? UNKNOWN : sensor.role === 'uptime' ? duration(sensor.value) : sensor.metric ? measured(sensor.metric, sensor.value) : quantity(sensor.value, sensor.unit, 2)}${sensor.estimated ? html` <small>${t('board.estimated')}</small>` : null}</td>
      <td>${of('sensor', sensor.state)}</td></tr>`,
    )}</tbody></table></div>`;
}

/** @param {{ bridges: any[] }} props */
function BridgeList({ bridges }) {
  if (!bridges.length) return html`<p class="quiet">${t('bridge.none')}</p>`;
  return bridges.map(
    (bridge) => html`<div key=${bridge.name} class="sub">
    <div class="row between"><h3>${bridge.name}</h3><span class=${`chip level-${bridge.state === 'lost' ? 'error' : bridge.state === 'live' ? 'calm' : 'warning'}`}>${of('bridgeState', bridge.state)}</span></div>
    <dl class="facts"><div><dt>${t('bridge.stop')}</dt><dd class=${bridge.emergency_stop ? 'bad' : ''}>${bridge.emergency_stop === null ? UNKNOWN : t(bridge.emergency_stop ? 'bridge.pressed' : 'bridge.released')}</dd></div>
      <div><dt>${t('bridge.port')}</dt><dd>${bridge.selector}</dd></div><div><dt>${t('fact.firmware')}</dt><dd>${bridge.firmware ?? UNKNOWN}</dd></div>
      <div><dt>${t('bridge.lamp')}</dt><dd>${bridge.indicator ? of('lamp', bridge.indicator) : UNKNOWN}</dd></div></dl>
    <${Sensors} sensors=${bridge.sensors} /></div>`,
  );
}

/** Sends a bundle; with progress, which `fetch` does not tell. @param {File} file @param {(percent: number) => void} onProgress @param {{ current: XMLHttpRequest | null }} handle */
function upload(file, onProgress, handle) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    handle.current = request;
    request.open('POST', '/api/system/update');
    if (credentials.key) request.setRequestHeader('X-API-Key', credentials.key);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = ({ loaded, total }) => onProgress(Math.round((loaded / total) * 100));
    request.onload = () => {
      if (request.status < 300) return resolve(undefined);
      let told = {};
      try {
        told = JSON.parse(request.responseText);
      } catch {
        // Not of the gateway: the status says enough.
      }
      return reject(
        new Failure('refused', {
          status: request.status,
          code: /** @type {any} */ (told).error_code,
          message: /** @type {any} */ (told).message,
        }),
      );
    };
    request.onerror = () => reject(new Failure('offline'));
    request.onabort = () => reject(new Failure('refused', { status: 409, code: 'UPDATE_CANCELLED' }));
    request.send(file);
  });
}

function Update() {
  const { data, again } = useAsked(
    'update',
    () => t('update'),
    () =>
      ask('/api/system/update').catch((error) => {
        if (error instanceof Failure && (error.status === 501 || error.status === 403)) return { none: error.status };
        throw error;
      }),
    [],
    EVERY_MS,
  );
  const [percent, setPercent] = useState(/** @type {number | null} */ (null));
  const handle = useRef(/** @type {XMLHttpRequest | null} */ (null));
  if (!data) return html`<p class="quiet">${t('loading')}</p>`;
  if (data.none) return html`<p class="quiet">${t(data.none === 501 ? 'update.none' : 'failure.refused')}</p>`;
  const inAir = (drones.value ?? []).filter(isFlying);
  const choose = async (/** @type {any} */ event) => {
    const file = event.target.files?.[0];
    event.target.value = '';
    if (!file) return;
    setPercent(0);
    const isDone = await act(
      'upload',
      () => t('update.upload'),
      () => upload(file, setPercent, handle),
    );
    setPercent(null);
    if (isDone) say(t('update.sent'));
    again();
  };
  const progress = percent ?? data.progress_percent;
  return html`<p><strong>${of('updateState', data.state)}</strong>${data.update_version ? ` · ${data.update_version}` : ''}</p>
    ${progress === null || progress === undefined ? null : html`<progress max="100" value=${progress} aria-label=${t('update')}></progress> ${quantity(progress, '%', 0)}`}
    <dl class="facts"><div><dt>${t('update.running')}</dt><dd>${data.running.slot}: ${data.running.version ?? UNKNOWN}</dd></div><div><dt>${t('update.other')}</dt><dd>${data.other.slot}: ${data.other.version ?? UNKNOWN}</dd></div></dl>
    ${percent === null && UPDATING.includes(data.state) ? null : percent === null ? html`<label class=${inAir.length ? 'button disabled' : 'button'}>${t('update.choose')}<input type="file" class="hidden" disabled=${inAir.length > 0} onChange=${choose} /></label>` : html`<button type="button" onClick=${() => handle.current?.abort()}>${t('cancel')}</button>`}
    <p class="quiet">${t(inAir.length ? 'refusal.updateInAir' : 'update.says')}</p>`;
}

export function Board() {
  const { data, at } = useAsked(
    'board',
    () => t('nav.board'),
    () => ask('/api/health/detailed'),
    [],
    EVERY_MS,
  );
  const host = useAsked(
    'host',
    () => t('nav.board'),
    () => ask('/api/dashboard/performance'),
    [],
    EVERY_MS,
  );
  if (!data) return html`<h1>${t('nav.board')}</h1><p class="quiet">${t('loading')}</p>`;
  // (What was not heard lately is no state of now.)
  const isDim = !isLive.value || isOld(at, EVERY_MS);
  const panel = isDim ? 'panel dim' : 'panel';
  const { cpu, memory, disk, network } = data.system_performance;
  const sensors = data.board?.sensors ?? [];
  const clock = sensors.find((/** @type {any} */ { metric }) => metric === 'clock_synchronised');
  const heat = sensors
    .filter((/** @type {any} */ { metric, value }) => metric === 'temperature' && value !== null)
    .map((/** @type {any} */ { value }) => value);
  return html`<div class="row between"><h1>${t('nav.board')}</h1><${Age} at=${at} everyMs=${EVERY_MS} /></div>
    <section class=${panel} aria-label=${t('board.health')}><div class="row between"><h2>${data.board?.name ?? t('subject.board')}</h2><${Level} level=${LEVEL_OF[data.health_status] ?? null} isDim=${isDim} /></div>
      <div class="values wide">
        <${Tile} label=${of('metric', 'cpu_usage')} value=${quantity(cpu.usage_percent, '%')} share=${cpu.usage_percent} />
        <${Tile} label=${of('metric', 'memory_usage')} value=${quantity(memory.usage_percent, '%')} share=${memory.usage_percent} />
        <${Tile} label=${of('metric', 'disk_usage')} value=${quantity(disk.usage_percent, '%')} share=${disk.usage_percent} />
        <${Tile} label=${of('metric', 'temperature')} value=${quantity(heat.length ? Math.max(...heat) : null, '°C')} />
        <${Tile} label=${t('board.free')} value=${quantity(disk.free_gb, 'GB')} />
        <${Tile} label=${t('board.uptime')} value=${duration(data.system_performance.uptime_seconds)} />
        <${Tile} label=${t('board.clock')} value=${clock?.value === undefined || clock.value === null ? UNKNOWN : t(clock.value ? 'clock.set' : 'clock.unset')} />
        <${Tile} label=${t('board.hostUptime')} value=${duration(host.data?.host_uptime_seconds)} />
      </div></section>
    <section class=${panel} aria-label=${t('board.network')}><h2>${t('board.network')}</h2><dl class="facts">
      <div><dt>${t('network.received')}</dt><dd>${quantity(network.bytes_recv_mb, 'MB')} · ${t('network.packets', { n: number(network.packets_recv) })}</dd></div>
      <div><dt>${t('network.sent')}</dt><dd>${quantity(network.bytes_sent_mb, 'MB')} · ${t('network.packets', { n: number(network.packets_sent) })}</dd></div></dl></section>
    <section class=${panel} aria-label=${t('board.sensors')}><h2>${t('board.sensors')}</h2>${sensors.length ? html`<${Sensors} sensors=${sensors} />` : html`<p class="quiet">${t('board.noSensors')}</p>`}</section>
    <section class=${panel} aria-label=${t('bridge')}><h2>${t('bridge')}</h2><${BridgeList} bridges=${data.bridges} /></section>
    ${may('admin') ? html`<section class="panel" aria-label=${t('update')}><h2>${t('update')}</h2><${Update} /></section>` : null}`;
}
