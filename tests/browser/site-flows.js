// What a site has around its gateway, and the page says of it: a microcontroller with an
// emergency stop, updates, a target of notifications, keys of every fate; and signals that
// go stale, stick and vanish, of which nothing on screen may claim to be live.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { Fleet, nameOf, SITE_KEY } from './fleet.js';
import { freeTcp, linkOf, open, person, signIn, until, withGateway } from './world.js';

/** A person who came by the link of the command line. */
async function arrived(browser, site, who, more = {}) {
  const me = await person(browser, { ...who, ...more, url: 'data:text/html,' });
  await me.page.goto(linkOf(site));
  await live(me).waitFor();
  return me;
}

const live = ({ page, t }) => page.getByRole('status', { name: t('link.live'), exact: true });
const lost = ({ page, t }) => page.getByRole('status', { name: t('link.lost'), exact: true });
const region = ({ page, t }, name) => page.getByRole('region', { name: t(name), exact: true });
const button = (place, { t }, name) => place.getByRole('button', { name: t(name), exact: true });

async function part(me, name) {
  await open(me, 'settings');
  await button(me.page, me, `settings.${name}`).click();
  return region(me, `settings.${name}`);
}

/** A microcontroller that another process of the program simulates, at `link`. */
class Board {
  constructor(binary, link) {
    this.child = spawn(binary, ['bridge', 'simulate', '--link', link], { stdio: ['pipe', 'ignore', 'inherit'] });
  }

  order(words) {
    this.child.stdin.write(`${words}\n`);
  }

  end() {
    this.child.kill('SIGTERM');
  }
}

/** A bridge on the Board screen, its emergency stop, and what that does to a take-off. */
export async function bridge({ browser, gateway, who, shots }) {
  const config = (work) => `\n[[bridge]]\nname = "mast"\nselector = "${join(work, 'tty')}"\n`;
  const site = await Fleet.open(gateway.binary, 1, [], { config });
  const board = new Board(gateway.binary, join(site.work, 'tty'));
  return withGateway(browser, site, async () => {
    const me = await arrived(browser, site, who);
    const { page, t } = me;
    await open(me, 'board');
    const panel = region(me, 'bridge');
    await panel.getByText(t('bridgeState.live'), { exact: true }).waitFor();
    const stop = panel.getByRole('definition').first();
    await stop.getByText(t('bridge.released'), { exact: true }).waitFor();
    await panel.getByText(t('metric.bridge_temperature')).waitFor();
    board.order('stop on');
    await stop.getByText(t('bridge.pressed'), { exact: true }).waitFor();
    await page.screenshot({ path: join(shots, `bridge-${who.language}-${who.size.join('x')}.png`), fullPage: true });
    await open(me, 'home');
    const card = page.getByRole('article', { name: nameOf(1), exact: true });
    await card.locator('.heard:not(.old)').waitFor();
    await button(card, me, 'takeOff').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(t('held.engaged', { bridge: 'mast' })).waitFor();
    await until('it cannot be pressed', () => button(dialog, me, 'takeOff').isDisabled());
    // Released, it holds until somebody resets it.
    board.order('stop off');
    await dialog.getByText(t('held.latched', { bridge: 'mast' })).waitFor();
    await page.screenshot({ path: join(shots, `latched-${who.language}-${who.size.join('x')}.png`) });
    await button(dialog, me, 'held.reset').click();
    await dialog.getByText(t('held.none')).waitFor();
    await page.keyboard.press('Escape');
    // Pulled out: said, and no value of it is called fresh.
    await open(me, 'board');
    board.order('unplug');
    await panel.getByText(t('bridgeState.lost'), { exact: true }).waitFor();
    await until('no value is of now', async () => {
      return (await panel.getByText(t('sensor.fresh'), { exact: true }).count()) === 0;
    });
    board.order('plug');
    await panel.getByText(t('bridgeState.live'), { exact: true }).waitFor();
    return me;
  }).finally(() => board.end());
}

/** What the image's program would say of an update. */
function updateSays(tree, state, { percent = null, version = '0.1.0' } = {}) {
  const status = {
    format: 1,
    state,
    reason: null,
    changed_at: '2026-11-25T18:00:00Z',
    progress_pct: percent,
    update: { id: null, source: null, version: null },
    running: { slot: 'A', version },
    other: { slot: 'B', version: null, bootable: false },
  };
  writeFileSync(join(tree, 'new'), JSON.stringify(status));
  renameSync(join(tree, 'new'), join(tree, 'status.json'));
}

/** An update: sent with progress, given up, sent again, installed step by step. */
export async function updating({ browser, gateway, who, shots }) {
  const config = (work) => {
    mkdirSync(join(work, 'update', 'spool'), { recursive: true });
    updateSays(join(work, 'update'), 'idle');
    return `\n[update]\ndir = "${join(work, 'update')}"\nmax_bundle_bytes = 16777216\n`;
  };
  const site = await Fleet.open(gateway.binary, 0, [], { config });
  return withGateway(browser, site, async () => {
    const tree = join(site.work, 'update');
    const spooled = () => existsSync(join(tree, 'spool', 'upload.raucb'));
    const me = await arrived(browser, site, who);
    const { page, context, t } = me;
    await open(me, 'board');
    const panel = region(me, 'update');
    await panel.getByText(t('updateState.idle'), { exact: true }).waitFor();
    const bundle = { name: 'gateway.raucb', mimeType: 'application/octet-stream', buffer: Buffer.alloc(3 << 20, 7) };
    const network = await context.newCDPSession(page);
    const uploadsAt = (bytes) =>
      network.send('Network.emulateNetworkConditions', {
        offline: false,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput: bytes,
      });
    await uploadsAt(300_000);
    await panel.locator('input[type=file]').setInputFiles(bundle);
    const bar = panel.getByRole('progressbar');
    const shown = async () => Number(await bar.getAttribute('value'));
    await until('some of it is sent', async () => (await shown()) > 5 && (await shown()) < 90);
    await page.screenshot({ path: join(shots, `update-${who.language}-${who.size.join('x')}.png`), fullPage: true });
    await button(panel, me, 'cancel').click();
    const told = page.getByRole('alert').filter({ hasText: t('code.UPDATE_CANCELLED') });
    await told.waitFor();
    await button(told, me, 'dismiss').click();
    assert.ok(!spooled(), 'what was given up is not kept');
    await uploadsAt(-1);
    await until('another is taken', () => panel.locator('input[type=file]').isEnabled());
    await panel.locator('input[type=file]').setInputFiles(bundle);
    await page.getByText(t('update.sent'), { exact: true }).waitFor();
    await panel.getByText(t('updateState.waiting'), { exact: true }).waitFor();
    assert.ok(spooled());
    assert.equal(await panel.locator('input[type=file]').count(), 0, 'one at a time');
    // The image's program takes it, and says how far it is.
    for (const name of ['request', 'upload.raucb']) rmSync(join(tree, 'spool', name));
    for (const percent of [40, 80]) {
      updateSays(tree, 'installing', { percent });
      await until(`${percent} %`, async () => (await shown()) === percent);
    }
    await panel.getByText(t('updateState.installing'), { exact: true }).waitFor();
    updateSays(tree, 'committed', { version: '0.2.0' });
    await panel.getByText(t('updateState.committed'), { exact: true }).waitFor();
    await panel.getByText('A: 0.2.0').waitFor();
    return me;
  });
}

/** A target's test button: what arrived, and what did not. */
export async function targets({ browser, gateway, who }) {
  const heard = [];
  let status = 200;
  const receiver = http.createServer((request, response) => {
    heard.push(request.headers['x-mfg-delivery']);
    request.resume();
    response.writeHead(status).end();
  });
  const port = await freeTcp();
  await new Promise((resolve) => receiver.listen(port, '127.0.0.1', resolve));
  const config = () =>
    `\n[[notify.webhook]]\nname = "hook"\nurl = "http://127.0.0.1:${port}/x"\nsecret = "abcdefgh12345678"\n`;
  const site = await Fleet.open(gateway.binary, 0, [], { config });
  return withGateway(browser, site, async () => {
    const me = await arrived(browser, site, who);
    const { page, t } = me;
    const panel = await part(me, 'notify');
    const row = panel.getByRole('listitem').filter({ hasText: 'hook' });
    await button(row, me, 'notify.test').click();
    await page.getByText(t('said.notify', { name: 'hook' }), { exact: true }).waitFor();
    assert.deepEqual(heard, ['test']);
    status = 404;
    await button(row, me, 'notify.test').click();
    const told = page.getByRole('alert').filter({ hasText: t('code.NOTIFY_FAILED') });
    await told.waitFor();
    status = 200;
    await button(told, me, 'retry').click();
    await told.waitFor({ state: 'detached' });
    return me;
  }).finally(() => receiver.close());
}

/** Browsers that are signed in: seen with what they are, and ended from here. */
export async function sessionsEnded({ browser, gateway, who }) {
  const site = await Fleet.open(gateway.binary, 0);
  return withGateway(browser, site, async () => {
    const me = await arrived(browser, site, who);
    const other = await arrived(browser, site, who, { userAgent: 'Mozilla/5.0 (Linux; Android 14; Dock tablet)' });
    const { t } = me;
    const panel = await part(me, 'sessions');
    const mine = panel.getByRole('listitem').filter({ hasText: t('sessions.this') });
    await mine.waitFor();
    const theirs = panel.getByRole('listitem').filter({ hasText: 'Dock tablet' });
    await button(theirs, me, 'sessions.end').click();
    await theirs.waitFor({ state: 'detached' });
    await other.page.getByRole('textbox', { name: t('signin.key') }).waitFor();
    await other.page.getByRole('alert').getByText(t('code.SESSION_ENDED')).waitFor();
    await other.context.close();
    // One's own: signed out, and told why.
    await button(mine, me, 'sessions.end').click();
    await me.page.getByRole('textbox', { name: t('signin.key') }).waitFor();
    return me;
  });
}

/** A clock of a gateway that is set by writing into a file. */
const clockIn = (work, more = {}) => ({
  LD_PRELOAD: ['x86_64', 'aarch64']
    .map((arch) => `/usr/lib/${arch}-linux-gnu/faketime/libfaketime.so.1`)
    .find((path) => existsSync(path)),
  FAKETIME_TIMESTAMP_FILE: join(work, 'clock'),
  FAKETIME_NO_CACHE: '1',
  ...more,
});
function setClock({ work }, offset) {
  writeFileSync(join(work, 'next'), offset);
  renameSync(join(work, 'next'), join(work, 'clock'));
}

/** Wrong, expired, revoked, locked: each is told as that, in the page's language. */
export async function deniedKeys({ browser, gateway, who }) {
  const environment = (work) => {
    setClock({ work }, '+0');
    return clockIn(work, { FAKETIME_DONT_FAKE_MONOTONIC: '1' });
  };
  const config = () => '\n[board]\nenabled = false\n';
  const site = await Fleet.open(gateway.binary, 0, [], { config, environment });
  return withGateway(browser, site, async () => {
    const me = await person(browser, { ...who, url: site.url });
    const { page, t } = me;
    const made = async (name) => {
      const body = { name, permissions: ['read', 'dashboard'], expires_days: 1 };
      return (await site.ask('/api/security/api-keys', 'POST', body)).api_key;
    };
    const [expiring, revoked] = [await made('Expiring'), await made('Revoked')];
    const tries = async (key, words) => {
      await page.getByRole('textbox', { name: t('signin.key'), exact: true }).fill(key);
      await button(page, me, 'signIn').click();
      await page.getByRole('alert').getByText(words).waitFor();
    };
    await site.ask(`/api/security/api-keys/${encodeURIComponent(revoked)}`, 'DELETE');
    await tries(revoked, t('code.KEY_REVOKED'));
    await signIn(me, expiring);
    await page.goto('about:blank');
    // (A jump of a clock that nobody has set would begin the term anew.)
    await site.stop();
    setClock(site, '+2d');
    await site.begin();
    // The browser that was signed in hears why it is not any more.
    await page.goto(`${site.url}/dashboard`);
    await page.getByRole('alert').getByText(t('code.KEY_EXPIRED')).waitFor();
    await tries(expiring, t('code.KEY_EXPIRED'));
    for (let n = 0; n < 4; n += 1) await tries(`wrong-${n}`, t('code.KEY_WRONG'));
    const locked = new RegExp(`^${t('code.IP_BLOCKED.for', { n: 'N' }).replace('N', '\\d+')}$`);
    await until('the address is locked', async () => {
      await page.getByRole('textbox', { name: t('signin.key'), exact: true }).fill('wrong-again');
      await button(page, me, 'signIn').click();
      return page
        .getByRole('alert')
        .getByText(locked)
        .waitFor({ timeout: 2000 })
        .then(() => true);
    });
    // A good key is let in all the same.
    await signIn(me, SITE_KEY);
    const panel = await part(me, 'sessions');
    await button(panel, me, 'lockouts.lift').click();
    await panel.getByText(t('lockouts.none')).waitFor();
    return me;
  });
}

/** A link of `keys qr`: good once, and for five minutes. */
export async function links({ browser, gateway, who }) {
  const environment = (work) => {
    setClock({ work }, '+0');
    return clockIn(work);
  };
  const site = await Fleet.open(gateway.binary, 0, [], { config: () => '\n[board]\nenabled = false\n', environment });
  return withGateway(browser, site, async () => {
    const link = linkOf(site);
    const scans = async (what) => {
      const phone = await person(browser, { ...who, url: 'data:text/html,' });
      // The network changes once more under a phone that has just joined it.
      let lost = 0;
      await phone.page.route(/\/api\/session\/exchange$/, (route) => {
        lost += 1;
        return lost > 1 ? route.fallback() : route.abort('connectionreset');
      });
      await phone.page.goto(what);
      return phone;
    };
    const first = await scans(link);
    await live(first).waitFor();
    assert.ok(!first.page.url().includes('signin='), 'the secret stands in the address no more');
    const second = await scans(link);
    await second.page.getByRole('alert').getByText(second.t('code.LINK_USED')).waitFor();
    const old = linkOf(site);
    setClock(site, '+6m');
    const third = await scans(old);
    await third.page.getByRole('alert').getByText(third.t('code.LINK_EXPIRED')).waitFor();
    return third;
  });
}

/** Between browser and gateway: lets through, or holds everything and says nothing of it. */
class Wire {
  static async to(port) {
    const made = new Wire();
    made.sockets = new Set();
    made.server = net.createServer((near) => {
      const far = net.connect(port, '127.0.0.1');
      const both = [near, far];
      made.sockets.add(both);
      if (made.isHeld) near.pause();
      else near.pipe(far).pipe(near);
      for (const one of both) {
        one.on('error', () => {});
        one.on('close', () => {
          made.sockets.delete(both);
          for (const each of both) each.destroy();
        });
      }
    });
    made.port = await freeTcp();
    await new Promise((resolve) => made.server.listen(made.port, '127.0.0.1', resolve));
    return made;
  }

  /** No connection brings anything more, for ever; those made after the release do. */
  hold() {
    this.isHeld = true;
    for (const both of this.sockets) {
      for (const one of both) {
        one.unpipe();
        one.pause();
      }
    }
  }

  release() {
    this.isHeld = false;
  }

  end() {
    this.server.close();
    for (const both of this.sockets) for (const one of both) one.destroy();
  }
}

/** What says that it, or what stands beside it, is of now. */
const CLAIMS =
  '.link.live, .heard:not(.old), .age:not(.old), .chip.level-calm:not(.dim *), p.now, .values:not(.dim, .dim *), table:not(.dim, .dim *)';

/** What on the screen does. */
const claims = ({ page, t }) =>
  page.evaluate(
    ([never, CLAIMS]) => {
      const said = [...document.querySelectorAll(CLAIMS)];
      // (How old what is shown is, in the bar, is no claim.)
      const shown = said.filter(
        (element) => element.getClientRects().length && !element.closest('.link.lost') && element.textContent !== never,
      );
      const pictures = [...document.querySelectorAll('canvas[data-frames]:not(.blank)')];
      return [...shown, ...pictures].map((element) => `${element.className} ${element.textContent}`);
    },
    [t('age.never'), CLAIMS],
  );
const nothingClaimed = (me, when) =>
  until(`nothing is called live ${when}`, async () => {
    const found = await claims(me);
    if (found.length) throw new Error(found.join(' | '));
    return true;
  });

/** Values that stop, a gateway that stands still, a connection that brings nothing more. */
export async function stale({ browser, gateway, who, shots }) {
  const site = await Fleet.open(gateway.binary, 2);
  const wire = await Wire.to(site.port);
  return withGateway(browser, site, async () => {
    const me = await arrived(browser, { binary: site.binary, work: site.work, port: wire.port }, who);
    const { page, t } = me;
    const fresh = page.locator('article .heard:not(.old)');
    const bothHeard = () => until('both are heard', async () => (await fresh.count()) === 2);
    await bothHeard();
    // Drones that say nothing more, while the gateway is well: the bar may say live, no card does.
    site.simulator.kill('SIGSTOP');
    await until('no drone is called well', async () => {
      return (await page.locator('article .heard:not(.old), article .chip.level-calm').count()) === 0;
    });
    assert.ok(await live(me).isVisible());
    site.simulator.kill('SIGCONT');
    await bothHeard();
    // A gateway that stands still: on no screen is anything live, also on the one that was shown.
    await open(me, 'board');
    await region(me, 'board.health').locator('.chip').waitFor();
    site.child.kill('SIGSTOP');
    await lost(me).waitFor();
    for (const screen of ['board', 'home', 'alerts', 'history', 'video']) {
      if (screen !== 'board') await open(me, screen);
      await nothingClaimed(me, `on ${screen}`);
      if (screen === 'home') {
        await page.getByRole('link', { name: nameOf(1), exact: true }).click();
        await page.getByRole('heading', { level: 1, name: nameOf(1) }).waitFor();
        await nothingClaimed(me, "on a drone's page");
      }
      await page.screenshot({ path: join(shots, `stale-${screen}-${who.language}-${who.size.join('x')}.png`) });
    }
    site.child.kill('SIGCONT');
    await live(me).waitFor();
    await open(me, 'home');
    await bothHeard();
    // A connection that is cut without a word: noticed, and made anew.
    await open(me, 'video');
    const camera = page.getByRole('region', { name: t('video.of', { name: nameOf(1) }) });
    await button(camera, me, 'video.start').click();
    const canvas = camera.locator('canvas');
    const frames = async () => Number(await canvas.getAttribute('data-frames'));
    await until('pictures', async () => (await frames()) > 10);
    wire.hold();
    await lost(me).waitFor();
    await nothingClaimed(me, 'over a cut connection');
    wire.release();
    await live(me).waitFor();
    const before = await frames();
    await until('pictures by a new connection', async () => {
      const now = await frames();
      return (now > 0 && now < before) || now > before + 10;
    });
    await until('they are shown', async () => !(await canvas.getAttribute('class'))?.includes('blank'));
    return me;
  }).finally(() => wire.end());
}

/** A clock that is wrong, is set, and jumps: ages stay true, charts have their values. */
export async function clocks({ browser, gateway, who }) {
  // (A board without a network begins where it ended: to the device it is of last year.)
  const environment = (work) => {
    setClock({ work }, '-400d');
    return clockIn(work, { FAKETIME_DONT_FAKE_MONOTONIC: '1' });
  };
  const config = () => '\n[board]\nenabled = false\n';
  const site = await Fleet.open(gateway.binary, 1, [], { config, environment });
  return withGateway(browser, site, async () => {
    const me = await arrived(browser, site, who);
    const { page, t } = me;
    const heard = page.locator('.heard:not(.old)').first();
    const isOfNow = async () => {
      await heard.waitFor();
      const [, n] = /(\d+)/.exec(await heard.textContent()) ?? [];
      return n !== undefined && Number(n) <= 3 && !(await heard.textContent()).includes(t('age.min', { n }));
    };
    const ahead = async () => Date.parse((await site.ask('/health')).timestamp) - Date.now();
    await until('its age is of now', isOfNow);
    await page.getByRole('link', { name: nameOf(1), exact: true }).click();
    const chart = region(me, 'charts').locator('canvas').first();
    await chart.waitFor();
    for (const [offset, hours] of [
      ['+0', 0],
      ['+1h', 1],
      ['-1h', -1],
    ]) {
      setClock(site, offset);
      await until(`the gateway has ${offset}`, async () => Math.abs((await ahead()) - hours * 3_600_000) < 60_000);
      await until(`its age is of now at ${offset}`, isOfNow);
      await chart.waitFor();
    }
    return me;
  });
}
