// How the sticks of this device steer: which hand does what, how gently, how far.

import { html } from './html.js';
import { Field } from './parts.js';
import { MODES } from './stick.js';
import { feel, feelLike } from './sticks.js';
import { t } from './words.js';

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
      ]) => html`<${Field} key=${name} label=${t(`sticks.${name}`, { n: feel.value[/** @type {'expo' | 'limit'} */ (name)] })} hint=${t(`sticks.${name}.hint`)}><input type="range" min=${min} max=${max} step="5" value=${feel.value[/** @type {'expo' | 'limit'} */ (name)]}
        onInput=${(/** @type {any} */ event) => feelLike({ [name]: Number(event.target.value) })} /><//>`,
    )}`;
}
