// Rules of alerts: those in effect, a new one, and how often it would have fired.

import { useEffect, useState } from '../vendor/hooks.js';
import { act, busy, say } from './acts.js';
import { limit, subjectName } from './alert-words.js';
import { ask, Failure, post } from './api.js';
import { FLAGS, unitOf } from './format.js';
import { html } from './html.js';
import { lookAtRules } from './live.js';
import { inInterest, LEVELS } from './order.js';
import { Button, Dialog, Field, Level } from './parts.js';
import { BOARD_METRICS, DRONE_METRICS } from './series.js';
import { drones, names, rules } from './state.js';
import { language, of, t } from './words.js';

/** Typing rests that long before the gateway is asked. */
const REST_MS = 400;
const OPERATORS = ['<', '<=', '>', '>='];
/** A fall is watched for in these, a rise in the others. */
const FALLS = ['battery_level', 'wifi_signal', 'state_rate', 'voltage'];

/** @param {any} rule */
const blank = (rule = {}) => ({
  name: '',
  metric: 'battery_level',
  operator: '<',
  threshold: '30',
  level: 'warning',
  source: '',
  action: '',
  drones: [],
  for_s: '2',
  hysteresis: '3',
  cooldown_minutes: '5',
  ...Object.fromEntries(
    Object.entries(rule).map(([name, value]) => [
      name,
      value === null ? '' : typeof value === 'number' ? String(value) : value,
    ]),
  ),
});

/** What is sent: numbers as numbers, without what was left empty. @param {any} form */
function bodyOf(form) {
  const { name, metric, operator, level, source } = form;
  const type = metric === 'battery_level' || DRONE_METRICS.includes(metric) ? 'drone' : 'system';
  return {
    name:
      name.trim() ||
      t('rule.named', { metric: of('metric', metric), limit: limit(operator, metric, Number(form.threshold)) }),
    metric,
    operator,
    level,
    type,
    ...(source ? { source } : {}),
    ...(form.action ? { action: form.action, drones: actsOn(form) } : {}),
    threshold: Number(form.threshold),
    for_s: Number(form.for_s || 0),
    hysteresis: Number(form.hysteresis || 0),
    cooldown_minutes: Number(form.cooldown_minutes || 0),
  };
}

/** What a rule may do by itself. */
const ACTIONS = ['', 'land', 'stop', 'refuse_takeoff'];

/** The drones that an action means: those that were named, and where a drone is what is watched, that one. @param {any} form */
function actsOn({ metric, drones: named }) {
  if (named.length || DRONE_METRICS.includes(metric)) return named;
  return (drones.value ?? []).map(({ id }) => id);
}

/** Whether the gateway can say how often a rule would have fired. */
let canPreview = true;

/** @param {any} form @returns {string | null} */
function usePreview(form) {
  const [text, setText] = useState(/** @type {string | null} */ (null));
  const body = JSON.stringify({ ...bodyOf(form), name: 'preview' });
  useEffect(() => {
    if (!canPreview || form.threshold === '' || Number.isNaN(Number(form.threshold))) {
      setText(null);
      return undefined;
    }
    let isGone = false;
    const timer = setTimeout(async () => {
      try {
        const told = await post('/api/alerts/rules/preview', JSON.parse(body));
        if (isGone) return;
        const { fired, at_least: least, at_most: most } = told;
        setText(
          fired === undefined || fired === null
            ? least === most
              ? t('rule.fired', { n: least })
              : t('rule.firedBetween', { a: least, b: most })
            : t('rule.fired', { n: fired }),
        );
      } catch (error) {
        if (error instanceof Failure && [404, 405].includes(error.status)) canPreview = false;
        if (!isGone) setText(null);
      }
    }, REST_MS);
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, [body]);
  return text;
}

/** @param {{ rule: any | null, onClose: () => void }} props */
function RuleForm({ rule, onClose }) {
  const [form, setForm] = useState(blank(rule ?? {}));
  const preview = usePreview(form);
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => {
    const next = { ...form, [name]: event.target.value };
    if (name === 'metric') {
      next.operator = FLAGS.includes(next.metric) ? '>=' : FALLS.includes(next.metric) ? '<' : '>=';
      if (FLAGS.includes(next.metric)) next.threshold = '1';
    }
    setForm(next);
  };
  const body = bodyOf(form);
  const isDrones = DRONE_METRICS.includes(form.metric);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const work = () =>
      rule
        ? ask(`/api/alerts/rules/${encodeURIComponent(rule.name)}`, { method: 'PUT', body })
        : post('/api/alerts/rules', body);
    if (!(await act('rule', () => `${body.name}: ${t('save')}`, work))) return;
    say(t('said.rule', { name: body.name }));
    await lookAtRules();
    onClose();
  };
  const when = html`<${Field} key="when" label=${t('rule.when')}><select value=${form.operator} onChange=${set('operator')}>${OPERATORS.map((one) => html`<option key=${one} value=${one}>${of('operator', one)}</option>`)}</select><//>`;
  const threshold = html`<${Field} key="threshold" label=${t('rule.threshold', { unit: unitOf(form.metric) || t('rule.plain') })}><input type="number" step="any" required inputmode="decimal" value=${form.threshold} onInput=${set('threshold')} /><//>`;
  // (As a sentence goes: "below 20 %", 「20 % 未満」.)
  return html`<${Dialog} title=${t(rule ? 'rule.change' : 'rule.new')} onClose=${onClose}>
    <form class="form" onSubmit=${submit}>
      <${Field} label=${t('rule.metric')}><select value=${form.metric} onChange=${set('metric')}>
        ${[...new Set([...DRONE_METRICS, ...BOARD_METRICS, 'undervoltage', 'voltage', 'bridge_temperature', 'humidity', 'emergency_stop', 'wifi_signal', form.metric])].map((name) => html`<option key=${name} value=${name}>${of('metric', name)}</option>`)}</select><//>
      <${Field} label=${t('rule.source')}><select value=${form.source} onChange=${set('source')}><option value="">${t(isDrones ? 'rule.everyDrone' : 'rule.everySource')}</option>
        ${(drones.value ?? []).map(({ id, name }) => html`<option key=${id} value=${id}>${name}</option>`)}<option value="board">${t('subject.board')}</option></select><//>
      <div class="pair">${language.value === 'ja' ? [threshold, when] : [when, threshold]}</div>
      <div class="pair"><${Field} label=${t('rule.level')}><select value=${form.level} onChange=${set('level')}>${LEVELS.map((one) => html`<option key=${one} value=${one}>${of('level', one)}</option>`)}</select><//>
        <${Field} label=${t('rule.for')}><input type="number" min="0" max="86400" inputmode="numeric" value=${form.for_s} onInput=${set('for_s')} /><//></div>
      <details><summary>${t('rule.more')}</summary>
        <div class="pair"><${Field} label=${t('rule.hysteresis')}><input type="number" min="0" step="any" inputmode="decimal" value=${form.hysteresis} onInput=${set('hysteresis')} /><//>
        <${Field} label=${t('rule.cooldown')}><input type="number" min="0" max="10080" inputmode="numeric" value=${form.cooldown_minutes} onInput=${set('cooldown_minutes')} /><//></div>
        <${Field} label=${t('rule.action')}><select value=${form.action} onChange=${set('action')}>${ACTIONS.map((one) => html`<option key=${one} value=${one}>${t(`action.${one || 'none'}`)}</option>`)}</select><//>
        ${rule ? null : html`<${Field} label=${t('rule.name')}><input type="text" maxlength="64" value=${form.name} placeholder=${body.name} onInput=${set('name')} /><//>`}</details>
      ${preview ? html`<p class="note" aria-live="polite">${preview}</p>` : null}
      <div class="row end"><button type="button" onClick=${onClose}>${t('cancel')}</button><button type="submit" class="primary" aria-busy=${busy.value.has('rule') ? 'true' : undefined}>${t('save')}</button></div>
    </form><//>`;
}

/** Switches a rule on or off. @param {any} rule */
async function toggle(rule) {
  const { name, last_triggered: _last, origin: _origin, ...rest } = rule;
  const body = Object.fromEntries(
    Object.entries({ ...rest, enabled: !rule.enabled }).filter(([, value]) => value !== null),
  );
  await act(
    `rule/${name}`,
    () => `${name}: ${t(rule.enabled ? 'rule.switchOff' : 'rule.switchOn')}`,
    () => ask(`/api/alerts/rules/${encodeURIComponent(name)}`, { method: 'PUT', body }),
  );
  await lookAtRules();
}

/** @param {any} rule */
async function remove(rule) {
  await act(
    `rule/${rule.name}`,
    () => `${rule.name}: ${t('remove')}`,
    () => ask(`/api/alerts/rules/${encodeURIComponent(rule.name)}`, { method: 'DELETE' }),
  );
  await lookAtRules();
}

export function Rules() {
  const [shown, setShown] = useState(/** @type {any} */ (undefined));
  const [doomed, setDoomed] = useState(/** @type {any} */ (null));
  return html`<div class="row"><button type="button" class="primary" onClick=${() => setShown(null)}>${t('rule.new')}</button></div>
    <ul class="list">${inInterest(rules.value).map(
      (rule) => html`<li key=${rule.name} class=${rule.enabled ? '' : 'dim'}>
      <div><${Level} level=${rule.level} /> <b>${FLAGS.includes(rule.metric) ? of('flag', rule.metric) : of('metric', rule.metric)}</b> ${FLAGS.includes(rule.metric) ? '' : limit(rule.operator, rule.metric, rule.threshold)}
        <br /><small class="quiet">${rule.source ? subjectName(rule.source, names.value) : t('rule.everySource')}${rule.for_s ? ` · ${t('rule.forS', { n: rule.for_s })}` : ''} · ${of('origin', rule.origin)}${rule.enabled ? '' : ` · ${t('rule.off')}`}</small></div>
      <div class="row"><${Button} busyKey=${`rule/${rule.name}`} class="plain" onClick=${() => setShown(rule)}>${t('change')}<//>
        <${Button} busyKey=${`rule/${rule.name}`} class="plain" onClick=${() => toggle(rule)}>${t(rule.enabled ? 'rule.switchOff' : 'rule.switchOn')}<//>
        ${rule.origin === 'api' ? html`<${Button} class="plain" onClick=${() => setDoomed(rule)}>${t('remove')}<//>` : null}</div></li>`,
    )}</ul>
    ${shown === undefined ? null : html`<${RuleForm} rule=${shown} onClose=${() => setShown(undefined)} />`}
    ${
      doomed
        ? html`<${Dialog} title=${t('rule.remove')} onClose=${() => setDoomed(null)}><p>${doomed.name}</p><div class="row end"><button type="button" onClick=${() => setDoomed(null)}>${t('cancel')}</button>
      <button type="button" class="primary" onClick=${() => {
        setDoomed(null);
        remove(doomed);
      }}>${t('remove')}</button></div><//>`
        : null
    }`;
}
