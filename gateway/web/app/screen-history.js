// Any recorded series, several side by side, and as a file for a spreadsheet.

import { useState } from '../vendor/hooks.js';
import { subjectName } from './alert-words.js';
import { ask, gatewayNow } from './api.js';
import { Chart } from './chart.js';
import { duration } from './format.js';
import { html } from './html.js';
import { Age, Field, useAsked } from './parts.js';
import { Recordings } from './recordings.js';
import { BOARD_METRICS, csv, DRONE_METRICS, history, save } from './series.js';
import { drones, names } from './state.js';
import { of, t } from './words.js';

const SPANS = [10, 60, 360, 1440];
/** This chart is what the screen is for. */
const HEIGHT = 360;
/** As many as colours tell apart. */
const MOST = 6;

/** Sources that hold a metric. @param {string} metric @param {any} health */
function sourcesOf(metric, health) {
  const sources = [];
  if (DRONE_METRICS.includes(metric)) sources.push(...(drones.value ?? []).map(({ id }) => id));
  const ofBoard = (health?.board?.sensors ?? []).some((/** @type {any} */ sensor) => sensor.metric === metric);
  if (BOARD_METRICS.includes(metric) || ofBoard) sources.push('board');
  for (const bridge of health?.bridges ?? [])
    for (const sensor of bridge.sensors) if (sensor.metric === metric) sources.push(sensor.source);
  return sources;
}

/** Every metric that something here records. @param {any} health */
function metricsOf(health) {
  const sensors = [
    ...(health?.board?.sensors ?? []),
    ...(health?.bridges ?? []).flatMap((/** @type {any} */ bridge) => bridge.sensors),
  ];
  return [
    ...new Set([
      ...(drones.value?.length ? DRONE_METRICS : []),
      ...BOARD_METRICS,
      ...sensors.map(({ metric }) => metric).filter(Boolean),
    ]),
  ];
}

export function History() {
  const [metric, setMetric] = useState(drones.value?.length === 0 ? 'cpu_usage' : 'battery_level');
  const [minutes, setMinutes] = useState(60);
  const [left, setLeft] = useState(/** @type {string[]} */ ([]));
  const health = useAsked(
    'sources',
    () => t('nav.history'),
    () => ask('/api/health/detailed'),
    [],
  );
  const sources = sourcesOf(metric, health.data);
  const chosen = sources.filter((source) => !left.includes(source)).slice(0, MOST);
  const mark = `${metric}/${minutes}/${chosen.join()}`;
  const work = async () => ({
    mark,
    lines: await Promise.all(
      chosen.map(async (source) => ({
        label: subjectName(source, names.value),
        points: await history(source, metric, minutes),
      })),
    ),
  });
  const everyMs = minutes === 10 ? 5000 : 60_000;
  const { data, at, again } = useAsked('history', () => t('nav.history'), work, [mark], everyMs);
  const now = gatewayNow() / 1000;
  const toggle = (/** @type {string} */ source) =>
    setLeft(left.includes(source) ? left.filter((one) => one !== source) : [...left, source]);
  const write = () =>
    save(
      `${metric}-${new Date().toISOString().slice(0, 16).replace(/[:T]/g, '-')}.csv`,
      new Blob([csv(data.lines)], { type: 'text/csv;charset=utf-8' }),
    );
  return html`<div class="row between"><h1>${t('nav.history')}</h1><${Age} at=${at} everyMs=${everyMs} /></div>
    <div class="row form">
      <${Field} label=${t('history.metric')}><select value=${metric} onChange=${(/** @type {any} */ event) => {
        setMetric(event.target.value);
        setLeft([]);
      }}>
        ${metricsOf(health.data).map((name) => html`<option key=${name} value=${name}>${of('metric', name)}</option>`)}</select><//>
      <div class="row" role="group" aria-label=${t('charts.span')}>${SPANS.map((span) => html`<button key=${span} type="button" class="toggle" aria-pressed=${minutes === span} onClick=${() => setMinutes(span)}>${duration(span * 60)}</button>`)}</div>
    </div>
    <div class="row" role="group" aria-label=${t('history.sources')}>${sources.map((source) => html`<button key=${source} type="button" class="toggle" aria-pressed=${chosen.includes(source)} onClick=${() => toggle(source)}>${subjectName(source, names.value)}</button>`)}</div>
    ${sources.length > MOST ? html`<p class="quiet">${t('history.most', { n: MOST })}</p>` : null}
    ${data?.mark === mark ? html`<${Chart} height=${HEIGHT} label=${of('metric', metric)} metric=${metric} lines=${data.lines} span=${[now - minutes * 60, now]} />` : html`<p class="quiet">${t('loading')}</p>`}
    <div class="row"><button type="button" class="primary" disabled=${data?.mark !== mark || !data.lines.some((/** @type {any} */ line) => line.points.length)} onClick=${write}>${t('history.csv')}</button>
      <button type="button" onClick=${again}>${t('refresh')}</button></div>
    <p class="quiet">${t('history.says')}</p>
    <${Recordings} />`;
}
