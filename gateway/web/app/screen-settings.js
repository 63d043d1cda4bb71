// Settings: this device's own, then what an administrator sees.

import { useState } from '../vendor/hooks.js';
import { LIBRARIES } from '../vendor/versions.js';
import { act, say } from './acts.js';
import { actor, audited } from './alert-words.js';
import { ask, Failure, post } from './api.js';
import { call, wish, wishes } from './attention.js';
import { when } from './format.js';
import { html } from './html.js';
import { Button, Level, useAsked } from './parts.js';
import { go, place } from './router.js';
import { signOut } from './session.js';
import { Keys } from './settings-keys.js';
import { Rules } from './settings-rules.js';
import { may, names, session } from './state.js';
import { SticksForm } from './sticks.js';
import { theme } from './theme.js';
import { language, of, speak, t } from './words.js';
import { offer, worker } from './worker.js';

/** Parts of the screen, and who sees them. @type {[string, string | null, () => any][]} */
const PARTS = [
  ['device', null, Device],
  ['sticks', 'write', SticksForm],
  ['rules', 'admin', Rules],
  ['keys', 'admin', Keys],
  ['notify', 'admin', Notify],
  ['sessions', null, Sessions],
  ['audit', 'admin', Audit],
  ['logs', 'admin', Logs],
  ['certificate', 'admin', Certificate],
  ['about', null, About],
];

/** What this device can do. */
const CAN = {
  sound: 'AudioContext' in globalThis,
  vibration: 'vibrate' in navigator,
  title: true,
  notification: 'Notification' in globalThis,
};

/** @param {keyof typeof CAN} one */
const choose =
  (one) =>
  async (/** @type {any} */ { target }) => {
    if (await wish(one, target.checked)) return;
    target.checked = false;
    say(t('attention.refused'));
  };

function Device() {
  return html`
    <fieldset><legend>${t('device.theme')}</legend><div class="row">${['auto', 'light', 'dark'].map(
      (one) =>
        html`<button key=${one} type="button" class="toggle" aria-pressed=${theme.value === one} onClick=${() => {
          theme.value = one;
        }}>${t(`theme.${one}`)}</button>`,
    )}</div></fieldset>
    <fieldset><legend>${t('device.language')}</legend><div class="row">${/** @type {const} */ (['ja', 'en']).map((one) => html`<button key=${one} type="button" lang=${one} class="toggle" aria-pressed=${language.value === one} onClick=${() => speak(one)}>${one === 'ja' ? '日本語' : 'English'}</button>`)}</div></fieldset>
    <fieldset><legend>${t('device.attention')}</legend>
      ${/** @type {const} */ (['sound', 'vibration', 'title', 'notification']).map((one) => html`<label key=${one} class="check"><input type="checkbox" checked=${wishes.value[one]} disabled=${!CAN[one]} onChange=${choose(one)} /> ${t(`attention.${one}`)}</label>`)}
      <div class="row"><button type="button" onClick=${() => call('critical', t('attention.test'), true)}>${t('attention.try')}</button></div>
      <p class="quiet">${t('attention.locked')}</p></fieldset>
    <fieldset><legend>${t('device.install')}</legend>
      ${
        offer.value
          ? html`<button type="button" class="primary" onClick=${() => {
              offer.value.prompt();
              offer.value = null;
            }}>${t('install')}</button>`
          : null
      }
      <p class="quiet">${t(`worker.${worker.value}`)} ${worker.value === 'refused' ? html`<a href="/trust">${t('signin.trust')}</a>` : null}</p></fieldset>
    <fieldset><legend>${t('device.session')}</legend><p>${session.value?.name ?? t('session.unnamed')}</p>
      ${session.value?.permissions ? html`<p class="quiet">${session.value.permissions.map((one) => of('permissionShort', one)).join(' · ')}</p>` : null}
      <button type="button" onClick=${signOut}>${t('signOut')}</button></fieldset>`;
}

/** Which channels reach a phone that is locked. A gateway that cannot say names where they are set. */
function Notify() {
  const { data } = useAsked(
    'notify',
    () => t('settings.notify'),
    () => unless('/api/notify/targets'),
    [],
  );
  const test = (/** @type {any} */ target) =>
    act(
      `notify/${target.name}`,
      () => `${target.name}: ${t('notify.test')}`,
      async () => {
        const { delivered, reason } = await post('/api/notify/test', { target: target.name }, { patienceMs: 30_000 });
        if (!delivered) throw new Failure('refused', { status: 502, code: 'NOTIFY_FAILED', message: reason ?? '' });
        say(t('said.notify', { name: target.name }));
      },
    );
  return html`<p>${t('attention.locked')}</p>
    ${
      data?.targets?.length
        ? html`<ul class="list">${data.targets.map(
            (
              /** @type {any} */ target,
            ) => html`<li key=${target.name}><div><b>${target.name}</b><br /><small class="quiet">${target.address} · ${t('notify.from', { level: of('level', target.min_level) })} · ${t('notify.counts', { sent: target.sent, failed: target.failed + target.refused })}</small></div>
      <${Button} busyKey=${`notify/${target.name}`} onClick=${() => test(target)}>${t('notify.test')}<//></li>`,
          )}</ul>`
        : html`<p class="quiet">${t(data === undefined ? 'loading' : data ? 'notify.none' : 'notify.how')}</p>`
    }`;
}

/** The answer, or null where the gateway has no such thing or the key may not. @param {string} path */
async function unless(path) {
  try {
    return await ask(path);
  } catch (error) {
    if (error instanceof Failure && [403, 404, 405].includes(error.status)) return null;
    throw error;
  }
}

function Sessions() {
  const { data, again } = useAsked(
    'sessions',
    () => t('sessions'),
    () => unless('/api/sessions'),
    [],
    10_000,
  );
  const locks = useAsked(
    'lockouts',
    () => t('lockouts'),
    () => unless('/api/security/lockouts'),
    [],
    10_000,
  );
  const end = async (/** @type {any} */ one) => {
    await act(
      `session/${one.id}`,
      () => t('sessions.end'),
      () => ask(`/api/sessions/${encodeURIComponent(one.id)}`, { method: 'DELETE' }),
    );
    again();
  };
  const lift = async (/** @type {string} */ address) => {
    await act(
      `lock/${address}`,
      () => t('lockouts.lift'),
      () => ask(`/api/security/lockouts/${encodeURIComponent(address)}`, { method: 'DELETE' }),
    );
    locks.again();
  };
  return html`${
    data?.sessions
      ? html`<ul class="list">${data.sessions.map(
          (
            /** @type {any} */ one,
          ) => html`<li key=${one.id}><div><b>${one.name}</b>${one.current ? html` <span class="chip">${t('sessions.this')}</span>` : null}<br />
      <small class="quiet">${one.client ?? ''} · ${t('sessions.since', { at: when(one.opened_at) })}${one.agent ? html`<br />${one.agent}` : null}</small></div><${Button} busyKey=${`session/${one.id}`} class="plain" onClick=${() => end(one)}>${t('sessions.end')}<//></li>`,
        )}</ul>`
      : html`<p class="quiet">${t('sessions.none')}</p>`
  }
    <h3>${t('lockouts')}</h3>${locks.data?.lockouts?.length ? html`<ul class="list">${locks.data.lockouts.map((/** @type {any} */ one) => html`<li key=${one.address}><div><b>${one.address}</b></div><${Button} busyKey=${`lock/${one.address}`} onClick=${() => lift(one.address)}>${t('lockouts.lift')}<//></li>`)}</ul>` : html`<p class="quiet">${t('lockouts.none')}</p>`}`;
}

/** A list of what happened, newest first. @param {{ name: string, lines: any[] | undefined, again: () => void, children?: any }} props */
function Lines({ name, lines, again, children }) {
  return html`<div class="row">${children}<button type="button" class="plain" onClick=${again}>${t('refresh')}</button></div>
    ${lines && !lines.length ? html`<p class="quiet">${t('logs.none')}</p>` : null}
    <ul class="list lines" aria-label=${name}>${lines ?? []}</ul>`;
}

function Audit() {
  const { data, again } = useAsked(
    'audit',
    () => t('audit'),
    () => ask('/api/security/audit?limit=200'),
    [],
  );
  const line = (/** @type {any} */ one, /** @type {number} */ index) =>
    html`<li key=${index}><p><time class="figure">${when(one.timestamp)}</time> <b>${of('audit', one.event)}</b>${one.actor ? ` · ${actor(one.actor)}` : ''}</p><small class="quiet">${audited(one.subject, names.value)}${one.client ? ` · ${one.client}` : ''}</small></li>`;
  return html`<${Lines} name=${t('audit')} again=${again} lines=${data?.events.map(line)} />`;
}

/** What the gateway wrote into its log lately. */
function Logs() {
  const [level, setLevel] = useState('info');
  const { data, again } = useAsked(
    'logs',
    () => t('settings.logs'),
    () => ask(`/api/system/logs?level=${level}&limit=200`),
    [level],
    5000,
  );
  const line = (/** @type {any} */ one, /** @type {number} */ index) =>
    html`<li key=${index}><p><time class="figure">${when(one.at)}</time> <${Level} level=${LEVEL_OF_LOG[one.level] ?? 'info'} /> <small class="quiet">${one.target}</small></p><code>${one.text}</code></li>`;
  return html`<p class="quiet">${t('logs.says')}</p><${Lines} name=${t('settings.logs')} again=${again} lines=${data?.lines.map(line)}>${Object.keys(
    LEVEL_OF_LOG,
  ).map(
    (one) =>
      html`<button key=${one} type="button" class="toggle" aria-pressed=${level === one} onClick=${() => setLevel(one)}>${t(`logs.${one}`)}</button>`,
  )}<//>`;
}

/** How serious a line of the log is, as a level of ours. @type {Record<string, string>} */
const LEVEL_OF_LOG = { error: 'error', warn: 'warning', info: 'info' };

function Certificate() {
  const { data } = useAsked(
    'certificate',
    () => t('certificate'),
    () => ask('/api/security/config'),
    [],
  );
  return html`<p>${t('certificate.says')}</p><p class="secret">${data?.certificate_sha256 ?? '–'}</p><p><a href="/trust">${t('certificate.how')}</a></p>
    <dl class="facts"><div><dt>${t('certificate.profile')}</dt><dd>${data ? of('profile', data.access_profile) : ''}</dd></div><div><dt>${t('certificate.attempts')}</dt><dd>${data ? t('certificate.attemptsN', { n: data.max_failed_attempts, h: data.failed_attempt_window_hours }) : ''}</dd></div></dl>`;
}

function About() {
  return html`<p>${t('about.says')}</p><p><a href="/docs">${t('about.docs')}</a> · <a href="/metrics">${t('about.metrics')}</a></p>
    <h3>${t('about.libraries')}</h3><ul>${LIBRARIES.map((line) => html`<li key=${line}>${line}</li>`)}</ul>
    <p><a href=${new URL('../vendor/licenses.txt', import.meta.url).href}>${t('about.licences')}</a></p>`;
}

export function Settings() {
  const [opened, setOpened] = useState(place.value.id || 'device');
  const seen = PARTS.filter(([, permission]) => !permission || may(permission));
  const shown = seen.find(([name]) => name === opened) ?? seen[0];
  const Part = shown[2];
  const open = (/** @type {string} */ name) => {
    setOpened(name);
    go(`settings/${name}`);
  };
  return html`<h1>${t('nav.settings')}</h1>
    <div class="row filters" role="group" aria-label=${t('settings.parts')}>${seen.map(([name]) => html`<button key=${name} type="button" class="toggle" aria-pressed=${shown[0] === name} onClick=${() => open(name)}>${t(`settings.${name}`)}</button>`)}</div>
    <section class="panel" aria-label=${t(`settings.${shown[0]}`)}><h2>${t(`settings.${shown[0]}`)}</h2><${Part} /></section>`;
}
