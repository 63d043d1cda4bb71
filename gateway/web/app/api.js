// Requests to the gateway: each has a time limit, and each failure is told apart, so
// that the page can say what happened and what to do.

import { of, t } from './words.js';

/** Longest wait for an answer. A command is answered within some 0.2 s when all is well. */
const PATIENCE_MS = 8000;

/**
 * What requests carry: the key, where there is no cookie, kept by `session.js`; and the
 * session of the live socket, by which the gateway knows who flies, kept by `live.js`.
 * @type {{ key: string | null, flyer: string | null }}
 */
export const credentials = { key: null, flyer: null };

/** How far the gateway's clock is before ours, by its last answer, in ms. */
let aheadMs = 0;

/** The time by the gateway's clock, which its records are of: boards without a network have any. */
export const gatewayNow = () => Date.now() + aheadMs;

/** @param {Response} answer */
function readClock({ headers }) {
  const ahead = Date.parse(headers.get('Date') ?? '') - Date.now();
  // (It tells whole seconds.)
  aheadMs = Math.abs(ahead) > 2000 ? ahead : 0;
}

/** What became of a request that did not succeed. */
export class Failure extends Error {
  /**
   * @param {'offline' | 'timeout' | 'unsure' | 'refused'} kind
   * @param {{ status?: number, code?: string, message?: string, retryAfterS?: number }} [facts]
   */
  constructor(kind, { status = 0, code = '', message = '', retryAfterS = 0 } = {}) {
    super(message || kind);
    this.kind = kind;
    this.status = status;
    this.code = code;
    /** The gateway's own words, in English. */
    this.words = message;
    this.retryAfterS = retryAfterS;
  }
}

/** Called when the gateway says that the key or session is good no more. */
/** @type {(failure: Failure) => void} */
let onDenied = () => {};
/** @param {(failure: Failure) => void} listener */
export const whenDenied = (listener) => {
  onDenied = listener;
};

/**
 * @typedef {{ method?: string, body?: any, patienceMs?: number, key?: string | null, quiet?: boolean }} Options
 * `quiet`: a refused key is the caller's to handle.
 */

/**
 * Sends a request; the answer whatever its type.
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<Response>}
 */
export async function send(
  path,
  { method = 'GET', body, patienceMs = PATIENCE_MS, key = credentials.key, quiet = false } = {},
) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (key) headers['X-API-Key'] = key;
  if (credentials.flyer) headers['X-Session'] = credentials.flyer;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
      credentials: 'same-origin',
      signal: AbortSignal.timeout(patienceMs),
    });
  } catch (error) {
    // (What was asked for may have arrived, and be done yet: it did not fail.)
    const late = method === 'GET' ? 'timeout' : 'unsure';
    throw new Failure(/** @type {Error} */ (error).name === 'TimeoutError' ? late : 'offline');
  }
  readClock(answer);
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const failure = new Failure('refused', {
    status: answer.status,
    code: told.error_code ?? `HTTP_${answer.status}`,
    message: told.message ?? '',
    retryAfterS: Number(answer.headers.get('Retry-After') ?? 0),
  });
  if (!quiet && (answer.status === 401 || failure.code === 'IP_BLOCKED')) onDenied(failure);
  throw failure;
}

/**
 * Sends a request; the JSON of its answer.
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function ask(path, options) {
  const answer = await send(path, options);
  try {
    return await answer.json();
  } catch {
    // The connection broke in the middle of the body, or it took too long.
    throw new Failure('offline');
  }
}

/**
 * @param {string} path
 * @param {any} [body]
 * @param {Options} [options]
 */
export const post = (path, body, options) => ask(path, { ...options, method: 'POST', body });

/** What a refusal says in English, and the name of our words for it. */
/** @type {[RegExp, string][]} */
const REFUSALS = [
  [/has control of the drone/, 'refusal.controlled'],
  [/take control anew/, 'refusal.controlAnew'],
  [/control of the drone, which nobody has/, 'refusal.noControl'],
  [/says the serial number/, 'refusal.mistaken'],
  [/over the height limit/, 'refusal.bounds'],
  [/battery too low/, 'refusal.battery'],
  [/not on the ground/, 'refusal.inAir'],
  [/not airborne/, 'refusal.onGround'],
  [/state does not arrive/, 'refusal.unseen'],
  [/busy with an earlier/, 'refusal.busy'],
  [/out of bounds|outside 0 to/, 'refusal.bounds'],
  [/too many commands/i, 'refusal.full'],
  [/did not reply/, 'refusal.noReply'],
  [/not confirmed/, 'refusal.unconfirmed'],
  [/motor stop/i, 'refusal.motorStop'],
  [/no valid (imu|vision)/i, 'refusal.noImu'],
  [/not joystick/i, 'refusal.notJoystick'],
  [/auto land/i, 'refusal.autoLand'],
  [/run timeout/i, 'refusal.runTimeout'],
  [/no valid marker/i, 'refusal.noMarker'],
  [/unactive/, 'refusal.unactive'],
  [/unknown command/, 'refusal.unknownCommand'],
  [/on its back/, 'refusal.onItsBack'],
  [/one move is/, 'refusal.tooFar'],
  [/does not say its/, 'refusal.notSaid'],
  [/ドローンが接続されていません/, 'refusal.notConnected'],
  [/refused/, 'refusal.refused'],
  [/overtaken|dropped/, 'refusal.dropped'],
  [/knows no `stop`/, 'refusal.noStop'],
  [/is lost/, 'refusal.lost'],
  [/no whole picture/, 'refusal.noPicture'],
  [/in the air; land it/, 'refusal.updateInAir'],
];

/** Why a drone was told nothing, in words of the page where it has some. @param {string} words */
export function refusalWords(words) {
  const known = REFUSALS.find(([pattern]) => pattern.test(words));
  return known ? t(known[1]) : words;
}

/**
 * A failure in words of the page.
 * @param {unknown} error
 */
export function inWords(error) {
  if (!(error instanceof Failure)) return t('failure.unknown');
  if (error.kind !== 'refused') return t(`failure.${error.kind}`);
  const code = of('code', error.code);
  // (What has a code of its own is no drone's refusal, whatever else it says.)
  if (code !== error.code && !/^(HTTP|DRONE|VALIDATION)_/.test(error.code)) return code;
  const known = refusalWords(error.words);
  if (known !== error.words) return known;
  if (error.status === 429) return t('failure.tooMany', { n: error.retryAfterS || 60 });
  if (code !== error.code) return code;
  if (error.status === 404) return t('failure.gone');
  if (error.status >= 500) return t('failure.gateway', { n: error.status });
  return t('failure.refused');
}
