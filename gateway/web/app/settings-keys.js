// Keys: who may do what, a new one shown once with its code to scan, revoking.

import { useState } from '../vendor/hooks.js';
import { act } from './acts.js';
import { ask, post } from './api.js';
import { dateTime, UNKNOWN, when } from './format.js';
import { html } from './html.js';
import { Button, Dialog, Field, useAsked } from './parts.js';
import { of, t } from './words.js';

const PERMISSIONS = ['read', 'dashboard', 'respond', 'write', 'admin'];
/** Days until a key ends; 0 is never. */
const DAYS = [1, 7, 30, 365, 0];

/** The quiet zone around a code, in modules; scanners want four. */
const MARGIN = 4;

/** A code to scan, as the gateway made it: a row a text, 1 for a dark module. @param {{ rows: string[], label: string }} props */
export function Code({ rows, label }) {
  const size = rows.length + 2 * MARGIN;
  const path = rows
    .flatMap((row, y) => [...row].map((dark, x) => (dark === '1' ? `M${x + MARGIN} ${y + MARGIN}h1v1h-1z` : '')))
    .join('');
  return html`<svg class="code" viewBox=${`0 0 ${size} ${size}`} role="img" aria-label=${label} shape-rendering="crispEdges"><rect width=${size} height=${size} fill="#fff" /><path d=${path} fill="#000" /></svg>`;
}

/** A link that signs a phone in with a key just made; null where the gateway gives none. @param {string} name */
async function linkTo(name) {
  try {
    const { api_keys: keys } = await ask('/api/security/api-keys');
    const [newest] = Object.entries(keys)
      .filter(([, key]) => key.name === name)
      .sort((a, b) => b[1].created_at.localeCompare(a[1].created_at));
    return await post('/api/session/link', { key: newest[0] });
  } catch {
    // The key is made, and shown; the code beside it is a convenience.
    return null;
  }
}

/** @param {{ onMade: (made: any) => void, onClose: () => void }} props */
function KeyForm({ onMade, onClose }) {
  const [name, setName] = useState('');
  const [held, setHeld] = useState(['read', 'dashboard', 'respond']);
  const [days, setDays] = useState(30);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    /** @type {any} */
    let made;
    const body = { name: name.trim(), permissions: held, ...(days ? { expires_days: days } : {}) };
    const work = async () => {
      made = await post('/api/security/api-keys', body);
      made.link = await linkTo(made.name);
    };
    if (await act('key', () => t('key.new'), work)) onMade(made);
  };
  return html`<${Dialog} title=${t('key.new')} onClose=${onClose}><form class="form" onSubmit=${submit}>
    <${Field} label=${t('key.name')} hint=${t('key.name.hint')}><input type="text" required maxlength="64" value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} /><//>
    <fieldset><legend>${t('key.permissions')}</legend>${PERMISSIONS.map(
      (
        permission,
      ) => html`<label key=${permission} class="check"><input type="checkbox" checked=${held.includes(permission)}
      onChange=${() => setHeld(held.includes(permission) ? held.filter((one) => one !== permission) : [...held, permission])} /> ${of('permission', permission)}</label>`,
    )}</fieldset>
    <${Field} label=${t('key.expires')}><select value=${days} onChange=${(/** @type {any} */ event) => setDays(Number(event.target.value))}>${DAYS.map((one) => html`<option key=${one} value=${one}>${one ? t('key.days', { n: one }) : t('key.never')}</option>`)}</select><//>
    <div class="row end"><button type="button" onClick=${onClose}>${t('cancel')}</button><button type="submit" class="primary" disabled=${!held.length}>${t('key.new')}</button></div></form><//>`;
}

/** Shown once; the link signs in once where the gateway gives one. @param {{ made: any, onClose: () => void }} props */
function Made({ made, onClose }) {
  const [isCopied, setCopied] = useState(false);
  const copy = () => navigator.clipboard?.writeText(made.api_key).then(() => setCopied(true));
  return html`<${Dialog} title=${t('key.made', { name: made.name })} onClose=${onClose}><p>${t('key.once')}</p><p class="secret">${made.api_key}</p>
    ${made.link ? html`<${Code} rows=${made.link.qr} label=${t('key.code')} /><p>${t('key.codeLink')}</p><p class="secret">${made.link.url}</p>` : null}
    <div class="row end"><button type="button" onClick=${copy}>${t(isCopied ? 'said.copied' : 'copy')}</button><button type="button" class="primary" onClick=${onClose}>${t('key.kept')}</button></div><//>`;
}

export function Keys() {
  const { data, again } = useAsked(
    'keys',
    () => t('keys'),
    () => ask('/api/security/api-keys'),
    [],
  );
  const [isNew, setNew] = useState(false);
  const [made, setMade] = useState(/** @type {any} */ (null));
  const [doomed, setDoomed] = useState(/** @type {any} */ (null));
  const revoke = async (/** @type {[string, any]} */ [preview, key]) => {
    setDoomed(null);
    await act(
      `key/${preview}`,
      () => `${key.name}: ${t('key.revoke')}`,
      () => ask(`/api/security/api-keys/${encodeURIComponent(preview)}`, { method: 'DELETE' }),
    );
    again();
  };
  const list = Object.entries(data?.api_keys ?? {}).sort((a, b) => a[1].created_at.localeCompare(b[1].created_at));
  return html`<div class="row">${isNew ? null : html`<button type="button" class="primary" onClick=${() => setNew(true)}>${t('key.new')}</button>`}</div>
    <ul class="list">${list.map(
      ([preview, key]) => html`<li key=${preview}><div><b>${key.name}</b> <small class="quiet">${preview}</small><br />
      <small>${key.permissions.map((/** @type {string} */ one) => of('permissionShort', one)).join(' · ')}</small><br />
      <small class="quiet">${t('key.used', { at: key.last_used ? when(key.last_used) : UNKNOWN })} · ${key.expires_at ? t('key.until', { at: dateTime(key.expires_at) }) : t('key.never')}</small></div>
      <${Button} busyKey=${`key/${preview}`} class="plain" onClick=${() => setDoomed([preview, key])}>${t('key.revoke')}<//></li>`,
    )}</ul>
    ${
      isNew
        ? html`<${KeyForm} onClose=${() => setNew(false)} onMade=${(/** @type {any} */ key) => {
            setNew(false);
            setMade(key);
            again();
          }} />`
        : null
    }
    ${made ? html`<${Made} made=${made} onClose=${() => setMade(null)} />` : null}
    ${
      doomed
        ? html`<${Dialog} title=${t('key.revoke.title', { name: doomed[1].name })} onClose=${() => setDoomed(null)}><p>${t('key.revoke.says')}</p><div class="row end">
      <button type="button" onClick=${() => setDoomed(null)}>${t('cancel')}</button><button type="button" class="primary" onClick=${() => revoke(doomed)}>${t('key.revoke')}</button></div><//>`
        : null
    }`;
}
