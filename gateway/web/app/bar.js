// The bar that never leaves: which gateway, live or not, what stands, and what brings
// every drone down.

import { flyAll } from './flight.js';
import { age } from './format.js';
import { html } from './html.js';
import { counts, grouped, isFlying } from './order.js';
import { HoldButton, Icon, Level } from './parts.js';
import { place } from './router.js';
import { signOut } from './session.js';
import { alerts, clock, drones, heardAt, host, isLive, may, session } from './state.js';
import { language, speak, t } from './words.js';

/** Screens of the navigation, in its order. */
const SCREENS = ['home', 'alerts', 'video', 'history', 'board', 'settings'];

/** What people call the gateway: its own name, else that of the address, else the address. */
export const gatewayName = () =>
  host.value ?? (/^[\d.]+$|:/.test(location.hostname) ? location.host : location.hostname.split('.')[0]);

function Link() {
  const name = t(isLive.value ? 'link.live' : 'link.lost');
  const shown = heardAt.value ? t('age.ago', { age: age((clock.value - heardAt.value) / 1000) }) : '';
  return html`<span class=${`link ${isLive.value ? 'live' : 'lost'}`}>
    <span role="status" aria-label=${name}>${name}</span> <span class="age">${shown}</span></span>`;
}

function Counts() {
  const open = grouped((alerts.value ?? []).filter((alert) => !alert.acknowledged));
  // What somebody has seen and what still stands is not "all well".
  const seen = grouped((alerts.value ?? []).filter((alert) => alert.acknowledged && !alert.cleared_at));
  const rest = seen.length
    ? html`<span class="chip level-info">${t('alerts.acknowledged')} <b>${seen.length}</b></span>`
    : html`<${Level} level=${null} isDim=${!isLive.value} />`;
  return html`<a class=${isLive.value ? 'counts' : 'counts dim'} href="#/alerts"><span class="hidden">${t('bar.alerts')}</span>
    ${open.length ? counts(open).map(([level, count]) => html`<${Level} key=${level} level=${level} count=${count} />`) : rest}</a>`;
}

function Language() {
  const other = language.value === 'ja' ? 'en' : 'ja';
  return html`<button type="button" class="plain" lang=${other} onClick=${() => speak(other)}>${other === 'ja' ? '日本語' : 'English'}</button>`;
}

function Everything() {
  if (!may('respond')) return null;
  const flying = (drones.value ?? []).filter(isFlying).length;
  return html`<div class="everything">
    <${HoldButton} label=${t('landAll')} says=${t('landAll.says', { n: flying })} class="land" busyKey="land-all" onHeld=${() => flyAll('land-all')} />
    <${HoldButton} label=${t('emergencyAll')} says=${t('emergencyAll.says')} class="emergency" busyKey="emergency-all" onHeld=${() => flyAll('emergency-all')} />
  </div>`;
}

/** The bar over every screen. */
export function Bar() {
  return html`<header class="bar">
    <strong class="gateway">${gatewayName()}</strong>
    <div class="bar-facts"><${Link} /><${Counts} /></div>
    <div class="bar-user">
      <span class="wide-only quiet">${session.value?.name}</span>
      <${Language} />
      <button type="button" class="plain icon-button" aria-label=${t('signOut')} title=${t('signOut')} onClick=${signOut}>
        <${Icon} name="out" /><span class="wide-only">${t('signOut')}</span></button>
    </div>
    <${Everything} />
  </header>`;
}

/** The main navigation. */
export function Navigation() {
  const open = grouped((alerts.value ?? []).filter((alert) => !alert.acknowledged)).length;
  return html`<nav class="main-nav" aria-label=${t('nav')}>
    ${SCREENS.map(
      (
        screen,
      ) => html`<a key=${screen} href=${`#/${screen}`} aria-current=${place.value.screen === screen || (screen === 'home' && place.value.screen === 'drone') ? 'page' : undefined}>
      <${Icon} name=${screen} /><span>${t(`nav.${screen}`)}</span>
      ${screen === 'alerts' && open ? html`<b class="badge" aria-hidden="true">${open}</b>` : null}</a>`,
    )}
  </nav>`;
}
