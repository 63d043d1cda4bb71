// The live data: one WebSocket, and questions beside it for what it does not tell. It
// comes back by itself after anything: a restart, a cut network, a phone that slept.

import { ask, credentials, Failure, post, send, whenDenied } from './api.js';
import { forget } from './session.js';
import {
  alerts,
  alertsAt,
  clock,
  drones,
  flyer,
  heardAt,
  nowMs,
  OLD_AFTER_MS,
  PERIOD_MS,
  pilots,
  plans,
  rules,
  session,
  system,
  systemAt,
} from './state.js';

/** @typedef {import('./state.js').Drone} Drone */

/** Alerts change without a message: somebody acknowledges, a rule clears. */
export const LOOK_EVERY_MS = 3000;
/** Rules change seldom. */
const RULES_EVERY_MS = 60_000;
/** A socket that says nothing is dead, whatever the browser thinks of it. */
const SILENT_MS = 6000;
/** Between attempts to connect: the first at once, then longer, never long. */
const RETRY_MS = [200, 500, 1000, 2000, 3000];
/** What is said now must not wait behind much: three frames of sticks. */
const BACKLOG_BYTES = 400;
/** A connection over which nothing came for so long may hold back what is said. */
const DOUBTED_MS = 1500;
/** Messages of many drones are shown together. */
const GATHER_MS = 250;

/** Why the session ended, when the gateway ended it. */
/** @type {(failure: import('./api.js').Failure) => void} */
let onEnded = () => {};
/** @param {(failure: import('./api.js').Failure) => void} listener */
export const whenEnded = (listener) => {
  onEnded = listener;
};

/** Where the tab keeps its session as a flyer: a page that is loaded anew goes on flying. */
const FLYER = 'flyer';

/** @param {string | null} id */
function isFlyer(id) {
  [credentials.flyer, flyer.value] = [id, id];
  if (id) globalThis.sessionStorage?.setItem(FLYER, id);
  else globalThis.sessionStorage?.removeItem(FLYER);
}

/** How long the first connection may take before somebody is told that it does not come. */
const FLYER_WITHIN_MS = 8000;
/** What brings a drone down asks nobody who it is. */
const DOWN = new Set(['land', 'stop', 'emergency']);

/**
 * Waits until the gateway knows this page as a flyer. What is shown may be of now before the
 * socket is there: a take-off sent then would be nobody's, and no one missed who began it.
 * @param {string} [command] what is about to be sent
 */
export async function asFlyer(command = '') {
  const end = nowMs() + FLYER_WITHIN_MS;
  while (!credentials.flyer && !DOWN.has(command)) {
    if (nowMs() > end) throw new Failure('offline');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Called with each alert that was not known. @type {(alert: import('./state.js').Alert) => void} */
let onAlert = () => {};
/** @param {(alert: import('./state.js').Alert) => void} listener */
export const whenAlerted = (listener) => {
  onAlert = listener;
};

/** Called with each step of a command. @type {((command: import('./state.js').Command) => void)[]} */
const onCommand = [];
/** @param {(command: import('./state.js').Command) => void} listener */
export const whenCommanded = (listener) => onCommand.push(listener);

/** Called with why sticks are not taken. @type {(why: string) => void} */
let onSticksRefused = () => {};
/** @param {(why: string) => void} listener */
export const whenSticksRefused = (listener) => {
  onSticksRefused = listener;
};

/** @type {WebSocket | null} */
let socket = null;
let isRunning = false;
let attempt = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retry;
let socketHeardAt = 0;
/** Ids that the socket follows. */
let followed = '';
/** @type {Set<string> | null} */
let knownAlerts = null;
/** @type {Map<string, Drone>} */
const gathered = new Map();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let gathering;
let lastLook = 0;
let lastRules = 0;
let isLooking = false;

/** Something was heard of the gateway now; ages move with the clock, never with each message. */
function heard() {
  heardAt.value = nowMs();
}

/**
 * A status with the times that its age is counted from: no clock is compared with ours.
 * @param {any} status
 * @param {string} gatewayTime
 * @returns {Drone}
 */
function told(status, gatewayTime) {
  const silentS = Math.max(0, (Date.parse(gatewayTime) - Date.parse(status.lastSeen)) / 1000);
  return { ...status, toldAt: nowMs(), silentS: Number.isFinite(silentS) ? silentS : 0 };
}

/** @param {Drone} drone */
function gather(drone) {
  gathered.set(drone.id, drone);
  if (gathering) return;
  gathering = setTimeout(() => {
    gathering = undefined;
    drones.value = (drones.value ?? []).map((known) => gathered.get(known.id) ?? known);
    gathered.clear();
  }, GATHER_MS);
}

/** @param {string} data */
function hear(data) {
  socketHeardAt = nowMs();
  heard();
  const message = JSON.parse(data);
  switch (message.type) {
    case 'connection_established':
      isFlyer(message.session ?? null);
      break;
    case 'drone_status_update':
    case 'drone_status':
      if (message.status) gather(told(message.status, message.timestamp));
      break;
    case 'system_status':
      system.value = message.status;
      systemAt.value = nowMs();
      break;
    case 'alert':
      look();
      break;
    case 'event':
      happened(message.event);
      break;
    case 'error':
      if (message.error_code === 'STICKS_ERROR') onSticksRefused(message.message);
      break;
    default:
  }
}

/** What does not fly a drone makes nobody its pilot. */
const NO_FLIGHT = /^(command|stream|battery|speed|sdk|sn|wifi|time)/;

/** @param {import('./state.js').Command} command */
function commanded(command) {
  if (command.who && !NO_FLIGHT.test(command.command))
    pilots.value = new Map(pilots.value).set(command.drone, command.who);
  for (const listener of onCommand) listener(command);
}

/** @param {any} event `docs/event.schema.json` */
function happened(event) {
  const { kind, drone, who, why, values } = event;
  if (kind === 'plan') lookAtPlans();
  // Somebody acknowledged, a rule cleared: seen at once, not with the next look.
  if (kind === 'alert') look();
  if ((kind === 'command' || kind === 'guard') && drone) {
    commanded({ id: values.command_id, drone, command: values.command, state: values.state, who, why });
  }
}

/** Asks who flew what before this page was opened; a gateway may know nothing of it. */
async function lookAtCommands() {
  const commands = await ask('/api/commands', { patienceMs: 5000, quiet: true }).catch(() => []);
  // Newest first, as they are listed; the last word on a drone is the newest.
  for (const { command_id: id, drone_id: drone, command, state, by, why } of commands.reverse()) {
    if (drone) commanded({ id, drone, command, state, who: by, why });
  }
}

let plansAsked = 0;

/** Asks for the flight plans: at the start, and with each change of one. */
async function lookAtPlans() {
  plansAsked += 1;
  const mine = plansAsked;
  const told = await ask('/api/plans', { patienceMs: 5000, quiet: true }).catch(() => null);
  // (An older answer may come last.)
  if (told && mine === plansAsked && isRunning) plans.value = told;
}

/** Opens the socket; whatever ends it, another is opened. */
async function open() {
  clearTimeout(retry);
  if (!isRunning) return;
  close();
  attempt += 1;
  const mine = attempt;
  try {
    const { ticket } = await post('/api/ws-ticket', undefined, { patienceMs: 5000 });
    if (mine !== attempt || !isRunning) return;
    await look();
    if (mine !== attempt || !isRunning) return;
    const ids = (drones.value ?? []).map(({ id }) => id).join(',');
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const address = `${scheme}://${location.host}/ws?ticket=${encodeURIComponent(ticket)}&drones=${encodeURIComponent(ids)}&events=true&session=${credentials.flyer ?? globalThis.sessionStorage?.getItem(FLYER) ?? ''}`;
    const made = new WebSocket(address);
    [socket, followed, socketHeardAt] = [made, ids, nowMs()];
    lookAtCommands();
    lookAtPlans();
    made.onmessage = ({ data }) => {
      failures = 0;
      if (socket === made) hear(data);
    };
    made.onclose = () => {
      if (socket === made) again();
    };
  } catch {
    if (mine === attempt) again();
  }
}

let failures = 0;

function again() {
  close();
  if (!isRunning) return;
  clearTimeout(retry);
  retry = setTimeout(open, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
  failures += 1;
}

function close() {
  const before = socket;
  socket = null;
  before?.close();
}

/** Asks for all that stands; what is shown is then of now. */
export async function look() {
  if (isLooking || !isRunning) return;
  isLooking = true;
  lastLook = nowMs();
  try {
    const [list, open] = await Promise.all([
      send('/api/drones/status', { patienceMs: 5000 }),
      ask('/api/alerts?unresolved_only=true&limit=0', { patienceMs: 5000 }).catch(withoutPermission),
    ]);
    const statuses = await list.json();
    heard();
    takeDrones(statuses, Date.parse(list.headers.get('Date') ?? '') || 0);
    if (open) takeAlerts(open.alerts);
    if (nowMs() - systemAt.value > 5 * OLD_AFTER_MS) {
      system.value = await ask('/api/dashboard/system', { patienceMs: 5000 }).catch(withoutPermission);
      systemAt.value = nowMs();
    }
    if (nowMs() - lastRules > RULES_EVERY_MS || lastRules === 0) await lookAtRules();
  } catch {
    // The badge says that nothing is heard; the next look is soon.
  } finally {
    isLooking = false;
  }
}

/** Asks for the rules anew. */
export async function lookAtRules() {
  const answer = await ask('/api/alerts/rules', { patienceMs: 5000 }).catch(withoutPermission);
  lastRules = nowMs();
  rules.value = answer?.rules ?? [];
}

/** A key that may not read it sees nothing of it, and the rest all the same. */
/** @param {import('./api.js').Failure} failure */
function withoutPermission(failure) {
  if (failure.status === 403) return null;
  throw failure;
}

/** @param {any[]} list @param {number} answeredAt by the gateway's clock, in whole seconds */
function takeDrones(list, answeredAt) {
  const newest = Math.max(answeredAt, ...list.map(({ lastSeen }) => Date.parse(lastSeen)));
  const gatewayTime = new Date(newest).toISOString();
  const before = new Map((drones.value ?? []).map((drone) => [drone.id, drone]));
  drones.value = list.map((status) => {
    const known = before.get(status.id);
    const fresh = told(status, gatewayTime);
    return known && known.toldAt > fresh.toldAt ? known : fresh;
  });
  const ids = list.map(({ id }) => id).join(',');
  if (socket && ids !== followed) again();
}

/** @param {import('./state.js').Alert[]} open */
function takeAlerts(open) {
  alertsAt.value = nowMs();
  if (JSON.stringify(open) !== JSON.stringify(alerts.value)) alerts.value = open;
  const before = knownAlerts;
  knownAlerts = new Set(open.map(({ id }) => id));
  if (before) for (const alert of open) if (!before.has(alert.id)) onAlert(alert);
}

/**
 * Says what counts now or not at all; false when it would be late.
 * @param {any} message
 */
export function sayNow(message) {
  if (socket?.readyState !== WebSocket.OPEN || socket.bufferedAmount > BACKLOG_BYTES) return false;
  if (nowMs() - socketHeardAt > DOUBTED_MS) return false;
  socket.send(JSON.stringify(message));
  return true;
}

/** Each second: ages move, the gateway hears whether somebody is here, silence is noticed. */
function tick() {
  clock.value = nowMs();
  if (!isRunning) return;
  if (socket?.readyState === WebSocket.OPEN) {
    socket.send('{"type":"ping"}');
    // A page that nobody sees keeps no drone in the air.
    if (!document.hidden) socket.send('{"type":"presence"}');
  }
  if (socket && nowMs() - socketHeardAt > SILENT_MS) again();
  if (nowMs() - lastLook > LOOK_EVERY_MS && !document.hidden) look();
}

/** A phone that woke, a network that came back: no waiting for the next attempt. */
function wake() {
  clock.value = nowMs();
  if (!isRunning || document.hidden) return;
  if (nowMs() - heardAt.value < OLD_AFTER_MS) return;
  failures = 0;
  open();
}

/** Begins when somebody is signed in. */
export function start() {
  if (isRunning) return;
  isRunning = true;
  failures = 0;
  open();
}

/** Ends, and forgets what was shown. */
export function stop() {
  isRunning = false;
  attempt += 1;
  clearTimeout(retry);
  close();
  [drones.value, alerts.value, system.value, rules.value, heardAt.value, alertsAt.value] = [null, null, null, [], 0, 0];
  [knownAlerts, lastRules, systemAt.value, pilots.value, plans.value] = [null, 0, 0, new Map(), []];
  isFlyer(null);
}

/** Once, at the start of the page. */
export function watch() {
  setInterval(tick, PERIOD_MS);
  addEventListener('online', wake);
  addEventListener('pageshow', wake);
  document.addEventListener('visibilitychange', wake);
  whenDenied((failure) => {
    if (!session.value) return;
    forget();
    onEnded(failure);
  });
}
