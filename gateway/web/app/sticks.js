// Steering by sticks: two thumbs, keys or a gamepad, as long as they are held. What ends it
// ends it at once: a lifted thumb, a hidden page, a lost focus, a cut connection.

import { useEffect, useRef, useState } from '../vendor/hooks.js';
import { signal } from '../vendor/signals.js';
import { Failure, inWords } from './api.js';
import { number } from './format.js';
import { html } from './html.js';
import { sayNow, whenCommanded, whenSticksRefused } from './live.js';
import { Field } from './parts.js';
import { steers } from './steps.js';
import {
  CENTRED,
  combined,
  fromKeys,
  fromPads,
  isStickKey,
  MODES,
  padsOf,
  shapedAll,
  speaker,
  thumb,
  USUAL,
} from './stick.js';
import { t } from './words.js';

/** @typedef {import('./state.js').Drone} Drone */
/** @typedef {import('./stick.js').Axes} Axes */

/** Between two frames: 20 a second, of 30 that the gateway takes. */
const TICK_MS = 50;
/** Part of a pad's width from its centre to the full deflection. */
const REACH = 0.38;
const STORED = 'sticks';

/** @returns {import('./stick.js').Feel} */
function stored() {
  try {
    return { ...USUAL, ...JSON.parse(localStorage.getItem(STORED) ?? '{}') };
  } catch {
    return USUAL;
  }
}

/** How this device's sticks feel. @type {import('../vendor/signals.js').Signal<import('./stick.js').Feel>} */
export const feel = signal(globalThis.localStorage ? stored() : USUAL);

/** @param {Partial<import('./stick.js').Feel>} change */
export function feelLike(change) {
  feel.value = { ...feel.value, ...change };
  localStorage.setItem(STORED, JSON.stringify(feel.value));
}

/** Why the gateway takes no sticks; it says so once for as long as it stays so. @type {import('../vendor/signals.js').Signal<string | null>} */
const refused = signal(null);
/** Told down since control was taken. */
const isAnew = () => /take control anew/.test(refused.value ?? '');
/** Called when control was taken: what was refused before is void. */
export const sticksAnew = () => {
  refused.value = null;
};

/** The gamepad that is plugged in, if browsers know where its sticks are. */
const gamepad = () =>
  [...(navigator.getGamepads?.() ?? [])].find((pad) => pad?.connected && pad.mapping === 'standard');

/** One of the two. @param {{ name: string, says: string, thumb: [number, number], onThumb: (at: [number, number]) => void, isOff: boolean }} props */
function Pad({ name, says, thumb: [x, y], onThumb, isOff }) {
  const held = useRef(/** @type {{ id: number, from: [number, number] } | null} */ (null));
  const down = (/** @type {any} */ event) => {
    if (held.current || isOff) return;
    held.current = { id: event.pointerId, from: [event.clientX, event.clientY] };
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  const move = (/** @type {any} */ event) => {
    if (held.current?.id !== event.pointerId) return;
    onThumb(
      thumb(held.current?.from ?? [0, 0], [event.clientX, event.clientY], event.currentTarget.clientWidth * REACH),
    );
  };
  const up = (/** @type {any} */ event) => {
    if (held.current?.id !== event.pointerId) return;
    held.current = null;
    onThumb([0, 0]);
  };
  return html`<div class=${isOff ? 'stick off' : 'stick'} role="img" aria-label=${`${name}: ${says}`} onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${up}
    onLostPointerCapture=${up} onContextMenu=${(/** @type {Event} */ event) => event.preventDefault()}>
    <svg viewBox="-100 -100 200 200" aria-hidden="true"><path d="M-76 0H76M0-76V76" /><circle r="76" /><circle class="knob" r="30" cx=${x * 76} cy=${-y * 76} /></svg>
    <small>${says}</small></div>`;
}

/** @param {{ drone: Drone, still: { current: () => void }, onTake: () => void }} props */
export function Sticks({ drone, still, onTake }) {
  const thumbs = useRef(
    /** @type {[number, number][]} */ ([
      [0, 0],
      [0, 0],
    ]),
  );
  const keys = useRef(/** @type {Set<string>} */ (new Set()));
  // Not ready before the first tick has seen that no thumb is down.
  const [shown, setShown] = useState({ phase: 'off', axes: CENTRED, raw: CENTRED });
  const isFlying = drone.flight_status === 'flying';
  const live = useRef(isFlying);
  live.current = isFlying;
  const { mode } = feel.value;
  useEffect(() => {
    const one = speaker((axes) => sayNow({ type: 'sticks', drone_id: drone.id, ...axes }));
    let pressed = CENTRED;
    let said = '';
    const tick = () => {
      pressed = fromKeys(keys.current, pressed);
      const pad = gamepad();
      const raw = combined([
        fromPads(thumbs.current, feel.value.mode),
        pressed,
        pad ? fromPads(padsOf(pad.axes), feel.value.mode) : CENTRED,
      ]);
      const axes = shapedAll(raw, feel.value);
      if (!live.current || isAnew()) {
        one.halt();
        if (said !== 'off') setShown({ phase: 'off', axes: CENTRED, raw: CENTRED });
        said = 'off';
        return;
      }
      const phase = one.tick(axes);
      const now = JSON.stringify([phase, axes]);
      if (now !== said) setShown({ phase, axes, raw });
      said = now;
    };
    const letGo = () => {
      thumbs.current = [
        [0, 0],
        [0, 0],
      ];
      keys.current.clear();
      pressed = CENTRED;
      one.halt();
    };
    still.current = letGo;
    const onDown = (/** @type {KeyboardEvent} */ event) => {
      if (!isStickKey(event.code) || !steers(event)) return;
      event.preventDefault();
      keys.current.add(event.code);
    };
    // (A key that was pressed elsewhere, or with another, is let go of all the same.)
    const onUp = (/** @type {KeyboardEvent} */ event) => keys.current.delete(event.code);
    const timer = setInterval(tick, TICK_MS);
    document.addEventListener('keydown', onDown);
    document.addEventListener('keyup', onUp);
    return () => {
      clearInterval(timer);
      letGo();
      document.removeEventListener('keydown', onDown);
      document.removeEventListener('keyup', onUp);
    };
  }, [drone.id]);
  const pads = fromAxes(shown.raw, mode);
  const { axes, phase } = shown;
  const pad = gamepad();
  const says = (/** @type {number} */ side) =>
    t('sticks.pad', { across: t(`axis.${MODES[mode][side][0]}`), along: t(`axis.${MODES[mode][side][1]}`) });
  return html`<div class="sticks" data-phase=${phase}>${['left', 'right'].map(
    (side, index) =>
      html`<${Pad} key=${side} name=${t(`sticks.${side}`)} says=${says(index)} thumb=${pads[index]} isOff=${phase === 'off'} onThumb=${(
        /** @type {[number, number]} */ at,
      ) => {
        thumbs.current[index] = at;
      }} />`,
  )}</div>
  <p class="figures" aria-hidden="true">${Object.entries(axes).map(([name, value]) => html`<span key=${name}>${t(`axis.${name}`)} <b>${number(value)}</b></span>`)}</p>
  <p class=${phase === 'cut' || refused.value ? 'note bad' : 'quiet'} role="status">${
    refused.value
      ? inWords(new Failure('refused', { status: 409, message: refused.value }))
      : isFlying
        ? t(`sticksPhase.${phase}`)
        : t('steps.notFlying')
  }</p>
  ${isAnew() ? html`<div class="row"><button type="button" class="primary" onClick=${onTake}>${t('sticks.anew')}</button></div>` : null}
  <p class="quiet">${t('sticks.says')} ${pad ? t('sticks.gamepad', { name: pad.id.replace(/\s*\(.*/, '') }) : ''} <a href="#/settings/sticks">${t('sticks.settings')}</a></p>`;
}

/** Where the knobs are shown. @param {Axes} axes @param {number} mode @returns {[number, number][]} */
const fromAxes = (axes, mode) => MODES[mode].map(([across, along]) => [axes[across], axes[along]]);

/** The two that most people know come first. */
const ORDER = [2, 3, 1, 4];
/** Percent, by what it is. */
const RANGES = { expo: [0, 80], limit: [20, 100] };

/** What each hand steers. @param {number} mode */
const about = (mode) => {
  const [left, right] = MODES[mode].map(([across, along]) =>
    t('sticks.pad', { across: t(`axis.${across}`), along: t(`axis.${along}`) }),
  );
  return t('sticks.hands', { left, right });
};

export function SticksForm() {
  const { mode } = feel.value;
  return html`<p class="quiet">${t('sticks.device')}</p>
    <fieldset><legend>${t('sticks.mode')}</legend>${ORDER.map(
      (one) =>
        html`<label key=${one} class="check"><input type="radio" name="mode" checked=${mode === one} onChange=${() => feelLike({ mode: one })} /><span>${t(`sticksMode.${one}`)}<br /><small class="quiet">${about(one)}</small></span></label>`,
    )}</fieldset>
    ${Object.entries(RANGES).map(
      ([
        name,
        [min, max],
      ]) => html`<${Field} key=${name} label=${t(`sticks.${name}`, { n: feel.value[/** @type {'expo' | 'limit'} */ (name)] })} hint=${name === 'expo' ? t('sticks.expo.hint') : null}><input type="range" min=${min} max=${max} step="5" value=${feel.value[/** @type {'expo' | 'limit'} */ (name)]}
        onInput=${(/** @type {any} */ event) => feelLike({ [name]: Number(event.target.value) })} /><//>`,
    )}`;
}

/** Once, at the start of the page. */
export function watchSticks() {
  whenSticksRefused((why) => {
    refused.value = why;
  });
  // Sticks that fly a drone are taken.
  whenCommanded(({ command, state }) => {
    if (command.startsWith('rc ') && state === 'sent') refused.value = null;
  });
}
