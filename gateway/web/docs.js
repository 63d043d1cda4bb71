// Shows /openapi.json: routes by group, parameters, schemas, and a form to try
// each request. Small enough to read; sets text only, never markup.

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
  if (schema.items) return element('span', {}, 'array of ', typeOf(schema.items));
  if (schema.additionalProperties?.$ref || schema.additionalProperties?.type) {
    return element('span', {}, 'map to ', typeOf(schema.additionalProperties));
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

function properties(schema) {
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) => [
    name, typeOf(property), schema.required?.includes(name) ? 'always' : 'may be absent', property.description ?? '',
  ]);
  return rows.length ? table(['Field', 'Type', '', 'Meaning'], rows) : element('p', {}, typeOf(schema));
}

/** The form that sends the request. */
function trial(verb, path, operation) {
  const fields = (operation.parameters ?? []).map((parameter) => ({
    parameter,
    input: element('input', { attributes: { 'aria-label': parameter.name, placeholder: parameter.required ? 'required' : '' } }),
  }));
  const body = operation.requestBody ? element('textarea', { attributes: { 'aria-label': 'JSON body', spellcheck: 'false' } }) : null;
  const send = element('button', { text: 'Send', attributes: { type: 'button' } });
  const answer = element('pre', { attributes: { 'aria-live': 'polite' } });
  answer.hidden = true;
  send.addEventListener('click', async () => {
    let target = path;
    const query = new URLSearchParams();
    for (const { parameter, input } of fields) {
      if (parameter.in === 'path') target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value) query.set(parameter.name, input.value);
    }
    const headers = { 'X-API-Key': $('key').value };
    if (body?.value) headers['Content-Type'] = 'application/json';
    const url = query.size ? `${target}?${query}` : target;
    answer.hidden = false;
    try {
      const response = await fetch(url, { method: verb.toUpperCase(), headers, body: body?.value || undefined });
      const text = await response.text();
      let shown = text;
      try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: as it is */ }
      answer.textContent = `${response.status} ${response.statusText}\n${shown}`;
    } catch (error) {
      answer.textContent = String(error);
    }
  });
  const rows = fields.map(({ parameter, input }) => [
    `${parameter.name}${parameter.required ? ' *' : ''}`, parameter.in, typeOf(parameter.schema), parameter.description ?? '', input,
  ]);
  const parts = rows.length ? [table(['Parameter', 'In', 'Type', 'Meaning', 'Value'], rows)] : [];
  if (body) {
    const schema = operation.requestBody.content['application/json'].schema;
    parts.push(element('h4', { text: 'JSON body' }), properties(schema), body);
  }
  return element('div', {}, ...parts, element('div', { className: 'row' }, send), answer);
}

function route(verb, path, operation) {
  const answers = Object.entries(operation.responses ?? {}).map(([code, response]) => {
    const found = response.$ref ? description.components.responses[nameOf(response.$ref)] : response;
    return [code, found.description ?? '', typeOf(Object.values(found.content ?? {})[0]?.schema)];
  });
  const made = element('details', { attributes: { 'data-words': `${verb} ${path} ${operation.summary}`.toLowerCase() } },
    element('summary', {}, element('span', { className: 'verb', text: verb.toUpperCase() }), element('code', { text: path }), ` – ${operation.summary ?? ''}`));
  // Filled when it is opened: fifty forms at once are slow on a phone.
  made.addEventListener('toggle', () => {
    if (made.open && made.childElementCount === 1) {
      made.append(element('div', {}, element('p', { text: operation.description ?? '' }), trial(verb, path, operation),
        element('h4', { text: 'Answers' }), table(['Status', 'When', 'Body'], answers)));
    }
  });
  return made;
}

function show() {
  const groups = new Map();
  for (const [path, verbs] of Object.entries(description.paths)) {
    for (const [verb, operation] of Object.entries(verbs)) {
      const tag = operation.tags?.[0] ?? 'other';
      groups.set(tag, [...(groups.get(tag) ?? []), route(verb, path, operation)]);
    }
  }
  const sections = [...groups].map(([tag, routes]) => element('section', {}, element('h2', { text: tag }), ...routes));
  $('routes').replaceChildren(...sections);
  $('routes').setAttribute('aria-busy', 'false');
  $('schemas').replaceChildren(...Object.entries(description.components.schemas).map(([name, schema]) =>
    element('details', { attributes: { id: `schema-${name}` } }, element('summary', {}, element('code', { text: name })),
      element('div', {}, element('p', { text: schema.description ?? '' }), properties(schema)))));
}

$('key-form').addEventListener('submit', (event) => event.preventDefault());
$('filter').addEventListener('input', ({ target }) => {
  const word = target.value.toLowerCase();
  for (const shown of document.querySelectorAll('[data-words]')) shown.hidden = !shown.dataset.words.includes(word);
});
addEventListener('hashchange', () => {
  const schema = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (schema) schema.open = true;
});

const description = await (await fetch('/openapi.json')).json();
show();
