// Starts the page.

import { render } from '../vendor/preact.js';
import { effect } from '../vendor/signals.js';
import { mendAll, said, say } from './acts.js';
import { Failure } from './api.js';
import { watchAttention } from './attention.js';
import { Bar, gatewayName, Navigation } from './bar.js';
import { watchBatteries } from './drone-parts.js';
import { watchFlights } from './flight.js';
import { html } from './html.js';
import { start, stop, watch, whenEnded } from './live.js';
import { Troubles } from './parts.js';
import { go, place, watchPlace } from './router.js';
import { Alerts } from './screen-alerts.js';
import { Board } from './screen-board.js';
import { DronePage } from './screen-drone.js';
import { History } from './screen-history.js';
import { Home } from './screen-home.js';
import { Settings } from './screen-settings.js';
import { ended, SignIn } from './screen-signin.js';
import { Video } from './screen-video.js';
import { resume, signInByLink } from './session.js';
import { session } from './state.js';
import { watchSticks } from './sticks.js';
import { watchTheme } from './theme.js';
import { language, t } from './words.js';
import { installed, watchWorker } from './worker.js';

/** @type {Record<string, () => any>} */
const SCREENS = {
  home: Home,
  alerts: Alerts,
  video: Video,
  history: History,
  board: Board,
  settings: Settings,
  drone: DronePage,
};

/** In the fragment of a link that signs in. */
const LINK = /^#\/?signin=(.+)$/;

function Page() {
  if (session.value === undefined) return html`<main class="signin"><p class="quiet">${t('starting')}</p></main>`;
  if (session.value === null) return html`<${SignIn} />`;
  const { screen } = place.value;
  const Screen = SCREENS[screen] ?? Home;
  return html`<a class="skip" href="#main" onClick=${skip}>${t('skip')}</a>
    <${Bar} /><${Navigation} />
    <main id="main" class=${`dashboard-container screen-${screen}`} tabindex="-1">
      ${installed.value ? html`<p class="note row between">${t('updated')} <button type="button" onClick=${() => location.reload()}>${t('reload')}</button></p>` : null}
      <${Screen} key=${`${screen}/${place.value.id}`} /></main>
    <${Troubles} />
    <p class="said" aria-live="polite">${said.value}</p>`;
}

/** @param {Event} event */
function skip(event) {
  // The fragment of the address says which screen is shown.
  event.preventDefault();
  document.querySelector('main')?.focus();
}

/** Finds out who is signed in, again until the gateway can be reached. */
async function begin() {
  const link = LINK.exec(location.hash);
  if (link) {
    history.replaceState(null, '', `${location.pathname}#/home`);
    place.value = { screen: 'home', id: '' };
    for (let left = 3; ; left -= 1) {
      try {
        await signInByLink(decodeURIComponent(link[1]));
        return;
      } catch (error) {
        // (A phone that has just joined the network changes it once more.)
        if (!left || !(error instanceof Failure) || error.kind !== 'offline') {
          session.value = null;
          ended.value = /** @type {any} */ (error);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    }
  }
  try {
    ended.value = await resume();
  } catch {
    // The bar says that the connection is lost.
    setTimeout(begin, 2000);
  }
}

watchTheme();
watchPlace();
watch();
watchFlights();
watchSticks();
watchBatteries();
watchAttention();
watchWorker();
whenEnded((failure) => {
  ended.value = failure;
});
effect(() => {
  if (session.value) start();
  else if (session.value === null) {
    stop();
    mendAll();
    say('');
  }
});
effect(() => {
  document.documentElement.lang = language.value;
});
const root = document.getElementById('page');
if (root) render(html`<${Page} />`, root);
begin();

export { gatewayName, go };
