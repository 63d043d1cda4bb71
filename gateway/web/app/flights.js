// Flights that the gateway has kept: which there are, taken home, pinned, removed.

import { useState } from '../vendor/hooks.js';
import { act } from './acts.js';
import { ask, post, send } from './api.js';
import { duration, number, when } from './format.js';
import { html } from './html.js';
import { Button, Dialog, useAsked } from './parts.js';
import { save } from './series.js';
import { may } from './state.js';
import { of, t } from './words.js';

/** How many are shown: the newest; the API has all. */
const SHOWN = 20;

/** How long a download may take: a flight with its video has tens of megabytes. */
const PATIENCE_MS = 10 * 60_000;

/** What a recording is given as, and how such a file ends. */
const FORMATS = [
  { format: 'record', end: 'mfr' },
  { format: 'csv', end: 'csv' },
  { format: 'jsonl', end: 'jsonl' },
  { format: 'mp4', end: 'mp4' },
];

/** @param {any} flight */
const path = (flight) => `/api/recordings/${encodeURIComponent(flight.id)}`;

/** @param {{ flight: any, onChanged: () => void, onDoomed: () => void }} props */
function Flight({ flight, onChanged, onDoomed }) {
  const key = `flight/${flight.id}`;
  const take = (/** @type {{ format: string, end: string }} */ { format, end }) =>
    act(
      key,
      () => t('trouble.flight', { name: flight.drone_name }),
      async () => {
        const answer = await send(`${path(flight)}/download?format=${format}`, { patienceMs: PATIENCE_MS });
        save(`${flight.id}.${end}`, await answer.blob());
      },
    );
  const pin = () =>
    act(
      key,
      () => t('trouble.flight', { name: flight.drone_name }),
      async () => {
        await post(`${path(flight)}/pin`, { pinned: flight.pinned ? 'false' : 'true' });
        onChanged();
      },
    );
  const formats = FORMATS.filter(({ format }) => format !== 'mp4' || flight.pictures > 0);
  const ended = flight.recording ? t('flight.now') : of('flightEnd', flight.ended ?? 'damaged');
  return html`<li><div><b>${flight.drone_name}</b> <small class="quiet">${flight.drone_id}</small><br />
    <small>${when(flight.started)} · ${duration(flight.duration_s)} · ${ended}</small><br />
    <small class="quiet">${t('flight.alerts', { n: flight.alerts })} · ${number(flight.size_bytes / 1e6, 1)} MB${flight.lost ? ` · ${t('flight.lost', { n: flight.lost })}` : ''}</small></div>
    ${
      flight.recording
        ? null
        : html`<div class="row end">${formats.map(
            (one) =>
              html`<${Button} key=${one.format} busyKey=${key} class="plain" onClick=${() => take(one)}>${of('flightFormat', one.format)}<//>`,
          )}
      ${may('write') ? html`<${Button} busyKey=${key} class="plain" onClick=${pin}>${t(flight.pinned ? 'flight.unpin' : 'flight.pin')}<//>` : null}
      ${may('admin') ? html`<${Button} busyKey=${key} class="plain" onClick=${onDoomed}>${t('flight.remove')}<//>` : null}</div>`
    }</li>`;
}

/** The newest flights that were kept. */
export function Flights() {
  const { data, again } = useAsked(
    'flights',
    () => t('flights'),
    () => (may('read') ? ask(`/api/recordings?limit=${SHOWN}`) : Promise.resolve({ recordings: [], total: 0 })),
    [],
    30_000,
  );
  const [doomed, setDoomed] = useState(/** @type {any} */ (null));
  const remove = async (/** @type {any} */ flight) => {
    setDoomed(null);
    await act(
      `flight/${flight.id}`,
      () => t('trouble.flight', { name: flight.drone_name }),
      () => ask(path(flight), { method: 'DELETE' }),
    );
    again();
  };
  if (!data) return null;
  return html`<section class="panel" aria-label=${t('flights')}><h2>${t('flights')}</h2>
    ${data.recordings.length ? null : html`<p class="quiet">${t('flights.none')}</p>`}
    <ul class="list">${data.recordings.map(
      (/** @type {any} */ flight) =>
        html`<${Flight} key=${flight.id} flight=${flight} onChanged=${again} onDoomed=${() => setDoomed(flight)} />`,
    )}</ul>
    ${data.total > data.recordings.length ? html`<p class="quiet">${t('flights.more', { n: data.total - data.recordings.length })}</p>` : null}
    ${
      doomed
        ? html`<${Dialog} title=${t('flight.remove.title', { name: doomed.drone_name })} onClose=${() => setDoomed(null)}><p>${t('flight.remove.says')}</p><div class="row end">
      <button type="button" onClick=${() => setDoomed(null)}>${t('cancel')}</button><button type="button" class="primary" onClick=${() => remove(doomed)}>${t('flight.remove')}</button></div><//>`
        : null
    }</section>`;
}
