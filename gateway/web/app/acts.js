// What the user does, and what came of it. A failure stays until it is dismissed or
// mended; it never goes by itself, and it offers another try.

import { signal } from '../vendor/signals.js';
import { inWords } from './api.js';

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

/** In words: why it failed. @param {Trouble} trouble */
export const why = (trouble) => inWords(trouble.error);

/**
 * Does `work` once at a time under `key`; whether it went well.
 * @param {string} key
 * @param {() => string} title what was tried, in words
 * @param {() => Promise<unknown>} work
 * @returns {Promise<boolean>}
 */
export async function act(key, title, work) {
  if (busy.value.has(key)) return false;
  busy.value = new Set([...busy.value, key]);
  try {
    await work();
    mend(key);
    return true;
  } catch (error) {
    tellTrouble({ key, title, error, retry: () => void act(key, title, work) });
    return false;
  } finally {
    const left = new Set(busy.value);
    left.delete(key);
    busy.value = left;
  }
}
