// Everything the dashboard says, in both languages. Messages of the gateway
// itself are shown as they come.

const EN = {
  skip: 'Skip to the alerts', title: 'MFG Drone Control Dashboard', language: 'Language', key: 'API key',
  connect: 'Connect', forget: 'Forget', keyNote: 'Kept in this tab only, and gone when it closes.',
  system: 'System Overview', drones: 'Drone Control', alerts: 'Alerts', history: 'Last hour',
  camera: 'Camera & Vision', docs: 'API description', drone: 'Drone', photo: 'Take photo',
  videoStart: 'Start video', videoStop: 'Stop video', videoOff: 'No video', videoWaits: 'Waiting for video',
  videoFailed: 'This browser cannot decode the video', loss: 'lost',
  noVideo: 'This browser cannot decode video (WebCodecs is missing). Photos work.',
  live: 'Live', polling: 'Polling', off: 'Not connected', unreachable: 'Gateway unreachable',
  needKey: 'Enter an API key with the permission dashboard.',
  status: 'State', cpu: 'Processor', memory: 'Memory', disk: 'Disk', temperature: 'Temperature',
  connected: 'Drones connected', active: 'Open alerts', uptime: 'Running for',
  healthy: 'healthy', degraded: 'degraded', critical: 'critical', warning: 'warning', error: 'error', info: 'info',
  disconnected: 'disconnected', flying: 'flying', battery: 'Battery', height: 'Height', lastSeen: 'Last heard',
  simulated: 'simulated', noDrones: 'No drones are configured.', noAlerts: 'No open alerts.',
  openAlerts: (n) => `${n} open`, acknowledge: 'Acknowledge', resolve: 'Resolve', acknowledged: 'acknowledged',
  unknown: 'unknown', notConnected: 'connected: no', noHistory: 'No history yet.',
  chart: 'Processor and memory in percent over the last hour',
};

const JA = {
  skip: 'アラートへ移動', title: 'MFG ドローン管制ダッシュボード', language: '言語', key: 'APIキー',
  connect: '接続', forget: '消去', keyNote: 'このタブにだけ保存され、閉じると消えます。',
  system: 'システム概要', drones: 'ドローン', alerts: 'アラート', history: '直近1時間',
  camera: 'カメラと画像認識', docs: 'API仕様', drone: 'ドローン', photo: '写真を撮る',
  videoStart: '映像を開始', videoStop: '映像を停止', videoOff: '映像なし', videoWaits: '映像を待っています',
  videoFailed: 'このブラウザーでは映像を復号できません', loss: '欠落',
  noVideo: 'このブラウザーでは映像を表示できません（WebCodecs がありません）。写真は撮れます。',
  live: 'ライブ', polling: '定期取得', off: '未接続', unreachable: 'ゲートウェイに届きません',
  needKey: 'dashboard 権限のあるAPIキーを入力してください。',
  status: '状態', cpu: 'CPU', memory: 'メモリ', disk: 'ディスク', temperature: '温度',
  connected: '接続中のドローン', active: '未解決アラート', uptime: '稼働時間',
  healthy: '正常', degraded: '低下', critical: '重大', warning: '警告', error: 'エラー', info: '情報',
  disconnected: '切断', flying: '飛行中', battery: 'バッテリー', height: '高度', lastSeen: '最終受信',
  simulated: 'シミュレーション', noDrones: 'ドローンが設定されていません。', noAlerts: '未解決のアラートはありません。',
  openAlerts: (n) => `未解決 ${n} 件`, acknowledge: '確認', resolve: '解決', acknowledged: '確認済み',
  unknown: '不明', notConnected: '未接続', noHistory: '履歴はまだありません。',
  chart: '直近1時間のCPUとメモリの使用率（％）',
};

let texts = EN;

/** Chooses a language and rewrites everything on the page that is fixed. */
export function speak(language) {
  texts = language === 'ja' ? JA : EN;
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = texts[element.dataset.text];
}

/** A text by its name; the name itself when nobody wrote one. */
export const say = (name, ...values) => {
  const text = texts[name] ?? name;
  return typeof text === 'function' ? text(...values) : text;
};
