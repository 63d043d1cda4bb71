// Copies the libraries of the page from their npm packages to gateway/web/vendor, and
// rewrites nothing but import specifiers: browsers know no bare names, and an import
// map would have to stand inline, which the page's policy forbids.
//
//   npm ci && npm run vendor     writes them
//   node vendor.js --check       says whether what is committed is what would be written

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const TO = join(HERE, '../../gateway/web/vendor');

/** File of the page, its package, the file in it, and where it is a module. */
const FILES = [
  { name: 'preact.js', of: 'preact', file: 'dist/preact.mjs' },
  { name: 'hooks.js', of: 'preact', file: 'hooks/dist/hooks.mjs', types: 'preact/hooks' },
  { name: 'signals-core.js', of: '@preact/signals-core', file: 'dist/signals-core.mjs' },
  { name: 'signals.js', of: '@preact/signals', file: 'dist/signals.mjs' },
  { name: 'htm.js', of: 'htm', file: 'dist/htm.mjs', exportsDefault: true },
  // A script, since the package has no small module; the page loads it with its first chart.
  { name: 'uplot.js', of: 'uplot', file: 'dist/uPlot.iife.min.js', isScript: true },
  { name: 'uplot.css', of: 'uplot', file: 'dist/uPlot.min.css', isScript: true },
];

const SPECIFIERS = {
  preact: './preact.js',
  'preact/hooks': './hooks.js',
  '@preact/signals-core': './signals-core.js',
};

/** `from "x"` and `import "x"`, as minified modules write them. */
function rewritten(source, name) {
  return source.replace(/(\bfrom\s*|\bimport\s*)(["'])([^"']+)\2/g, (whole, before, quote, specifier) => {
    if (specifier.startsWith('.')) return whole;
    const to = SPECIFIERS[specifier];
    if (!to) throw new Error(`${name} imports ${specifier}; say in vendor.js where that is`);
    return `${before}${quote}${to}${quote}`;
  });
}

function wanted() {
  const files = new Map();
  const versions = [];
  const licences = [];
  for (const { name, of, file, types, isScript, exportsDefault } of FILES) {
    const folder = join(HERE, 'node_modules', of);
    const source = readFileSync(join(folder, file), 'utf8');
    files.set(name, isScript ? source : rewritten(source, name));
    if (!isScript) {
      const again = exportsDefault ? `\nexport { default } from '${types ?? of}';` : '';
      files.set(name.replace(/\.js$/, '.d.ts'), `export * from '${types ?? of}';${again}\n`);
    }
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const line = `${of} ${version} (${license})`;
    if (versions.includes(line)) continue;
    versions.push(line);
    licences.push(`${line}\n\n${readFileSync(join(folder, 'LICENSE'), 'utf8')}`);
  }
  files.set('licenses.txt', licences.join('\n----\n\n'));
  files.set(
    'versions.js',
    `// Written by tests/browser/vendor.js.\nexport const LIBRARIES = ${JSON.stringify(versions, null, 2)};\n`,
  );
  return files;
}

const files = wanted();
if (process.argv.includes('--check')) {
  const wrong = [...files].filter(([name, text]) => {
    const path = join(TO, name);
    return !existsSync(path) || readFileSync(path, 'utf8') !== text;
  });
  const extra = readdirSync(TO).filter((name) => !files.has(name));
  if (wrong.length || extra.length) {
    console.error(
      `gateway/web/vendor differs: ${[...wrong.map(([name]) => name), ...extra].join(', ')}; npm run vendor`,
    );
    process.exit(1);
  }
} else {
  mkdirSync(TO, { recursive: true });
  for (const [name, text] of files) writeFileSync(join(TO, name), text);
}
