// The dashboard: asks the gateway every five seconds, and listens on the
// WebSocket so that alerts show at once. Everything shown is set as text,
// never as markup: messages and names come from outside.

import { chart } from '/static/chart.js';
import { say, speak } from '/static/texts.js';
import { camera } from '/static/video.js';

const POLL_MS = 5000;
const HISTORY_MS = 60000;
const RETRY_MS = 10000;

const $ = (id) => document.getElementById(id);
let key = sessionStorage.getItem('api-key') ?? '';
let socket = null;
let shown = {};

/** An element with text, classes and children. */
function element(tag, { text, className, attributes = {} } = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

async function ask(path, method = 'GET') {
  const answer = await fetch(path, { method, headers: { 'X-API-Key': key }, cache: 'no-store' });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(body.message ?? `${answer.status}`), { status: answer.status });
  return body;
}

/** A file that needs the key. */
async function fetchFile(path) {
  const answer = await fetch(path, { headers: { 'X-API-Key': key } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.blob();
}

const video = camera(ask, fetchFile);

function problem(text) {
  $('problem').hidden = !text;
  if ($('problem').textContent !== text) $('problem').textContent = text;
}

function link(state, text) {
  $('link').dataset.state = state;
  $('link').textContent = say(text);
}

const grade = (value, warn, bad) => (value === null ? undefined : value >= bad ? 'bad' : value >= warn ? 'warn' : 'good');
const figure = (value, unit) => (value === null || value === undefined ? '–' : `${value}${unit}`);
const time = (text) => new Date(text).toLocaleTimeString(document.documentElement.lang);

function duration(seconds) {
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  return days ? `${days} d ${hours} h` : hours ? `${hours} h ${minutes} min` : `${minutes} min`;
}

function tile(name, value, className) {
  return element('div', {}, element('dt', { text: say(name) }), element('dd', { text: value, className }));
}

function showSystem(system) {
  const heat = system.temperature === null ? undefined : grade(system.temperature, 80, 90);
  const state = { healthy: 'good', degraded: 'warn' }[system.status] ?? 'bad';
  $('system').replaceChildren(
    tile('status', say(system.status), state),
    tile('active', system.active_alerts, system.active_alerts ? 'bad' : 'good'),
    tile('connected', system.connected_drones),
    tile('temperature', figure(system.temperature, ' °C'), heat),
    tile('cpu', figure(system.cpu_usage, ' %'), grade(system.cpu_usage, 85, 95)),
    tile('memory', figure(system.memory_usage, ' %'), grade(system.memory_usage, 85, 95)),
    tile('disk', figure(system.disk_usage, ' %'), grade(system.disk_usage, 90, 95)),
    tile('uptime', duration(system.uptime)),
  );
}

function droneCard(drone) {
  const battery = drone.battery_level;
  const charge = battery === null ? undefined : battery < 10 ? 'bad' : battery < 20 ? 'warn' : 'good';
  const state = drone.status === 'error' ? 'bad' : drone.connection_status === 'connected' ? charge ?? 'good' : '';
  const title = drone.simulated ? `${drone.name} (${say('simulated')})` : drone.name;
  const heat = drone.temperature === null ? undefined : grade(drone.temperature, 85, 92);
  return element('li', { className: state },
    element('h3', { text: title }),
    element('p', { className: 'quiet', text: [say(drone.status), drone.reason].filter(Boolean).join(': ') }),
    element('dl', { className: 'tiles' },
      tile('battery', figure(battery, ' %'), charge),
      tile('temperature', figure(drone.temperature, ' °C'), heat),
      tile('height', figure(drone.height, ' cm'))),
    element('p', { className: 'quiet', text: `${say('lastSeen')}: ${time(drone.lastSeen)}` }));
}

function showDrones(drones) {
  const cards = drones.map(droneCard);
  $('drones').replaceChildren(...(cards.length ? cards : [element('li', { text: say('noDrones') })]));
}

function action(alert, name, title) {
  const button = element('button', { text: say(name), attributes: { type: 'button', 'aria-label': `${say(name)}: ${title}` } });
  button.addEventListener('click', async () => {
    button.disabled = true;
    await ask(`/api/alerts/${encodeURIComponent(alert.id)}/${name}`, 'POST').catch((error) => problem(error.message));
    await poll();
    $('alerts').focus();
  });
  return button;
}

function alertCard(alert) {
  const title = `${alert.title} · ${alert.subject}`;
  const className = { danger: 'bad', warning: 'warn' }[alert.severity] ?? 'good';
  const row = element('div', { className: 'row' });
  if (!alert.acknowledged) row.append(action(alert, 'acknowledge', title));
  row.append(action(alert, 'resolve', title));
  const state = [say(alert.level), time(alert.created_at), alert.acknowledged && say('acknowledged')];
  return element('li', { className },
    element('h3', { text: title }),
    element('p', { text: alert.message }),
    element('p', { className: 'quiet', text: state.filter(Boolean).join(' · ') }),
    row);
}

function showAlerts({ alerts }) {
  // Rebuilt only when something changed: a button must not vanish under a finger.
  const mark = document.documentElement.lang + JSON.stringify(alerts);
  if (mark === shown.alerts) return;
  shown.alerts = mark;
  $('alert-count').textContent = alerts.length ? say('openAlerts', alerts.length) : say('noAlerts');
  $('alert-list').replaceChildren(...alerts.map(alertCard));
}

function showHistory(history) {
  if (history.timestamps.length < 2) {
    $('history').replaceChildren(element('p', { className: 'quiet', text: say('noHistory') }));
    return;
  }
  $('history').replaceChildren(chart(say('chart'), history.timestamps, [
    { className: 'cpu', label: say('cpu'), values: history.cpu_usage },
    { className: 'memory', label: say('memory'), values: history.memory_usage },
  ]));
}

async function poll() {
  if (!key) {
    problem(say('needKey'));
    link('off', 'off');
    return;
  }
  try {
    const paths = ['/api/dashboard/system', '/api/dashboard/drones', '/api/alerts?unresolved_only=true&limit=100'];
    const [system, drones, alerts] = await Promise.all(paths.map((path) => ask(path)));
    showSystem(system);
    showDrones(drones);
    video.drones(drones);
    showAlerts(alerts);
    problem('');
    if (socket?.readyState !== WebSocket.OPEN) link('on', 'polling');
  } catch (error) {
    problem(error.status ? error.message : say('unreachable'));
    link('failed', error.status ? 'off' : 'unreachable');
  }
}

async function pollHistory() {
  if (key) await ask('/api/dashboard/metrics/history?duration=60').then(showHistory, () => {});
}

/** Opens the WebSocket with a one-time ticket; polling goes on without it. */
async function listen() {
  if (!key || (socket && socket.readyState <= WebSocket.OPEN)) return;
  const ticket = await ask('/api/ws-ticket', 'POST').catch(() => null);
  if (!ticket) return;
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  socket = new WebSocket(`${scheme}://${location.host}/ws?ticket=${encodeURIComponent(ticket.ticket)}`);
  socket.addEventListener('open', () => link('on', 'live'));
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === 'system_status') showSystem(message.status);
    if (message.type === 'alert') poll();
  });
}

function start() {
  shown = {};
  poll();
  pollHistory();
  listen();
}

$('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  key = $('key').value.trim();
  $('key').value = '';
  sessionStorage.setItem('api-key', key);
  socket?.close();
  video.close();
  start();
});

$('forget').addEventListener('click', () => {
  key = '';
  sessionStorage.removeItem('api-key');
  socket?.close();
  video.close();
  for (const id of ['system', 'drones', 'alert-list', 'history']) $(id).replaceChildren();
  poll();
});

$('language').addEventListener('change', ({ target }) => {
  localStorage.setItem('language', target.value);
  speak(target.value);
  start();
});

const language = localStorage.getItem('language') ?? (navigator.language.startsWith('ja') ? 'ja' : 'en');
$('language').value = language;
speak(language);
start();
setInterval(poll, POLL_MS);
setInterval(pollHistory, HISTORY_MS);
setInterval(listen, RETRY_MS);
