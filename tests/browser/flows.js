// What people do with the page, each as a person would, against the running program.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { attention, installing, keyboard, overThePage } from './device-flows.js';
import { Fleet, fleet, nameOf } from './fleet.js';
import { journey } from './journey.js';
import { bridge, clocks, deniedKeys, links, sessionsEnded, stale, targets, updating } from './site-flows.js';
import {
  ADMIN_KEY,
  card,
  DRONE,
  Gateway,
  hold,
  linkOf,
  open,
  person,
  READER_KEY,
  serious,
  signIn,
  until,
  withGateway,
} from './world.js';

const gone = (locator) => locator.waitFor({ state: 'detached' });

async function signingIn({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  await page.getByRole('textbox', { name: t('signin.key') }).fill('wrong');
  await page.getByRole('button', { name: t('signIn'), exact: true }).click();
  await page.getByRole('alert').getByText(t('code.HTTP_401')).waitFor();
  // As a Japanese keyboard may type it.
  const wide = ADMIN_KEY.replace(/[!-~]/g, (one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0));
  await signIn(me, ` ${wide} `);
  await page.reload();
  await page.getByRole('status', { name: t('link.live') }).waitFor();
  await page
    .getByRole('button', { name: t('signOut'), exact: true })
    .first()
    .click();
  await page.getByRole('textbox', { name: t('signin.key') }).waitFor();
  return me;
}

async function flying({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  await signIn(me);
  const one = card(me);
  await one.getByRole('button', { name: t('takeOff'), exact: true }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: t('takeOff'), exact: true })
    .click();
  await one.getByText(t('flight.flying'), { exact: true }).waitFor();
  await one.getByRole('link', { name: DRONE }).click();
  // Who takes off has control, and is not told to take it.
  const steer = page.getByRole('button', { name: t('control.steer'), exact: true });
  const take = page.getByRole('button', { name: t('control.take') });
  await steer.waitFor();
  assert.equal(await take.count(), 0, 'what it has is not offered');
  await page.getByRole('button', { name: t('control.give') }).click();
  await take.click();
  const control = async () => (await gateway.ask('/api/drones/drone_001/status')).control;
  await until('the page has control', async () => (await control())?.session);
  await page.getByText(t('control.mine')).first().waitFor();
  // Loaded anew, the page has control still: it goes on, and takes nothing that it has.
  await page.reload();
  await steer.click();
  await page.getByText(t('steps.says')).waitFor();
  assert.equal((await take.count()) + (await steer.count()), 0, 'what it has is not offered');
  const turn = { direction: 'clockwise', angle: 45 };
  await assert.rejects(gateway.ask('/api/drones/drone_001/rotate', 'POST', turn), /409/, 'nobody else flies it');
  const before = (await gateway.ask('/api/drones/drone_001/status')).height;
  await page.getByRole('button', { name: t('step.up', { n: 50 }) }).click();
  await until('it climbs', async () => (await gateway.ask('/api/drones/drone_001/status')).height > before + 20);
  const yaw = async () => (await gateway.ask('/api/drones/drone_001/status')).attitude.yaw;
  await until('the step is over', async () => (await gateway.ask('/api/drones/drone_001/status')).speed < 1);
  const heading = await yaw();
  await page.keyboard.press('q');
  await until('it turns', async () => Math.abs((await yaw()) - heading) > 20);
  await page.getByRole('button', { name: t('control.give') }).click();
  await until('nobody has control', async () => (await control()) === null);
  await open(me, 'home');
  await one.getByRole('button', { name: t('stop'), exact: true }).click();
  await one.getByRole('button', { name: t('land'), exact: true }).click();
  await one.getByText(t('flight.landed'), { exact: true }).waitFor();
  // (A plain Tello cannot stop in the middle of a step, and says so; on the ground that is void.)
  await until('no failure is left', async () => (await page.getByRole('alert').count()) === 0);
  return me;
}

/** Who is quicker than the socket flies as this page all the same, and is not told of sessions. */
async function tooSoon({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  let release;
  const released = new Promise((resolve) => {
    release = resolve;
  });
  await page.routeWebSocket(/\/ws\?/, async (socket) => {
    await released;
    socket.connectToServer();
  });
  await page.reload();
  // What is shown is of now, and the gateway knows nothing of a socket yet.
  await signIn(me);
  const flyers = async () => (await gateway.ask('/api/drones/drone_001/status')).control?.session;
  const sent = [];
  page.on('request', (request) => request.method() === 'POST' && sent.push(new URL(request.url()).pathname));
  await card(me).getByRole('link', { name: DRONE }).click();
  await page.getByRole('button', { name: t('control.take') }).click();
  const busy = page.locator('[aria-busy=true]');
  await page.getByRole('alert').or(busy).first().waitFor();
  assert.deepEqual([await page.getByRole('alert').count(), sent], [0, []], 'it waits, and nothing failed');
  release();
  await page.getByRole('button', { name: t('way.sticks'), exact: true }).waitFor();
  assert.equal(await flyers(), await page.evaluate(() => sessionStorage.getItem('flyer')));
  await page.getByRole('button', { name: t('control.give') }).click();
  await until('nobody has control', async () => !(await flyers()));
  return me;
}

/** Sticks move the drone while a thumb holds them, and what ends that ends it at once. */
async function sticks({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, context, t } = me;
  const drone = () => gateway.ask('/api/drones/drone_001/status');
  const moves = () => until('it moves', async () => (await drone()).speed > 3);
  const stands = () => until('it stands', async () => (await drone()).speed < 1);
  await signIn(me);
  await card(me).getByRole('link', { name: DRONE }).click();
  await page.getByRole('button', { name: t('control.take') }).click();
  await page.getByRole('button', { name: t('way.sticks'), exact: true }).click();
  const pad = page.getByRole('img', { name: new RegExp(`^${t('sticks.right')}`) });
  await page.getByText(t('steps.notFlying')).waitFor();
  await page.getByRole('button', { name: t('takeOff'), exact: true }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: t('takeOff'), exact: true })
    .click();
  const phase = (name) => page.locator(`.sticks[data-phase=${name}]`).waitFor();
  await phase('ready');
  const push = async () => {
    await pad.scrollIntoViewIfNeeded();
    const { x, y, width, height } = await pad.boundingBox();
    const [cx, cy] = [x + width / 2, y + height / 2];
    await page.mouse.move(cx, cy);
    await page.mouse.down();
    await page.mouse.move(cx, cy - width * 0.3, { steps: 4 });
    await phase('on');
  };
  await push();
  await moves();
  await page.mouse.up();
  await phase('ready');
  await stands();
  // Keys, and a finger that goes from the key while nobody looks at the page.
  await page.keyboard.down('w');
  await moves();
  await page.keyboard.up('w');
  await stands();
  // A hidden page lets go, although the thumb is held.
  await push();
  await moves();
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { configurable: true, value: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await stands();
  await page.mouse.up();
  await page.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await page.getByRole('button', { name: t('control.steer'), exact: true }).click();
  await phase('ready');
  // Told down by anybody: sticks are off until control is taken anew.
  await push();
  await moves();
  await gateway.ask('/api/drones/drone_001/stop', 'POST').catch(() => {});
  await page.getByText(t('refusal.controlAnew')).waitFor();
  await stands();
  await page.mouse.up();
  await page.getByRole('button', { name: t('sticks.anew') }).click();
  await phase('ready');
  // A cut connection: the gateway brakes by itself, and nothing goes on when it is back.
  await push();
  await moves();
  await context.setOffline(true);
  await phase('cut');
  await stands();
  await context.setOffline(false);
  await page.getByRole('status', { name: t('link.live'), exact: true }).waitFor();
  await gateway.ask('/api/drones/drone_001/land?wait=true', 'POST');
  await page.mouse.up();
  // Who goes away without giving control keeps it for seconds: the next one waits for that.
  await page.close();
  await until('nobody has control', async () => (await drone()).control === null);
  return me;
}

/** A plan that a program started: seen where its drone is, held, continued and ended by taps. */
async function plans({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  const begin = () =>
    page.evaluate(async () => {
      const move = (command, more) => ({ drones: ['drone_001'], command, ...more });
      const steps = [move('takeoff'), move('move', { direction: 'up', distance: 50 }), move('wait', { seconds: 100 })];
      // (The program flies in the name of the page: its session has control.)
      const headers = { 'Content-Type': 'application/json', 'X-Session': sessionStorage.getItem('flyer') };
      const body = JSON.stringify({ name: 'round', steps: [...steps, move('land')] });
      const answer = await fetch('/api/plans', { method: 'POST', headers, body });
      if (!answer.ok) throw new Error(await answer.text());
      return true;
    });
  // (The page says each second that somebody is there; before the first time nobody is.)
  const start = () => until('the plan flies', begin);
  const waits = `${t('plan.step', { n: 3, of: 4 })}: ${t('step.wait', { n: 100 })}`;
  const panelOf = ({ page: of }) => of.getByRole('region', { name: t('plan'), exact: true });
  const press = ({ page: of }, name) => panelOf({ page: of }).getByRole('button', { name: t(name), exact: true });
  const state = (who, name) =>
    panelOf(who)
      .getByText(t(`planState.${name}`), { exact: true })
      .waitFor();
  await signIn(me);
  await card(me).getByRole('link', { name: DRONE }).click();
  await page.getByRole('button', { name: t('control.take') }).click();
  await page.getByText(t('control.mine')).first().waitFor();
  await start();
  await panelOf(me).getByText(waits).waitFor();
  await state(me, 'running');
  // On the floor as well.
  await open(me, 'home');
  await card(me)
    .getByText(`${t('plan')}: round ${waits}`)
    .waitFor();
  await card(me).getByRole('link', { name: DRONE }).click();
  await press(me, 'plan.pause').click();
  await state(me, 'paused');
  // Somebody else sees it, and is told that it is not theirs to let it go on.
  const other = await person(browser, { ...who, url: gateway.url });
  await signIn(other);
  await card(other).getByText(t('planState.paused'), { exact: true }).waitFor();
  await card(other).getByRole('link', { name: DRONE }).click();
  await panelOf(other)
    .getByText(t('plan.notYours', { name: 'Admin Key' }))
    .waitFor();
  assert.equal(await press(other, 'plan.resume').count(), 0);
  await press(me, 'plan.resume').click();
  await state(other, 'running');
  assert.equal((await gateway.ask('/api/plans'))[0].state, 'running');
  // Ending it is anybody's who may land drones.
  await press(other, 'plan.end').click();
  await state(me, 'ended');
  await panelOf(me)
    .getByText(t('planWhy.person', { who: 'Admin Key' }))
    .waitFor();
  assert.equal(await press(me, 'plan.end').count(), 0, 'what is over cannot be ended');
  await page.getByText(t('flight.landed'), { exact: true }).waitFor();
  check(other);
  await other.context.close();
  // Whoever lands the drone takes it out of its plan; the page says that too.
  await start();
  await panelOf(me).getByText(waits).waitFor();
  await page.getByRole('button', { name: t('land'), exact: true }).click();
  await panelOf(me)
    .getByText(t('planWhy.left', { drone: DRONE }))
    .waitFor();
  await page.getByText(t('flight.landed'), { exact: true }).waitFor();
  await page.getByRole('button', { name: t('control.give') }).click();
  await until('nobody has control', async () => {
    return (await gateway.ask('/api/drones/drone_001/status')).control === null;
  });
  return me;
}

/** A group: one that may not keeps all on the ground, and says why; with control they fly and land. */
async function groups({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  const all = ['drone_001', 'drone_002', 'drone_003'];
  const are = (status) =>
    until(`all are ${status}`, async () => {
      const found = await Promise.all(all.map((id) => gateway.ask(`/api/drones/${id}/status`)));
      return found.every(({ flight_status: one }) => one === status);
    });
  await signIn(me);
  const group = page.getByRole('region', { name: t('groups'), exact: true });
  await group.getByRole('button', { name: t('group.named', { name: 'demo', n: 3 }) }).click();
  await group.getByText(t('group.needsControl')).waitFor();
  await group.getByRole('button', { name: t('group.take'), exact: true }).click();
  await group.getByText(t('control.mine')).nth(2).waitFor();
  const takeOff = async () => {
    await group.getByRole('button', { name: t('takeOff'), exact: true }).click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: t('takeOff'), exact: true })
      .click();
  };
  await gateway.ask('/api/demo/happening', 'POST', { what: 'battery' });
  await until('it is nearly empty', async () => {
    return (await gateway.ask('/api/drones/drone_001/status')).battery_level < 10;
  });
  await takeOff();
  await group.getByText(t('refusal.battery')).waitFor();
  await group.getByText(t('groupResult.spared')).nth(1).waitFor();
  await are('landed');
  await gateway.ask('/api/demo/happening', 'POST', { what: 'calm' });
  await until('it is charged', async () => {
    return (await gateway.ask('/api/drones/drone_001/status')).battery_level > 80;
  });
  await takeOff();
  await are('flying');
  await group.getByRole('button', { name: t('step.up', { n: 50 }) }).click();
  await group.getByText(t('groupResult.sent')).nth(2).waitFor();
  await group.getByRole('button', { name: t('land'), exact: true }).click();
  await are('landed');
  await group.getByRole('button', { name: t('group.give'), exact: true }).click();
  await group.getByText(t('control.none')).nth(2).waitFor();
  return me;
}

async function everythingDown({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  await signIn(me);
  const one = card(me);
  await gateway.ask('/api/drones/drone_001/takeoff', 'POST');
  await one.getByText(t('flight.flying'), { exact: true }).waitFor();
  const button = page.getByRole('button', { name: t('landAll'), exact: true });
  // A touch by mistake does nothing, and says what holding would do.
  await hold(me, button, 200);
  await page.getByText(t('landAll.says', { n: 1 })).waitFor();
  assert.equal((await gateway.ask('/api/drones/drone_001/status')).flight_status, 'flying');
  await hold(me, button);
  await one.getByText(t('flight.landed'), { exact: true }).waitFor();
  const answered = page.waitForResponse((answer) => answer.url().endsWith('/api/drones/emergency-all'));
  await hold(me, page.getByRole('button', { name: t('emergencyAll'), exact: true }));
  assert.equal((await answered).status(), 200);
  return me;
}

async function alerts({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  await signIn(me);
  await open(me, 'alerts');
  const row = page.getByRole('article', { name: /Tello EDU #3/ });
  await row.first().waitFor();
  assert.equal(await row.count(), 1, 'High and Critical of one thing are one row');
  const words = (await row.getByRole('heading').textContent()).replaceAll('\u00a0', ' ');
  assert.match(
    words,
    me.language === 'ja' ? /機体温度 9\d(\.\d)? °C（9\d °C 以上）/ : /Temperature 9\d(\.\d)? °C \(9\d °C or more\)/,
  );
  await row.getByRole('button', { name: t('alert.chart') }).click();
  await page.getByRole('dialog').locator('canvas').waitFor();
  await page.keyboard.press('Escape');
  await row.getByRole('button', { name: t('mute'), exact: true }).click();
  await page.getByRole('dialog').getByRole('button').nth(1).click();
  await row.getByRole('button', { name: t('mute.end') }).click();
  await row.getByRole('button', { name: t('acknowledge'), exact: true }).click();
  await gone(row);
  await page.getByRole('button', { name: new RegExp(`^${t('alerts.acknowledged')} \\d+$`) }).click();
  await row.getByRole('button', { name: t('resolve'), exact: true }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: t('resolve'), exact: true })
    .click();
  await gone(row);
  await page.getByRole('button', { name: t('alerts.past'), exact: true }).click();
  await page
    .getByRole('article', { name: /Tello EDU #3/ })
    .first()
    .waitFor();
  // All of them seen, while one still stands: the bar does not call that well.
  const seen = page.getByRole('banner').getByText(new RegExp(`^${t('alerts.acknowledged')} \\d+$`));
  await until('the bar says that all are seen', async () => {
    const { alerts: open } = await gateway.ask('/api/alerts?unresolved_only=true&limit=0');
    for (const { id } of open.filter(({ acknowledged }) => !acknowledged))
      await gateway.ask(`/api/alerts/${id}/acknowledge`, 'POST');
    return seen.isVisible();
  });
  assert.equal(await page.getByRole('banner').getByText(t('level.calm'), { exact: true }).count(), 0);
  return me;
}

async function video({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  await signIn(me);
  assert.ok(await page.evaluate(() => isSecureContext && 'VideoDecoder' in window), 'no WebCodecs in this browser');
  await open(me, 'video');
  const camera = page.getByRole('region', { name: t('video.of', { name: DRONE }) });
  await camera.getByRole('button', { name: t('video.start') }).click();
  const canvas = camera.locator('canvas');
  await until('more than thirty frames', async () => Number(await canvas.getAttribute('data-frames')) > 30);
  // The pattern has more than one colour: something was really drawn.
  const seen = await canvas.evaluate((element) => {
    const row = element.getContext('2d').getImageData(0, element.height / 2, element.width, 1).data;
    const colours = new Set();
    for (let at = 0; at < row.length; at += 4)
      colours.add((row[at] >> 4) | ((row[at + 1] >> 4) << 4) | ((row[at + 2] >> 4) << 8));
    return [element.width, element.height, colours.size];
  });
  assert.deepEqual(seen.slice(0, 2), [960, 720]);
  assert.ok(seen[2] > 3, `${seen[2]} colours`);
  await camera.getByText(/fps/).waitFor();
  const [photo] = await Promise.all([
    page.waitForEvent('download'),
    camera.getByRole('button', { name: t('photo') }).click(),
  ]);
  assert.match(photo.suggestedFilename(), /^drone_photo_drone_001_.*\.jpg$/);
  const bytes = readFileSync(await photo.path());
  assert.deepEqual([...bytes.subarray(0, 2)], [0xff, 0xd8], 'a JPEG on any phone');
  await camera.getByRole('button', { name: t('video.stop') }).click();
  await camera.getByText(t('video.off')).waitFor();
  return me;
}

/** A drone that answers late: what is shown after a press is what came of it. */
async function lateVideo({ browser, gateway, who }) {
  return withGateway(browser, await Fleet.open(gateway.binary, 1, ['--delay-ms', '400']), async (site) => {
    const me = await person(browser, { ...who, url: 'data:text/html,' });
    const { page, t } = me;
    await page.goto(linkOf(site));
    await page.getByRole('article').first().locator('.heard:not(.old)').waitFor();
    await open(me, 'video');
    const camera = page.getByRole('region', { name: t('video.of', { name: nameOf(1) }) });
    const press = async (name) => {
      const answered = page.waitForResponse((answer) => answer.url().includes('/camera/stream/'));
      await camera.getByRole('button', { name: t(name) }).click();
      await answered;
      await camera.locator('button[aria-busy]').waitFor({ state: 'detached' });
    };
    await press('video.start');
    assert.ok(await camera.getByRole('button', { name: t('video.stop') }).isVisible(), 'it streams');
    await until('pictures', async () => Number(await camera.locator('canvas').getAttribute('data-frames')) > 30);
    await press('video.stop');
    assert.ok(await camera.getByText(t('video.off')).isVisible(), 'it is off');
    return me;
  });
}

async function withoutDecoder({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url, init: 'delete window.VideoDecoder' });
  await signIn(me);
  await open(me, 'video');
  await me.page.getByText(me.t('video.none')).first().waitFor();
  return me;
}

async function histories({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  await signIn(me);
  await open(me, 'history');
  await page.getByRole('button', { name: t('age.min', { n: 10 }), exact: true }).click();
  await page.locator('.chart canvas').waitFor();
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: t('history.csv') }).click(),
  ]);
  const text = readFileSync(await file.path(), 'utf8');
  assert.ok(text.startsWith(`\ufefftime,${DRONE},`), text.slice(0, 100));
  assert.match(text.split('\r\n')[1], /^\d{4}-\d\d-\d\dT[\d:.]+Z,\d+/);
  return me;
}

async function rulesAndKeys({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  await signIn(me);
  await open(me, 'settings');
  await page.getByRole('button', { name: t('settings.rules'), exact: true }).click();
  const form = page.getByRole('dialog');
  const save = async (percent) => {
    await form.getByRole('spinbutton').first().fill(percent);
    await form.getByRole('button', { name: t('save'), exact: true }).click();
  };
  const remove = async (listed) => {
    await listed.getByRole('button', { name: t('remove') }).click();
    await form.getByRole('button', { name: t('remove') }).click();
    await gone(listed);
  };
  const rule = (percent) => page.getByRole('listitem').filter({ hasText: new RegExp(percent) });
  await page.getByRole('button', { name: t('rule.new'), exact: true }).click();
  await save('34');
  await gone(form);
  await rule('34').waitFor();
  // The same again is refused; that is said where the person looks, over the form.
  await page.getByRole('button', { name: t('rule.new'), exact: true }).click();
  await save('34');
  await form.getByRole('alert').getByText(t('code.HTTP_409')).click();
  await save('36');
  await gone(form);
  await remove(rule('36'));
  await remove(rule('34'));

  await page.getByRole('button', { name: t('settings.keys'), exact: true }).click();
  await page.getByRole('button', { name: t('key.new'), exact: true }).click();
  await form.getByRole('textbox').fill('Dock tablet');
  await form.getByRole('button', { name: t('key.new'), exact: true }).click();
  const secret = await form.locator('.secret').first().textContent();
  await form.getByRole('button', { name: t('key.kept') }).click();
  // The colleague's phone, until the key is revoked; and one on which the page is closed.
  const other = await person(browser, { ...who, url: gateway.url });
  await signIn(other, secret);
  const away = await person(browser, { ...who, url: gateway.url });
  await signIn(away, secret);
  await away.page.goto('about:blank');
  const key = page.getByRole('listitem').filter({ hasText: 'Dock tablet' });
  await key.getByRole('button', { name: t('key.revoke') }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: t('key.revoke') })
    .click();
  await other.page.getByRole('textbox', { name: t('signin.key') }).waitFor();
  await other.page.getByRole('alert').getByText(t('code.KEY_REVOKED')).waitFor();
  await other.context.close();
  await away.page.goto(`${gateway.url}/dashboard`);
  await away.page.getByRole('alert').getByText(t('code.KEY_REVOKED')).waitFor();
  await away.context.close();
  // What the gateway wrote about it.
  await page.getByRole('button', { name: t('settings.logs'), exact: true }).click();
  await page
    .getByRole('listitem')
    .filter({ hasText: /key_revoked.*Dock tablet/ })
    .waitFor();
  return me;
}

async function flights({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  const recorded = async () => (await gateway.ask('/api/recordings?drone_id=drone_001')).recordings[0];
  const before = (await recorded())?.id;
  await gateway.ask('/api/drones/drone_001/takeoff?wait=true', 'POST');
  await gateway.ask('/api/drones/drone_001/land?wait=true', 'POST');
  await until('the flight is over', async () => {
    const one = await recorded();
    return one?.ended && one.id !== before;
  });
  await signIn(me);
  await card(me).getByRole('link', { name: DRONE }).click();
  const list = page.getByRole('region', { name: t('recordings') });
  const row = list.getByRole('listitem').first();
  await row.getByRole('button', { name: t('recordings.show') }).click();
  const dialog = page.getByRole('dialog');
  await dialog.locator('canvas').waitFor();
  // What was commanded is told with who did it, and leads to its moment.
  const slider = dialog.getByRole('slider');
  const taken = dialog
    .getByRole('listitem')
    .filter({ hasText: t('command.takeoff') })
    .last();
  await taken.getByText('Admin Key').waitFor();
  await taken.getByRole('button').click();
  assert.ok(Number(await slider.inputValue()) > 0, 'the moment of the take-off');
  await dialog.getByRole('button', { name: t('recordings.play', { n: 16 }) }).click();
  const end = Number(await slider.getAttribute('max'));
  await until('it plays to its end', async () => Number(await slider.inputValue()) > end - 0.2);
  await page.keyboard.press('Escape');
  await row.getByRole('button', { name: t('recordings.save') }).click();
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    dialog.getByRole('button', { name: t('recordingForm.csv'), exact: true }).click(),
  ]);
  assert.match(readFileSync(await file.path(), 'utf8'), /^time,at_s,battery_pct/);
  await page.keyboard.press('Escape');
  await row.getByRole('button', { name: t('recordings.pin'), exact: true }).click();
  await row.getByText(t('recordings.pinned'), { exact: true }).waitFor();
  const { id } = await recorded();
  await row.getByRole('button', { name: t('remove'), exact: true }).click();
  await dialog.getByRole('button', { name: t('remove'), exact: true }).click();
  await until('it is gone', async () => (await recorded())?.id !== id);
  return me;
}

async function documents({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, language } = me;
  const in2 = (en, ja) => (language === 'ja' ? ja : en);
  await signIn(me);
  await page.goto(`${gateway.url}/docs`);
  // Who is signed in on the dashboard needs no key here.
  await page.getByText(in2('Signed in as Admin Key', 'Admin Key でログイン中')).waitFor();
  const opened = async (path, verb) => {
    await page.getByRole('searchbox', { name: in2('Filter', '絞り込み') }).fill(`${verb} ${path}`);
    const one = page.locator('#routes details:visible').filter({ has: page.getByText(path, { exact: true }) });
    await one.locator('summary').click();
    return one;
  };
  const status = await opened('/api/drones/{drone_id}/status', 'get');
  await status.getByRole('button', { name: in2('Send', '送信'), exact: true }).click();
  await status.getByText(in2('drone_id is required.', 'drone_id は必須です。')).waitFor();
  await status.getByRole('textbox', { name: 'drone_id' }).fill('drone_001');
  await status.getByRole('button', { name: in2('Send', '送信'), exact: true }).click();
  await status.getByText(/^200\s.*\s[\s\S]*"battery_level"/).waitFor();
  const land = await opened('/api/drones/{drone_id}/land', 'post');
  await land.getByRole('textbox', { name: 'drone_id' }).fill('drone_001');
  await land.getByRole('button', { name: in2('Send', '送信'), exact: true }).click();
  // What may move a drone is asked once more, and is not sent by a mere Enter.
  const ask = page.getByRole('dialog', { name: in2('This moves a drone', 'ドローンが動きます') });
  await page.keyboard.press('Enter');
  await ask.waitFor({ state: 'hidden' });
  assert.ok(await land.locator('pre').first().isHidden(), 'it was sent');
  await land.getByRole('button', { name: in2('Copy as curl', 'curl をコピー') }).click();
  await land.getByText(/^curl --cacert ca.pem -X POST .*\/api\/drones\/drone_001\/land/).waitFor();
  return me;
}

/** A network that changes while the page is loaded takes a module with it. */
async function halfLoaded({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: 'data:text/html,' });
  const { page, t } = me;
  let lost = 0;
  await page.route(/\/app\/words\.js$/, (route) => {
    lost += 1;
    return lost < 3 ? route.abort('connectionreset') : route.fallback();
  });
  await page.goto(`${gateway.url}/dashboard`);
  await page.getByRole('textbox', { name: t('signin.key') }).waitFor();
  assert.ok(lost >= 3, `${lost} tries`);
  return me;
}

async function reader({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  await signIn(me, READER_KEY);
  // What the key may not do is not offered; what it may see is there.
  await page.getByRole('article').first().waitFor();
  for (const name of [t('landAll'), t('takeOff'), t('land')]) {
    const offered = await page.getByRole('button', { name, exact: true }).count();
    assert.equal(offered, 0, `${name} is offered to a key that may only read`);
  }
  return me;
}

async function slowNetwork({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, context, t } = me;
  await signIn(me);
  await gateway.ask('/api/drones/drone_001/takeoff', 'POST');
  const one = card(me);
  await one.getByText(t('flight.flying'), { exact: true }).waitFor();
  const session = await context.newCDPSession(page);
  const answersAfter = (latency) =>
    session.send('Network.emulateNetworkConditions', {
      offline: false,
      latency,
      downloadThroughput: latency ? 20_000 : -1,
      uploadThroughput: latency ? 20_000 : -1,
    });
  await answersAfter(2000);
  await one.getByRole('button', { name: t('land'), exact: true }).click();
  // Pressed is seen at once, however slow the answer.
  await one.getByText(t('wish.sending', { command: t('command.land') })).waitFor();
  await one.getByText(t('flight.landed'), { exact: true }).waitFor();
  // Slower than anybody waits: told as that, and another try works when the network is well.
  await answersAfter(30_000);
  await one.getByRole('button', { name: t('takeOff'), exact: true }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: t('takeOff'), exact: true })
    .click();
  const told = page.getByRole('alert').filter({ hasText: t('failure.unsure') });
  // What may be done yet is not called failed.
  const what = `${DRONE}: ${t('command.takeoff')}`;
  await told.getByText(t('trouble.unsure', { what }), { exact: true }).waitFor();
  await answersAfter(0);
  await told
    .first()
    .getByRole('button', { name: t('retry') })
    .click();
  await one.getByText(t('flight.flying'), { exact: true }).waitFor();
  await gone(told);
  await gateway.ask('/api/drones/drone_001/land?wait=true', 'POST');
  return me;
}

/** A phone that sleeps runs nothing of the page; the gateway goes on without it. */
async function asleep({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, context, t } = me;
  await signIn(me);
  const session = await context.newCDPSession(page);
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
  await gateway.restart();
  await until('the drone is heard again', async () => {
    const { connection_status: link } = await gateway.ask('/api/drones/drone_001/status');
    return link === 'connected';
  });
  await gateway.ask('/api/drones/drone_001/takeoff?wait=true', 'POST');
  await session.send('Page.setWebLifecycleState', { state: 'active' });
  const woken = Date.now();
  await page.getByRole('status', { name: t('link.live'), exact: true }).waitFor();
  // What is shown is of now, not of before the sleep.
  await card(me).getByText(t('flight.flying'), { exact: true }).waitFor();
  assert.ok(Date.now() - woken < 15_000, `of now again after ${Date.now() - woken} ms`);
  await gateway.ask('/api/drones/drone_001/land?wait=true', 'POST');
  return me;
}

async function somethingHappens({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  await signIn(me);
  const stage = page.getByRole('region', { name: t('happenings'), exact: true });
  await stage.getByRole('button', { name: t('happening.battery') }).click();
  const one = card(me);
  // (As it is worst now, it comes first; the card says why.)
  await one.locator('.reason').getByText(t('metric.battery_level')).waitFor();
  await stage.getByRole('button', { name: t('happening.silence') }).click();
  await one.getByText(t('state.lost', { was: t('flight.landed') })).waitFor();
  await one.getByText(t('flight.landed'), { exact: true }).waitFor();
  await stage.getByRole('button', { name: t('happening.calm') }).click();
  await until('it is charged', async () => (await gateway.ask('/api/drones/drone_001/status')).battery_level > 80);
  return me;
}

async function restart({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, t } = me;
  await signIn(me);
  const live = page.getByRole('status', { name: t('link.live'), exact: true });
  const lost = page.getByRole('status', { name: t('link.lost'), exact: true });
  await gateway.stop();
  const stopped = Date.now();
  await lost.waitFor();
  assert.ok(Date.now() - stopped < 8000, `said live for ${Date.now() - stopped} ms`);
  await page.locator('article .heard.old').first().waitFor();
  await until('nothing old is called well', async () => (await page.getByText(t('level.calm')).count()) === 0);
  await gateway.begin();
  const begun = Date.now();
  await live.waitFor();
  assert.ok(Date.now() - begun < 15_000, `came back after ${Date.now() - begun} ms`);
  await until('ages are of now again', async () => (await page.locator('article .heard.old').count()) === 0);
  return me;
}

async function cutNetwork({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  const { page, context, t } = me;
  await signIn(me);
  await gateway.ask('/api/drones/drone_001/takeoff', 'POST');
  const one = card(me);
  await one.getByText(t('flight.flying'), { exact: true }).waitFor();
  await context.setOffline(true);
  await one.getByRole('button', { name: t('land'), exact: true }).click();
  const told = page.getByRole('alert').filter({ hasText: t('failure.offline') });
  await told.waitFor();
  await page.getByRole('status', { name: t('link.lost'), exact: true }).waitFor();
  // A screen that cannot be loaded says so once, whatever it asked for.
  const failed = (path) => page.waitForEvent('requestfailed', (request) => request.url().endsWith(path));
  const both = Promise.all([failed('/api/health/detailed'), failed('/api/dashboard/performance')]);
  await open(me, 'board');
  await both;
  const load = page.getByRole('alert').filter({ hasText: t('trouble.load', { what: t('nav.board') }) });
  await load.first().waitFor();
  assert.equal(await load.count(), 1);
  await open(me, 'home');
  await context.setOffline(false);
  await page.getByRole('status', { name: t('link.live'), exact: true }).waitFor();
  // The failure is still there, with another try; that one works, and it goes.
  await told.getByRole('button', { name: t('retry') }).click();
  await one.getByText(t('flight.landed'), { exact: true }).waitFor();
  await gone(told);
  return me;
}

async function withoutGateway({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.plainUrl });
  const { page, context, t } = me;
  await signIn(me);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await until('the page is kept', () =>
    page.evaluate(async () => (await caches.keys()).length > 0 && (await caches.match('/dashboard')) !== undefined),
  );
  // A slow network, on the second visit: the page is there in less than a second.
  const session = await context.newCDPSession(page);
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 2000,
    downloadThroughput: 50_000,
    uploadThroughput: 50_000,
  });
  await page.reload();
  await page.getByRole('navigation').waitFor();
  const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
  assert.ok(paint < 1000, `first paint after ${paint} ms`);
  await session.detach();
  await gateway.stop();
  await page.reload();
  await page.getByRole('status', { name: t('link.lost'), exact: true }).waitFor();
  await gateway.begin();
  await page.getByRole('status', { name: t('link.live'), exact: true }).waitFor();
  return me;
}

/** Most bytes of a first visit, as they come over the wire. */
const BUDGET_BYTES = 150_000;

async function weight({ browser, gateway, who, tell }) {
  const me = await person(browser, { ...who, url: 'data:text/html,' });
  const session = await me.context.newCDPSession(me.page);
  await session.send('Network.enable');
  let bytes = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await me.page.goto(`${gateway.url}/dashboard`, { waitUntil: 'networkidle' });
  // (A slow machine may be idle in between: what is fetched last is there.)
  const last = () => performance.getEntriesByName(document.querySelector('link[href$="uplot.js"]')?.href ?? '');
  await until('all of it came', async () => (await me.page.evaluate(last)).length > 0);
  await me.page.getByRole('textbox', { name: me.t('signin.key') }).waitFor();
  tell(`    a first visit: ${bytes} bytes`);
  assert.ok(bytes > 100_000 && bytes <= BUDGET_BYTES, `${bytes} bytes`);
  return { ...me, isApart: true };
}

async function narrow({ browser, gateway, who }) {
  const me = await person(browser, { ...who, size: [320, 640], url: gateway.url, reducedMotion: 'reduce' });
  await signIn(me);
  for (const screen of ['home', 'alerts', 'video', 'history', 'board', 'settings']) {
    for (const percent of [100, 200]) {
      await open(me, screen);
      await me.page.evaluate((size) => {
        document.documentElement.style.fontSize = `${size}%`;
      }, percent);
      await me.page.waitForTimeout(200);
      const [wide, has] = await me.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide <= has, `${screen} at ${percent} %: ${wide} of ${has} px`);
    }
  }
  return me;
}

/** A drone in a network of its own is told the site's, and is found there. */
async function joining({ browser, gateway: { binary }, who }) {
  const at = '127.0.0.251';
  const how = ['--sdk', '2.0', '--station', at];
  const site = await Fleet.open(binary, 1, how, { settings: `scan_ranges = ["${at}/32"]\n` });
  try {
    const me = await person(browser, { ...who, url: 'data:text/html,' });
    const { page, t } = me;
    await page.goto(linkOf(site));
    await card(me, nameOf(1))
      .getByRole('link', { name: nameOf(1) })
      .click();
    const panel = page.getByRole('region', { name: t('join'), exact: true });
    await panel.getByRole('button', { name: t('join.look') }).click();
    // How to undo it is there before anything is sent.
    await panel.getByText(t('join.reset')).waitFor();
    const password = panel.getByLabel(t('join.password'), { exact: true });
    assert.equal(await password.getAttribute('type'), 'password');
    await panel.getByRole('textbox', { name: t('join.ssid'), exact: true }).fill('site');
    await password.fill(SECRET);
    await panel.getByRole('button', { name: t('join'), exact: true }).click();
    await panel.getByText(t('join.found')).waitFor();
    await panel.getByText(`address = "${at}"`).waitFor();
    assert.equal(await password.count(), 0, 'the password is not kept');
    const said = await page.evaluate(async () => (await fetch('/api/drones/d1/join')).text());
    assert.ok(said.includes(at) && !said.includes(SECRET), said);
    assert.ok(!site.log().includes(SECRET), 'no log has it');
    return me;
  } finally {
    await site.clear();
  }
}

const SECRET = 'never-shown-6172';

async function trust({ browser, gateway, who }) {
  const me = await person(browser, { ...who, url: gateway.url });
  await me.page.getByRole('link', { name: me.t('signin.trust') }).click();
  await me.page.getByRole('heading', { level: 1 }).waitFor();
  assert.equal(await me.page.getByRole('heading', { level: 1 }).count(), 1, 'one language is shown');
  return me;
}

/**
 * In a demo of its own, which remembers nothing: an alert that stood in the last minutes is not
 * raised anew, and after many flights it may be minutes until a landing is written, which a
 * restart would read.
 */
const apart =
  (flow) =>
  async ({ gateway: { binary }, ...more }) =>
    withGateway(more.browser, await Gateway.start(binary), (gateway) => flow({ gateway, ...more }));

/** In their order: what stops the gateway comes last. */
export const FLOWS = {
  weight,
  journey,
  fleet,
  signingIn,
  flying,
  tooSoon,
  sticks,
  everythingDown,
  alerts,
  video,
  lateVideo,
  withoutDecoder,
  histories,
  rulesAndKeys,
  flights,
  documents,
  reader,
  halfLoaded,
  narrow,
  joining,
  trust,
  cutNetwork,
  slowNetwork,
  installing,
  keyboard: apart(keyboard),
  overThePage: apart(overThePage),
  attention: apart(attention),
  bridge,
  updating,
  targets,
  sessionsEnded,
  deniedKeys,
  links,
  stale,
  clocks,
  somethingHappens: apart(somethingHappens),
  groups,
  plans: apart(plans),
  asleep: apart(asleep),
  restart: apart(restart),
  withoutGateway,
};

export const check = (me) => assert.deepEqual(serious(me.complaints), []);
