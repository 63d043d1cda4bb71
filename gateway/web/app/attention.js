// Calls for attention: sound, vibration, the title, the browser's notification. Each can
// be switched off; none replaces a message to a locked phone, which hears no page.

import { computed, effect, signal } from '../vendor/signals.js';
import { sentence } from './alert-words.js';
import { gatewayName } from './bar.js';
import { whenAlerted } from './live.js';
import { grouped, keyOf, rank } from './order.js';
import { alerts, names, session } from './state.js';
import { t } from './words.js';

const STORED = 'attention';
const MUTES = 'mutes';
/** Below this nobody is called. */
const FROM = 'warning';

/** @typedef {{ sound: boolean, vibration: boolean, title: boolean, notification: boolean }} Wishes */
/** @returns {Wishes} */
function stored() {
  const usual = { sound: true, vibration: true, title: true, notification: false };
  try {
    return { ...usual, ...JSON.parse(localStorage.getItem(STORED) ?? '{}') };
  } catch {
    return usual;
  }
}

/** @type {import('../vendor/signals.js').Signal<Wishes>} */
export const wishes = signal(stored());

/** Whether it is done: a browser may not let the page notify anybody. @param {keyof Wishes} name @param {boolean} on */
export async function wish(name, on) {
  if (name === 'notification' && on && (await Notification.requestPermission()) !== 'granted') return false;
  wishes.value = { ...wishes.value, [name]: on };
  localStorage.setItem(STORED, JSON.stringify(wishes.value));
  return true;
}

/** Until when rows are quiet on this device, by their key. @type {import('../vendor/signals.js').Signal<Record<string, number>>} */
export const mutes = signal(storedMutes());

/** @returns {Record<string, number>} */
function storedMutes() {
  try {
    return JSON.parse(localStorage.getItem(MUTES) ?? '{}');
  } catch {
    return {};
  }
}

/** Keeps a row quiet on this device; 0 minutes ends that. @param {string} key @param {number} minutes */
export function mute(key, minutes) {
  const others = Object.entries(mutes.value).filter(([one, until]) => one !== key && until > Date.now());
  mutes.value = Object.fromEntries(minutes ? [...others, [key, Date.now() + minutes * 60_000]] : others);
  localStorage.setItem(MUTES, JSON.stringify(mutes.value));
}

/** Until when a row is quiet; null when it is not. @param {string} key */
export const mutedUntil = (key) => (mutes.value[key] > Date.now() ? mutes.value[key] : null);

/** @type {AudioContext | null} */
let audio = null;

/** Two tones for critical, one else: told apart without looking. @param {string} level */
function sound(level) {
  audio ??= new AudioContext();
  if (audio.state === 'suspended') audio.resume();
  const tones = rank(level) >= rank('error') ? [880, 660, 880] : [660];
  tones.forEach((hertz, index) => {
    if (!audio) return;
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    const at = audio.currentTime + index * 0.22;
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.25, at);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.2);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.2);
  });
}

/**
 * Calls once, as an alert of that level would.
 * @param {string} level
 * @param {string} text
 * @param {boolean} [isUnseen] only what is not seen on the page is notified beside it
 */
export function call(level, text, isUnseen = document.hidden) {
  if (rank(level) < rank(FROM)) return;
  const { sound: loud, vibration, notification } = wishes.value;
  // A page that nobody touched yet is not heard, says the browser: nor later, of what was before.
  const isTouched = navigator.userActivation?.hasBeenActive ?? true;
  if (loud && isTouched && 'AudioContext' in globalThis) sound(level);
  if (vibration && isTouched && navigator.vibrate)
    navigator.vibrate(rank(level) >= rank('error') ? [300, 100, 300] : [200]);
  if (notification && 'Notification' in globalThis && Notification.permission === 'granted' && isUnseen) {
    try {
      new Notification(gatewayName(), { body: text, tag: text, icon: '/static/icon-192.png' });
    } catch {
      // Android shows notifications of workers only.
      navigator.serviceWorker?.ready.then((worker) =>
        worker.showNotification(gatewayName(), { body: text, tag: text, icon: '/static/icon-192.png' }),
      );
    }
  }
}

const open = computed(() => grouped((alerts.value ?? []).filter((alert) => !alert.acknowledged)).length);

export function watchAttention() {
  // Browsers let a page be heard once it was touched.
  addEventListener(
    'pointerdown',
    () => {
      if (!('AudioContext' in globalThis)) return;
      audio ??= new AudioContext();
      audio.resume();
    },
    { once: true },
  );
  whenAlerted((alert) => {
    const isMuted = alert.muted_until || mutedUntil(keyOf(alert));
    if (!isMuted || alert.level === 'critical') call(alert.level, sentence(alert, names.value));
  });
  effect(() => {
    const count = session.value && wishes.value.title && open.value ? `(${open.value}) ` : '';
    document.title = `${count}${gatewayName()} · ${t('title')}`;
  });
}
