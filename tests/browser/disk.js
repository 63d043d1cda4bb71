// Pages as they lie on the disk, in place of those that the program embeds: an edit is
// seen without a build. Their policy stays, which the program sends. `FROM_DISK=1` asks for
// it; what is checked before a change lands is the program as it is.

import { readFileSync } from 'node:fs';
import { extname } from 'node:path';

const WEB = new URL('../../gateway/web/', import.meta.url);
const PAGES = { '/': 'index.html', '/dashboard': 'index.html', '/docs': 'docs.html', '/trust': 'trust.html' };
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.png': 'image/png' };
const DOCUMENTS = ['/openapi.json', '/asyncapi.json'];
/** In place of the version that the build gives. */
const VERSION = 'disk';

const read = (name) => readFileSync(new URL(name, WEB));
const filled = (name) => read(name).toString().replaceAll('{{version}}', VERSION);

/** Serves `context` from the disk. */
export async function fromDisk(context) {
  const isPage = ({ pathname }) => pathname in PAGES;
  await context.route(isPage, async (route) => {
    const answer = await route.fetch();
    const headers = { ...answer.headers() };
    delete headers['content-encoding'];
    delete headers['content-length'];
    await route.fulfill({ headers, body: filled(PAGES[new URL(route.request().url()).pathname]) });
  });
  await context.route(
    ({ pathname }) => DOCUMENTS.includes(pathname),
    (route) =>
      route.fulfill({ contentType: 'application/json', body: read(`..${new URL(route.request().url()).pathname}`) }),
  );
  await context.route(
    ({ pathname }) => pathname.startsWith(`/static/${VERSION}/`),
    (route) => {
      const name = new URL(route.request().url()).pathname.slice(`/static/${VERSION}/`.length);
      const contentType = TYPES[extname(name)] ?? 'application/json';
      const body = extname(name) === '.png' ? read(name) : filled(name);
      return route.fulfill({ contentType, body });
    },
  );
}
