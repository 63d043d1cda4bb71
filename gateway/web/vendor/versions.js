// Written by tests/browser/vendor.js.
export const LIBRARIES = [
  "preact 11.2.0 (MIT)",
  "@preact/signals-core 1.14.5 (MIT)",
  "@preact/signals 2.11.4 (MIT)",
  "htm 3.1.1 (Apache-2.0)",
  "uplot 1.6.32 (MIT)"
];
