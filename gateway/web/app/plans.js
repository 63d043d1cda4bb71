// The flight plan that flies on a drone: its step, who started it, why it is held or over;
// held, continued and ended from here. Starting one is a program's, with its file.

import { act } from './acts.js';
import { actor, commandWords } from './alert-words.js';
import { Failure, inWords, post } from './api.js';
import { isMine } from './drone-parts.js';
import { when } from './format.js';
import { html } from './html.js';
import { Button } from './parts.js';
import { may, names, plans } from './state.js';
import { of, t } from './words.js';

/** @typedef {import('./state.js').Plan} Plan */

/** The newest plan of a drone. @param {string} id */
const planOf = (id) => plans.value.find(({ drones }) => drones.includes(id));

/** @param {Plan} plan */
const isUnderWay = ({ ended_at: ended }) => ended === null;

const nameOf = (/** @type {string} */ id) => names.value.get(id) ?? id;

/** How the gateway says why a plan is as it is, and our words for it. @type {[RegExp, string][]} */
const WHY = [
  [/its flyer is gone/, 'flyer'],
  [/^(?<who>.+) ended it$/, 'person'],
  [/^(?<id>\S+) failed at (?<what>[^:]+): (?<why>.+)$/, 'failed'],
  [/^(?<id>\S+) was brought down/, 'down'],
  [/^(?<id>\S+) is no part of the plan/, 'left'],
];

/** @param {string} why */
export function whyWords(why) {
  for (const [pattern, name] of WHY) {
    const found = pattern.exec(why)?.groups;
    if (!found && !pattern.test(why)) continue;
    const { who = '', id = '', what = '', why: reason = '' } = found ?? {};
    return t(`planWhy.${name}`, {
      who: actor(who),
      drone: nameOf(id),
      what: commandWords(what),
      why: inWords(new Failure('refused', { status: 409, message: reason })),
    });
  }
  return t('planWhy.safety');
}

/** What the plan does now, for this drone. @param {Plan} plan @param {string} id */
function stepWords(plan, id) {
  const { step, of: steps, doing, left } = plan;
  const mine = doing.find(({ drone_id: drone }) => drone === id);
  const what = left.includes(id) ? t('plan.left') : mine ? commandWords(mine.command) : t('plan.others');
  return `${t('plan.step', { n: step, of: steps })}: ${what}`;
}

/** A line for the drone's card while a plan flies on it. @param {{ id: string }} props */
export function PlanLine({ id }) {
  const plan = planOf(id);
  if (!plan || !isUnderWay(plan) || plan.left.includes(id)) return null;
  return html`<p><b>${t('plan')}: ${plan.name}</b> ${stepWords(plan, id)}${plan.state === 'running' ? '' : html` <b>${of('planState', plan.state)}</b>`}</p>`;
}

/** @param {Plan} plan @param {'pause' | 'resume' | 'end'} what */
const turn = (plan, what) =>
  act(
    `plan/${what}`,
    () => `${plan.name}: ${t(`plan.${what}`)}`,
    () => post(`/api/plans/${encodeURIComponent(plan.plan_id)}/${what}`),
  );

/** The plan on the drone's own page; nothing where none flew. @param {{ drone: import('./state.js').Drone }} props */
export function PlanPanel({ drone }) {
  const plan = planOf(drone.id);
  if (!plan) return null;
  const isOn = isUnderWay(plan);
  const isHeld = isOn && plan.state !== 'running';
  return html`<section class="panel" aria-label=${t('plan')}>
    <div class="row between"><h2>${t('plan')}</h2><span class=${`chip level-${isHeld || plan.state === 'failed' ? 'warning' : 'info'}`}>${of('planState', plan.state)}</span></div>
    <p><b>${plan.name}</b><br />${isOn ? stepWords(plan, drone.id) : t('plan.over', { when: when(plan.ended_at ?? 0), n: plan.step, of: plan.of })}</p>
    ${plan.why ? html`<p class="note">${whyWords(plan.why)}</p>` : null}
    ${plan.state === 'hovers' ? html`<p class="note bad">${t('plan.decide')}</p>` : null}
    <p class="quiet">${t('plan.by', { name: actor(plan.by) })}</p>
    ${
      isOn
        ? html`<div class="row">
      ${may('write') && plan.state === 'running' ? html`<${Button} busyKey="plan/pause" onClick=${() => turn(plan, 'pause')}>${t('plan.pause')}<//>` : null}
      ${may('write') && isHeld && isMine(drone) ? html`<${Button} busyKey="plan/resume" class="primary" onClick=${() => turn(plan, 'resume')}>${t('plan.resume')}<//>` : null}
      ${may('respond') ? html`<${Button} busyKey="plan/end" onClick=${() => turn(plan, 'end')}>${t('plan.end')}<//>` : null}</div>
      ${isHeld && !isMine(drone) ? html`<p class="quiet">${t('plan.notYours', { name: actor(plan.by) })}</p>` : null}`
        : null
    }
  </section>`;
}
