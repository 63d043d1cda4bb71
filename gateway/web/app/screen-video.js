// Every camera at once; a tap fills the screen with one.

import { html } from './html.js';
import { drones } from './state.js';
import { VideoView } from './video.js';
import { t } from './words.js';

export function Video() {
  const list = [...(drones.value ?? [])].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  return html`<h1>${t('nav.video')}</h1>
    ${drones.value?.length === 0 ? html`<p class="empty">${t('home.none')}</p>` : null}
    <div class="cameras">${list.map((drone) => html`<${VideoView} key=${drone.id} drone=${drone} />`)}</div>`;
}
