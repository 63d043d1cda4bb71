// A chart over time by uPlot, which is fetched with the first of them.

import { useEffect, useRef, useState } from '../vendor/hooks.js';
import { clockTime, measured, quantity, shortTime, unitOf } from './format.js';
import { html } from './html.js';
import { aligned, extent } from './series.js';
import { isDark } from './theme.js';
import { language, t } from './words.js';

/** @typedef {import('./series.js').Point} Point */
/** @typedef {{ label: string, points: Point[] }} Line */
/** @typedef {{ level: string, at: number }} Mark */
/** @typedef {{ level: string, value: number | null }} Limit */

const HEIGHT = 220;
/** A shorter time than this is told by the second, in seconds. */
const SHORT_S = 240;
/** Names of the colours of lines, in `styles.css`. */
const LINES = ['--line-1', '--line-2', '--line-3', '--line-4', '--line-5', '--line-6'];

/** @type {Promise<any> | null} */
let loading = null;

/** The library; as a script, since it has no small module. */
function library() {
  loading ??= new Promise((resolve, reject) => {
    const at = (/** @type {string} */ file) => new URL(`../vendor/${file}`, import.meta.url).href;
    const style = document.createElement('link');
    [style.rel, style.href] = ['stylesheet', at('uplot.css')];
    const script = document.createElement('script');
    script.src = at('uplot.js');
    script.onload = () => resolve(/** @type {any} */ (globalThis).uPlot);
    script.onerror = () => {
      loading = null;
      reject(new Error('uplot.js'));
    };
    document.head.append(style, script);
  });
  return loading;
}

const colour = (/** @type {string} */ name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * Draws limits, marks and the moment that is looked at over the lines.
 * @param {Mark[]} marks
 * @param {Limit[]} limits
 * @param {() => number | null} moment
 */
const over = (marks, limits, moment) => (/** @type {any} */ plot) => {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const { level, value } of limits) {
    if (value === null) continue;
    const y = plot.valToPos(value, 'y', true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = colour(`--${level}`);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  for (const { level, at } of marks) {
    const x = plot.valToPos(at, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = colour(`--${level}`);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const r = 5 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x - r, bbox.top);
    ctx.lineTo(x + r, bbox.top);
    ctx.lineTo(x, bbox.top + 2 * r);
    ctx.fill();
  }
  const at = moment();
  if (at !== null) {
    const x = plot.valToPos(at, 'x', true);
    ctx.strokeStyle = colour('--ink');
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
};

/**
 * @param {Line[]} lines
 * @param {string} metric
 * @param {number} width
 * @param {number} height
 * @param {Mark[]} marks
 * @param {Limit[]} limits
 * @param {() => { span: [number, number] | null, at: number | null }} now
 */
function options(lines, metric, width, height, marks, limits, now) {
  const [ink, grid] = [colour('--quiet'), colour('--grid')];
  const font = `14px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: ink, font, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
  const isShare = unitOf(metric) === '%';
  return {
    width,
    height,
    padding: [12, 8, 0, 0],
    cursor: { y: false },
    legend: { show: lines.length > 1 },
    scales: {
      x: {
        range: (/** @type {any} */ _, /** @type {number} */ from, /** @type {number} */ to) => now().span ?? [from, to],
      },
      y: isShare ? { range: [0, 100] } : {},
    },
    axes: [
      {
        ...axis,
        space: 64,
        values: (/** @type {any} */ _, /** @type {number[]} */ splits) => {
          const isShort = splits[splits.length - 1] - splits[0] < SHORT_S;
          return splits.map((at) => (isShort ? clockTime : shortTime)(at * 1000));
        },
      },
      {
        ...axis,
        // (As wide as what stands there: 61.75 °C is longer than 62 °C.)
        size: (/** @type {any} */ _, /** @type {string[] | null} */ shown) =>
          Math.max(56, 18 + 8 * Math.max(0, ...(shown ?? []).map((text) => text.length))),
        values: (/** @type {any} */ _, /** @type {number[]} */ splits) =>
          splits.map((value) => quantity(value, unitOf(metric), 2)),
      },
    ],
    series: [
      {
        label: t('chart.time'),
        value: (/** @type {any} */ _, /** @type {number} */ at) => (at === null ? '–' : shortTime(at * 1000)),
      },
      ...lines.map(({ label }, index) => ({
        label,
        stroke: colour(LINES[index % LINES.length]),
        width: 2,
        dash: index >= LINES.length ? [6, 4] : undefined,
        value: (/** @type {any} */ _, /** @type {number} */ value) => measured(metric, value),
        points: { show: lines[index].points.length < 3 },
      })),
    ],
    hooks: { draw: [over(marks, limits, () => now().at)] },
  };
}

/**
 * @param {{ label: string, lines: Line[], metric: string, marks?: Mark[], limits?: Limit[], span?: [number, number] | null, height?: number, at?: number | null }} props
 * `at`: the moment that is looked at.
 */
export function Chart({ label, lines, metric, marks = [], limits = [], span = null, height = HEIGHT, at = null }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const [isLost, setLost] = useState(false);
  const facts = lines.map((line) => ({ label: line.label, ...extent(line.points) }));
  const isEmpty = lines.every(({ points }) => !points.length);
  const plot = useRef(/** @type {any} */ (null));
  const data = aligned(lines.map(({ points }) => points));
  const now = useRef({ data, span, at });
  now.current = { data, span, at };
  // Drawn anew when it looks different; new points alone are put into what is there.
  const look = JSON.stringify([
    metric,
    lines.map((line) => line.label),
    marks,
    limits,
    isEmpty,
    isDark.value,
    language.value,
  ]);
  useEffect(() => {
    if (isEmpty) return undefined;
    let isGone = false;
    const resize = new ResizeObserver(() =>
      plot.current?.setSize({ width: place.current?.clientWidth ?? 300, height }),
    );
    library().then(
      (uPlot) => {
        if (isGone || !place.current) return;
        const wanted = options(lines, metric, place.current.clientWidth, height, marks, limits, () => now.current);
        plot.current = new uPlot(wanted, now.current.data, place.current);
        resize.observe(place.current);
      },
      () => setLost(true),
    );
    return () => {
      isGone = true;
      resize.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [look]);
  useEffect(() => plot.current?.setData(data), [JSON.stringify(data)]);
  useEffect(() => plot.current?.redraw(false, false), [at]);
  const words = facts.map((fact) =>
    fact.min === undefined
      ? `${fact.label}: ${t('chart.none')}`
      : t('chart.says', {
          label: lines.length > 1 ? `${fact.label}: ` : '',
          min: measured(metric, fact.min),
          max: measured(metric, fact.max),
          mean: measured(metric, fact.mean),
          latest: measured(metric, fact.latest),
        }),
  );
  return html`<figure class="chart">
    ${isEmpty ? html`<p class="empty">${t('chart.none')}</p>` : html`<div ref=${place} role="img" aria-label=${`${label}. ${words.join('. ')}`}></div>`}
    ${isLost ? html`<p class="note bad">${t('chart.lost')}</p>` : null}
    ${isEmpty || at !== null ? null : html`<figcaption>${words.map((text) => html`<span key=${text}>${text}</span>`)}</figcaption>`}
  </figure>`;
}
