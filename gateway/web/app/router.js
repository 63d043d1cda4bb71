// Which screen is shown: by the fragment of the address, which the gateway never sees.

import { signal } from '../vendor/signals.js';

/** @typedef {{ screen: string, id: string }} Place */

/** @param {string} fragment @returns {Place} */
export function placeOf(fragment) {
  const [screen = '', id = ''] = fragment.replace(/^#?\/?/, '').split('/');
  return { screen: screen || 'home', id: decodeURIComponent(id) };
}

/** @type {import('../vendor/signals.js').Signal<Place>} */
export const place = signal(placeOf(globalThis.location?.hash ?? ''));

/** @param {string} to */
export function go(to) {
  location.hash = `#/${to}`;
}

export function watchPlace() {
  addEventListener('hashchange', () => {
    place.value = placeOf(location.hash);
    // A new screen begins at its top, and a reader of the screen at its heading.
    scrollTo(0, 0);
    document.querySelector('main')?.focus({ preventScroll: true });
  });
}
