import { strict as assert } from 'node:assert';
import { test } from 'node:test';

import { curlOf, flies, matches, reading, requestOf } from '../docs-request.js';

test('what moves a drone is told from what does not', () => {
  assert.ok(flies('post', '/api/drones/{drone_id}/takeoff'));
  assert.ok(flies('POST', '/api/groups/{group_id}/move'));
  assert.ok(!flies('get', '/api/drones/{drone_id}/status'));
  assert.ok(!flies('post', '/api/drones/{drone_id}/camera/photo'));
  assert.ok(!flies('post', '/api/alerts/{alert_id}/resolve'));
  assert.ok(reading('GET') && reading('head') && !reading('delete'));
});

test('a filter takes its words in any order, also half ones', () => {
  const words = 'post /api/drones/{drone_id}/takeoff take off drones';
  assert.ok(matches(words, 'off POST') && matches(words, 'ｔake') && matches(words, ''));
  assert.ok(!matches(words, 'take landing'));
});

test('a form becomes a request, and a command without its key', () => {
  const asked = requestOf('post', '/api/drones/{drone_id}/move', {
    values: [
      { name: 'drone_id', in: 'path', value: 'roof/1' },
      { name: 'wait', in: 'query', value: 'true' },
      { name: 'unused', in: 'query', value: '' },
    ],
    body: `{"note": "it's"}`,
    key: 'mfg_secret',
  });
  assert.equal(asked.url, '/api/drones/roof%2F1/move?wait=true');
  assert.equal(asked.headers['X-API-Key'], 'mfg_secret');
  const command = curlOf(asked, 'https://gateway.local:8443');
  assert.ok(!command.includes('mfg_secret') && command.includes('$API_KEY'));
  assert.ok(command.includes(`'{"note": "it'\\''s"}'`), command);
  assert.ok(command.endsWith(`'https://gateway.local:8443/api/drones/roof%2F1/move?wait=true'`));
  const plain = requestOf('get', '/health', { values: [] });
  assert.deepEqual(plain, { url: '/health', method: 'GET', headers: {}, body: undefined });
});
