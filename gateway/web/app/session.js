// Who is signed in. The key goes to the gateway once and comes back as a cookie that
// scripts cannot read; a gateway without sessions is sent the key with each request, and
// then this tab alone holds it.

import { ask, credentials, Failure, post } from './api.js';
import { host, session } from './state.js';

/** Where the tab keeps the key of a gateway without sessions. */
const STORED = 'api-key';

/**
 * A key as it was meant: pasted with spaces, or typed with a Japanese keyboard in
 * full-width characters.
 * @param {string} typed
 */
export const folded = (typed) => typed.normalize('NFKC').replace(/[\s\u200b-\u200d\ufeff]/g, '');

/** That this browser was signed in: without it there is nothing to ask for. */
const HINT = 'signed-in';

/** @param {any} told of `/api/session` */
function opened(told) {
  globalThis.localStorage?.setItem(HINT, 'yes');
  session.value = {
    name: told.name ?? null,
    permissions: told.permissions ?? null,
    expiresAt: told.expires_at ?? null,
  };
  ask('/api/trust', { quiet: true }).then(
    (facts) => {
      host.value = facts.host ?? null;
    },
    () => {},
  );
}

/** Takes up the session there is; says why the gateway has none for this browser any more. */
export async function resume() {
  const key = globalThis.sessionStorage?.getItem(STORED);
  if (key) {
    credentials.key = key;
    session.value = { name: null, permissions: null, expiresAt: null };
    return null;
  }
  if (!globalThis.localStorage?.getItem(HINT)) {
    session.value = null;
    return null;
  }
  try {
    opened(await ask('/api/session', { quiet: true }));
    return null;
  } catch (error) {
    if (error instanceof Failure && error.kind !== 'refused') {
      // Out of reach: who was signed in may be so still. The bar says that the
      // connection is lost, and the gateway is asked again.
      session.value ??= { name: null, permissions: null, expiresAt: null };
      throw error;
    }
    forget();
    return /** @type {Failure} */ (error);
  }
}

/**
 * Signs in with a key: one request that holds it, so that a typing error is one.
 * @param {string} typed
 */
export async function signIn(typed) {
  const key = folded(typed);
  try {
    opened(await post('/api/session', { key }, { key: null, quiet: true }));
  } catch (error) {
    const isThere = !(error instanceof Failure) || ![404, 405].includes(error.status);
    if (isThere) throw error;
    await signInByHeader(key);
  }
}

/** @param {string} key */
async function signInByHeader(key) {
  try {
    await post('/api/ws-ticket', undefined, { key, quiet: true });
  } catch (error) {
    // A good key that may not do that is a good key.
    if (!(error instanceof Failure && error.status === 403 && error.code !== 'IP_BLOCKED')) throw error;
  }
  credentials.key = key;
  globalThis.sessionStorage?.setItem(STORED, key);
  session.value = { name: null, permissions: null, expiresAt: null };
}

/**
 * Signs in by a link of the command line or of another's screen; its secret stood in
 * the fragment, which no server and no log has seen.
 * @param {string} secret
 */
export async function signInByLink(secret) {
  opened(await post('/api/session/exchange', { secret }, { key: null, quiet: true }));
}

/** Ends the session here, and there if it can be reached. */
export async function signOut() {
  const hadKey = credentials.key !== null;
  forget();
  if (!hadKey) await ask('/api/session', { method: 'DELETE', quiet: true }).catch(() => {});
}

/** The key is good no more. */
export function forget() {
  credentials.key = null;
  globalThis.sessionStorage?.removeItem(STORED);
  globalThis.localStorage?.removeItem(HINT);
  session.value = null;
}
