// What the page does with the device: sound, vibration, the title, notifications, each on and
// off; the home screen; and a keyboard alone.

import assert from 'node:assert/strict';
import { ADMIN_KEY, card, DRONE, open, person, signIn, until } from './world.js';

/** Counts what a device would hear, feel and show; each call is done as well. */
const LISTENS = `
  window.noticed = { tones: 0, vibrations: 0, notes: [] };
  const tone = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () {
    noticed.tones += 1;
    return tone.call(this);
  };
  const vibrate = Navigator.prototype.vibrate;
  Navigator.prototype.vibrate = function (pattern) {
    noticed.vibrations += 1;
    return vibrate.call(this, pattern);
  };
  window.Notification = class extends Notification {
    constructor(title, options) {
      super(title, options);
      noticed.notes.push(options.body);
    }
  };`;

export async function attention({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url, init: LISTENS });
  const { page, context, t } = me;
  await signIn(me);
  await open(me, 'settings');
  const box = (name) => page.getByRole('checkbox', { name: t(`attention.${name}`), exact: true });
  const noticed = () => page.evaluate(() => window.noticed);
  const tries = async () => {
    const { tones, vibrations, notes } = await noticed();
    await page.getByRole('button', { name: t('attention.try'), exact: true }).click();
    const now = await noticed();
    return [now.tones - tones, now.vibrations - vibrations, now.notes.length - notes.length];
  };
  assert.deepEqual(await tries(), [3, 1, 0]);
  await box('sound').uncheck();
  assert.deepEqual(await tries(), [0, 1, 0]);
  await box('vibration').uncheck();
  assert.deepEqual(await tries(), [0, 0, 0]);
  // Where the browser lets the page notify nobody, the box does not say that it does.
  await box('notification').click();
  await page.getByText(t('attention.refused')).waitFor();
  assert.equal(await box('notification').isChecked(), false);
  await context.grantPermissions(['notifications'], { origin: gateway.url });
  await box('notification').click();
  await until('it is on', () => box('notification').isChecked());
  assert.deepEqual(await tries(), [0, 0, 1]);
  // As it was chosen, also after the page was loaded anew.
  await page.reload();
  await page.getByRole('status', { name: t('link.live'), exact: true }).waitFor();
  assert.deepEqual(
    await Promise.all(['sound', 'vibration', 'title', 'notification'].map((one) => box(one).isChecked())),
    [false, false, true, true],
  );
  // An alert while nobody looks at the page: its words are the page's.
  const count = async () => Number(/^\((\d+)\)/.exec(await page.title())?.[1] ?? 0);
  await until('what stands is counted', async () => (await count()) > 0);
  const before = await count();
  await page.evaluate(() => Object.defineProperty(document, 'hidden', { configurable: true, value: true }));
  await gateway.ask('/api/demo/happening', 'POST', { what: 'battery' });
  await until('it is notified', async () => {
    return (await noticed()).notes.some((text) => text.includes(t('metric.battery_level')));
  });
  await until('one more is counted', async () => (await count()) > before);
  assert.equal((await noticed()).tones, 0, 'sound is off');
  await page.evaluate(() => delete document.hidden);
  await box('title').uncheck();
  await until('nothing is counted', async () => (await count()) === 0);
  await open(me, 'home');
  await card(me).locator('.reason').getByText(t('metric.battery_level')).waitFor();
  return me;
}

export async function installing({ browser, gateway, who }) {
  // A certificate that is not trusted: no worker, and the page says what is missing.
  const stranger = await person(browser, { ...who, url: gateway.url });
  await signIn(stranger);
  await open(stranger, 'settings');
  await stranger.page.getByText(stranger.t('worker.refused')).waitFor();
  await stranger.page.getByRole('link', { name: stranger.t('signin.trust') }).click();
  await stranger.page.waitForURL(/\/trust$/);
  await stranger.context.close();
  // One that is: the browser has nothing against it.
  const me = await person(browser, { ...who, url: gateway.plainUrl });
  const { page, context, t } = me;
  await signIn(me);
  await open(me, 'settings');
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.getByText(t('worker.on')).waitFor();
  const session = await context.newCDPSession(page);
  const { errors, url } = await session.send('Page.getAppManifest');
  assert.deepEqual(errors, []);
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  // (What a test opens is private, as the browser calls it.)
  assert.deepEqual(
    installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito'),
    [],
  );
  const sizes = await page.evaluate(async (address) => {
    const { icons } = await (await fetch(address)).json();
    return Promise.all(
      icons.map(async ({ src, sizes: said }) => {
        const picture = new Image();
        picture.src = src;
        await picture.decode();
        return [said, picture.naturalWidth];
      }),
    );
  }, url);
  for (const [said, width] of sizes)
    assert.ok(said === 'any' ? width > 0 : said === `${width}x${width}`, `${said}: ${width}`);
  // What the browser offers is offered, once.
  await page.evaluate(() => {
    const offer = new Event('beforeinstallprompt', { cancelable: true });
    offer.prompt = () => {
      window.prompted = true;
    };
    dispatchEvent(offer);
  });
  const install = page.getByRole('button', { name: t('install'), exact: true });
  await install.click();
  assert.equal(await page.evaluate(() => window.prompted), true);
  await install.waitFor({ state: 'detached' });
  return me;
}

/** What is shown and may be pressed or filled in, and was not reached yet. */
const unreached = (page) =>
  page.evaluate(() => {
    const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')];
    const isShown = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.disabled;
    return all.filter((element) => isShown(element) && !element.dataset.reached).map((element) => element.outerHTML);
  });
const focused = (page) =>
  page.evaluate(() => {
    const { activeElement: element } = document;
    if (!element || element === document.body) return null;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    element.dataset.reached ??= String(document.querySelectorAll('[data-reached]').length);
    return {
      name: element.getAttribute('aria-label') ?? element.textContent ?? '',
      number: Number(element.dataset.reached),
      isMarked: outlineStyle !== 'none' && outlineWidth !== '0px',
    };
  });

/** Presses Tab until what is meant has the focus. */
async function tabTo(page, what, most = 80) {
  for (let n = 0; n < most; n += 1) {
    if (await what.evaluateAll(([element]) => element !== undefined && element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${what} is not reached by Tab`);
}

/** A dialog stays over the page, whatever happens to the card that it belongs to. */
export async function overThePage({ browser, gateway, who }) {
  // (As in browsers that cannot move what is shown without taking it away first.)
  const me = await person(browser, { ...who, url: gateway.url, init: 'delete Element.prototype.moveBefore' });
  const { page, t } = me;
  await signIn(me);
  const first = page.getByRole('article').first();
  await until('another is worse', async () => (await first.getAttribute('aria-label')) !== DRONE);
  const opener = card(me).getByRole('button', { name: t('takeOff'), exact: true });
  await card(me).locator('.heard:not(.old)').waitFor();
  await opener.click();
  const isOver = () => page.locator('dialog').evaluate((element) => element.matches(':modal'));
  assert.ok(await isOver());
  await gateway.ask('/api/demo/happening', 'POST', { what: 'battery' });
  await card(me).locator('.level-critical').first().waitFor();
  // The touch that opened it is long ago.
  await page.evaluate(() => {
    const now = performance.now.bind(performance);
    performance.now = () => now() + 60_000;
  });
  for (let n = 0; n < 2; n += 1) await page.waitForResponse((answer) => answer.url().endsWith('/api/drones/status'));
  assert.ok(await isOver(), 'what is behind it can be pressed');
  await page.keyboard.press('Escape');
  await until('what is worst comes first', async () => (await first.getAttribute('aria-label')) === DRONE);
  assert.ok(await opener.evaluate((element) => element === document.activeElement), 'the focus is where it was');
  return me;
}

/** Presses Tab until it comes to where it was; where the focus is can be seen everywhere. */
async function onceRound(page, screen) {
  const seen = new Set();
  for (let n = 0; n < 200; n += 1) {
    await page.keyboard.press('Tab');
    const now = await focused(page);
    // (Round the end: the browser's own parts.)
    if (now === null) continue;
    if (seen.has(now.number)) return;
    assert.ok(now.isMarked, `${screen}: where the focus is cannot be seen: ${now.name}`);
    seen.add(now.number);
  }
}

/** Everything by keys: each place is reached and shown, a drone flies and lands. */
export async function keyboard({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  await tabTo(page, page.getByRole('textbox', { name: t('signin.key'), exact: true }));
  await page.keyboard.type(ADMIN_KEY);
  await page.keyboard.press('Enter');
  await page.getByRole('status', { name: t('link.live'), exact: true }).waitFor();
  await page.getByRole('article').first().waitFor();
  await tabTo(page, page.getByRole('link', { name: t('skip'), exact: true }));
  await page.keyboard.press('Enter');
  await until('the content has the focus', () => page.evaluate(() => document.activeElement?.id === 'main'));
  for (const screen of ['alerts', 'video', 'history', 'board', 'settings', 'home']) {
    await tabTo(page, page.getByRole('navigation').getByRole('link', { name: t(`nav.${screen}`), exact: true }));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: t(`nav.${screen}`) }).waitFor({ state: 'attached' });
    await page.waitForLoadState('networkidle', { timeout: 3000 }).catch(() => {});
    await page.evaluate(() => {
      for (const one of document.querySelectorAll('[data-reached]')) delete one.dataset.reached;
      document.activeElement?.blur();
    });
    // (Once more round where something came late.)
    let left = [];
    for (let round = 0; round < 3 && (round === 0 || left.length > 0); round += 1) {
      await onceRound(page, screen);
      left = await unreached(page);
    }
    assert.deepEqual(left, [], `${screen}: not reached by Tab`);
  }
  const one = card(me);
  // Until it is known that the drone lies on the ground nobody takes off: the button is no stop.
  await one.getByText(t('flight.landed'), { exact: true }).waitFor();
  await tabTo(page, one.getByRole('button', { name: t('takeOff'), exact: true }));
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.keyboard.press('Enter');
  await tabTo(page, dialog.getByRole('button', { name: t('takeOff'), exact: true }));
  await page.keyboard.press('Enter');
  await one.getByText(t('flight.flying'), { exact: true }).waitFor();
  await tabTo(page, page.getByRole('button', { name: t('landAll'), exact: true }));
  await page.keyboard.down('Enter');
  await one
    .getByText(t('flight.landing'), { exact: true })
    .or(one.getByText(t('flight.landed'), { exact: true }))
    .waitFor();
  await page.keyboard.up('Enter');
  await one.getByText(t('flight.landed'), { exact: true }).waitFor();
  return me;
}
