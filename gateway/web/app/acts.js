// What the user does, and what came of it. A failure stays until it is dismissed or
// mended; it never goes by itself, and it offers another try.

import { signal } from '../vendor/signals.js';
import { Failure, inWords } from './api.js';
import { t } from './words.js';

/**
 * @typedef {{ key: string, title: () => string, error: unknown, retry: (() => void) | null, lines?: () => string[] }} Trouble
 */

/** @type {import('../vendor/signals.js').Signal<Trouble[]>} Newest first. */
export const troubles = signal([]);

/** Keys of what is under way. @type {import('../vendor/signals.js').Signal<Set<string>>} */
export const busy = signal(new Set());

/** What was done last, shown for a while. @type {import('../vendor/signals.js').Signal<string>} */
export const said = signal('');
/** @type {ReturnType<typeof setTimeout> | undefined} */
let unsaid;

/** @param {string} text */
export function say(text) {
  said.value = text;
  clearTimeout(unsaid);
  unsaid = setTimeout(say, 6000, '');
}

/** @param {Trouble} trouble */
export function tellTrouble(trouble) {
  troubles.value = [trouble, ...troubles.value.filter(({ key }) => key !== trouble.key)];
}

/** What failed under that key is mended or dismissed. @param {string} key */
export function mend(key) {
  if (troubles.value.some((trouble) => trouble.key === key))
    troubles.value = troubles.value.filter((trouble) => trouble.key !== key);
}

/** Failures of a kind that a new start makes void. */
export const mendAll = () => {
  troubles.value = [];
};

/**
 * What was tried may be done yet, or not: nobody heard.
 * @param {unknown} error
 */
const isUnsure = (error) =>
  error instanceof Failure && (error.kind === 'unsure' || /not confirmed|did not reply/.test(error.words));

/**
 * Tells that something a person tried failed, or that it is not known whether it did.
 * @param {string} key @param {() => string} what what was tried, in words
 * @param {unknown} error @param {() => void} retry
 */
export const tellFailure = (key, what, error, retry) =>
  tellTrouble({
    key,
    title: () => t(isUnsure(error) ? 'trouble.unsure' : 'trouble.failed', { what: what() }),
    error,
    retry,
  });

/** In words: why it failed. @param {Trouble} trouble */
export const why = (trouble) => inWords(trouble.error);

/**
 * Does `work` once at a time under `key`; whether it went well.
 * @param {string} key
 * @param {() => string} what what was tried, in words
 * @param {() => Promise<unknown>} work
 * @returns {Promise<boolean>}
 */
export async function act(key, what, work) {
  if (busy.value.has(key)) return false;
  busy.value = new Set([...busy.value, key]);
  try {
    await work();
    mend(key);
    return true;
  } catch (error) {
    tellFailure(key, what, error, () => void act(key, what, work));
    return false;
  } finally {
    const left = new Set(busy.value);
    left.delete(key);
    busy.value = left;
  }
}
