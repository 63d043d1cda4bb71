// The demo: a visitor makes something happen, and sees what the gateway does about it.

import { useEffect, useState } from '../vendor/hooks.js';
import { act, say } from './acts.js';
import { ask, Failure, post } from './api.js';
import { html } from './html.js';
import { Button } from './parts.js';
import { drones, may } from './state.js';
import { of, t } from './words.js';

/** Asked once a visit. @type {Promise<string[]> | null} */
let asked = null;

/** What can be made to happen; nothing, in a gateway that is no demo. */
const happenings = () => {
  asked ??= ask('/api/demo').then(
    ({ happenings: names }) => names,
    (error) => {
      // Not heard is not known: the next visit asks again.
      if (!(error instanceof Failure && error.kind === 'refused')) asked = null;
      return [];
    },
  );
  return asked;
};

/** @param {string} what */
const make = (what) =>
  act(
    `happening/${what}`,
    () => of('happening', what),
    async () => {
      await post('/api/demo/happening', { what });
      say(of('happening', what));
    },
  );

export function Happenings() {
  const [names, setNames] = useState(/** @type {string[]} */ ([]));
  // A gateway with a real drone is no demo, and is not asked.
  const isShow = may('write') && Boolean(drones.value?.length) && drones.value?.every(({ simulated }) => simulated);
  useEffect(() => {
    if (isShow) happenings().then(setNames);
  }, [isShow]);
  if (!isShow || !names.length) return null;
  return html`<section class="panel" aria-label=${t('happenings')}><h2>${t('happenings')}</h2><p class="quiet">${t('happenings.says')}</p>
    <div class="row">${names.map((name) => html`<${Button} key=${name} busyKey=${`happening/${name}`} onClick=${() => make(name)}>${of('happening', name)}<//>`)}</div></section>`;
}
