// A drone in a network of its own joins the site's: what is heard, the way back, the password.

import { useState } from '../vendor/hooks.js';
import { act } from './acts.js';
import { ask, post } from './api.js';
import { html } from './html.js';
import { Button, Field, useAsked } from './parts.js';
import { may } from './state.js';
import { has, of, t } from './words.js';

/** A survey of all channels, and questions to a drone that may not answer. */
const PATIENCE_MS = 60_000;

const title = () => t('join');

/** @param {{ drone: import('./state.js').Drone }} props */
function Panel({ drone }) {
  const path = `/api/drones/${encodeURIComponent(drone.id)}/join`;
  const [heard, setHeard] = useState(/** @type {any} */ (null));
  const { data, again } = useAsked(path, title, () => ask(path), [drone.id], 5000);
  const tell = (/** @type {string} */ to, /** @type {any} */ body) =>
    act(path, title, async () => {
      const told = await post(path + to, body, { patienceMs: PATIENCE_MS });
      setHeard(to ? told : null);
      await again();
    });
  const submit = (/** @type {any} */ event) => {
    event.preventDefault();
    tell('', Object.fromEntries(new FormData(event.target)));
  };
  return html`<section class="panel" aria-label=${title()}><h2>${title()}</h2>
    ${data && has('join', data.stage) ? html`<p role="status">${data.ssid}: ${of('join', data.stage)}</p>` : null}
    ${data?.table ? html`<pre>${data.table}</pre>` : null}
    <${Button} busyKey=${path} onClick=${() => tell('/look', {})}>${t('join.look')}<//>
    ${
      heard
        ? html`<ul>${heard.networks.map((/** @type {any} */ one) => html`<li>${one.ssid} ${one.unfit ? t('join.unfit') : `${one.mhz} MHz ${one.dbm ?? ''}`}</li>`)}</ul>
      ${heard.not_looked ? html`<p>${t('join.unseen')}</p>` : null}<p class="note">${t('join.reset')}</p>
      <form class="form" onSubmit=${submit}>
        <${Field} label=${t('join.ssid')}><input type="text" name="ssid" required maxlength="32" /><//>
        <${Field} label=${t('join.password')}><input type="password" name="password" required minlength="8" maxlength="63" autocomplete="off" /><//>
        <button type="submit" class="primary">${title()}</button></form>`
        : null
    }</section>`;
}

/** For a real EDU or TT, and for whoever administers the gateway. @param {{ drone: import('./state.js').Drone }} props */
export const Join = ({ drone }) =>
  may('admin') && !drone.simulated && /^[23]0/.test(drone.real_drone_info?.firmware_version ?? '')
    ? html`<${Panel} key=${drone.id} drone=${drone} />`
    : null;
