// How somebody who has never seen the page gets through an incident: on a phone, by what
// the screen shows and nothing else. Counts what it costs, and keeps a picture of each step.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { linkOf, person, until } from './world.js';

/** No manual, and three minutes, of which a machine that presses at once needs the least. */
const MOST_TAPS = 16;
const MOST_SWIPES = 6;
const MOST_SECONDS = 60;
/** A thumb's swipe moves that much of the screen. */
const SWIPE = 0.6;

/** A walk through the page that is measured. */
class Walk {
  constructor(me, shots) {
    [this.me, this.shots, this.steps] = [me, shots, []];
  }

  async step(name, work) {
    const step = { name, taps: 0, swipes: 0, fields: 0, begun: Date.now() };
    this.steps.push(step);
    await work();
    step.seconds = (Date.now() - step.begun) / 1000;
    await this.look(name);
  }

  look(name) {
    const path = join(this.shots, `journey-${this.me.language}-${this.steps.length}-${name}.png`);
    return this.me.page.screenshot({ path });
  }

  get now() {
    return this.steps[this.steps.length - 1];
  }

  /**
   * Brings what is looked for under the thumb as a person does: by swiping on, never by
   * knowing where it is. What is named twice, hidden or covered is not found.
   */
  async find(what) {
    await what.waitFor();
    assert.equal(await what.count(), 1, `${what} is there more than once: which one is meant is not on the screen`);
    const isUnderThumb = () =>
      what.evaluate((element) => {
        const { left, top, width, height } = element.getBoundingClientRect();
        const hit = document.elementFromPoint(left + width / 2, top + height / 2);
        return Boolean(hit && (element.contains(hit) || hit.contains(element)));
      });
    const { height } = this.me.page.viewportSize();
    for (let tries = 0; !(await isUnderThumb()); tries += 1) {
      assert.ok(tries < 8, `${what} is not reached by swiping`);
      this.now.swipes += 1;
      const isAbove = (await what.boundingBox()).y < height / 2;
      await this.me.page.mouse.wheel(0, (isAbove ? -SWIPE : SWIPE) * height);
      await this.me.page.waitForTimeout(100);
    }
    return what;
  }

  async tap(what) {
    const { x, y, width, height } = await (await this.find(what)).boundingBox();
    this.now.taps += 1;
    await this.me.page.touchscreen.tap(x + width / 2, y + height / 2);
  }

  async write(what, text) {
    await (await this.find(what)).fill(text);
    this.now.fields += 1;
  }

  /** What it cost, in a line a step. */
  told() {
    const lines = this.steps.map(
      ({ name, taps, swipes, fields, seconds }) =>
        `    ${name.padEnd(12)} ${taps} taps, ${swipes} swipes, ${fields} fields, ${seconds.toFixed(1)} s`,
    );
    const sum = (key) => this.steps.reduce((total, step) => total + step[key], 0);
    return { lines, taps: sum('taps'), swipes: sum('swipes'), seconds: sum('seconds') };
  }
}

/** One of three is in the air with a battery that ends, another is hot on the ground. */
async function danger(gateway) {
  const drone = () => gateway.ask('/api/drones/drone_001/status');
  await until('it is heard', async () => (await drone()).connection_status === 'connected');
  await gateway.ask('/api/drones/drone_001/takeoff?wait=true', 'POST');
  await gateway.ask('/api/demo/happening', 'POST', { what: 'battery' });
  await until('it is in danger', async () => {
    const { alerts } = await gateway.ask('/api/alerts?unresolved_only=true&limit=0');
    return alerts.some(({ level, subject }) => level === 'critical' && subject === 'drone_001');
  });
}

export async function journey({ browser, gateway, who, shots, tell }) {
  await danger(gateway);
  const me = await person(browser, { ...who, size: [390, 844], url: 'data:text/html,' });
  const { page, t } = me;
  const walk = new Walk(me, shots);
  const button = (place, name) => place.getByRole('button', { name: t(name), exact: true });
  const screen = (name) => page.getByRole('navigation').getByRole('link', { name: t(`nav.${name}`), exact: true });
  const dialog = page.getByRole('dialog');

  await walk.step('sign-in', async () => {
    await page.goto(linkOf(gateway));
    await page.getByRole('status', { name: t('link.live'), exact: true }).waitFor();
  });
  const first = page.getByRole('article').first();
  let name;
  await walk.step('find', async () => {
    await first.getByText(t('level.critical'), { exact: true }).waitFor();
    name = await first.getAttribute('aria-label');
    assert.match(name, /#1/, 'the one in danger comes first');
    await first.getByText(t('flight.flying'), { exact: true }).waitFor();
    // Which, and why, is read without a swipe.
    await walk.find(first.getByText(new RegExp(`^${t('metric.battery_level')}\\s\\d`)));
    assert.equal(walk.now.swipes, 0, 'the reason is on the first screen');
  });
  const drone = page.getByRole('article', { name, exact: true });
  await walk.step('land', async () => {
    await walk.tap(button(drone, 'land'));
    await drone.getByText(t('flight.landed'), { exact: true }).waitFor();
  });
  const about = `${name}: ${t('metric.battery_level')}`.replace(/[^\w ]/g, '\\$&');
  const row = page.getByRole('article', { name: new RegExp(`^${about}`) });
  await walk.step('alerts', async () => {
    await walk.tap(screen('alerts'));
    await walk.find(row.getByText(t('alert.open'), { exact: true }));
  });
  await walk.step('acknowledge', async () => {
    await walk.tap(button(row, 'acknowledge'));
    await row.waitFor({ state: 'detached' });
  });
  await walk.step('why', async () => {
    await walk.tap(page.getByRole('button', { name: new RegExp(`^${t('alerts.acknowledged')} \\d+$`) }));
    await walk.tap(button(row, 'alert.chart'));
    await dialog.locator('canvas').waitFor();
  });
  await walk.step('rule', async () => {
    await walk.tap(button(dialog, 'close'));
    await walk.tap(screen('settings'));
    await walk.tap(button(page, 'settings.rules'));
    await walk.tap(button(page, 'rule.new'));
    await walk.write(dialog.getByRole('spinbutton', { name: t('rule.threshold', { unit: '%' }) }), '33');
    await walk.find(dialog.getByText(t('rule.fired', { n: 'N' }).split('N')[0]));
    await walk.look('rule-form');
    await walk.tap(button(dialog, 'save'));
    await walk.find(page.getByRole('listitem').filter({ hasText: '33' }));
  });
  let link;
  await walk.step('colleague', async () => {
    await walk.tap(button(page, 'settings.keys'));
    await walk.tap(button(page, 'key.new'));
    await walk.write(dialog.getByRole('textbox', { name: t('key.name') }), 'Gate tablet');
    await walk.look('key-form');
    await walk.tap(button(dialog, 'key.new'));
    await walk.find(dialog.getByRole('img', { name: t('key.code') }));
    link = await dialog.getByText(/^https:\S+signin=/).textContent();
  });
  // The colleague scans it.
  const other = await person(browser, { ...who, size: [390, 844], url: 'data:text/html,' });
  await other.page.goto(link);
  await other.page.getByRole('status', { name: t('link.live'), exact: true }).waitFor();
  await other.context.close();

  const { lines, taps, swipes, seconds } = walk.told();
  tell(lines.join('\n'));
  tell(`    in all       ${taps} taps, ${swipes} swipes, ${seconds.toFixed(1)} s`);
  assert.ok(taps <= MOST_TAPS && swipes <= MOST_SWIPES && seconds <= MOST_SECONDS, 'more than it should cost');
  await gateway.ask('/api/demo/happening', 'POST', { what: 'calm' });
  return me;
}
