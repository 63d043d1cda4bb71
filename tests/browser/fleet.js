// Sixty-four drones on one page: the worst first, each found by its name, and a page that
// still answers.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts, Gateway, linkOf, person, until, withGateway } from './world.js';

const DRONES = 64;
/** Of 127.0.0.0/8, apart from those of the demo. */
const FIRST_ADDRESS = 100;
/** The first key of such a site; the demo's are good for a demo only. */
export const SITE_KEY = 'key-of-a-site-0123456789abcdef';
export const nameOf = (n) => `倉庫 ${n} 号機`;

/**
 * The program as a site runs it, and drones simulated by another of its processes: `how` is
 * said to that one, `ofDrones` stands in the section of the drones, `config` at the end of the
 * site's file, `environment` is the gateway's. A text is `ofDrones`.
 */
export class Fleet extends Gateway {
  static async open(binary, count = DRONES, how = [], more = {}) {
    const given = typeof more === 'string' ? { ofDrones: more } : more;
    const { ofDrones = '', config: ofSite = () => '', environment = () => ({}) } = given;
    const made = await Fleet.prepare(binary);
    made.key = SITE_KEY;
    made.environment = { MFG_DRONE_ADMIN_KEY: SITE_KEY, ...environment(made.work) };
    const [state, command, video] = await freePorts();
    const config = join(made.work, 'gateway.toml');
    const drones = Array.from(
      { length: count },
      (_, n) =>
        `[[drones.drone]]\nid = "d${n + 1}"\nname = "${nameOf(n + 1)}"\nmode = "real"\naddress = "127.0.0.${FIRST_ADDRESS + n}"\n`,
    );
    writeFileSync(
      config,
      `[server]\nlisten = "127.0.0.1:${made.port}"\nhttp_listen = "127.0.0.1:${made.plainPort}"\n[storage]\ndir = "${join(made.work, 'state')}"\n` +
        `[drones]\nbind = "127.0.0.1"\nstate_port = ${state}\ncommand_port = ${command}\nvideo_port = ${video}\n${ofDrones}${drones.join('')}${ofSite(made.work)}`,
    );
    made.arguments = ['run', '--config', config];
    const ports = { '--state-port': state, '--command-port': command, '--video-port': video };
    const simulated = [
      'simulate',
      '--drones',
      count,
      '--address',
      `127.0.0.${FIRST_ADDRESS}`,
      ...Object.entries(ports),
      ...how,
    ];
    if (count) made.simulator = spawn(binary, simulated.flat().map(String), { stdio: ['pipe', 'ignore', 'inherit'] });
    await made.begin();
    return made;
  }

  async clear() {
    this.simulator?.kill('SIGCONT');
    this.simulator?.kill('SIGTERM');
    await super.clear();
  }
}

export async function fleet({ browser, gateway, who, shots }) {
  return withGateway(browser, await Fleet.open(gateway.binary), async (site) => {
    const me = await person(browser, { ...who, url: 'data:text/html,' });
    const { page, t } = me;
    await page.goto(linkOf(site));
    const cards = page.getByRole('article');
    await until('every drone is heard', async () => {
      const heard = page.locator('article .heard:not(.old)');
      return (await cards.count()) === DRONES && (await heard.count()) === DRONES;
    });
    await cards.first().getByText(t('level.critical'), { exact: true }).waitFor();
    // (In one look: between two the cards may change their places.)
    const levels = await page.evaluate(() =>
      [...document.querySelectorAll('article')].map(({ className }) =>
        /level-(\w+)/.exec(className)[1].replace('old', 'calm'),
      ),
    );
    const order = ['critical', 'error', 'warning', 'info', 'calm'];
    const sorted = [...levels].sort((a, b) => order.indexOf(a) - order.indexOf(b));
    assert.equal(levels.join(), sorted.join(), 'worst first');
    // (A page that draws every card with each message is never still, and has no picture.)
    await page.screenshot({ path: join(shots, `fleet-${who.language}.png`) });
    const box = page.getByRole('searchbox', { name: t('home.find'), exact: true });
    // As a Japanese keyboard may type it.
    await box.fill('倉庫６４');
    await until('one is found', async () => (await cards.count()) === 1);
    await page.getByRole('article', { name: nameOf(64), exact: true }).waitFor();
    await page.screenshot({ path: join(shots, `fleet-found-${who.language}.png`) });
    await box.fill('nobody');
    await page.getByText(t('home.noSuch')).waitFor();
    await box.fill('');
    await until('all are back', async () => (await cards.count()) === DRONES);
    // (The site is no demo, and says so by 404.)
    return me;
  });
}
