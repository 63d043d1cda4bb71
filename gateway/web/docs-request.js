// What `/docs` sends, in pure parts: the request of a form, the same as a curl command,
// what a filter matches, and what has to be asked before.

/**
 * `form` are the parts of a form, `file` is what is sent as it is; a file that was not chosen yet
 * is its name.
 * @typedef {{
 *   url: string, method: string, headers: Record<string, string>, body: string | undefined,
 *   form: [string, string | File, boolean][], file: string | File | undefined,
 * }} Asked
 */

/**
 * Whether a method changes nothing.
 * @param {string} verb
 */
export const reading = (verb) => ['get', 'head'].includes(verb.toLowerCase());

/** Acts on drones that move nothing in the air. */
const STANDS_STILL = /\/(disconnect|camera|photo|control|accept-serial)(\/|$)/;

/**
 * Whether a request may move a drone.
 * @param {string} verb
 * @param {string} path
 */
export const flies = (verb, path) =>
  verb.toLowerCase() === 'post' && /^\/api\/(drones|groups)\//.test(path) && !STANDS_STILL.test(path);

/**
 * The words of a filter, in any order and part of a word each.
 * @param {string} words of a route, in lower case
 * @param {string} wanted
 */
export const matches = (words, wanted) =>
  wanted.toLowerCase().normalize('NFKC').split(/\s+/).every((word) => words.includes(word));

/**
 * The request that a filled form stands for.
 * @param {string} verb
 * @param {string} path with `{parameters}`
 * @param {{ values: { name: string, in: string, value: any, isFile?: boolean }[], body?: string, key?: string }} given
 * `in`: `path`, `query`, `part` of a form, or `body` for a file that is the whole of it.
 * @returns {Asked}
 */
export function requestOf(verb, path, { values, body, key }) {
  let target = path;
  const query = new URLSearchParams();
  /** @type {Asked['form']} */
  const form = [];
  let file;
  for (const { name, in: place, value, isFile = false } of values) {
    if (place === 'path') target = target.replace(`{${name}}`, encodeURIComponent(value));
    else if (place === 'body') file = value || 'FILE';
    else if (place === 'part' && (value || isFile)) form.push([name, value || 'FILE', isFile]);
    else if (value) query.set(name, value);
  }
  /** @type {Record<string, string>} */
  const headers = {};
  if (key) headers['X-API-Key'] = key;
  if (body) headers['Content-Type'] = 'application/json';
  if (file) headers['Content-Type'] = 'application/octet-stream';
  const url = query.size ? `${target}?${query}` : target;
  return { url, method: verb.toUpperCase(), headers, body: body || undefined, form, file };
}

/** What `fetch` sends of it. @param {Asked} asked */
export function bodyOf({ body, form, file }) {
  if (!form.length) return file ?? body;
  const made = new FormData();
  for (const [name, value] of form) made.append(name, value);
  return made;
}

/** @param {string | File} file */
const named = (file) => (typeof file === 'string' ? file : file.name);

/** @param {string} text for a POSIX shell, as one word */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * The same request for a terminal. The key is not written out: a command is pasted into
 * places that keep it.
 * @param {Asked} asked
 * @param {string} origin
 */
export function curlOf({ url, method, headers, body, form, file }, origin) {
  const words = ['curl', '--cacert ca.pem', `-X ${method}`];
  if (headers['X-API-Key'] !== undefined) words.push('-H "X-API-Key: $API_KEY"');
  if (body !== undefined) words.push(`-H ${quoted(`Content-Type: ${headers['Content-Type']}`)}`, `-d ${quoted(body)}`);
  if (file) words.push(`-H ${quoted(`Content-Type: ${headers['Content-Type']}`)}`, `--data-binary ${quoted(`@${named(file)}`)}`);
  for (const [name, value, isFile] of form) words.push(`-F ${quoted(`${name}=${isFile ? '@' : ''}${named(value)}`)}`);
  return [...words, quoted(origin + url)].join(' ');
}
