// Frames of a drone into the browser's own decoder (WebCodecs) and onto a canvas.
// Nothing is decoded in scripts.

/** Frames waiting for the decoder above which it is behind: a third of a second. */
const MAX_WAITING = 10;
/** A frame lasts a thirtieth of a second; decoders want times that grow. */
const FRAME_US = 33_333;
/** A decoder that says nothing about one picture will not. */
const STILL_WITHIN_MS = 3000;

export const canDecode = () => 'VideoDecoder' in globalThis;

/**
 * Whether a frame (Annex B) needs no other: by its first slice.
 * @param {Uint8Array} bytes
 */
export function isKey(bytes) {
  for (let at = 2; at + 1 < bytes.length; at += 1) {
    if (bytes[at] !== 1 || bytes[at - 1] !== 0 || bytes[at - 2] !== 0) continue;
    const kind = bytes[at + 1] & 0x1f;
    if (kind === 5) return true;
    if (kind === 1) return false;
  }
  return false;
}

/**
 * Profile, constraints and level of the first parameter set, as codecs are named (RFC 6381).
 * @param {Uint8Array} bytes
 */
export function codecOf(bytes) {
  for (let at = 2; at + 4 < bytes.length; at += 1) {
    if (bytes[at] !== 1 || bytes[at - 1] !== 0 || bytes[at - 2] !== 0 || (bytes[at + 1] & 0x1f) !== 7) continue;
    const parts = [bytes[at + 2], bytes[at + 3], bytes[at + 4]].map((byte) => byte.toString(16).padStart(2, '0'));
    return `avc1.${parts.join('')}`;
  }
  return null;
}

/**
 * A decoder that draws on `canvas`, and begins anew at a whole picture when it fails.
 * @param {HTMLCanvasElement} canvas
 * @param {(message: string) => void} failed
 */
export function screen(canvas, failed) {
  const context = canvas.getContext('2d');
  /** @type {any} */
  let decoder = null;
  /** @type {string | null} */
  let codec = null;
  let [needsKey, count, time] = [true, 0, 0];
  const draw = (/** @type {any} */ frame) => {
    if (canvas.width !== frame.displayWidth || canvas.height !== frame.displayHeight) {
      [canvas.width, canvas.height] = [frame.displayWidth, frame.displayHeight];
    }
    context?.drawImage(frame, 0, 0);
    frame.close();
    count += 1;
    canvas.dataset.frames = String(count);
  };
  const close = () => {
    if (decoder && decoder.state !== 'closed') decoder.close();
    [decoder, needsKey] = [null, true];
  };
  const open = () => {
    close();
    decoder = new VideoDecoder({
      output: draw,
      error: (error) => {
        failed(error.message);
        close();
      },
    });
    decoder.configure({ codec, optimizeForLatency: true });
  };
  return {
    close,
    /** @param {{ codec: string }} next */
    format(next) {
      codec = next.codec;
      open();
    },
    /** @param {Uint8Array} bytes */
    show(bytes) {
      if (!codec) return;
      const key = isKey(bytes);
      if (needsKey && !key) return;
      if (!decoder) open();
      if (decoder.decodeQueueSize > MAX_WAITING && !key) {
        needsKey = true;
        return;
      }
      needsKey = false;
      time += FRAME_US;
      decoder.decode(new EncodedVideoChunk({ type: key ? 'key' : 'delta', timestamp: time, data: bytes }));
    },
  };
}

/**
 * A picture as a JPEG: as it is, or a still that no browser shows, decoded here.
 * @param {Blob} file
 * @param {boolean} isCoded whether it is H.264
 * @returns {Promise<{ canvas: HTMLCanvasElement, jpeg: Blob }>}
 */
export async function picture(file, isCoded) {
  const canvas = document.createElement('canvas');
  const show = (/** @type {any} */ image, /** @type {number} */ width, /** @type {number} */ height) => {
    [canvas.width, canvas.height] = [width, height];
    canvas.getContext('2d')?.drawImage(image, 0, 0);
    image.close();
  };
  if (isCoded) {
    const frame = await still(new Uint8Array(await file.arrayBuffer()));
    show(frame, frame.displayWidth, frame.displayHeight);
  } else {
    const image = await createImageBitmap(file);
    show(image, image.width, image.height);
    return { canvas, jpeg: file };
  }
  const jpeg = await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.92));
  if (!jpeg) throw new Error('no JPEG');
  return { canvas, jpeg };
}

/** @param {Uint8Array} bytes @returns {Promise<VideoFrame>} */
function still(bytes) {
  return new Promise((resolve, reject) => {
    const codec = codecOf(bytes);
    if (!codec || !canDecode()) {
      reject(new Error('no decoder'));
      return;
    }
    setTimeout(() => reject(new Error('too slow')), STILL_WITHIN_MS);
    const decoder = new VideoDecoder({ output: resolve, error: reject });
    decoder.configure({ codec });
    decoder.decode(new EncodedVideoChunk({ type: 'key', timestamp: 0, data: bytes }));
    decoder.flush().catch(reject);
  });
}
