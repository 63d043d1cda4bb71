// From thumbs, keys and a gamepad to the sticks that are sent, and when they are sent. Pure.

/** −1 to 1 each, as it comes in; −100 to 100, as it is sent. @typedef {{ roll: number, pitch: number, throttle: number, yaw: number }} Axes */
/** How a person wants them: share of a cubic curve and of the full deflection, in percent. @typedef {{ mode: number, expo: number, limit: number }} Feel */

/** @type {Axes} */
export const CENTRED = { roll: 0, pitch: 0, throttle: 0, yaw: 0 };
const AXES = /** @type {(keyof Axes)[]} */ (Object.keys(CENTRED));

/** @type {Feel} Gentle: who wants more says so. */
export const USUAL = { mode: 2, expo: 40, limit: 60 };

/** A thumb is never quite still, and a pad's centre never quite 0. */
const DEAD = 0.08;
/** How much of a key's way is made in a tick: what is pressed begins softly. */
const KEY_STEP = 0.25;

/**
 * What left and right stick steer, across and along, as model pilots count the modes: 3 is 2
 * for the left hand, and 4 is 1 for it.
 * @type {Record<number, [keyof Axes, keyof Axes][]>}
 */
export const MODES = {
  1: [
    ['yaw', 'pitch'],
    ['roll', 'throttle'],
  ],
  2: [
    ['yaw', 'throttle'],
    ['roll', 'pitch'],
  ],
  3: [
    ['roll', 'pitch'],
    ['yaw', 'throttle'],
  ],
  4: [
    ['roll', 'throttle'],
    ['yaw', 'pitch'],
  ],
};

/** Keys by where they lie, so that an input method or another layout changes nothing. @type {Record<string, [keyof Axes, number]>} */
const KEYS = {
  KeyW: ['pitch', 1],
  KeyS: ['pitch', -1],
  KeyA: ['roll', -1],
  KeyD: ['roll', 1],
  KeyQ: ['yaw', -1],
  KeyE: ['yaw', 1],
  KeyR: ['throttle', 1],
  KeyF: ['throttle', -1],
};

/** @param {string} code */
export const isStickKey = (code) => code in KEYS;

const clamped = (/** @type {number} */ value) => Math.max(-1, Math.min(1, value));

/**
 * Where a thumb is, seen from where it was put down: a thumb that lands asks for nothing.
 * @param {[number, number]} from @param {[number, number]} to @param {number} reach px to the full deflection
 * @returns {[number, number]} right and up are positive
 */
export const thumb = (from, to, reach) => [clamped((to[0] - from[0]) / reach), clamped((from[1] - to[1]) / reach)];

/** @param {[number, number][]} pads left and right @param {number} mode @returns {Axes} */
export function fromPads(pads, mode) {
  const axes = { ...CENTRED };
  (MODES[mode] ?? MODES[USUAL.mode]).forEach(([across, along], side) => {
    [axes[across], axes[along]] = pads[side];
  });
  return axes;
}

/** A gamepad's two sticks; it counts down as positive. @param {readonly number[]} axes @returns {[number, number][]} */
export const padsOf = (axes) => [
  [axes[0] ?? 0, -(axes[1] ?? 0)],
  [axes[2] ?? 0, -(axes[3] ?? 0)],
];

/** Keys that are down, a tick further: on by steps, off at once. @param {Set<string>} codes @param {Axes} before @returns {Axes} */
export function fromKeys(codes, before) {
  const axes = { ...CENTRED };
  for (const code of codes) if (isStickKey(code)) axes[KEYS[code][0]] += KEYS[code][1];
  for (const name of AXES) {
    const [wanted, was] = [axes[name], before[name]];
    // (Of the other direction is off first.)
    const from = Math.sign(was) === Math.sign(wanted) ? was : 0;
    axes[name] = Math.sign(wanted) * Math.min(Math.abs(wanted), Math.abs(from) + KEY_STEP);
  }
  return axes;
}

/** Of each axis what asks for most. @param {Axes[]} all @returns {Axes} */
export function combined(all) {
  const axes = { ...CENTRED };
  for (const one of all)
    for (const name of AXES) if (Math.abs(one[name]) > Math.abs(axes[name])) axes[name] = one[name];
  return axes;
}

/** One axis as it is sent. @param {number} value @param {Feel} feel */
export function shaped(value, { expo, limit }) {
  const beyond = Math.max(0, (Math.abs(clamped(value)) - DEAD) / (1 - DEAD));
  const share = expo / 100;
  const bent = (1 - share) * beyond + share * beyond ** 3;
  return Math.round(Math.sign(value) * bent * limit) || 0;
}

/** @param {Axes} raw @param {Feel} feel @returns {Axes} */
export const shapedAll = (raw, feel) =>
  /** @type {Axes} */ (Object.fromEntries(AXES.map((name) => [name, shaped(raw[name], feel)])));

/** @param {Axes} axes */
export const isCentred = (axes) => AXES.every((name) => axes[name] === 0);

/** Zeros that are said after a thumb was lifted; the gateway goes on with them by itself. */
const ZEROS = 3;

/**
 * Says what the sticks ask for, a tick at a time: nothing while nobody steers, zeros after.
 * What was under way when it was cut does not go on by itself: first the thumbs are lifted.
 * @param {(axes: Axes) => boolean} send whether it left
 */
export function speaker(send) {
  /** @type {'ready' | 'on' | 'lift' | 'cut'} */
  let phase = 'lift';
  let zeros = 0;
  return {
    /** @param {Axes} axes */
    tick(axes) {
      const rests = isCentred(axes);
      if (phase === 'on' && rests) zeros = ZEROS;
      if (rests && phase !== 'ready') phase = 'ready';
      if (rests) {
        if (zeros > 0) {
          zeros -= 1;
          send(CENTRED);
        }
      } else if (phase === 'ready' || phase === 'on') phase = send(axes) ? 'on' : 'cut';
      return phase;
    },
    /** Lets go at once, whatever the thumbs do. */
    halt() {
      if (phase === 'on' || zeros > 0) send(CENTRED);
      [phase, zeros] = ['lift', 0];
    },
  };
}
