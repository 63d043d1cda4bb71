// A recorded flight, read from its JSON Lines: series to draw, and what happened when.

/** @typedef {import('./series.js').Point} Point */
/**
 * What happened: an alert, a command with what came of it, a link that came or went.
 * @typedef {{ at: number, kind: 'alert', alert: any }
 *   | { at: number, kind: 'command', id: string, command: string, who: string | null, state: string, why: string | null, isGuard: boolean }
 *   | { at: number, kind: 'link', state: string }} Happening
 * `at`: seconds since 1970.
 * @typedef {{ from: number, to: number, series: Record<string, Point[]>, happened: Happening[], isDamaged: boolean }} Flight
 */

/** Series of a flight, and the member of a state datagram that each is. @type {[string, string][]} */
const SERIES = [
  ['height', 'h'],
  ['battery_level', 'bat'],
  ['drone_temperature', 'temph'],
];

/** Metrics that a flight is drawn by. */
export const FLIGHT_METRICS = SERIES.map(([metric]) => metric);

/** A state datagram's numbers by name: `h:10;bat:87;`. @param {string} datagram */
function numbersOf(datagram) {
  /** @type {Map<string, number>} */
  const numbers = new Map();
  for (const part of datagram.split(';')) {
    const [name, value] = part.split(':');
    if (value !== undefined && value !== '' && Number.isFinite(Number(value))) numbers.set(name.trim(), Number(value));
  }
  return numbers;
}

/**
 * @param {string} text JSON Lines of `/api/recordings/{id}/download`
 * @returns {Flight}
 */
export function flightOf(text) {
  /** @type {Flight} */
  const flight = { from: 0, to: 0, series: {}, happened: [], isDamaged: false };
  for (const metric of FLIGHT_METRICS) flight.series[metric] = [];
  /** @type {Map<string, Extract<Happening, { kind: 'command' }>>} */
  const commands = new Map();
  for (const line of text.split('\n')) {
    if (!line) continue;
    const record = JSON.parse(line);
    if (record.kind === 'opening') flight.from = Date.parse(record.opening.started) / 1000;
    const at = flight.from + (record.at_s ?? 0);
    flight.to = Math.max(flight.to, at);
    if (record.kind === 'state' && record.datagram) {
      const numbers = numbersOf(record.datagram);
      for (const [metric, name] of SERIES) {
        const value = numbers.get(name);
        if (value !== undefined) flight.series[metric].push([at, value]);
      }
    } else if (record.kind === 'alert' && record.alert?.event === 'raised') {
      flight.happened.push({ at, kind: 'alert', alert: record.alert });
    } else if (record.kind === 'link' && record.link) {
      flight.happened.push({ at, kind: 'link', state: record.link.state });
    } else if (record.kind === 'event') happened(record.event, at, flight, commands);
    else if (record.kind === 'damage') flight.isDamaged = true;
  }
  return flight;
}

/**
 * The steps of a command are one happening: when it was given, and how it ended.
 * @param {any} event @param {number} at @param {Flight} flight
 * @param {Map<string, Extract<Happening, { kind: 'command' }>>} commands
 */
function happened(event, at, flight, commands) {
  if (event?.kind !== 'command' && event?.kind !== 'guard') return;
  const { command_id: id, command, state } = event.values;
  const known = commands.get(id);
  if (known) {
    [known.state, known.why] = [state, event.why ?? known.why];
    return;
  }
  const { who = null, why = null } = event;
  const made = /** @type {const} */ ({ at, kind: 'command', id, command, who, state, why });
  const one = { ...made, isGuard: event.kind === 'guard' };
  commands.set(id, one);
  flight.happened.push(one);
}

/** The last value at that time or before it. @param {Point[]} points @param {number} at */
export function valueAt(points, at) {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= at) low = middle + 1;
    else high = middle;
  }
  return low ? points[low - 1][1] : null;
}
