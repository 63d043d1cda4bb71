// Runs the flows, and shows every screen in both languages, three sizes and two themes:
// without sideways scrolling, without what axe complains of, and as pictures to look at.
//
//   node check.js BINARY [--shots FOLDER] [FLOW…]

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { check, FLOWS } from './flows.js';
import { folderFor, Gateway, launch, open, person, signIn } from './world.js';

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
  for (const part of ['sticks', 'rules', 'keys', 'audit', 'logs', 'certificate', 'about']) {
    await page.getByRole('button', { name: t(`settings.${part}`), exact: true }).click();
    await page.getByRole('region', { name: t(`settings.${part}`), exact: true }).waitFor();
    await look(`settings-${part}`);
  }
  await open(me, 'home');
  await page.getByRole('link', { name: 'Tello EDU #2 (simulated, battery low)', exact: true }).click();
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.getByRole('button', { name: t('control.take') }).click();
  await look('drone');
  assert.deepEqual(wrong, []);
  check(me);
  await me.context.close();
}

const [binary, ...rest] = process.argv.slice(2);
const at = rest.indexOf('--shots');
const shots = folderFor(resolve(at >= 0 ? rest.splice(at, 2)[1] : 'shots'));
const wanted = rest.length ? rest : ['tour', ...Object.keys(FLOWS)];
const people = [
  { language: 'ja', size: SIZES[0], theme: 'light' },
  { language: 'en', size: SIZES[1], theme: 'dark' },
].filter(({ language }) => !process.env.ONLY || process.env.ONLY === language);
const browser = await launch();
let gateway = await Gateway.start(resolve(binary));
let failed = 0;

async function run(title, work) {
  const begun = Date.now();
  try {
    await work();
    console.log(`ok   ${title}  ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${title}: ${error.stack?.split('\n').slice(0, 12).join('\n     ')}`);
    for (const context of browser.contexts()) {
      for (const [index, page] of context.pages().entries())
        await page
          .screenshot({ path: join(shots, `FAILED-${title.replace(/\W+/g, '-')}-${index}.png`) })
          .catch(() => {});
    }
  }
  for (const context of browser.contexts()) await context.close();
}

try {
  if (wanted.includes('tour')) {
    for (const language of ['ja', 'en'].filter((one) => !process.env.ONLY || process.env.ONLY === one)) {
      for (const size of SIZES.slice(0, Number(process.env.SIZES ?? 3))) {
        for (const theme of ['light', 'dark'])
          await run(`every screen, ${language}, ${size.join('×')}, ${theme}`, () =>
            tour(browser, gateway, shots, { language, size, theme }),
          );
      }
    }
  }
  for (const who of people) {
    // (Each with drones and alerts as they are at the start.)
    await gateway.clear();
    gateway = await Gateway.start(resolve(binary));
    for (const [name, flow] of Object.entries(FLOWS)) {
      if (wanted.includes(name))
        await run(`${name}, ${who.language}, ${who.size.join('×')}`, async () =>
          check(await flow({ browser, gateway, who, shots })),
        );
    }
  }
} finally {
  if (failed) console.log(gateway.log());
  await browser.close();
  await gateway.clear();
}
process.exitCode = failed ? 1 : 0;
