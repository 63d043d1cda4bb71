// The service worker: serves the page when the gateway or the network is away.

import { signal } from '../vendor/signals.js';

/** Whether a newer page was installed while this one was open. */
export const installed = signal(false);
/** `on`, `refused` (the certificate is not trusted) or `none` (the browser has none). */
export const worker = signal('none');
/** The browser's offer to install the page. @type {import('../vendor/signals.js').Signal<any>} */
export const offer = signal(null);

export async function watchWorker() {
  addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault();
    offer.value = event;
  });
  if (!('serviceWorker' in navigator)) return;
  const before = navigator.serviceWorker.controller;
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    // The first worker of all changes nothing that is shown.
    if (before) installed.value = true;
  });
  try {
    await navigator.serviceWorker.register('/sw.js');
    worker.value = 'on';
  } catch {
    worker.value = 'refused';
  }
}
