// Markup in template literals: what JSX is elsewhere, without a build step.

import htm from '../vendor/htm.js';
import { h } from '../vendor/preact.js';

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(h);
