// Groups of drones on the floor: who has control of each, one order to all of them, and
// what came of it for each.

import { useEffect, useState } from '../vendor/hooks.js';
import { act, busy, say } from './acts.js';
import { actor } from './alert-words.js';
import { ask, Failure, inWords, post } from './api.js';
import { checks, isMine, stateWord } from './drone-parts.js';
import { quantity } from './format.js';
import { html } from './html.js';
import { asFlyer } from './live.js';
import { bySubject, refusalsOf } from './order.js';
import { Button, Dialog } from './parts.js';
import { alerts, drones, may, names } from './state.js';
import { STEPS_CM } from './steps.js';
import { of, t } from './words.js';

/** @typedef {{ id: string, drones: string[] }} Group */
/** @typedef {{ id: string, result: string, why: string | null }} Result */
/** @typedef {import('./state.js').Drone} Drone */

/** Ways that a group moves, all of it at once. */
const WAYS = ['forward', 'back', 'left', 'right', 'up', 'down'];

const inOurWords = (/** @type {string} */ message) => inWords(new Failure('refused', { status: 409, message }));

/**
 * Gives the group an order; what came of it for each, or null where that is not known.
 * @param {Group} group @param {string} word @param {any} [body] @returns {Promise<Result[] | null>}
 */
async function order(group, word, body) {
  /** @type {Result[] | null} */
  let results = null;
  const title = () => `${group.id}: ${of('command', word)}`;
  await act(`group/${word}`, title, async () => {
    await asFlyer(word);
    try {
      const told = await post(`/api/groups/${encodeURIComponent(group.id)}/${word}`, body);
      results = told.results.map((/** @type {any} */ { drone_id: id, result, message }) => ({
        id,
        result,
        why: result === 'failed' ? inOurWords(message) : null,
      }));
      say(t('group.said', { command: of('command', word), group: group.id }));
    } catch (error) {
      const refusals = error instanceof Failure ? refusalsOf(error.words, group.drones) : new Map();
      if (!refusals.size) throw error;
      // All or none: one that may not keeps the others where they are.
      results = group.drones.map((id) => ({
        id,
        result: refusals.has(id) ? 'failed' : 'spared',
        why: refusals.has(id) ? inOurWords(refusals.get(id)) : null,
      }));
    }
  });
  return results;
}

/** Takes control of each, or gives it back. @param {Drone[]} members @param {boolean} takes */
const control = (members, takes) =>
  act(
    'group/control',
    () => t(takes ? 'group.take' : 'group.give'),
    async () => {
      await asFlyer();
      for (const { id } of members)
        await ask(`/api/drones/${encodeURIComponent(id)}/control`, { method: takes ? 'POST' : 'DELETE' });
      say(t(takes ? 'group.taken' : 'control.given'));
    },
  );

/** What a take-off of all would look at. @param {{ members: Drone[], onGo: () => void, onClose: () => void }} props */
function TakeOffAll({ members, onGo, onClose }) {
  const open = bySubject(alerts.value ?? []);
  const bad = members.map((drone) => ({
    drone,
    wrong: checks(drone, open.get(drone.id) ?? []).filter(({ isGood }) => !isGood),
  }));
  const isWell = bad.every(({ wrong }) => !wrong.length);
  return html`<${Dialog} title=${t('group.takeoff', { n: members.length })} onClose=${onClose}>
    <ul class="checks">${bad.map(
      ({ drone, wrong }) =>
        html`<li key=${drone.id} class=${wrong.length ? 'bad' : 'good'}><span aria-hidden="true">${wrong.length ? '✕' : '✓'}</span> ${drone.name}${wrong.map(({ name, shown }) => html`<br /><small>${t(`check.${name}`)}: ${shown}</small>`)}</li>`,
    )}</ul>
    <p>${t('takeoff.look')}</p><p>${t('group.allOrNone')}</p>
    <div class="row end"><button type="button" onClick=${onClose}>${t('cancel')}</button><button type="button" class=${isWell ? 'primary' : ''} onClick=${onGo}>${t('takeOff')}</button></div><//>`;
}

/** @param {{ members: Drone[], results: Result[] | null }} props */
function Members({ members, results }) {
  return html`<ul class="list">${members.map((drone) => {
    const told = results?.find(({ id }) => id === drone.id);
    const who = drone.control
      ? isMine(drone)
        ? t('control.mine')
        : t('control.by', { name: actor(drone.control.name) })
      : t('control.none');
    return html`<li key=${drone.id}><div><b>${drone.name}</b><br /><small class="quiet">${stateWord(drone)} · ${who}</small></div>
      ${told ? html`<p class=${told.result === 'failed' ? 'bad' : 'quiet'}>${of('groupResult', told.result)}${told.why ? html`<br /><small>${told.why}</small>` : null}</p>` : null}</li>`;
  })}</ul>`;
}

/** @param {{ group: Group }} props */
function Chosen({ group }) {
  const [results, setResults] = useState(/** @type {Result[] | null} */ (null));
  const [isAsking, setAsking] = useState(false);
  const [cm, setCm] = useState(50);
  const members = (drones.value ?? []).filter(({ id }) => group.drones.includes(id));
  const give = async (/** @type {string} */ word, /** @type {any} */ body = undefined) => {
    setAsking(false);
    setResults(await order(group, word, body));
  };
  const areMine = members.every(isMine);
  const others = members.filter((drone) => drone.control && !isMine(drone)).length;
  const areFlying = members.every(({ flight_status: status }) => status === 'flying');
  const isBusy = (/** @type {string} */ word) => (busy.value.has(`group/${word}`) ? 'true' : undefined);
  return html`<${Members} members=${members} results=${results} />
    <div class="row actions">
      ${may('write') ? html`<button type="button" class=${areMine && !areFlying ? 'primary' : ''} disabled=${!areMine} aria-busy=${isBusy('takeoff')} onClick=${() => setAsking(true)}>${t('takeOff')}</button>` : null}
      ${
        may('respond')
          ? html`<button type="button" aria-busy=${isBusy('land')} onClick=${() => give('land')}>${t('land')}</button>
        <button type="button" aria-busy=${isBusy('stop')} onClick=${() => give('stop')}>${t('stop')}</button>`
          : null
      }
      ${may('write') ? html`<${Button} busyKey="group/control" onClick=${() => control(members, !areMine)}>${t(areMine ? 'group.give' : 'group.take')}<//>` : null}
    </div>
    ${may('write') && !areMine ? html`<p class=${others ? 'note' : 'quiet'}>${t(others ? 'group.others' : 'group.needsControl', { n: others })}</p>` : null}
    ${
      may('write') && areMine && areFlying
        ? html`<div class="row" role="group" aria-label=${t('steps.size')}>${STEPS_CM.map((one) => html`<button key=${one} type="button" class="toggle" aria-pressed=${cm === one} onClick=${() => setCm(one)}>${quantity(one, 'cm')}</button>`)}</div>
      <div class="row">${WAYS.map((direction) => html`<button key=${direction} type="button" aria-busy=${isBusy('move')} onClick=${() => give('move', { direction, distance: cm })}>${t(`step.${direction}`, { n: cm })}</button>`)}</div>`
        : null
    }
    ${isAsking ? html`<${TakeOffAll} members=${members} onGo=${() => give('takeoff')} onClose=${() => setAsking(false)} />` : null}`;
}

/** Nothing where no group is configured. */
export function Groups() {
  const [groups, setGroups] = useState(/** @type {Group[]} */ ([]));
  const [chosen, choose] = useState('');
  useEffect(() => {
    ask('/api/groups', { quiet: true }).then(setGroups, () => {});
  }, []);
  if (!groups.length || !drones.value || !names.value.size) return null;
  const group = groups.find(({ id }) => id === chosen);
  return html`<section class="panel" aria-label=${t('groups')}><h2>${t('groups')}</h2>
    <div class="row">${groups.map(({ id, drones: members }) => html`<button key=${id} type="button" class="toggle" aria-pressed=${chosen === id} onClick=${() => choose(chosen === id ? '' : id)}>${t('group.named', { name: id, n: members.length })}</button>`)}</div>
    ${group ? html`<${Chosen} key=${group.id} group=${group} />` : null}</section>`;
}
