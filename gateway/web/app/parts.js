// Parts that several screens are made of.

import { useEffect, useLayoutEffect, useRef, useState } from '../vendor/hooks.js';
import { signal } from '../vendor/signals.js';
import { busy, mend, tellTrouble, troubles, why } from './acts.js';
import { Failure } from './api.js';
import { age } from './format.js';
import { html } from './html.js';
import { clock, isOld } from './state.js';
import { of, t } from './words.js';

/** Drawings of 24 by 24, by name; lines only, so that they take the colour of the text. */
/** @type {Record<string, string>} */
const ICONS = {
  home: 'M3 11 12 4l9 7M5 10v10h5v-6h4v6h5V10',
  alerts: 'M12 4 2 20h20L12 4Zm0 6v5m0 2v1',
  video: 'M3 6h12v12H3zM15 10l6-4v12l-6-4',
  history: 'M3 20h18M4 15l5-5 4 3 7-8',
  board: 'M6 6h12v12H6zM9 2v4m6-4v4M9 18v4m6-4v4M2 9h4m-4 6h4m12-6h4m-4 6h4',
  settings: 'M4 7h10m4 0h2M4 17h2m4 0h10M16 4v6M8 14v6',
  out: 'M14 4H5v16h9M10 12h11m-4-4 4 4-4 4',
  up: 'M12 20V4m-6 6 6-6 6 6',
  down: 'M12 4v16m-6-6 6 6 6-6',
  left: 'M20 12H4m6-6-6 6 6 6',
  right: 'M4 12h16m-6-6 6 6-6 6',
  turnLeft: 'M4 4v6h6M5 10a8 8 0 1 1-1 6',
  turnRight: 'M20 4v6h-6M19 10a8 8 0 1 0 1 6',
  full: 'M4 9V4h5m6 0h5v5m0 6v5h-5m-6 0H4v-5',
  close: 'M5 5l14 14M19 5 5 19',
  battery: 'M3 8h16v8H3zm16 2h2v4h-2',
};

/** @param {{ name: string }} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${ICONS[name]} /></svg>`;
}

/** A level as a word in its colour; what is old is never called well. @param {{ level: string | null, count?: number, isDim?: boolean }} props */
export function Level({ level, count, isDim }) {
  if (isDim && !level) return null;
  if (!level) return html`<span class="chip level-calm">${t('level.calm')}</span>`;
  return html`<span class=${`chip level-${level}`}>${of('level', level)}${count ? html` <b>${count}</b>` : ''}</span>`;
}

/** How old a value is that is asked for so often. @param {{ at: number, everyMs?: number }} props */
export function Age({ at, everyMs }) {
  if (!at) return html`<span class="age">${t('age.never')}</span>`;
  return html`<span class=${isOld(at, everyMs) ? 'age old' : 'age'}>${t('age.ago', { age: age((clock.value - at) / 1000) })}</span>`;
}

/**
 * A button that acts when pressed, and says so while it does.
 * @param {{ busyKey?: string, onClick: () => unknown, class?: string, disabled?: boolean, children?: any, label?: string, title?: string }} props
 */
export function Button({ busyKey, onClick, class: className = '', disabled, children, label, title }) {
  const isBusy = busyKey !== undefined && busy.value.has(busyKey);
  return html`<button type="button" class=${className} aria-label=${label} title=${title} aria-busy=${isBusy ? 'true' : undefined}
    disabled=${disabled} onClick=${() => (isBusy ? undefined : onClick())}>${children}</button>`;
}

/** How long a button that stops motors is held: longer than a touch by mistake. */
const HOLD_MS = 1000;

/**
 * A button that acts when it is held for a second. What it does is said before.
 * A screen reader's press, which cannot be held, asks instead.
 * @param {{ label: string, says: string, class?: string, busyKey: string, onHeld: () => unknown }} props
 */
export function HoldButton({ label, says, class: className = '', busyKey, onHeld }) {
  const [isHeld, setHeld] = useState(false);
  const [isAsking, setAsking] = useState(false);
  const [isHinting, setHinting] = useState(false);
  const timer = useRef(/** @type {any} */ (undefined));
  const wasPressed = useRef(false);
  const hint = useRef(/** @type {any} */ (undefined));
  const begin = () => {
    wasPressed.current = true;
    clearTimeout(timer.current);
    clearTimeout(hint.current);
    setHeld(true);
    setHinting(true);
    timer.current = setTimeout(() => {
      end();
      setHinting(false);
      onHeld();
    }, HOLD_MS);
  };
  const end = () => {
    clearTimeout(timer.current);
    setHeld(false);
    // What it would do is read after the finger has gone as well.
    clearTimeout(hint.current);
    hint.current = setTimeout(() => setHinting(false), 4000);
  };
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      clearTimeout(hint.current);
    },
    [],
  );
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== ' ' && event.key !== 'Enter') return;
    event.preventDefault();
    if (event.type === 'keyup') end();
    else if (!event.repeat) begin();
  };
  const onClick = (/** @type {MouseEvent} */ event) => {
    // A press that no pointer and no key made: of a screen reader, or by voice.
    if (!wasPressed.current && event.detail === 0) setAsking(true);
    wasPressed.current = false;
  };
  const isBusy = busy.value.has(busyKey);
  return html`<div class="hold-place">
    <button type="button" class=${`hold ${className} ${isHeld ? 'held' : ''}`} aria-describedby=${`says-${busyKey}`} aria-busy=${isBusy ? 'true' : undefined}
      onPointerDown=${begin} onPointerUp=${end} onPointerLeave=${end} onPointerCancel=${end} onKeyDown=${onKey} onKeyUp=${onKey}
      onBlur=${end} onClick=${onClick} onContextMenu=${(/** @type {Event} */ event) => event.preventDefault()}>
      <span class="hold-fill" aria-hidden="true"></span><span class="hold-label">${label}</span>
      <small class="hold-how" aria-hidden="true">${isBusy ? t('hold.sending') : isHeld ? t('hold.held') : t('hold.how')}</small>
    </button>
    <p id=${`says-${busyKey}`} class=${isHinting ? 'hold-says shown' : 'hold-says'}>${says}</p>
    ${
      isAsking
        ? html`<${Dialog} title=${label} onClose=${() => setAsking(false)}>
      <p>${says}</p>
      <div class="row end"><button type="button" onClick=${() => setAsking(false)}>${t('cancel')}</button>
      <button type="button" class=${className} onClick=${() => {
        setAsking(false);
        onHeld();
      }}>${label}</button></div>
    <//>`
        : null
    }
  </div>`;
}

/** What has the focus keeps it where the list around it is put into another order: what moves loses it. */
export function useKeptFocus() {
  const { activeElement: had } = document;
  useLayoutEffect(() => {
    if (document.activeElement === document.body && had?.isConnected)
      /** @type {HTMLElement} */ (had).focus({ preventScroll: true });
  });
}

/** How many dialogs are open: over them nothing of the page is seen. */
export const dialogs = signal(0);

/**
 * A dialog over the page; Escape and a press beside it close it.
 * @param {{ title: string, onClose: () => void, children?: any, wide?: boolean }} props
 */
export function Dialog({ title, onClose, children, wide }) {
  const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
  // (Before the dialog is taken away: closed while it is there, it gives the focus back.)
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    dialogs.value += 1;
    return () => {
      dialogs.value -= 1;
      dialog?.close();
      if (document.activeElement === document.body) document.querySelector('main')?.focus({ preventScroll: true });
    };
  }, []);
  const onPress = (/** @type {MouseEvent} */ event) => {
    if (event.target === ref.current) onClose();
  };
  return html`<dialog ref=${ref} class=${wide ? 'wide' : ''} aria-label=${title} onCancel=${(
    /** @type {Event} */ event,
  ) => {
    event.preventDefault();
    onClose();
  }} onMouseDown=${onPress}>
    <div class="dialog-body">
      <div class="row between"><h2>${title}</h2><button type="button" class="plain icon-button" aria-label=${t('close')} onClick=${onClose}><${Icon} name="close" /></button></div>
      ${children}
      <${Troubles} isOver />
    </div>
  </dialog>`;
}

/** What failed alike, by what a reader is told: shown once, tried again and dismissed together. @param {import('./acts.js').Trouble} trouble */
const alike = (trouble) =>
  troubles.value.filter((other) => other.title() === trouble.title() && why(other) === why(trouble));

/** Failures: they stay until dismissed or mended, over what is open now. @param {{ isOver?: boolean }} props */
export function Troubles({ isOver = false }) {
  const list = troubles.value.filter((trouble) => alike(trouble)[0] === trouble);
  if (!list.length || isOver !== dialogs.value > 0) return null;
  const shown = list.slice(0, 3);
  return html`<div class="troubles">
    ${shown.map(
      (trouble) => html`<div key=${trouble.key} class="trouble" role="alert">
      <p><strong>${trouble.title()}</strong><br />${why(trouble)}</p>
      <div class="row">
        ${trouble.retry ? html`<button type="button" onClick=${() => alike(trouble).map((one) => one.retry?.())} aria-busy=${busy.value.has(trouble.key) ? 'true' : undefined}>${t('retry')}</button>` : null}
        <button type="button" class="plain" onClick=${() => alike(trouble).map((one) => mend(one.key))}>${t('dismiss')}</button>
      </div>
    </div>`,
    )}
    ${list.length > shown.length ? html`<p class="quiet">${t('trouble.more', { n: list.length - shown.length })}</p>` : null}
  </div>`;
}

/**
 * What a screen asks for itself: its data, or that it could not be had, with a retry.
 * @param {string} key
 * @param {() => string} title
 * @param {() => Promise<any>} work
 * @param {any[]} needs asked anew when these change
 * @param {number} [everyMs] asked anew after that long
 * @returns {{ data: any, at: number, again: () => Promise<void> }}
 */
export function useAsked(key, title, work, needs, everyMs) {
  const [state, setState] = useState({ data: /** @type {any} */ (undefined), at: 0 });
  const turn = useRef(0);
  const hasData = useRef(false);
  const again = async () => {
    turn.current += 1;
    const mine = turn.current;
    try {
      const data = await work();
      if (mine !== turn.current) return;
      hasData.current = true;
      setState({ data, at: performance.now() });
      mend(key);
    } catch (error) {
      // What is shown stays, with its age; that nothing is heard is told once, in the bar.
      const isSilence = error instanceof Failure && error.kind !== 'refused';
      if (mine === turn.current && !(isSilence && hasData.current))
        tellTrouble({ key, title: () => t('trouble.load', { what: title() }), error, retry: again });
    }
  };
  useEffect(() => {
    again();
    const timer = everyMs ? setInterval(() => document.hidden || again(), everyMs) : undefined;
    return () => {
      turn.current += 1;
      clearInterval(timer);
      mend(key);
    };
  }, needs);
  return { ...state, again };
}

/** A label over what is filled in. @param {{ label: string, hint?: string, children?: any }} props */
export function Field({ label, hint, children }) {
  return html`<label class="field"><span>${label}</span>${children}${hint ? html`<small>${hint}</small>` : null}</label>`;
}
