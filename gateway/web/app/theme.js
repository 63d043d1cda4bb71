// Light, dark, or as the device has it.

import { effect, signal } from '../vendor/signals.js';

const STORED = 'theme';

/** @type {import('../vendor/signals.js').Signal<string>} `auto`, `light` or `dark` */
export const theme = signal(globalThis.localStorage?.getItem(STORED) ?? 'auto');

/** What is shown now: charts take their colours from it. @type {import('../vendor/signals.js').Signal<boolean>} */
export const isDark = signal(false);

export function watchTheme() {
  const device = matchMedia('(prefers-color-scheme: dark)');
  const show = () => {
    isDark.value = theme.value === 'dark' || (theme.value === 'auto' && device.matches);
    document.documentElement.dataset.theme = isDark.value ? 'dark' : 'light';
    document.querySelector('meta[name=theme-color]')?.setAttribute('content', isDark.value ? '#10161d' : '#ffffff');
  };
  device.addEventListener('change', show);
  effect(() => {
    localStorage.setItem(STORED, theme.value);
    show();
  });
}
