// The camera: frames of one drone from the WebSocket into the browser's own
// decoder (WebCodecs) and onto a canvas. Nothing is decoded in scripts; a browser
// without WebCodecs is told so, and still takes photos.

import { say } from '/static/texts.js';

const LOOK_MS = 2000;
const RETRY_MS = 3000;
// Frames waiting for the decoder above which it is behind: a third of a second.
const MAX_WAITING = 10;
// A frame lasts a thirtieth of a second; decoders want times that grow.
const FRAME_US = 33333;

const $ = (id) => document.getElementById(id);

/** Whether a frame (Annex B) needs no other: by its first slice. */
export function isKey(bytes) {
  for (let at = 2; at + 1 < bytes.length; at += 1) {
    if (bytes[at] !== 1 || bytes[at - 1] !== 0 || bytes[at - 2] !== 0) continue;
    const kind = bytes[at + 1] & 0x1f;
    if (kind === 5) return true;
    if (kind === 1) return false;
  }
  return false;
}

/** A decoder that draws on `canvas`, and begins anew at a whole picture when it fails. */
function screen(canvas, failed) {
  const context = canvas.getContext('2d');
  let [decoder, format, needsKey, count] = [null, null, true, 0];
  const draw = (frame) => {
    if (canvas.width !== frame.displayWidth || canvas.height !== frame.displayHeight) {
      [canvas.width, canvas.height] = [frame.displayWidth, frame.displayHeight];
    }
    context.drawImage(frame, 0, 0);
    frame.close();
    count += 1;
    canvas.dataset.frames = count;
  };
  const close = () => {
    if (decoder && decoder.state !== 'closed') decoder.close();
    [decoder, needsKey] = [null, true];
  };
  const open = () => {
    close();
    decoder = new VideoDecoder({ output: draw, error: (error) => { failed(error.message); close(); } });
    decoder.configure({ codec: format.codec, optimizeForLatency: true });
  };
  let time = 0;
  return {
    close,
    format(next) {
      format = next;
      open();
    },
    show(bytes) {
      if (!format) return;
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

/** The camera's part of the page. `ask` sends a request with the key. */
export function camera(ask, fetchFile) {
  let [socket, view, watched, shown] = [null, null, '', ''];
  const path = (what) => `/api/drones/${encodeURIComponent(watched)}/camera${what}`;
  const tell = (text) => { $('camera-state').textContent = text; };
  const can = 'VideoDecoder' in window;

  function close() {
    const before = socket;
    socket = null;
    before?.close();
    view?.close();
    view = null;
  }

  /** Opens the drone's stream with a one-time ticket, and again when it breaks. */
  async function watch() {
    close();
    if (!can || !watched) return;
    const drone = watched;
    const ticket = await ask('/api/ws-ticket', 'POST').catch(() => null);
    if (!ticket || drone !== watched || socket) return;
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const opened = new WebSocket(
      `${scheme}://${location.host}/ws/video/${encodeURIComponent(drone)}?ticket=${encodeURIComponent(ticket.ticket)}`);
    opened.binaryType = 'arraybuffer';
    socket = opened;
    view = screen($('picture'), (text) => tell(`${say('videoFailed')}: ${text}`));
    opened.addEventListener('message', ({ data }) => {
      if (socket !== opened) return;
      if (typeof data !== 'string') return view.show(new Uint8Array(data));
      const message = JSON.parse(data);
      if (message.type === 'video_format') {
        $('picture').hidden = false;
        view.format(message);
      }
      if (message.type === 'video_stopped') $('picture').hidden = true;
    });
    opened.addEventListener('close', () => { if (socket === opened) setTimeout(() => socket === opened && watch(), RETRY_MS); });
  }

  async function look() {
    if (!watched || document.hidden) return;
    const camera = await ask(path('')).catch(() => null);
    if (!camera) return;
    const figures = [`${camera.fps} fps`, `${camera.bitrate_kbps} kbit/s`];
    if (camera.width) figures.unshift(`${camera.width} × ${camera.height}`);
    if (camera.loss_percent) figures.push(`${say('loss')} ${camera.loss_percent} %`);
    tell(camera.fps ? figures.join(' · ') : say(camera.streaming ? 'videoWaits' : 'videoOff'));
  }

  async function press(button, what) {
    button.disabled = true;
    try {
      const answer = await ask(path(what), 'POST');
      if (what === '/photo') await showPhoto(answer);
      else await look();
    } catch (error) {
      tell(error.message);
    }
    button.disabled = !watched;
  }

  /** Shows a photo. Its file needs the key, so it is fetched and not linked to. */
  async function showPhoto(photo) {
    const file = await fetchFile(photo.path);
    const link = $('photo-link');
    URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(file);
    link.download = photo.filename;
    link.textContent = photo.filename;
    link.hidden = false;
    const canvas = $('photo');
    canvas.hidden = true;
    const image = await createImageBitmap(file).catch(() => null);
    // No browser shows an H.264 still; the file can be saved all the same.
    if (!image) return;
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext('2d').drawImage(image, 0, 0);
    canvas.hidden = false;
  }

  $('stream-on').addEventListener('click', ({ target }) => press(target, '/stream/start'));
  $('stream-off').addEventListener('click', ({ target }) => press(target, '/stream/stop'));
  $('take-photo').addEventListener('click', ({ target }) => press(target, '/photo'));
  $('camera-drone').addEventListener('change', ({ target }) => {
    watched = target.value;
    $('picture').hidden = true;
    watch();
    look();
  });
  $('no-video').hidden = can;
  setInterval(look, LOOK_MS);

  return {
    /** The drones there are; the choice stays where it is. */
    drones(drones) {
      const mark = JSON.stringify(drones.map((drone) => [drone.id, drone.name]));
      if (mark === shown) return;
      shown = mark;
      $('camera-drone').replaceChildren(...drones.map(({ id, name }) => new Option(name, id, false, id === watched)));
      for (const id of ['camera-drone', 'stream-on', 'stream-off', 'take-photo']) $(id).disabled = !drones.length;
      if (watched === $('camera-drone').value) return;
      watched = $('camera-drone').value;
      watch();
      look();
    },
    /** Another key, or none: everything begins anew. */
    close() {
      close();
      [watched, shown] = ['', ''];
      $('picture').hidden = $('photo').hidden = $('photo-link').hidden = true;
      tell('');
    },
  };
}
