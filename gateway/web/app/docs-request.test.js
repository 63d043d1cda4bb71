import { strict as assert } from 'node:assert';
import { File } from 'node:buffer';
import { test } from 'node:test';

import { bodyOf, curlOf, flies, matches, reading, requestOf } from '../docs-request.js';

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
  assert.deepEqual(plain, { url: '/health', method: 'GET', headers: {}, body: undefined, form: [], file: undefined });
});

test('files go as a form or as they are, by fetch and by curl', () => {
  const form = requestOf('post', '/api/vision/datasets/{id}/images', {
    values: [
      { name: 'id', in: 'path', value: 'd1' },
      { name: 'file', in: 'part', value: new File(['x'], 'hall 2.jpg'), isFile: true },
      { name: 'label', in: 'part', value: 'person' },
      { name: 'note', in: 'part', value: '' },
    ],
  });
  const body = /** @type {FormData} */ (bodyOf(form));
  assert.deepEqual([...body.keys()], ['file', 'label']);
  assert.equal(form.headers['Content-Type'], undefined, 'the browser says where the parts end');
  assert.match(
    curlOf(form, 'https://g'),
    / -F 'file=@hall 2.jpg' -F 'label=person' 'https:\/\/g\/api\/vision\/datasets\/d1\/images'$/,
  );
  // Before a file is chosen the command says where its name goes.
  const whole = requestOf('post', '/api/system/update', { values: [{ name: 'file', in: 'body', value: undefined }] });
  assert.match(curlOf(whole, 'https://g'), /application\/octet-stream' --data-binary '@FILE' 'https/);
});
