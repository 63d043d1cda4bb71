// Words of the page that describes the API, for a Japanese reader. What comes from the
// description itself is in English: programs and their authors read it in every country.

/** By the English words; `{x}` is filled. @type {Record<string, string>} */
export const JA = {
  'MFG drone gateway: API': 'MFG ドローンゲートウェイ: API 仕様',
  Dashboard: 'ダッシュボード',
  Filter: '絞り込み',
  'words of a path or group': 'パスまたは分類の語',
  'API key, for trying': 'API キー（試すとき）',
  'Groups of routes': '分類',
  'WebSocket messages': 'WebSocket メッセージ',
  'What a client says on /ws, and what it hears there and on /ws/video/{drone_id}: objects with a type.':
    'クライアントが /ws で送るもの、/ws と /ws/video/{drone_id} で受け取るもの: type を持つオブジェクトです。',
  Schemas: 'スキーマ',
  'Do not send': '送信しない',
  Send: '送信',
  'array of ': '配列: ',
  'map to ': '対応表: ',
  always: '必ずある',
  'may be absent': 'ない場合がある',
  required: '必須',
  optional: '任意',
  Field: '項目',
  Type: '型',
  Meaning: '意味',
  'This moves a drone': 'ドローンが動きます',
  'This changes something': '内容を変更します',
  '{what}: Is the drone in sight, and is everybody clear of it?':
    '{what}: 機体が見えていて、周囲に人がいないことを確認しましたか。',
  'Sent; no answer yet.': '送信しました。応答を待っています。',
  'There was no answer within 30 s.': '30 秒以内に応答がありませんでした。',
  'The gateway cannot be reached.': 'ゲートウェイに接続できません。',
  'JSON body': 'JSON 本文',
  '{what} is required.': '{what} は必須です。',
  'Copy as curl': 'curl をコピー',
  Copied: 'コピーしました',
  Parameter: 'パラメーター',
  In: '場所',
  Value: '値',
  Answers: '応答',
  Status: '状態',
  When: '条件',
  Body: '本文',
  'For example': '例',
  'Answered by ': '応答: ',
  '{n} of {all} routes and messages': '{all} 件中 {n} 件',
  'Signed in as {what}; a key typed here is used instead.':
    '{what} でログイン中です。ここにキーを入力すると、そのキーを使います。',
  'Not signed in: type a key, or sign in on the dashboard.':
    'ログインしていません。キーを入力するか、ダッシュボードでログインしてください。',
  'The description could not be read: the gateway cannot be reached. Load the page again.':
    '仕様を読み込めませんでした。ゲートウェイに接続できません。ページを再読み込みしてください。',
  'The descriptions of routes and fields are in English.': '各 API と項目の説明は英語です。',
};

/** As it was chosen on the dashboard, else as the device has it. */
const language = globalThis.localStorage?.getItem('language') ?? globalThis.navigator?.language ?? 'en';
export const isJapanese = language.startsWith('ja');

/** The words, as the reader reads them. @param {string} words @param {Record<string, string | number>} [values] */
export function w(words, values = {}) {
  const said = isJapanese ? (JA[words] ?? words) : words;
  return said.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** What stands on the page from the start. */
export function translate() {
  if (!isJapanese) return;
  document.documentElement.lang = 'ja';
  document.getElementById('in-english')?.removeAttribute('hidden');
  document.title = w('MFG drone gateway: API');
  for (const element of document.querySelectorAll('[data-w]')) element.textContent = w(element.textContent.trim());
  for (const name of ['placeholder', 'aria-label'])
    for (const element of document.querySelectorAll(`[${name}]`)) element.setAttribute(name, w(element.getAttribute(name)));
}
