// Numbers, times and ages for people, in the reader's locale.

import { locale, t } from './words.js';

/** Units by metric; what is not listed is a plain number. */
/** @type {Record<string, string>} */
const UNITS = {
  cpu_usage: '%',
  memory_usage: '%',
  disk_usage: '%',
  battery_level: '%',
  humidity: '%',
  storage_wear: '%',
  temperature: '°C',
  drone_temperature: '°C',
  drone_temperature_low: '°C',
  bridge_temperature: '°C',
  height: 'cm',
  floor_distance: 'cm',
  barometric_altitude: 'm',
  flight_time: 's',
  state_age: 's',
  time_to_empty: 's',
  speed: 'cm/s',
  voltage: 'V',
  current: 'A',
  power: 'W',
  wifi_signal: 'dBm',
  cpu_frequency: 'MHz',
  cpu_frequency_cap: 'MHz',
  fan_speed: 'rpm',
};

/** Metrics that are 0 or 1. */
export const FLAGS = [
  'undervoltage',
  'throttled',
  'clock_synchronised',
  'emergency_stop',
  'on_battery',
  'external_power',
  'wifi_link',
  'sensor_alarm',
];

/** @param {string | null | undefined} metric */
export const unitOf = (metric) => UNITS[metric ?? ''] ?? '';

/** Shown where a value is not known. */
export const UNKNOWN = '–';

/**
 * @param {number | null | undefined} value
 * @param {number} [digits] most digits after the point
 */
export function number(value, digits = 1) {
  if (value === null || value === undefined || Number.isNaN(value)) return UNKNOWN;
  const how = locale.value + digits;
  const made = FORMATS.get(how) ?? new Intl.NumberFormat(locale.value, { maximumFractionDigits: digits });
  FORMATS.set(how, made);
  return made.format(value);
}

/** Made once: making one takes longer than all that is done with it. @type {Map<string, Intl.NumberFormat>} */
const FORMATS = new Map();

/**
 * A value with its unit and the space that keeps both on one line.
 * @param {number | null | undefined} value
 * @param {string} unit
 * @param {number} [digits]
 */
export function quantity(value, unit, digits = 1) {
  const shown = number(value, digits);
  if (unit === 's' && shown !== UNKNOWN) return t('age.s', { n: shown });
  return shown === UNKNOWN || !unit ? shown : `${shown}\u00a0${unit}`;
}

/**
 * A value of a metric as the page says it.
 * @param {string | null | undefined} metric
 * @param {number | null | undefined} value
 */
export function measured(metric, value) {
  if (metric && FLAGS.includes(metric) && value !== null && value !== undefined) return t(value ? 'yes' : 'no');
  return quantity(value, unitOf(metric));
}

/**
 * How long, in the largest unit that is not nought.
 * @param {number} seconds
 */
export function age(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return t('age.s', { n: s });
  if (s < 3600) return t('age.min', { n: Math.floor(s / 60) });
  if (s < 86_400) return t('age.h', { n: Math.floor(s / 3600) });
  return t('age.d', { n: Math.floor(s / 86_400) });
}

/**
 * A longer time in two units.
 * @param {number | null | undefined} seconds
 */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return UNKNOWN;
  const s = Math.round(seconds);
  const [days, hours, minutes] = [Math.floor(s / 86_400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (s < 3600 || (!days && !minutes) || (days && !hours)) return age(s);
  return days ? t('age.dh', { d: days, h: hours }) : t('age.hmin', { h: hours, min: minutes });
}

/** @param {string | number | Date} at @param {Intl.DateTimeFormatOptions} how */
const time = (at, how) => new Intl.DateTimeFormat(locale.value, how).format(new Date(at));

/** @param {string | number | Date} at */
export function clockTime(at) {
  return time(at, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}

/** @param {string | number | Date} at */
export function shortTime(at) {
  return time(at, { hour: '2-digit', minute: '2-digit' });
}

/** @param {string | number | Date | null | undefined} at */
export function dateTime(at) {
  return at === null || at === undefined ? UNKNOWN : time(at, { dateStyle: 'medium', timeStyle: 'short' });
}

/** The time alone for today, else with the date. @param {string | number | Date} at */
export function when(at) {
  const date = new Date(at);
  return date.toDateString() === new Date().toDateString() ? clockTime(date) : dateTime(date);
}
