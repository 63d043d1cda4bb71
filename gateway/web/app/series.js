// Recorded series: asking for them, putting them side by side, writing them down.

import { ask, gatewayNow } from './api.js';

/** @typedef {[number, number]} Point seconds since 1970, and the value */

/** What a drone's history holds, in the order of interest. */
export const DRONE_METRICS = [
  'battery_level',
  'drone_temperature',
  'height',
  'speed',
  'state_rate',
  'drone_temperature_low',
  'floor_distance',
  'barometric_altitude',
  'flight_time',
  'state_age',
];
/** What the board's holds. */
export const BOARD_METRICS = ['cpu_usage', 'memory_usage', 'disk_usage', 'temperature'];

/**
 * @param {string} source `board`, the id of a drone, or `bridge/name/sensor`
 * @param {string} metric
 * @param {number} minutes
 * @returns {Promise<Point[]>}
 */
export async function history(source, metric, minutes) {
  const query = new URLSearchParams({ metric_name: metric, source, duration_minutes: String(minutes) });
  const { metrics } = await ask(`/api/performance/metrics?${query}`);
  const from = gatewayNow() / 1000 - minutes * 60;
  return metrics
    .map((/** @type {any} */ one) => [one.timestamp, one.value])
    .filter((/** @type {Point} */ [at]) => at >= from - 120);
}

/**
 * Series on one axis of time: the times, then the values of each, null where it has none.
 * A step in which nothing was recorded breaks the line: what was not known is not drawn.
 * @param {Point[][]} lines
 * @returns {(number | null)[][]}
 */
export function aligned(lines) {
  const times = [...new Set(lines.flatMap((points) => points.map(([at]) => at)))].sort((a, b) => a - b);
  const steps = times.slice(1).map((at, index) => at - times[index]);
  const usual = steps.length ? [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] : 1;
  /** @type {number[]} */
  const axis = [];
  times.forEach((at, index) => {
    if (index && at - times[index - 1] > 3 * usual) axis.push(times[index - 1] + usual);
    axis.push(at);
  });
  return [
    axis,
    ...lines.map((points) => {
      const values = new Map(points);
      return axis.map((at) => values.get(at) ?? null);
    }),
  ];
}

/**
 * Least, mean, greatest and newest value.
 * @param {Point[]} points
 */
export function extent(points) {
  if (!points.length) return null;
  const values = points.map(([, value]) => value);
  return {
    min: Math.min(...values),
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    max: Math.max(...values),
    latest: values[values.length - 1],
  };
}

/** A cell that spreadsheets take as text, never as a formula. @param {string} text */
function cell(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * As a spreadsheet reads it: UTF-8 with its mark, a column a series, times in UTC.
 * @param {{ label: string, points: Point[] }[]} lines
 */
export function csv(lines) {
  const [times, ...columns] = aligned(lines.map(({ points }) => points));
  const head = ['time', ...lines.map(({ label }) => cell(label))].join(',');
  const rows = times.map((at, index) =>
    [new Date(Number(at) * 1000).toISOString(), ...columns.map((values) => values[index] ?? '')].join(','),
  );
  return `\ufeff${[head, ...rows.filter((row) => !/,+$/.test(row) || lines.length > 1)].join('\r\n')}\r\n`;
}

/** Saves a file of this page. @param {string} name @param {Blob} blob */
export function save(name, blob) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
