// The first screen: a key, and where to get one.

import { useState } from '../vendor/hooks.js';
import { signal } from '../vendor/signals.js';
import { Failure, inWords } from './api.js';
import { gatewayName } from './bar.js';
import { html } from './html.js';
import { signIn } from './session.js';
import { language, speak, t } from './words.js';

/** Why somebody who was signed in is not any more. @type {import('../vendor/signals.js').Signal<Failure | null>} */
export const ended = signal(null);

/** @param {unknown} error */
function reason(error) {
  if (error instanceof Failure && error.code === 'IP_BLOCKED')
    return t('code.IP_BLOCKED.for', { n: Math.max(1, Math.ceil(error.retryAfterS / 60)) });
  // (A gateway without sessions says no more of a key that was good before.)
  if (error === ended.value && error instanceof Failure && error.code === 'HTTP_401') return t('signin.ended');
  return inWords(error);
}

export function SignIn() {
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const [isBusy, setBusy] = useState(false);
  const [isShown, setShown] = useState(false);
  const [key, setKey] = useState('');
  const shown = error ?? ended.value;
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (isBusy || !key.trim()) return;
    setBusy(true);
    setError(null);
    ended.value = null;
    await signIn(key).catch(setError);
    setBusy(false);
  };
  const other = language.value === 'ja' ? 'en' : 'ja';
  return html`<main class="signin" tabindex="-1">
    <form onSubmit=${submit}>
      <div class="row between"><p class="gateway">${gatewayName()}</p>
      <button type="button" class="plain" lang=${other} onClick=${() => speak(other)}>${other === 'ja' ? '日本語' : 'English'}</button></div>
      <h1>${t('signin.title')}</h1>
      <p>${t('signin.how')}</p>
      ${shown ? html`<p class="trouble" role="alert">${reason(shown)}</p>` : null}
      <label class="field"><span>${t('signin.key')}</span>
        <input type="text" class=${isShown ? '' : 'masked'} name="key" value=${key} autocomplete="off" autocapitalize="none" spellcheck=${false} inputmode="latin"
          aria-invalid=${error ? 'true' : undefined} onInput=${(/** @type {any} */ event) => setKey(event.target.value)} /></label>
      <label class="check"><input type="checkbox" checked=${isShown} onChange=${() => setShown(!isShown)} /> ${t('signin.show')}</label>
      <button type="submit" class="primary" aria-busy=${isBusy ? 'true' : undefined}>${t('signIn')}</button>
      <p class="quiet"><a href="/trust">${t('signin.trust')}</a></p>
    </form>
  </main>`;
}
