// The camera of one drone: opens its stream with a one-time ticket, again when it
// breaks, and lets go of it while nobody can see it.

import { useEffect, useRef, useState } from '../vendor/hooks.js';
import { act, say } from './acts.js';
import { ask, post, send } from './api.js';
import { canDecode, picture, screen } from './decoder.js';
import { number } from './format.js';
import { html } from './html.js';
import { Button, Icon } from './parts.js';
import { save } from './series.js';
import { isLive, may, nowMs } from './state.js';
import { t } from './words.js';

/** @typedef {import('./state.js').Drone} Drone */

const RETRY_MS = 2000;
const LOOK_MS = 2000;
/** A stream that brings nothing for so long is cut, whatever the browser thinks of it. */
const SILENT_MS = 6000;

/** Whether the page is shown, and this part of it. @param {{ current: Element | null }} ref */
function useSeen(ref) {
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    let isIn = true;
    const show = () => setSeen(isIn && !document.hidden);
    const watcher = new IntersectionObserver(([entry]) => {
      isIn = entry.isIntersecting;
      show();
    });
    if (ref.current) watcher.observe(ref.current);
    document.addEventListener('visibilitychange', show);
    return () => {
      watcher.disconnect();
      document.removeEventListener('visibilitychange', show);
    };
  }, []);
  return isSeen;
}

/**
 * Watches the stream while `isOn`.
 * @param {string} id
 * @param {{ current: HTMLCanvasElement | null }} canvas
 * @param {boolean} isOn
 */
function useStream(id, canvas, isOn) {
  const [state, setState] = useState('waiting');
  useEffect(() => {
    if (!isOn || !canDecode() || !canvas.current) return undefined;
    let isGone = false;
    /** @type {WebSocket | null} */
    let socket = null;
    /** @type {any} */
    let retry;
    let heardAt = nowMs();
    const view = screen(canvas.current, () => setState('failed'));
    const again = () => {
      if (!isGone) retry = setTimeout(open, RETRY_MS);
    };
    const open = async () => {
      const ticket = await post('/api/ws-ticket').catch(() => null);
      if (isGone) return;
      heardAt = nowMs();
      if (!ticket) {
        again();
        return;
      }
      const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
      socket = new WebSocket(
        `${scheme}://${location.host}/ws/video/${encodeURIComponent(id)}?ticket=${encodeURIComponent(ticket.ticket)}`,
      );
      socket.binaryType = 'arraybuffer';
      socket.onclose = again;
      socket.onmessage = ({ data }) => {
        if (isGone) return;
        heardAt = nowMs();
        if (typeof data !== 'string') {
          view.show(new Uint8Array(data));
          return;
        }
        const message = JSON.parse(data);
        if (message.type === 'video_format') {
          view.format(message);
          setState('shown');
        }
        if (message.type === 'video_stopped') setState('waiting');
      };
    };
    const drop = () => {
      if (socket) socket.onclose = null;
      socket?.close();
      socket = null;
    };
    open();
    const watch = setInterval(() => {
      if (!socket || nowMs() - heardAt < SILENT_MS) return;
      drop();
      setState('waiting');
      again();
    }, LOOK_MS);
    return () => {
      isGone = true;
      clearTimeout(retry);
      clearInterval(watch);
      drop();
      view.close();
      setState('waiting');
    };
  }, [id, isOn]);
  return state;
}

/** What the camera sends, in figures. @param {any} camera */
function figures(camera) {
  const parts = [];
  if (camera.width) parts.push(`${camera.width} × ${camera.height}`);
  parts.push(`${camera.fps} fps`, `${number(camera.bitrate_kbps, 0)} kbit/s`);
  if (camera.loss_percent) parts.push(t('video.loss', { n: number(camera.loss_percent) }));
  return parts.join(' · ');
}

/** @param {Drone} drone */
async function photo(drone) {
  const title = () => `${drone.name}: ${t('photo')}`;
  await act(`${drone.id}/photo`, title, async () => {
    const taken = await post(`/api/drones/${encodeURIComponent(drone.id)}/camera/photo`, undefined, {
      patienceMs: 20_000,
    });
    const file = await (await send(taken.path)).blob();
    const { jpeg } = await picture(file, taken.metadata.format === 'H264');
    save(taken.filename.replace(/\.[^.]*$/, '.jpg'), jpeg);
    say(t('said.photo', { name: drone.name }));
  });
}

/** @param {{ drone: Drone, isLarge?: boolean }} props */
export function VideoView({ drone, isLarge }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [camera, setCamera] = useState(/** @type {any} */ (null));
  const isSeen = useSeen(place);
  const isOn = isSeen && camera?.streaming === true;
  const state = useStream(drone.id, canvas, isOn);
  const path = `/api/drones/${encodeURIComponent(drone.id)}/camera`;
  const look = () => ask(path).then(setCamera, () => {});
  useEffect(() => {
    if (!isSeen) return undefined;
    look();
    const timer = setInterval(look, LOOK_MS);
    return () => clearInterval(timer);
  }, [isSeen, drone.id]);
  const press = (/** @type {'start' | 'stop'} */ what) =>
    act(
      `${drone.id}/video`,
      () => `${drone.name}: ${t(`video.${what}`)}`,
      async () => {
        await post(`${path}/stream/${what}?wait=true`);
        await look();
      },
    );
  const [isFilled, setFilled] = useState(false);
  /** Phones that let no page fill the screen give it their window. */
  const enlarge = () => {
    if (!document.fullscreenEnabled) setFilled(!isFilled);
    else if (document.fullscreenElement) document.exitFullscreen();
    else place.current?.requestFullscreen();
  };
  // (A picture that stands still is none of now.)
  const isShown = isLive.value && isOn && state === 'shown' && camera?.fps > 0;
  const word = !canDecode()
    ? t('video.none')
    : state === 'failed'
      ? t('video.failed')
      : !isLive.value
        ? t('link.lost')
        : camera === null
          ? t('loading')
          : t(camera.streaming ? 'video.waits' : 'video.off');
  return html`<section class=${`camera ${isLarge ? 'large' : ''} ${isFilled ? 'filled' : ''}`} ref=${place} aria-label=${t('video.of', { name: drone.name })}>
    <div class="picture">
      <canvas ref=${canvas} width="960" height="720" role="img" aria-label=${t('video.of', { name: drone.name })} class=${isShown ? '' : 'blank'} onDblClick=${enlarge} onClick=${() => (isLarge ? undefined : enlarge())}></canvas>
      ${isShown ? null : html`<p>${word}</p>`}
      <span class="picture-name">${drone.name}</span>
    </div>
    <div class="row">
      ${
        may('write') &&
        html`<${Button} busyKey=${`${drone.id}/video`} onClick=${() => press(camera?.streaming ? 'stop' : 'start')}>${t(camera?.streaming ? 'video.stop' : 'video.start')}<//>
        <${Button} busyKey=${`${drone.id}/photo`} onClick=${() => photo(drone)}>${t('photo')}<//>`
      }
      <${Button} class="plain icon-button" label=${t('video.full')} title=${t('video.full')} onClick=${enlarge}><${Icon} name="full" /><//>
      <span class="quiet">${isLive.value && camera?.fps ? figures(camera) : ''}</span>
    </div>
  </section>`;
}
