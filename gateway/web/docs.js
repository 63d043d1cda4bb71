// Shows /openapi.json: routes by group, parameters, examples, schemas, and a form to try
// each request or to copy it as a curl command. Small enough to read; sets text only,
// never markup.

import { bodyOf, curlOf, flies, matches, reading, requestOf } from './docs-request.js';
import { translate, w } from './docs-words.js';

translate();

// As the device has it, or as it was chosen on the dashboard.
const chosen = localStorage.getItem('theme') ?? 'auto';
const isDark = chosen === 'dark' || (chosen === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
document.documentElement.dataset.theme = isDark ? 'dark' : 'light';

const $ = (id) => document.getElementById(id);

function element(tag, { text, className, attributes = {} } = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const nameOf = (reference) => reference.split('/').pop();

/** Words of the description, in which names stand between back-ticks. */
const worded = (text) => (text ?? '').split('`').map((part, index) => (index % 2 ? element('code', { text: part }) : part));
const said = (text) => element('p', {}, ...worded(text));

/** A type in words; a link for a schema of its own. */
function typeOf(schema) {
  if (!schema) return document.createTextNode('');
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    return element('a', { text: name, attributes: { href: `#schema-${name}` } });
  }
  const several = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (several) {
    return element('span', {}, ...several.flatMap((one, index) => (index ? [' | ', typeOf(one)] : [typeOf(one)])));
  }
  const type = [schema.type ?? 'any'].flat().join(' | ');
  if (schema.const) return document.createTextNode(`"${schema.const}"`);
  if (schema.items) return element('span', {}, w('array of '), typeOf(schema.items));
  if (schema.additionalProperties?.$ref || schema.additionalProperties?.type) {
    return element('span', {}, w('map to '), typeOf(schema.additionalProperties));
  }
  const limits = [];
  if (schema.enum) limits.push(schema.enum.join(', '));
  if (schema.minimum !== undefined) limits.push(`≥ ${schema.minimum}`);
  if (schema.maximum !== undefined) limits.push(`≤ ${schema.maximum}`);
  if (schema.default !== undefined) limits.push(`default ${schema.default}`);
  if (schema.format) limits.push(schema.format);
  return document.createTextNode(limits.length ? `${type} (${limits.join('; ')})` : type);
}

function table(headings, rows) {
  const cells = (tag, row) => element('tr', {}, ...row.map((cell) => element(tag, {}, cell ?? '')));
  return element('table', {}, element('thead', {}, cells('th', headings)), element('tbody', {}, ...rows.map((row) => cells('td', row))));
}

/** The members of an object; `must` and `may` say of each whether it has to be there. */
function properties(schema, must = w('always'), may = w('may be absent')) {
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) => [
    name, typeOf(property), schema.required?.includes(name) ? must : may, said(property.description),
  ]);
  return rows.length ? table([w('Field'), w('Type'), '', w('Meaning')], rows) : element('p', {}, typeOf(schema));
}

const indented = (value) => JSON.stringify(value, null, 2);

/** Asks before anything is sent that changes something; says louder what moves a drone. */
function confirmed(verb, path, operation) {
  if (reading(verb)) return Promise.resolve(true);
  const moving = flies(verb, path);
  $('ask-title').textContent = w(moving ? 'This moves a drone' : 'This changes something');
  const what = `${operation.summary}: ${verb.toUpperCase()} ${path}`;
  $('ask-words').textContent = moving ? w('{what}: Is the drone in sight, and is everybody clear of it?', { what }) : what;
  const ask = $('ask');
  ask.returnValue = 'no';
  ask.showModal();
  return new Promise((resolve) => {
    ask.addEventListener('close', () => resolve(ask.returnValue === 'yes'), { once: true });
  });
}

async function sent(request, answer) {
  answer.hidden = false;
  answer.textContent = w('Sent; no answer yet.');
  try {
    const { url, method, headers } = request;
    const response = await fetch(url, { method, headers, body: bodyOf(request), credentials: 'same-origin', signal: AbortSignal.timeout(30_000) });
    const text = await response.text();
    let shown = text;
    try { shown = indented(JSON.parse(text)); } catch { /* not JSON: as it is */ }
    answer.textContent = `${response.status} ${response.statusText}\n${shown}`;
  } catch (error) {
    answer.textContent = w(error.name === 'TimeoutError' ? 'There was no answer within 30 s.' : 'The gateway cannot be reached.');
  }
}

/** Where the value of a parameter is given: what has few values is chosen. */
function inputOf({ name, schema, required, example, isFile }) {
  if (isFile) return element('input', { attributes: { 'aria-label': name, type: 'file' } });
  const choices = schema?.enum ?? (schema?.type === 'boolean' ? ['true', 'false'] : null);
  if (!choices) return element('input', { attributes: { 'aria-label': name, placeholder: example ?? (required ? w('required') : '') } });
  const none = element('option', { text: '–', attributes: { value: '' } });
  return element('select', { attributes: { 'aria-label': name } }, none, ...choices.map((one) => element('option', { text: one })));
}

/** The form that sends the request. */
function trial(verb, path, operation) {
  const sends = operation.requestBody?.content ?? {};
  const content = sends['application/json'];
  const form = sends['multipart/form-data']?.schema;
  const parts = Object.entries(form?.properties ?? {}).map(([name, schema]) => ({
    name, schema, in: 'part', required: form.required?.includes(name), description: schema.description, isFile: 'contentMediaType' in schema,
  }));
  if (sends['application/octet-stream']) parts.push({ name: 'file', in: 'body', required: true, isFile: true });
  const fields = [...(operation.parameters ?? []), ...parts].map((parameter) => ({ parameter, input: inputOf(parameter) }));
  const body = content ? element('textarea', { attributes: { 'aria-label': w('JSON body'), spellcheck: 'false' } }) : null;
  if (content?.example !== undefined) body.value = indented(content.example);
  const answer = element('pre', { attributes: { 'aria-live': 'polite' } });
  answer.hidden = true;
  const asked = () => requestOf(verb, path, {
    values: fields.map(({ parameter, input }) => ({ ...parameter, value: parameter.isFile ? input.files[0] : input.value })),
    body: body?.value,
    key: $('key').value,
  });
  const missing = () => fields.find(({ parameter, input }) => parameter.required && !input.value);
  const send = element('button', { text: w('Send'), className: flies(verb, path) ? 'danger' : 'primary', attributes: { type: 'button' } });
  send.addEventListener('click', async () => {
    const without = missing();
    if (without) {
      answer.hidden = false;
      answer.textContent = w('{what} is required.', { what: without.parameter.name });
      without.input.focus();
      return;
    }
    if (await confirmed(verb, path, operation)) await sent(asked(), answer);
  });
  const copy = element('button', { text: w('Copy as curl'), attributes: { type: 'button' } });
  copy.addEventListener('click', async () => {
    const command = curlOf(asked(), location.origin);
    answer.hidden = false;
    // Shown as well: where the clipboard is not allowed it can be marked by hand.
    answer.textContent = command;
    await navigator.clipboard?.writeText(command).then(() => { copy.textContent = w('Copied'); }, () => {});
  });
  const rows = fields.map(({ parameter, input }) => [
    `${parameter.name}${parameter.required ? ' *' : ''}`, parameter.in, typeOf(parameter.schema), said(parameter.description), input,
  ]);
  const shown = rows.length ? [table(['Parameter', 'In', 'Type', 'Meaning', 'Value'].map((one) => w(one)), rows)] : [];
  if (content) shown.push(element('h4', { text: w('JSON body') }), properties(content.schema, w('required'), w('optional')), body);
  return element('div', {}, ...shown, element('div', { className: 'row' }, send, copy), answer);
}

function answersOf(operation) {
  const rows = Object.entries(operation.responses ?? {}).map(([code, response]) => {
    const found = response.$ref ? description.components.responses[nameOf(response.$ref)] : response;
    return [code, found.description ?? '', typeOf(Object.values(found.content ?? {})[0]?.schema)];
  });
  const parts = [element('h4', { text: w('Answers') }), table(['Status', 'When', 'Body'].map((one) => w(one)), rows)];
  const example = operation.responses?.['200']?.content?.['application/json']?.example;
  if (example !== undefined) parts.push(element('h4', { text: w('For example') }), element('pre', { text: indented(example) }));
  return parts;
}

function route(verb, path, operation) {
  const words = `${verb} ${path} ${operation.summary} ${operation.tags?.join(' ')}`;
  const made = element('details', { attributes: { 'data-words': words.toLowerCase() } },
    element('summary', {}, element('span', { className: flies(verb, path) ? 'verb flies' : 'verb', text: verb.toUpperCase() }),
      element('code', { text: path }), element('span', { className: 'about', text: operation.summary ?? '' })));
  // Filled when it is opened: a hundred forms at once are slow on a phone.
  made.addEventListener('toggle', () => {
    if (made.open && made.childElementCount === 1) {
      made.append(element('div', {}, said(operation.description), trial(verb, path, operation), ...answersOf(operation)));
    }
  });
  return made;
}

function show() {
  const groups = new Map((description.tags ?? []).map(({ name }) => [name, []]));
  for (const [path, verbs] of Object.entries(description.paths)) {
    for (const [verb, operation] of Object.entries(verbs)) {
      const tag = operation.tags?.[0] ?? 'other';
      groups.set(tag, [...(groups.get(tag) ?? []), route(verb, path, operation)]);
    }
  }
  const aboutTag = (tag) => description.tags?.find(({ name }) => name === tag)?.description ?? '';
  const sections = [...groups].map(([tag, routes]) =>
    element('section', { attributes: { id: `group-${tag}`, 'data-group': tag } }, element('h2', { text: tag }), element('p', { text: aboutTag(tag) }), ...routes));
  $('routes').replaceChildren(...sections);
  $('groups').replaceChildren(...[...groups.keys()].map((tag) => element('a', { text: tag, attributes: { href: `#group-${tag}` } })));
  $('routes').setAttribute('aria-busy', 'false');
  $('schemas').replaceChildren(...Object.entries(description.components.schemas).map(schemaShown));
}

/** A message of a socket: who says it, what it holds, what answers it. */
function message(sockets, kind, { summary, payload }) {
  const asked = sockets.operations[kind];
  const parts = payload.allOf ?? [payload];
  const schemas = parts.map((part) => (part.$ref ? sockets.components.schemas[nameOf(part.$ref)] : part));
  const whole = {
    properties: Object.assign({}, ...schemas.map((one) => one.properties)),
    required: schemas.flatMap((one) => one.required ?? []),
  };
  const answers = (asked?.reply.messages ?? []).map(({ $ref }) => nameOf($ref));
  const made = element('details', { attributes: { id: `message-${kind}`, 'data-words': `${kind} ${summary} websocket message`.toLowerCase() } },
    element('summary', {}, element('span', { className: 'verb', text: asked ? 'SAY' : 'HEAR' }),
      element('code', { text: kind }), element('span', { className: 'about' }, ...worded(summary))),
    element('div', {}, properties(whole, w('required'), w('optional'))));
  if (answers.length) {
    const links = answers.flatMap((name, index) => [index ? ' · ' : '', element('a', { text: name, attributes: { href: `#message-${name}` } })]);
    made.lastElementChild.append(element('p', {}, w('Answered by '), ...links));
  }
  return made;
}

/** The messages of /asyncapi.json, and the schemas that only they use. */
function showMessages(sockets) {
  const { messages, schemas } = sockets.components;
  const asked = ([kind]) => (sockets.operations[kind] ? 0 : 1);
  const all = Object.entries(messages).sort((a, b) => asked(a) - asked(b));
  $('said').replaceChildren(...all.map(([kind, one]) => message(sockets, kind, one)));
  $('groups').append(element('a', { text: 'messages', attributes: { href: '#messages' } }));
  const more = Object.entries(schemas).filter(([name]) => !(name in description.components.schemas));
  $('schemas').append(...more.map(schemaShown));
}

const schemaShown = ([name, schema]) =>
  element('details', { attributes: { id: `schema-${name}`, 'data-words': name.toLowerCase() } }, element('summary', {}, element('code', { text: name })),
    element('div', {}, said(schema.description), properties(schema)));

/** Hides what the words do not match, and every heading that is left with nothing. */
function filter(words) {
  const all = document.querySelectorAll('[data-words]');
  for (const shown of all) shown.hidden = !matches(shown.dataset.words, words);
  for (const group of [...document.querySelectorAll('[data-group]'), $('schemas-section')]) {
    group.hidden = !group.querySelector('[data-words]:not([hidden])');
  }
  const listed = [...document.querySelectorAll('#routes [data-words], #said [data-words]')];
  const found = listed.filter(({ hidden }) => !hidden).length;
  $('found').textContent = words ? w('{n} of {all} routes and messages', { n: found, all: listed.length }) : '';
}

/** Whoever is signed in on the dashboard is so here: the cookie goes with each request. */
async function who() {
  const answer = await fetch('/api/session', { credentials: 'same-origin' }).catch(() => null);
  const session = answer?.ok ? await answer.json() : null;
  $('who').textContent = session
    ? w('Signed in as {what}; a key typed here is used instead.', { what: session.name ?? 'API' })
    : w('Not signed in: type a key, or sign in on the dashboard.');
}

$('key-form').addEventListener('submit', (event) => event.preventDefault());
$('filter').addEventListener('input', ({ target }) => filter(target.value));
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  // What a filter hides would be a link that leads nowhere.
  if (target.hidden) {
    $('filter').value = '';
    filter('');
  }
  if (target.tagName === 'DETAILS') target.open = true;
  target.scrollIntoView();
}
addEventListener('hashchange', openTarget);

let description;
try {
  const [routes, sockets] = await Promise.all(['/openapi.json', '/asyncapi.json'].map(async (path) => (await fetch(path)).json()));
  description = routes;
  show();
  showMessages(sockets);
  openTarget();
  // Only where somebody may be signed in: asking without a session would be a refusal in the log.
  if (localStorage.getItem('signed-in')) await who();
  else $('who').textContent = w('Not signed in: type a key, or sign in on the dashboard.');
} catch {
  $('routes').setAttribute('aria-busy', 'false');
  $('routes').textContent = w('The description could not be read: the gateway cannot be reached. Load the page again.');
}
