//! Workers against channels that fail, forget and are far away: what is told when.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::channel::Notification;
use super::routing::Routing;
use super::tests::{FileChannel, HASTE, nothing, notification, raised, terms, warnings};
use super::*;
use crate::config::notify::Route;
use store::OutboxEvent;

/// The lines of a file, waited for until there are so many.
async fn lines(file: &std::path::Path, wanted: usize) -> Vec<String> {
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() >= wanted {
            return lines;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn after_an_outage_the_worst_comes_first_and_the_outage_is_an_alert_of_its_own() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (store, _) = Store::open(&dir.path().join("store")).expect("opened");
    let file = dir.path().join("alerts.txt");
    std::fs::create_dir(&file).expect("made");
    let alarms = Arc::new(Mutex::new(Vec::new()));
    let heard = alarms.clone();
    let terms = Terms {
        alarm: Arc::new(move |channel: &str, reason: Option<&str>| {
            let line = (channel.to_owned(), reason.is_some());
            heard.lock().expect("lock").push(line);
        }),
        ..terms(nothing())
    };
    let channel = FileChannel::at(&file, warnings());
    let notifier = Notifier::run(vec![channel], store.clone(), None, terms, HASTE).await;
    // One after the other, so that the worker has begun with the first.
    store
        .commit(vec![raised(1, "warning")])
        .await
        .expect("committed");
    while notifier.stats()[0].failed == 0 {
        tokio::task::yield_now().await;
    }
    assert!(notifier.stats()[0].problem.is_some());
    let mut over = notification(1, "warning", OutboxEvent::Resolved).record;
    over.alert.resolved = Some((0, "auto".to_owned()));
    let later = vec![
        raised(2, "error"),
        Change::PutAlert(over.alert, Some(over.event)),
        raised(3, "critical"),
    ];
    store.commit(later).await.expect("committed");
    std::fs::remove_dir(&file).expect("removed");
    let written = lines(&file, 4).await;
    assert_eq!(
        written,
        [
            "raised alert_00000000_3",
            "raised alert_00000000_2",
            "raised alert_00000000_1",
            "resolved alert_00000000_1",
        ]
    );
    let alarms = alarms.lock().expect("lock").clone();
    assert_eq!(
        alarms,
        [("log".to_owned(), true), ("log".to_owned(), false)]
    );
    assert_eq!(notifier.stats()[0].problem, None);
}

#[tokio::test]
async fn what_nobody_acknowledges_is_told_again_and_once_to_a_second_channel() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (store, _) = Store::open(&dir.path().join("store")).expect("opened");
    let (first, second) = (dir.path().join("first.txt"), dir.path().join("second.txt"));
    let routing = Routing {
        repeat: Some(Duration::ZERO),
        escalation: Some(("second".to_owned(), Duration::ZERO)),
        ..warnings()
    };
    let critical = Routing {
        min_level: Some(Level::Critical),
        ..Routing::default()
    };
    let channels: Vec<Arc<dyn Channel>> = vec![
        FileChannel::at(&first, routing),
        Arc::new(Named("second", FileChannel(second.clone(), critical))),
    ];
    let _notifier = Notifier::run(channels, store.clone(), None, terms(nothing()), HASTE).await;
    store
        .commit(vec![raised(1, "error")])
        .await
        .expect("committed");
    let written = lines(&first, 4).await;
    assert!(
        written.iter().all(|line| line == "raised alert_00000000_1"),
        "{written:?}"
    );
    // It is not of its level: only the escalation brought it there, and once.
    assert_eq!(lines(&second, 1).await, ["raised alert_00000000_1"]);
}

/// A channel under another name.
struct Named(&'static str, FileChannel);

impl Channel for Named {
    fn kind(&self) -> &'static str {
        self.1.kind()
    }

    fn name(&self) -> &str {
        self.0
    }

    fn routing(&self) -> &Routing {
        self.1.routing()
    }

    fn send<'a>(
        &'a self,
        notification: &'a Notification,
    ) -> BoxFuture<'a, Result<(), NotDelivered>> {
        self.1.send(notification)
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        self.1.check()
    }
}

#[tokio::test]
async fn quiet_hours_keep_what_is_not_critical_unless_the_clock_is_wrong() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (store, _) = Store::open(&dir.path().join("store")).expect("opened");
    let file = dir.path().join("alerts.txt");
    let route = Route {
        // All day, but for a minute that is not now.
        quiet: Some(all_day_but_later()),
        ..Route::default()
    };
    let routing = Routing::parse(None, &route).expect("parsed");
    let is_right = Arc::new(AtomicBool::new(true));
    let asked = is_right.clone();
    let terms = Terms {
        clock: Arc::new(move || Some(asked.load(Ordering::Relaxed))),
        ..terms(nothing())
    };
    let channel = FileChannel::at(&file, routing);
    let notifier = Notifier::run(vec![channel], store.clone(), None, terms, HASTE).await;
    let changes = vec![raised(1, "error"), raised(2, "critical")];
    store.commit(changes).await.expect("committed");
    assert_eq!(lines(&file, 1).await, ["raised alert_00000000_2"]);
    assert_eq!(store.stats().outbox, 2, "what is kept stays in the outbox");
    is_right.store(false, Ordering::Relaxed);
    assert_eq!(lines(&file, 2).await[1], "raised alert_00000000_1");
    drop(notifier);
}

/// Quiet hours that hold now, and begin and end far from now.
fn all_day_but_later() -> String {
    let now = Timestamp::now().to_zoned_datetime(TimeZone::system());
    let hour = |after: i8| (now.time().hour() + after) % 24;
    format!("{:02}:00-{:02}:00", hour(20), hour(4))
}
