//! Tasks that end: what the table, the alerts and the page of metrics say.

use std::sync::atomic::{AtomicUsize, Ordering};

use alerting::Filter;
use readings::Sources;
use store::Store;

use super::*;
use crate::alerts::StoreJournal;

async fn supervisor(dir: &tempfile::TempDir) -> (Supervisor, Alerts, CancellationToken) {
    let (store, _) = Store::open(dir.path()).expect("store");
    let alerts = Alerts::start(
        &alerting::Config::default(),
        Arc::new(Sources::default()),
        StoreJournal::of(store),
    )
    .expect("alerts");
    let stop = CancellationToken::new();
    (Supervisor::new(alerts.clone(), stop.clone()), alerts, stop)
}

/// The alerts of ended tasks, once there is one.
async fn reported(alerts: &Alerts) -> Vec<String> {
    let mut events = alerts.subscribe();
    loop {
        let found: Vec<String> = alerts
            .list(&Filter::default())
            .iter()
            .filter(|alert| &*alert.origin == KEY)
            .map(|alert| format!("{}: {}", alert.subject, alert.message))
            .collect();
        if !found.is_empty() {
            return found;
        }
        let _ = events.recv().await;
    }
}

#[tokio::test]
async fn a_task_that_panics_is_told_and_its_service_is_down() {
    let dir = tempfile::tempdir().expect("a directory");
    let (supervisor, alerts, _stop) = supervisor(&dir).await;
    assert!(!supervisor.is_up(Service::Drones), "nothing was started");
    let (panics, told_to) = tokio::sync::oneshot::channel::<()>();
    let task = async move {
        let _ = told_to.await;
        panic!("a link of wood");
    };
    let task = tokio::spawn(supervisor.watched("link", Some(Service::Drones), task));
    assert!(supervisor.is_up(Service::Drones));
    drop(panics);
    task.await.expect("the panic is caught");
    assert!(!supervisor.is_up(Service::Drones));
    assert_eq!(supervisor.down(), ["link"]);
    let reports = reported(&alerts).await;
    assert!(reports[0].contains("link of wood"), "{reports:?}");
    assert!(reports[0].contains("restart the gateway"), "{reports:?}");
    let page = readings::measured::page(move |page| supervisor.measure(page)).expect("a page");
    assert!(page.contains("service_up{service=\"drones\"} 0"), "{page}");
    assert!(
        page.contains("task_failures_total{task=\"link\"} 1"),
        "{page}"
    );
}

#[tokio::test]
async fn a_task_that_can_be_begun_again_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let (supervisor, alerts, _stop) = supervisor(&dir).await;
    let (began, mut beginnings) = tokio::sync::mpsc::channel(8);
    let runs = AtomicUsize::new(0);
    supervisor.keep("ticks", Some(Service::Monitoring), move || {
        let (run, began) = (runs.fetch_add(1, Ordering::Relaxed), began.clone());
        async move {
            let _ = began.send(run).await;
            assert!(run > 0, "the first one falls");
            std::future::pending::<()>().await;
        }
    });
    assert_eq!(beginnings.recv().await, Some(0));
    let reports = reported(&alerts).await;
    assert!(reports[0].contains("begun again in 1 s"), "{reports:?}");
    assert_eq!(beginnings.recv().await, Some(1), "after its pause");
    while !supervisor.is_up(Service::Monitoring) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_task_that_cannot_even_be_made_is_told_and_tried_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let (supervisor, alerts, _stop) = supervisor(&dir).await;
    let (began, mut beginnings) = tokio::sync::mpsc::channel(8);
    let runs = AtomicUsize::new(0);
    let make = move || {
        assert!(
            runs.fetch_add(1, Ordering::Relaxed) > 0,
            "nothing to make it of"
        );
        let began = began.clone();
        async move {
            let _ = began.send(()).await;
            std::future::pending::<()>().await;
        }
    };
    let kept = supervisor.kept("notifications to mast".into(), None, make);
    let _task = tokio::spawn(kept);
    let reports = reported(&alerts).await;
    assert!(
        reports[0].starts_with("notifications to mast: "),
        "{reports:?}"
    );
    assert!(reports[0].contains("nothing to make it of"), "{reports:?}");
    assert_eq!(beginnings.recv().await, Some(()), "after its pause");
}

#[tokio::test]
async fn what_ends_with_the_gateway_is_not_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let (supervisor, alerts, stop) = supervisor(&dir).await;
    let until = stop.clone();
    let task = tokio::spawn(supervisor.watched("link", None, async move {
        until.cancelled().await;
    }));
    let thread = supervisor.thread("sampler", None);
    stop.cancel();
    task.await.expect("ends");
    drop(thread);
    alerts.stop().await;
    assert!(alerts.list(&Filter::default()).is_empty());
}

#[tokio::test]
async fn a_thread_that_returns_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let (supervisor, alerts, _stop) = supervisor(&dir).await;
    let beat = supervisor.thread("sampler", Some(Service::Performance));
    std::thread::spawn(move || drop(beat))
        .join()
        .expect("joins");
    assert!(!supervisor.is_up(Service::Performance));
    assert!(reported(&alerts).await[0].starts_with("sampler: "));
}

#[tokio::test]
async fn a_thread_that_nobody_wants_any_more_ends_untold() {
    let dir = tempfile::tempdir().expect("a directory");
    let (supervisor, alerts, _stop) = supervisor(&dir).await;
    let (kept, released) = (
        supervisor.thread("bridge link", Some(Service::Monitoring)),
        supervisor.thread("bridge link", Some(Service::Monitoring)),
    );
    released.release();
    assert!(supervisor.is_up(Service::Monitoring));
    assert!(supervisor.down().is_empty());
    drop(kept);
    assert_eq!(supervisor.down(), ["bridge link"]);
    assert_eq!(
        reported(&alerts).await.len(),
        1,
        "of the one that was wanted"
    );
    let page = readings::measured::page(move |page| supervisor.measure(page)).expect("a page");
    assert!(page.contains("task_up{task=\"bridge link\"} 0"), "{page}");
}
