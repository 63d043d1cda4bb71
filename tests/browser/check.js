// Runs the flows, and shows every screen in both languages, three sizes and two themes:
// without sideways scrolling, without what axe complains of, and as pictures to look at.
//
//   node check.js BINARY [--shots FOLDER] [--all] [--workers N] [FLOW…]
//
// Two people do the flows, one a language; with `--all` twelve do, one each language, size
// and theme. Workers have a browser and a gateway each, and share what is to be done.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { check, FLOWS } from './flows.js';
import { evidence, folderFor, Gateway, launch, open, person, signIn } from './world.js';

const SIZES = [
  [390, 844],
  [1440, 900],
  [1920, 1080],
];
const SCREENS = ['home', 'alerts', 'video', 'history', 'board', 'settings'];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe complains of on what is shown now. */
async function complaints(page) {
  // As a debugger would: the page's own policy lets no script in.
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: AXE });
  const { result } = await session.send('Runtime.evaluate', {
    expression:
      'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => JSON.stringify(violations.map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ html, any }) => [html.slice(0, 160), any[0]?.message])])))',
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  return JSON.parse(result.value);
}

async function tour(browser, gateway, shots, who) {
  const me = await person(browser, { ...who, url: gateway.url, reducedMotion: 'reduce' });
  const { page, t } = me;
  const name = `${who.language}-${who.size.join('x')}-${who.theme}`;
  const wrong = [];
  const look = async (screen) => {
    // Charts and pictures that are on their way.
    await page.waitForLoadState('networkidle', { timeout: 3000 }).catch(() => {});
    await page.evaluate(() => document.fonts.ready);
    await page.screenshot({ path: join(shots, `${screen}-${name}.png`), fullPage: screen !== 'signin' });
    const [wide, has] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    if (wide > has) wrong.push(`${screen} scrolls sideways: ${wide} of ${has} px`);
    for (const one of await complaints(page)) wrong.push(`${screen}: ${JSON.stringify(one)}`);
  };
  await page.getByRole('textbox', { name: t('signin.key') }).waitFor();
  await look('signin');
  for (const apart of ['trust', 'docs']) {
    await page.goto(`${gateway.url}/${apart}`);
    await page.getByRole('heading', { level: 2 }).first().waitFor();
    await look(apart);
  }
  await page.goto(`${gateway.url}/dashboard`);
  await signIn(me);
  await page.getByRole('article').first().waitFor();
  for (const screen of SCREENS) {
    await open(me, screen);
    await page.getByRole('heading', { level: 1, name: t(`nav.${screen}`) }).waitFor({ state: 'attached' });
    await look(screen);
  }
  for (const part of ['sticks', 'rules', 'keys', 'notify', 'sessions', 'audit', 'logs', 'certificate', 'about']) {
    await page.getByRole('button', { name: t(`settings.${part}`), exact: true }).click();
    await page.getByRole('region', { name: t(`settings.${part}`), exact: true }).waitFor();
    await look(`settings-${part}`);
    // What is filled in over the page as well.
    const adds = { rules: 'rule.new', keys: 'key.new' }[part];
    if (!adds) continue;
    await page.getByRole('button', { name: t(adds), exact: true }).click();
    await page.getByRole('dialog').getByRole('combobox').first().waitFor();
    await look(`dialog-${part}`);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
  await open(me, 'home');
  await page
    .getByRole('article')
    .first()
    .getByRole('button', { name: t('takeOff'), exact: true })
    .click();
  await page.getByRole('dialog').getByRole('listitem').first().waitFor();
  await look('dialog-takeoff');
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Tello EDU #2 (simulated, battery low)', exact: true }).click();
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.getByRole('button', { name: t('control.take') }).click();
  await look('drone');
  assert.deepEqual(wrong, []);
  check(me);
  await me.context.close();
}

const [binary, ...rest] = process.argv.slice(2);
/** What follows an option, and whether one is there. @param {string} name @param {string} usual */
const option = (name, usual) => (rest.includes(name) ? rest.splice(rest.indexOf(name), 2)[1] : usual);
const flag = (name) => rest.includes(name) && rest.splice(rest.indexOf(name), 1).length > 0;

const shots = folderFor(resolve(option('--shots', 'shots')));
const workers = Number(option('--workers', String(Math.min(2, availableParallelism()))));
const isAll = flag('--all');
const wanted = rest.length ? rest : ['tour', ...Object.keys(FLOWS)];
const unknown = wanted.filter((name) => name !== 'tour' && !(name in FLOWS));
assert.deepEqual(unknown, [], `known are: tour ${Object.keys(FLOWS).join(' ')}`);

/** Everybody: each language, size and theme. */
const everybody = ['ja', 'en'].flatMap((language) =>
  SIZES.flatMap((size) => ['light', 'dark'].map((theme) => ({ language, size, theme }))),
);
const isOfTwo = ({ language, size, theme }) =>
  language === 'ja' ? size === SIZES[0] && theme === 'light' : size === SIZES[1] && theme === 'dark';
const people = everybody.filter(({ language }) => !process.env.ONLY || process.env.ONLY === language);
const called = ({ language, size, theme }) => `${language}, ${size.join('×')}, ${theme}`;

let failed = 0;

/** One browser, and one gateway at a time. */
class Worker {
  static async begin() {
    const made = new Worker();
    made.browser = await launch();
    return made;
  }

  /** A gateway as at the start, for what comes now. */
  async fresh() {
    await this.gateway?.clear();
    this.gateway = await Gateway.start(resolve(binary));
  }

  async run(title, work) {
    const begun = Date.now();
    const lines = [];
    this.gateway.mark();
    try {
      await work((line) => lines.push(line));
      lines.push(`ok   ${title}  ${((Date.now() - begun) / 1000).toFixed(1)} s`);
    } catch (error) {
      failed += 1;
      lines.push(`FAIL ${title}: ${error.stack?.split('\n').slice(0, 12).join('\n     ')}`);
      for (const [index, page] of this.browser
        .contexts()
        .flatMap((context) => context.pages())
        .entries()) {
        const path = join(shots, `FAILED-${title.replace(/\W+/g, '-')}-${index}.png`);
        await page.screenshot({ path, timeout: 5000 }).catch(() => {});
      }
      lines.push(error.evidence ?? (await evidence(this.browser, this.gateway)));
    }
    // (In one piece: another worker writes as well.)
    console.log(lines.join('\n'));
    for (const context of this.browser.contexts()) await context.close();
  }

  async end() {
    await this.browser.close();
    await this.gateway?.clear();
  }
}

/** What there is to do, the longest first. @type {((worker: Worker) => Promise<void>)[]} */
const work = people
  .filter((who) => isAll || isOfTwo(who))
  .map((who) => async (worker) => {
    const flows = Object.entries(FLOWS).filter(([name]) => wanted.includes(name));
    if (!flows.length) return;
    await worker.fresh();
    for (const [name, flow] of flows) {
      await worker.run(`${name}, ${called(who)}`, async (tell) => {
        const { browser, gateway } = worker;
        check(await flow({ browser, gateway, who, shots, tell }));
      });
    }
  });
const tours = people.filter(({ size }) => SIZES.indexOf(size) < Number(process.env.SIZES ?? SIZES.length));
if (wanted.includes('tour')) {
  // A few at once, since each lot needs a gateway of its own.
  for (let at = 0; at < tours.length; at += 3) {
    work.push(async (worker) => {
      await worker.fresh();
      for (const who of tours.slice(at, at + 3))
        await worker.run(`every screen, ${called(who)}`, () => tour(worker.browser, worker.gateway, shots, who));
    });
  }
}

async function works() {
  const worker = await Worker.begin();
  try {
    for (let next = work.shift(); next; next = work.shift()) await next(worker);
  } finally {
    await worker.end();
  }
}
const ends = await Promise.allSettled(Array.from({ length: Math.max(1, workers) }, works));
for (const { reason } of ends.filter(({ status }) => status === 'rejected')) {
  failed += 1;
  console.log(`FAIL a worker ended: ${reason?.stack ?? reason}`);
}
process.exitCode = failed ? 1 : 0;
