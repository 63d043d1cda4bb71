// Keeps the page of one version, so that it opens while the gateway or the network is
// away and says so. What the gateway answers is never kept: old data is no data.

const VERSION = '{{version}}';
const CACHE = `page-${VERSION}`;
const PAGE = '/dashboard';
/** Addresses that all give the page. */
const PAGES = ['/', PAGE, '/ui'];

/** The page, and every file that it names. */
async function keep() {
  const page = await fetch(PAGE, { cache: 'no-store', headers: { Accept: 'text/html' } });
  if (!page.ok) throw new Error(`${PAGE}: ${page.status}`);
  const text = await page.clone().text();
  const files = [...new Set(text.match(/\/static\/[^"]+/g))];
  const cache = await caches.open(CACHE);
  await cache.addAll(files);
  await cache.put(PAGE, page);
}

async function forgetOthers() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function kept(request, name) {
  const cache = await caches.open(CACHE);
  return (await cache.match(name)) ?? fetch(request);
}

self.addEventListener('install', (event) => {
  self.skipWaiting();
  event.waitUntil(keep());
});
self.addEventListener('activate', (event) => event.waitUntil(forgetOthers()));
self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== location.origin) return;
  if (request.mode === 'navigate' && PAGES.includes(pathname)) event.respondWith(kept(request, PAGE));
  else if (pathname.startsWith(`/static/${VERSION}/`)) event.respondWith(kept(request, request));
});
