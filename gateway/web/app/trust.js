// The page that leads to trust: shows the reader's language, and the fingerprints.
// Works without a key; without this script both languages are shown.

const stored = localStorage.getItem('language') ?? (navigator.language.startsWith('ja') ? 'ja' : 'en');

function show() {
  const wanted = location.hash.slice(1) || stored;
  document.documentElement.lang = wanted === 'ja' ? 'ja' : 'en';
  for (const section of document.querySelectorAll('section'))
    section.hidden = section.lang !== document.documentElement.lang;
}

/** Opens the steps of the device that is held, by what its browser calls itself. */
function openOwn() {
  const names = [/iPhone|iPad/, /Android/, /Windows/, /Mac OS/];
  const own =
    /Firefox/.test(navigator.userAgent) && !/Android/.test(navigator.userAgent)
      ? 4
      : names.findIndex((name) => name.test(navigator.userAgent));
  for (const section of document.querySelectorAll('section'))
    section.querySelectorAll('details')[own]?.setAttribute('open', '');
}

/** @param {string} name @param {string | undefined} text */
function fill(name, text) {
  if (text) for (const place of document.querySelectorAll(`[data-fact=${name}]`)) place.textContent = text;
}

document.documentElement.dataset.theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
addEventListener('hashchange', show);
show();
openOwn();
fetch('/api/trust')
  .then((answer) => (answer.ok ? answer.json() : {}))
  .then((/** @type {any} */ { certificate, authority }) => {
    fill('certificate', certificate?.fingerprint_sha256);
    fill('authority', authority?.fingerprint_sha256);
  })
  .catch(() => {});
