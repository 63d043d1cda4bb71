// Alerts: what stands, what was, and what was done about it.

import { useRef, useState } from '../vendor/hooks.js';
import { act, say } from './acts.js';
import { actor, advice, event, sentence, subjectName, valueNow } from './alert-words.js';
import { ask, Failure, gatewayNow, post } from './api.js';
import { mute, mutedUntil } from './attention.js';
import { Chart } from './chart.js';
import { fly } from './flight.js';
import { duration, when } from './format.js';
import { html } from './html.js';
import { LOOK_EVERY_MS, look } from './live.js';
import { counts, grouped, isFlying, LEVELS } from './order.js';
import { Age, Button, Dialog, dialogs, Level, useAsked, useKeptFocus } from './parts.js';
import { history } from './series.js';
import { alerts, alertsAt, drones, isLive, may, names, OLD_AFTER_MS, silence, system } from './state.js';
import { of, t } from './words.js';

/** @typedef {import('./order.js').Group} Group */
/** @typedef {import('./state.js').Alert} Alert */

/** Most of the past that is listed. */
const PAST = 200;
/** For how long a row may be quiet, in minutes. */
const MUTES = [15, 60, 480];

/** Does it to every alert of a row. @param {Group} group @param {'acknowledge' | 'resolve'} verb */
async function forAll(group, verb) {
  const text = sentence(group.first, names.value);
  return act(
    `${verb}/${group.key}`,
    () => `${t(verb)}: ${text}`,
    async () => {
      const open = group.alerts.filter((alert) => !alert.resolved && !(verb === 'acknowledge' && alert.acknowledged));
      for (const { id } of open) {
        await post(`/api/alerts/${encodeURIComponent(id)}/${verb}`).catch((error) => {
          // Somebody else was quicker: that is what was wished for.
          if (!(error instanceof Failure && error.status === 409)) throw error;
        });
      }
      say(t('said.alert', { state: of('alert', `${verb}d`), alert: text }));
      await look();
    },
  );
}

/**
 * Keeps a row quiet for a time, for everybody; a gateway that knows no mutes leaves it to
 * this device. 0 minutes ends it.
 * @param {Group} group
 * @param {number} minutes
 */
async function quieten(group, minutes) {
  const text = sentence(group.first, names.value);
  const path = `/api/alerts/${encodeURIComponent(group.first.id)}/mute`;
  await act(
    `mute/${group.key}`,
    () => `${t('mute')}: ${text}`,
    async () => {
      mute(group.key, 0);
      try {
        await (minutes ? post(path, { for_s: minutes * 60 }) : ask(path, { method: 'DELETE' }));
      } catch (error) {
        if (!(error instanceof Failure && [404, 405].includes(error.status))) throw error;
        mute(group.key, minutes);
      }
      say(t(minutes ? 'said.muted' : 'said.unmuted', { alert: text }));
      await look();
    },
  );
}

/** The moment of an alert. @param {{ group: Group, onClose: () => void }} props */
function Moment({ group, onClose }) {
  const { first } = group;
  const minutes = Math.min(1440, Math.max(10, Math.ceil((gatewayNow() - Date.parse(first.created_at)) / 60_000) + 5));
  const { data } = useAsked(
    `moment/${group.key}`,
    () => t('chart.of', { what: of('metric', first.metric) }),
    () => history(first.subject, first.metric ?? '', minutes),
    [minutes],
  );
  return html`<${Dialog} title=${sentence(first, names.value)} onClose=${onClose} wide>
    ${
      data
        ? html`<${Chart} label=${of('metric', first.metric)} lines=${[{ label: subjectName(first.subject, names.value), points: data }]} metric=${first.metric ?? ''}
      limits=${group.alerts.map(({ level, threshold }) => ({ level, value: threshold }))} marks=${group.alerts.map(({ level, created_at: at }) => ({ level, at: Date.parse(at) / 1000 }))} />`
        : html`<p class="quiet">${t('loading')}</p>`
    }
  <//>`;
}

/** @param {{ group: Group }} props */
function Row({ group }) {
  const [shown, setShown] = useState('');
  const { first } = group;
  const text = sentence(first, names.value);
  const isAcknowledged = group.alerts.every((alert) => alert.acknowledged);
  const acknowledged = group.alerts.find((alert) => alert.acknowledged_by);
  const isCleared = group.alerts.every((alert) => alert.cleared_at);
  const isResolved = group.alerts.every((alert) => alert.resolved);
  const what = advice(first);
  const drone = (drones.value ?? []).find(({ id }) => id === first.subject);
  // (Of a drone that is not heard nothing is known of now.)
  const isHeard = isLive.value && (!drone || (silence(drone) ?? OLD_AFTER_MS) * 1000 <= OLD_AFTER_MS);
  const now = isHeard ? valueNow(first, drone, system.value) : null;
  const muted = group.alerts.find((alert) => alert.muted_until)?.muted_until ?? mutedUntil(group.key);
  const close = () => setShown('');
  return html`<article class=${`row-card level-${isResolved || isCleared ? 'calm' : group.level}`} aria-label=${text}>
    <div class="row top"><${Level} level=${group.level} /><span class="chip">${t(isResolved ? 'alert.resolved' : isAcknowledged ? 'alert.acknowledged' : 'alert.open')}</span>
      ${isCleared && !isResolved ? html`<span class="chip level-calm">${t('alert.over')}</span>` : null}<time class="quiet" datetime=${first.created_at}>${when(first.created_at)}</time></div>
    <h2>${text}</h2>
    ${now && !isResolved ? html`<p class="now">${t('alert.now', { value: now })}</p>` : null}
    ${what && !isResolved ? html`<p class="advice">${what}</p>` : null}
    ${
      group.alerts.length > 1
        ? html`<p class="quiet">${t('alert.also', {
            what: group.alerts
              .slice(1)
              .map((alert) => `${of('level', alert.level)}: ${event(alert)}`)
              .join(' · '),
          })}</p>`
        : null
    }
    ${acknowledged?.acknowledged_at ? html`<p class="quiet">${t('alert.acknowledgedBy', { name: actor(acknowledged.acknowledged_by), at: when(acknowledged.acknowledged_at) })}</p>` : null}
    ${first.resolved_at ? html`<p class="quiet">${first.resolved_by === 'auto' ? t('alert.resolvedItself', { at: when(first.resolved_at) }) : t('alert.resolvedBy', { name: actor(first.resolved_by), at: when(first.resolved_at) })}</p>` : null}
    ${muted && !isResolved ? html`<p class="quiet">${t('alert.mutedUntil', { at: when(muted) })}</p>` : null}
    ${first.durable ? null : html`<p class="note bad">${t('alert.notKept')}</p>`}
    <div class="row actions">
      ${
        isResolved || !may('respond')
          ? null
          : html`
        ${isAcknowledged ? null : html`<${Button} class="primary" busyKey=${`acknowledge/${group.key}`} onClick=${() => forAll(group, 'acknowledge')}>${t('acknowledge')}<//>`}
        <${Button} busyKey=${`resolve/${group.key}`} onClick=${() => setShown('resolve')}>${t('resolve')}<//>
        ${muted ? html`<button type="button" onClick=${() => quieten(group, 0)}>${t('mute.end')}</button>` : html`<button type="button" onClick=${() => setShown('mute')}>${t('mute')}</button>`}`
      }
      ${first.metric ? html`<${Button} class="plain" onClick=${() => setShown('chart')}>${t('alert.chart')}<//>` : null}
      ${drone && !isResolved && may('respond') && isFlying(drone) ? html`<${Button} busyKey=${`${drone.id}/land`} onClick=${() => fly(drone.id, 'land')}>${t('land')}<//>` : null}
      ${drone ? html`<a class="button plain" href=${`#/drone/${encodeURIComponent(drone.id)}`}>${t('alert.drone')}</a>` : null}
    </div>
    ${
      shown === 'resolve'
        ? html`<${Dialog} title=${t('resolve.title')} onClose=${close}><p>${text}</p><p>${t(isCleared ? 'resolve.over' : 'resolve.stands')}</p>
      <div class="row end"><button type="button" onClick=${close}>${t('cancel')}</button>
      <button type="button" class="primary" onClick=${() => {
        close();
        forAll(group, 'resolve');
      }}>${t('resolve')}</button></div><//>`
        : null
    }
    ${
      shown === 'mute'
        ? html`<${Dialog} title=${t('mute.title')} onClose=${close}><p>${text}</p><p>${t('mute.says')}</p>
      <div class="row">${MUTES.map(
        (minutes) =>
          html`<button key=${minutes} type="button" onClick=${() => {
            close();
            quieten(group, minutes);
          }}>${duration(minutes * 60)}</button>`,
      )}</div><//>`
        : null
    }
    ${shown === 'chart' ? html`<${Moment} group=${group} onClose=${close} />` : null}
  </article>`;
}

/** Those that are over change seldom. */
const PAST_EVERY_MS = 30_000;

/** Those that are over. */
function Past() {
  const { data, at, again } = useAsked(
    'past',
    () => t('alerts.past'),
    () => ask(`/api/alerts?limit=${PAST}`),
    [],
    PAST_EVERY_MS,
  );
  const past = single((data?.alerts ?? []).filter((/** @type {Alert} */ alert) => alert.resolved));
  return html`<div class="row between"><${Age} at=${at} everyMs=${PAST_EVERY_MS} /><button type="button" class="plain" onClick=${again}>${t('refresh')}</button></div>
    ${data && !past.length ? html`<p class="empty">${t('alerts.noPast')}</p>` : null}
    <div class="rows">${past.map((group) => html`<${Row} key=${group.first.id} group=${group} />`)}</div>`;
}

/** The past is in order of time, an alert a row. @param {Alert[]} list @returns {Group[]} */
const single = (list) => list.map((alert) => ({ key: alert.id, level: alert.level, first: alert, alerts: [alert] }));

export function Alerts() {
  const [filter, setFilter] = useState('open');
  const [level, setLevel] = useState('');
  useKeptFocus();
  // (A row stays where it is while its dialog is open.)
  const kept = useRef(alerts.value);
  if (!dialogs.value) kept.current = alerts.value;
  const all = grouped(kept.current ?? []);
  const open = all.filter((group) => !group.alerts.every((alert) => alert.acknowledged));
  const shown = (
    filter === 'open' ? open : filter === 'acknowledged' ? all.filter((group) => !open.includes(group)) : all
  ).filter((group) => !level || group.level === level);
  const FILTERS = { open: open.length, acknowledged: all.length - open.length, past: null };
  return html`<div class="row between"><h1>${t('nav.alerts')}</h1><${Age} at=${alertsAt.value} everyMs=${LOOK_EVERY_MS} /></div>
    <div class="row filters" role="group" aria-label=${t('alerts.filter')}>
      ${Object.entries(FILTERS).map(([name, count]) => html`<button key=${name} type="button" class="toggle" aria-pressed=${filter === name} onClick=${() => setFilter(name)}>${t(`alerts.${name}`)}${count === null ? '' : ` ${count}`}</button>`)}
      <label class="inline"><span class="hidden">${t('alerts.level')}</span><select value=${level} onChange=${(/** @type {any} */ change) => setLevel(change.target.value)}>
        <option value="">${t('alerts.everyLevel')}</option>${[...LEVELS].reverse().map((one) => html`<option key=${one} value=${one}>${of('level', one)}</option>`)}</select></label>
    </div>
    ${
      filter === 'past'
        ? html`<${Past} />`
        : html`
      ${alerts.value && !shown.length ? html`<p class="empty">${t(filter === 'open' ? 'alerts.none' : 'alerts.noneSuch')}</p>` : null}
      <p class="hidden" aria-live="polite">${counts(shown)
        .map(([name, count]) => `${of('level', name)} ${count}`)
        .join(', ')}</p>
      <div class="rows">${shown.map((group) => html`<${Row} key=${group.key} group=${group} />`)}</div>`
    }`;
}
