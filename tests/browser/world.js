// What a check runs in: the real program as `demo`, and Debian's Chromium.

import { execFileSync, spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { EN } from '../../gateway/web/app/words-en.js';
import { JA } from '../../gateway/web/app/words-ja.js';
import { fromDisk } from './disk.js';

/** For slow machines only: every wait is for a state. */
export const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 60_000);
/** The demo's keys, published. */
export const ADMIN_KEY = 'mfg-drone-admin-key-2024';
export const READER_KEY = 'mfg-drone-readonly-2024';
export const DRONE = 'Tello EDU #1 (simulated)';

/** Words of the page, as a person reads them. */
export const WORDS = { en: EN, ja: JA };

/** Ports that were given once: two workers never get the same. */
const given = new Set();

/** A port that nobody has. @param {() => Promise<number>} look */
async function once(look) {
  for (;;) {
    const port = await look();
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

export const freeTcp = () =>
  once(
    () =>
      new Promise((resolve, reject) => {
        const server = net.createServer().once('error', reject);
        server.listen(0, '127.0.0.1', () => {
          const { port } = server.address();
          server.close(() => resolve(port));
        });
      }),
  );

const freeUdp = () =>
  once(
    () =>
      new Promise((resolve, reject) => {
        const socket = dgram.createSocket('udp4').once('error', reject);
        socket.bind(0, '127.0.0.1', () => {
          const { port } = socket.address();
          socket.close(() => resolve(port));
        });
      }),
  );

/** For state, commands and video. */
export const freePorts = async () => [await freeUdp(), await freeUdp(), await freeUdp()];

/** What `keys qr` of the command line prints: the link under the code. */
export function linkOf({ binary, work, port }) {
  const where = ['--state-dir', join(work, 'state'), '--address', `127.0.0.1:${port}`];
  return /https:\S+#\S*signin=\S+/.exec(execFileSync(binary, ['keys', 'qr', '--no-code', ...where]).toString())[0];
}

/** Waits until `look` gives something; what it threw last is told when it never does. */
export async function until(what, look, patienceMs = PATIENCE_MS) {
  const end = Date.now() + patienceMs;
  let last;
  while (Date.now() < end) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited in vain: ${what}${last ? ` (${last.message})` : ''}`);
}

/** So much of a log is shown of a failure, in characters. */
const MOST_OF_LOG = 4000;
/** So many lines of what a page shows. */
const MOST_OF_PAGE = 60;

/** What the console of a page said. @type {WeakMap<import('playwright-core').Page, string[]>} */
const consoles = new WeakMap();

/** How it stands at a failure: what the gateway logged, and each page as a screen reader has it. */
export async function evidence(browser, gateway) {
  const parts = [`--- the gateway's log\n${gateway.log()}`];
  for (const page of browser.contexts().flatMap((context) => context.pages())) {
    const shown = await page
      .locator('body')
      .ariaSnapshot({ timeout: 5000 })
      .catch((error) => String(error));
    const lines = shown.split('\n');
    parts.push(`--- the page ${page.url()}`, ...lines.slice(0, MOST_OF_PAGE));
    if (lines.length > MOST_OF_PAGE) parts.push(`… ${lines.length - MOST_OF_PAGE} lines more`);
    parts.push(...(consoles.get(page) ?? []).slice(-10).map((text) => `--- its console: ${text}`));
  }
  return parts.join('\n');
}

/** Works with a gateway of its own; at a failure it is asked before it ends. */
export async function withGateway(browser, gateway, work) {
  try {
    return await work(gateway);
  } catch (error) {
    error.evidence = await evidence(browser, gateway);
    throw error;
  } finally {
    await gateway.clear();
  }
}

/** The demo on ports of its own; it can be stopped and started again with what it kept. */
export class Gateway {
  /** A folder and ports; nothing runs yet. */
  static async prepare(binary) {
    const made = new this();
    made.binary = binary;
    made.work = mkdtempSync(join(tmpdir(), 'page-check-'));
    [made.port, made.plainPort] = [await freeTcp(), await freeTcp()];
    return made;
  }

  static async start(binary) {
    const made = await Gateway.prepare(binary);
    const udp = await freePorts();
    made.arguments = [
      'demo',
      '--still',
      '--listen',
      `127.0.0.1:${made.port}`,
      '--http-listen',
      `127.0.0.1:${made.plainPort}`,
      '--state-dir',
      join(made.work, 'state'),
      '--state-port',
      udp[0],
      '--command-port',
      udp[1],
      '--video-port',
      udp[2],
    ].map(String);
    await made.begin();
    return made;
  }

  get url() {
    return `https://127.0.0.1:${this.port}`;
  }

  /** Without TLS, on loopback: browsers run service workers there whoever signed the certificate. */
  get plainUrl() {
    return `http://127.0.0.1:${this.plainPort}`;
  }

  async begin() {
    const log = openSync(join(this.work, 'log'), 'a');
    this.child = spawn(this.binary, this.arguments, {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...this.environment },
    });
    this.ended = new Promise((resolve) => this.child.once('exit', resolve));
    await until('the gateway answers', async () => (await fetch(`${this.plainUrl}/health`)).ok);
  }

  async stop() {
    this.child.kill('SIGCONT');
    this.child.kill('SIGTERM');
    await this.ended;
  }

  async restart() {
    await this.stop();
    await this.begin();
  }

  /** What is logged from now on is of what comes now. */
  mark() {
    this.marked = this.wholeLog().length;
  }

  wholeLog() {
    return readFileSync(join(this.work, 'log'), 'utf8');
  }

  /** The end of what was logged since the mark. */
  log() {
    return this.wholeLog()
      .slice(this.marked ?? 0)
      .slice(-MOST_OF_LOG);
  }

  async clear() {
    await this.stop();
    rmSync(this.work, { recursive: true, force: true });
  }

  /** A request beside the page's. */
  async ask(path, method = 'GET', body = undefined) {
    const headers = { 'X-API-Key': this.key ?? ADMIN_KEY, 'Content-Type': 'application/json' };
    const answer = await fetch(`${this.plainUrl}${path}`, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
}

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--autoplay-policy=no-user-gesture-required',
      // (A page that a test filled in counts as one from the network, which loopback is closed to.)
      ...(process.env.FROM_DISK ? ['--disable-features=LocalNetworkAccessChecks'] : []),
    ],
  });

/**
 * A person with a device: a language, a size, a theme. `t` are the words they read;
 * `complaints` is what the console said that it must not.
 */
export async function person(browser, { language = 'ja', size = [390, 844], theme = 'light', init, url, ...more }) {
  const [width, height] = size;
  const context = await browser.newContext({
    viewport: { width, height },
    locale: language === 'ja' ? 'ja-JP' : 'en-GB',
    colorScheme: theme,
    hasTouch: width < 600,
    ignoreHTTPSErrors: true,
    acceptDownloads: true,
    ...(process.env.FROM_DISK ? { serviceWorkers: 'block' } : {}),
    ...more,
  });
  if (init) await context.addInitScript(init);
  if (process.env.FROM_DISK) await fromDisk(context);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  consoles.set(page, complaints);
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${message.text()} ${message.location().url}`);
  });
  await page.goto(`${url}/dashboard`);
  const t = (name, values = {}) =>
    (WORDS[language][name] ?? name).replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
  return { page, context, t, language, complaints };
}

/** What a browser says of an answer that is no success; the page says it to the person. */
export const serious = (complaints) =>
  complaints.filter(
    (text) =>
      !/Failed to load resource|ERR_CONNECTION|ERR_INTERNET|WebSocket connection|SSL certificate error|when fetching the script/.test(
        text,
      ),
  );

export async function signIn({ page, t }, key = ADMIN_KEY) {
  await page.getByRole('textbox', { name: t('signin.key'), exact: true }).fill(key);
  await page.getByRole('button', { name: t('signIn'), exact: true }).click();
  await page.getByRole('status', { name: t('link.live'), exact: true }).waitFor();
}

export const open = async ({ page, t }, screen) => {
  await page
    .getByRole('navigation')
    .getByRole('link', { name: t(`nav.${screen}`), exact: true })
    .click();
};

export const card = ({ page }, name = DRONE) => page.getByRole('article', { name, exact: true });

/** Presses for as long as the button wants. */
export async function hold({ page }, button, ms = 1300) {
  const box = await button.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.waitForTimeout(ms);
  await page.mouse.up();
}

export function folderFor(path) {
  mkdirSync(path, { recursive: true });
  return path;
}
