//! Notifications against a real listener on loopback, and by a channel of a few lines.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::channel::{DroneName, Notification};
use super::routing::Routing;
use super::*;
use crate::config::Notify;
use crate::config::notify::{Language, Webhook, WebhookTemplate};
use readings::Level;
use store::OutboxEvent;

/// A notification of an alert that nobody has resolved.
pub(super) fn notification(seq: u64, level: &str, event: OutboxEvent) -> Notification {
    let mut notification = nobody().test();
    let alert = &mut notification.record.alert;
    alert.acknowledged = alert
        .resolved
        .take()
        .filter(|_| event == OutboxEvent::Acknowledged);
    (alert.seq, alert.level) = (seq, level.to_owned());
    notification.record.event = event;
    notification
}

/// A drone's battery, as a rule's alert holds it.
pub(super) fn battery(event: OutboxEvent) -> Notification {
    let mut notification = notification(9, "critical", event);
    notification.gateway = "roof".into();
    notification.page = Some("https://roof.example:8443".into());
    notification.drone = Some(DroneName {
        name: "North hall".into(),
        simulated: false,
    });
    let alert = &mut notification.record.alert;
    alert.origin = "system_monitor".to_owned();
    alert.rule = "Critical Battery".to_owned();
    alert.alert_type = "drone".to_owned();
    alert.subject = "drone_001".to_owned();
    alert.metric = Some("battery_level".to_owned());
    (alert.value, alert.threshold) = (Some(9.0), Some(10.0));
    alert.message = "Critical Battery: battery_level of drone_001 is 9 % (< 10 %)".to_owned();
    alert.created_us = 1_738_314_902_123_456;
    notification
}

/// A gateway without a configuration speaks.
fn nobody() -> Sender {
    Sender::configured(&Config::default())
}

/// A target that answers with the given statuses, then with 200, and passes
/// on what it was sent.
#[expect(
    clippy::disallowed_methods,
    reason = "nobody sends it more than the test asks for"
)]
async fn listener(statuses: Vec<u16>) -> (String, mpsc::UnboundedReceiver<String>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}/hook", socket.local_addr().expect("address"));
    let (sender, received) = mpsc::unbounded_channel();
    let statuses = Mutex::new(statuses.into_iter());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            let request = read_request(&mut stream).await;
            let status = statuses.lock().expect("lock").next().unwrap_or(200);
            let answer =
                format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.expect("answered");
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (url, received)
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.expect("read");
        text.push_str(std::str::from_utf8(&buffer[..read]).expect("text"));
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if read == 0 || body.len() >= length.unwrap_or(0) {
            return text;
        }
    }
}

fn config(url: &str, min_level: Option<&str>) -> Config {
    let webhook = Webhook {
        name: "hook".to_owned(),
        url: url.to_owned(),
        secret: Some("secret".to_owned()),
        secret_file: None,
        template: WebhookTemplate::Json,
        language: Language::En,
        min_level: min_level.map(str::to_owned),
        ca: None,
        types: Vec::new(),
        sources: Vec::new(),
        quiet: None,
        repeat_minutes: None,
        escalate_to: None,
        escalate_after_minutes: None,
    };
    let notify = Notify {
        webhook: vec![webhook],
        ..Notify::default()
    };
    Config {
        notify,
        ..Config::default()
    }
}

pub(super) fn raised(seq: u64, level: &str) -> Change {
    let record = notification(seq, level, OutboxEvent::Raised).record;
    Change::PutAlert(record.alert, Some(record.event))
}

/// The smallest channel: appends a line to a file.
pub(super) struct FileChannel(pub(super) std::path::PathBuf, pub(super) Routing);

impl FileChannel {
    pub(super) fn at(file: &std::path::Path, routing: Routing) -> Arc<dyn Channel> {
        Arc::new(FileChannel(file.to_owned(), routing))
    }
}

impl Channel for FileChannel {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn name(&self) -> &str {
        "log"
    }

    fn routing(&self) -> &Routing {
        &self.1
    }

    fn send<'a>(
        &'a self,
        notification: &'a Notification,
    ) -> BoxFuture<'a, Result<(), NotDelivered>> {
        use std::io::Write;
        let (event, id) = (notification.event_name(), notification.record.alert.id());
        let written = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.0)
            .and_then(|mut file| writeln!(file, "{event} {id}"));
        Box::pin(async { written.map_err(NotDelivered::retry) })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn alerts_arrive_in_order_signed_and_also_after_a_restart() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (url, mut received) = listener(Vec::new()).await;
    let (store, _) = Store::open(dir.path()).expect("opened");
    let notifier = Notifier::start(
        &config(&url, Some("warning")),
        store.clone(),
        None,
        terms(nothing()),
    )
    .await
    .expect("started");
    store
        .commit(vec![raised(1, "critical"), raised(2, "info")])
        .await
        .expect("committed");
    store
        .commit(vec![raised(3, "warning")])
        .await
        .expect("committed");
    for seq in [1, 3] {
        let request = received.recv().await.expect("sent");
        assert!(
            request.contains(&format!("alert_00000000_{seq}")),
            "{request}"
        );
        let (head, body) = request.split_once("\r\n\r\n").expect("head and body");
        let field = |name: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(name))
                .expect("header")
                .to_owned()
        };
        let timestamp: i64 = field("x-mfg-timestamp: ").parse().expect("seconds");
        let expected = webhook::signature(b"secret", timestamp, body.as_bytes());
        assert_eq!(Some(field("x-mfg-signature: ")), expected);
    }
    drop(notifier);
    // Committed while nobody delivers, as when the process dies in between.
    store
        .commit(vec![raised(4, "error")])
        .await
        .expect("committed");
    store.close().await;
    drop(store);

    let (store, _) = Store::open(dir.path()).expect("opened");
    let notifier = Notifier::start(&config(&url, None), store.clone(), None, terms(nothing()))
        .await
        .expect("started");
    let mut seen = String::new();
    while !seen.contains("alert_00000000_4") {
        seen = received.recv().await.expect("sent");
    }
    while notifier.stats()[0].sent == 0 || store.outbox_after(0).is_some() {
        store.flush().await.expect("flushed");
        tokio::task::yield_now().await;
    }
    assert_eq!(
        store.stats().outbox,
        0,
        "what has arrived everywhere is gone"
    );
}

#[tokio::test]
async fn a_failing_target_is_tried_again_and_a_refusing_one_given_up() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (url, mut received) = listener([[500, 429].as_slice(), &[404; 8]].concat()).await;
    let (store, _) = Store::open(dir.path()).expect("opened");
    let notifier = {
        let channels = usable(&config(&url, None)).expect("usable");
        Notifier::run(channels, store.clone(), None, terms(nothing()), HASTE).await
    };
    store
        .commit(vec![raised(1, "critical")])
        .await
        .expect("committed");
    store
        .commit(vec![raised(2, "error")])
        .await
        .expect("committed");
    for _ in 0..10 {
        assert!(
            received
                .recv()
                .await
                .expect("sent")
                .contains("alert_00000000_1")
        );
    }
    assert!(
        received
            .recv()
            .await
            .expect("sent")
            .contains("alert_00000000_2")
    );
    let stats = &notifier.stats()[0];
    assert_eq!((stats.failed, stats.refused), (10, 1));
}

#[tokio::test]
async fn the_outbox_keeps_the_worst_longest() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (store, _) = Store::open(dir.path()).expect("opened");
    store.keep_outbox(true);
    store
        .commit(vec![raised(0, "critical")])
        .await
        .expect("committed");
    for block in 0..11 {
        let alerts = (1..101).map(|seq| {
            raised(
                block * 100 + seq,
                if seq % 2 == 0 { "info" } else { "warning" },
            )
        });
        store.commit(alerts.collect()).await.expect("committed");
    }
    assert_eq!(
        (store.stats().outbox, store.stats().outbox_dropped),
        (1_000, 101)
    );
    let (first, record) = store.outbox_after(0).expect("kept");
    assert_eq!(record.alert.level, "critical", "the oldest, and kept");
    let mut levels = [0, 0];
    let mut after = first;
    while let Some((number, record)) = store.outbox_after(after) {
        levels[usize::from(record.alert.level == "warning")] += 1;
        after = number;
    }
    assert_eq!(levels, [449, 550]);
}

#[tokio::test]
async fn a_test_goes_out_at_once_or_says_why_not() {
    let (url, mut received) = listener(vec![200, 403]).await;
    send_test(&config(&url, None), "hook")
        .await
        .expect("arrived");
    assert!(
        received
            .recv()
            .await
            .expect("sent")
            .contains("nothing is wrong")
    );
    let refused = send_test(&config(&url, None), "hook")
        .await
        .expect_err("refused")
        .to_string();
    assert!(refused.contains("403"), "{refused}");
    let unknown = send_test(&config(&url, None), "other")
        .await
        .expect_err("unknown")
        .to_string();
    assert!(unknown.contains("hook"), "{unknown}");
}

#[tokio::test]
async fn a_channel_of_another_kind_needs_no_change_of_the_worker() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (store, _) = Store::open(&dir.path().join("store")).expect("opened");
    let file = dir.path().join("alerts.txt");
    let channel = FileChannel::at(&file, warnings());
    // Not there yet: it is tried again until it is.
    std::fs::create_dir(&file).expect("made");
    let notifier = Notifier::run(vec![channel], store.clone(), None, terms(nothing()), HASTE).await;
    let changes = vec![raised(1, "critical"), raised(2, "info"), raised(3, "error")];
    store.commit(changes).await.expect("committed");
    while notifier.stats()[0].failed == 0 {
        tokio::task::yield_now().await;
    }
    std::fs::remove_dir(&file).expect("removed");
    while notifier.stats()[0].sent < 2 {
        tokio::task::yield_now().await;
    }
    let written = std::fs::read_to_string(&file).expect("written");
    assert_eq!(
        written,
        "raised alert_00000000_1\nraised alert_00000000_3\n"
    );
    assert_eq!(notifier.stats()[0].refused, 0);
}

pub(super) fn terms(hides: Hides) -> Terms {
    Terms {
        sender: nobody(),
        hides,
        clock: Arc::new(|| None),
        alarm: Arc::new(|_, _| ()),
    }
}

/// No waits, and what a minute makes an alert at once.
pub(super) const HASTE: Pace = Pace {
    back_off_min: Duration::ZERO,
    fails_for: Duration::ZERO,
    tick: Duration::from_millis(1),
};

pub(super) fn warnings() -> Routing {
    Routing {
        min_level: Some(Level::Warning),
        ..Routing::default()
    }
}

/// Keeps nothing from channels.
pub(super) fn nothing() -> Hides {
    Arc::new(|_| false)
}

#[tokio::test]
async fn what_is_muted_is_passed_over_and_holds_up_nothing() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (store, _) = Store::open(&dir.path().join("store")).expect("opened");
    let file = dir.path().join("alerts.txt");
    let channel = FileChannel::at(&file, warnings());
    let hides: Hides = Arc::new(|record| record.alert.seq == 1);
    let notifier = Notifier::run(vec![channel], store.clone(), None, terms(hides), HASTE).await;
    let changes = vec![raised(1, "critical"), raised(2, "critical")];
    store.commit(changes).await.expect("committed");
    while notifier.stats()[0].sent < 1 {
        tokio::task::yield_now().await;
    }
    let written = std::fs::read_to_string(&file).expect("written");
    assert_eq!(written, "raised alert_00000000_2\n");
}

#[test]
fn what_is_wrong_with_a_channel_says_which_and_the_key() {
    let mut config = config("nothing", Some("loud"));
    let notify = &mut config.notify;
    notify.webhook.push(Webhook {
        url: "http://127.0.0.1:9/".to_owned(),
        min_level: Some("loud".to_owned()),
        ..notify.webhook[0].clone()
    });
    let found: Vec<String> = problems(&config).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(
        found[0].starts_with("notify.webhook.0: url: "),
        "{found:#?}"
    );
    assert!(
        found[1].starts_with("notify.webhook.1: name: "),
        "{found:#?}"
    );
    assert_eq!(
        found[2],
        "notify.webhook.1: min_level: \"loud\" is none of info, warning, error, critical"
    );
    config.notify.allow = vec!["10.0.0.0/33".to_owned()];
    let found = problems(&config);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].section, ["notify"]);
    assert!(found[0].reason.starts_with("allow: "), "{found:#?}");
}
