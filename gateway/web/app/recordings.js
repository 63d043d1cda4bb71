// Recordings of flights: a list, each to be looked at moment by moment, saved, kept, removed.

import { useEffect, useState } from '../vendor/hooks.js';
import { act, say } from './acts.js';
import { actor, commandWords, event, subjectName } from './alert-words.js';
import { ask, credentials, post, send } from './api.js';
import { Chart } from './chart.js';
import { FLIGHT_METRICS, flightOf, valueAt } from './flight-record.js';
import { clockTime, duration, measured, quantity, when } from './format.js';
import { html } from './html.js';
import { Button, Dialog, Level, useAsked } from './parts.js';
import { save } from './series.js';
import { may, names } from './state.js';
import { of, t } from './words.js';

/** How many are listed at first, and more with each press. */
const PAGE = 10;
/** A long flight is some megabytes of text. */
const FILE_PATIENCE_MS = 60_000;
/** How often the moment moves while it plays. */
const STEP_MS = 100;
/** How many times as fast as it was. */
const SPEEDS = [1, 4, 16];
/** Forms of a file, and how a file of each ends. */
const FORMS = { csv: 'csv', jsonl: 'jsonl', record: 'mfr' };

const pathOf = (/** @type {any} */ one) => `/api/recordings/${encodeURIComponent(one.id)}`;

/** @param {{ one: import('./flight-record.js').Happening }} props */
function Happening({ one }) {
  if (one.kind === 'alert')
    return html`<${Level} level=${one.alert.level} /> ${subjectName(one.alert.subject, names.value)}: ${event(one.alert)}`;
  if (one.kind === 'link') return html`${t(one.state === 'connected' ? 'flight.linked' : 'flight.unlinked')}`;
  const isWell = !['refused', 'unconfirmed', 'overtaken'].includes(one.state);
  return html`<b>${commandWords(one.command)}</b> · ${one.isGuard ? t('flight.guard') : actor(one.who)}
    ${isWell ? null : html` <span class="bad">${t(`flight.${one.state}`)}</span>`}`;
}

/** A flight, moment by moment. @param {{ one: any, onClose: () => void }} props */
function Replay({ one, onClose }) {
  const [metric, setMetric] = useState(FLIGHT_METRICS[0]);
  const [second, setSecond] = useState(0);
  const [speed, setSpeed] = useState(0);
  const { data } = useAsked(
    `recording/${one.id}`,
    () => t('recordings.show'),
    async () =>
      flightOf(await (await send(`${pathOf(one)}/download?format=jsonl`, { patienceMs: FILE_PATIENCE_MS })).text()),
    [one.id],
  );
  const lasts = data ? Math.max(0.1, data.to - data.from) : 0;
  useEffect(() => {
    if (!speed) return undefined;
    const timer = setInterval(
      () => setSecond((/** @type {number} */ at) => Math.min(lasts, at + (speed * STEP_MS) / 1000)),
      STEP_MS,
    );
    return () => clearInterval(timer);
  }, [speed, lasts]);
  useEffect(() => {
    if (speed && second >= lasts) setSpeed(0);
  }, [second, lasts, speed]);
  const title = `${one.drone_name}, ${when(one.started)}`;
  if (!data) return html`<${Dialog} title=${title} onClose=${onClose} wide><p class="quiet">${t('loading')}</p><//>`;
  /** @type {import('./flight-record.js').Flight} */
  const flight = data;
  const at = flight.from + second;
  const play = (/** @type {number} */ fast) => {
    if (second >= lasts) setSecond(0);
    setSpeed(speed === fast ? 0 : fast);
  };
  return html`<${Dialog} title=${title} onClose=${onClose} wide>
    ${flight.isDamaged ? html`<p class="note">${t('recordings.cut')}</p>` : null}
    <div class="row" role="group" aria-label=${t('history.metric')}>${FLIGHT_METRICS.map((name) => html`<button key=${name} type="button" class="toggle" aria-pressed=${metric === name} onClick=${() => setMetric(name)}>${of('metric', name)}</button>`)}</div>
    <${Chart} label=${of('metric', metric)} metric=${metric} lines=${[{ label: one.drone_name, points: flight.series[metric] }]} span=${[flight.from, flight.to]} at=${at}
      marks=${flight.happened.filter(({ kind }) => kind === 'alert').map((/** @type {any} */ happening) => ({ level: happening.alert.level, at: happening.at }))} />
    <label class="field"><span class="hidden">${t('recordings.moment')}</span>
      <input type="range" min="0" max=${lasts} step="any" value=${second} aria-valuetext=${clockTime(at * 1000)} onInput=${(/** @type {any} */ event) => setSecond(Number(event.target.value))} /></label>
    <div class="row">${SPEEDS.map((fast) => html`<button key=${fast} type="button" class="toggle" aria-pressed=${speed === fast} onClick=${() => play(fast)}>${speed === fast ? t('recordings.pause') : t('recordings.play', { n: fast })}</button>`)}
      <b class="figure">${clockTime(at * 1000)}</b></div>
    <div class="values">${FLIGHT_METRICS.map((name) => html`<div key=${name} class="value"><span>${of('metric', name)}</span><b>${measured(name, valueAt(flight.series[name], at))}</b></div>`)}</div>
    <h3>${t('recordings.happened')}</h3>
    ${flight.happened.length ? null : html`<p class="quiet">${t('recordings.nothing')}</p>`}
    <ol class="list moments">${flight.happened.map(
      (
        happening,
        index,
      ) => html`<li key=${index} class=${happening.at > at ? 'dim' : ''}><button type="button" class="plain figure" onClick=${() => setSecond(happening.at - flight.from)}>${clockTime(happening.at * 1000)}</button>
      <div><${Happening} one=${happening} /></div></li>`,
    )}</ol>
  <//>`;
}

/** As a file. @param {any} one @param {'csv' | 'jsonl' | 'record'} form */
const download = (one, form) =>
  act(
    `take/${one.id}`,
    () => `${one.drone_name}: ${t('recordings.save')}`,
    async () => {
      const answer = await send(`${pathOf(one)}/download?format=${form}`, { patienceMs: FILE_PATIENCE_MS });
      save(`${one.id}.${FORMS[form]}`, await answer.blob());
    },
  );

/** What can be had of it. @param {{ one: any, onClose: () => void }} props */
function Files({ one, onClose }) {
  return html`<${Dialog} title=${t('recordings.save')} onClose=${onClose}>
    ${
      /** @type {('csv' | 'jsonl' | 'record')[]} */ (Object.keys(FORMS)).map(
        (
          form,
        ) => html`<p key=${form}><${Button} busyKey=${`take/${one.id}`} onClick=${() => download(one, form)}>${t(`recordingForm.${form}`)}<//>
      <br /><small class="quiet">${t(`recordingForm.${form}.for`)}</small></p>`,
      )
    }
    ${
      // (As a link: it may be hundreds of megabytes, which no page should hold.)
      one.pictures && !credentials.key
        ? html`<p><a class="button" href=${`${pathOf(one)}/download?format=mp4`} download>${t('recordingForm.mp4')}</a></p>`
        : null
    }
  <//>`;
}

/** @param {{ one: any, withName: boolean, again: () => void, show: (shown: any) => void }} props */
function Row({ one, withName, again, show }) {
  const pin = async () => {
    await act(
      `pin/${one.id}`,
      () => `${one.drone_name}: ${t(one.pinned ? 'recordings.unpin' : 'recordings.pin')}`,
      async () => {
        await post(`${pathOf(one)}/pin`, { pinned: String(!one.pinned) });
        say(t(one.pinned ? 'said.unpinned' : 'said.pinned'));
      },
    );
    again();
  };
  const facts = [
    duration(one.duration_s),
    one.size_bytes < 1e6 ? quantity(one.size_bytes / 1e3, 'kB', 0) : quantity(one.size_bytes / 1e6, 'MB'),
    one.recording ? t('recordings.now') : one.ended ? of('recordingEnd', one.ended) : t('recordings.cut'),
    one.alerts ? t('recordings.alerts', { n: one.alerts }) : '',
    one.lost ? t('recordings.lost', { n: one.lost }) : '',
  ];
  return html`<li><div><b>${withName ? `${one.drone_name}, ` : ''}${when(one.started)}</b> ${one.pinned ? html`<span class="chip">${t('recordings.pinned')}</span>` : null}
      <br /><small class="quiet">${facts.filter(Boolean).join(' · ')}</small></div>
    <div class="row">${
      one.recording
        ? null
        : html`<${Button} onClick=${() => show({ one, what: 'replay' })}>${t('recordings.show')}<//>
      <${Button} class="plain" onClick=${() => show({ one, what: 'files' })}>${t('recordings.save')}<//>`
    }
      ${may('write') ? html`<${Button} busyKey=${`pin/${one.id}`} class="plain" onClick=${pin}>${t(one.pinned ? 'recordings.unpin' : 'recordings.pin')}<//>` : null}
      ${may('admin') && !one.recording ? html`<${Button} class="plain" onClick=${() => show({ one, what: 'remove' })}>${t('remove')}<//>` : null}</div></li>`;
}

/** Asks once more: it is gone for good. @param {{ one: any, again: () => void, onClose: () => void }} props */
function Remove({ one, again, onClose }) {
  const remove = async () => {
    onClose();
    await act(
      `remove/${one.id}`,
      () => `${one.drone_name}: ${t('remove')}`,
      () => ask(pathOf(one), { method: 'DELETE' }),
    );
    again();
  };
  return html`<${Dialog} title=${t('recordings.remove')} onClose=${onClose}>
    <p>${one.drone_name}, ${when(one.started)}</p><p>${t('recordings.remove.says')}</p>
    <div class="row end"><button type="button" onClick=${onClose}>${t('cancel')}</button><button type="button" class="danger" onClick=${remove}>${t('remove')}</button></div><//>`;
}

/** Those of one drone, or of all. @param {{ drone?: string }} props */
export function Recordings({ drone }) {
  const [most, setMost] = useState(PAGE);
  const [shown, show] = useState(/** @type {any} */ (null));
  const query = new URLSearchParams({ limit: String(most), ...(drone ? { drone_id: drone } : {}) });
  const { data, again } = useAsked(
    `recordings/${drone ?? ''}`,
    () => t('recordings'),
    () => ask(`/api/recordings?${query}`),
    [drone, most],
    10_000,
  );
  const close = () => show(null);
  return html`<section class="panel" aria-label=${t('recordings')}><h2>${t('recordings')}</h2>
    ${data === undefined ? html`<p class="quiet">${t('loading')}</p>` : null}
    ${data?.recordings.length === 0 ? html`<p class="quiet">${t('recordings.none')}</p>` : null}
    <ul class="list">${(data?.recordings ?? []).map((/** @type {any} */ one) => html`<${Row} key=${one.id} one=${one} withName=${!drone} again=${again} show=${show} />`)}</ul>
    ${data?.next ? html`<button type="button" class="plain" onClick=${() => setMost(most + PAGE)}>${t('recordings.more', { n: data.total - data.recordings.length })}</button>` : null}
    ${shown?.what === 'replay' ? html`<${Replay} one=${shown.one} onClose=${close} />` : null}
    ${shown?.what === 'files' ? html`<${Files} one=${shown.one} onClose=${close} />` : null}
    ${shown?.what === 'remove' ? html`<${Remove} one=${shown.one} again=${again} onClose=${close} />` : null}
  </section>`;
}
