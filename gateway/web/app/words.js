// Words of the page in the language of its reader. Nothing else on the page holds a
// sentence; a test finds words that are missing, unused, or in one language only.

import { computed, signal } from '../vendor/signals.js';
import { EN } from './words-en.js';
import { JA } from './words-ja.js';

/** @typedef {'en' | 'ja'} Language */

const STORED = 'language';
/** @type {Record<Language, Record<string, string>>} */
const WORDS = { en: EN, ja: JA };

/** @returns {Language} */
function first() {
  const stored = globalThis.localStorage?.getItem(STORED);
  if (stored === 'en' || stored === 'ja') return stored;
  return (globalThis.navigator?.language ?? 'en').startsWith('ja') ? 'ja' : 'en';
}

/** The language that is shown. */
export const language = signal(first());

/** For dates and numbers: the reader's own where it is of this language. */
export const locale = computed(() => {
  const own = globalThis.navigator?.language ?? '';
  if (own.startsWith(language.value)) return own;
  return language.value === 'ja' ? 'ja-JP' : 'en-GB';
});

/** @param {Language} to */
export function speak(to) {
  language.value = to;
  globalThis.localStorage?.setItem(STORED, to);
}

/**
 * The words of that name, `{x}` filled from `values`. "one|more" chooses by `n`.
 * @param {string} name
 * @param {Record<string, string | number>} [values]
 */
export function t(name, values = {}) {
  return filled(WORDS[language.value][name] ?? name, values);
}

/**
 * Words of a family, by what the gateway calls it: `of('state', 'landed')`. What the
 * page has no word for is shown as it came.
 * @param {string} family
 * @param {string | null | undefined} member
 */
export function of(family, member) {
  if (!member) return '';
  return WORDS[language.value][`${family}.${member}`] ?? member;
}

/**
 * Whether the family has a word for it.
 * @param {string} family
 * @param {string} member
 */
export const has = (family, member) => `${family}.${member}` in EN;

/**
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
export function filled(text, values) {
  const forms = text.split('|');
  const form = forms.length === 2 ? forms[Number(values.n) === 1 ? 0 : 1] : text;
  return form.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
