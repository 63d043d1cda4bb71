//! The ordinary life of a store: what goes in comes out, also after a stop.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::plan::{AUDIT_CAPACITY, AUDIT_SLACK};
use crate::{Change, OutboxEvent, StorageError};

#[tokio::test]
async fn what_was_committed_is_there_after_a_stop() {
    let (dir, store) = fresh();
    let epoch = store.epoch();
    let changes = vec![
        Change::PutKey(key(1, "tablet")),
        Change::PutAlert(alert(1, "hot"), None),
        Change::PutRule(samples::rule()),
        Change::Audit(samples::audit()),
        Change::History(history("battery_level", 10..12)),
    ];
    store.commit(changes).await.expect("committed");
    store
        .commit(vec![
            Change::PutAlert(alert(2, "low"), None),
            Change::DeleteAlert(1),
        ])
        .await
        .expect("committed");
    drop(store);

    let (store, recovery) = open(dir.path());
    assert_eq!(recovery, Recovery::default());
    assert_eq!(store.epoch(), epoch);
    assert_eq!(store.keys(), [key(1, "tablet")]);
    assert_eq!(store.alerts(), [alert(2, "low")]);
    assert_eq!(store.rules(), [samples::rule()]);
    assert_eq!(store.audit(9), [samples::audit()]);
    assert_eq!(store.history(), [history("battery_level", 10..12)]);
}

#[tokio::test]
async fn a_close_writes_what_was_deferred_and_ends_the_store() {
    let (dir, store) = fresh();
    store
        .commit(vec![Change::PutKey(key(1, "tablet"))])
        .await
        .expect("committed");
    let used = KeyRecord {
        usage_count: 99,
        last_used_us: Some(5),
        name: "stale".to_owned(),
        ..key(1, "")
    };
    store.defer(vec![
        Change::PutKey(used),
        Change::PutKey(key(2, "revoked")),
        Change::History(history("height", 1..3)),
    ]);
    store.defer(vec![Change::History(history("height", 2..4))]);
    store.close().await;
    store.close().await;
    assert!(matches!(
        store.commit(vec![Change::DeleteAlert(1)]).await,
        Err(StorageError::Stopping)
    ));
    drop(store);

    let (store, recovery) = open(dir.path());
    assert_eq!(recovery, Recovery::default());
    let expected = KeyRecord {
        usage_count: 99,
        last_used_us: Some(5),
        ..key(1, "tablet")
    };
    assert_eq!(
        store.keys(),
        [expected],
        "usage alone is taken, and revives nothing"
    );
    assert_eq!(
        store.history(),
        [history("height", 1..4)],
        "a minute given twice is there once"
    );
}

#[tokio::test]
async fn a_burst_shares_its_syncs() {
    let (_dir, store) = fresh();
    let before = store.stats();
    let burst = (0..200).map(|seq| store.commit(vec![Change::PutAlert(alert(seq, "burst"), None)]));
    let outcomes = futures_util::future::join_all(burst).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let after = store.stats();
    assert_eq!(store.alerts().len(), 200);
    assert!(
        after.syncs - before.syncs < 100,
        "{} syncs for 200 commits",
        after.syncs - before.syncs
    );
}

#[tokio::test]
async fn audit_trail_and_history_are_bounded() {
    let (_dir, store) = fresh();
    let many = AUDIT_CAPACITY + AUDIT_SLACK + 5;
    let records = (0..many).map(|at_us| {
        Change::Audit(super::super::AuditRecord {
            at_us: at_us as i64,
            ..samples::audit()
        })
    });
    store.commit(records.collect()).await.expect("committed");
    let trail = store.audit(usize::MAX);
    assert_eq!(trail.len() as u64, AUDIT_CAPACITY);
    assert_eq!(trail[0].at_us as u64, many - 1, "newest first");

    for chunk in 0..50 {
        store
            .commit(vec![Change::History(history(
                "height",
                chunk * 60..(chunk + 1) * 60,
            ))])
            .await
            .expect("committed");
    }
    let steps = &store.history()[0].steps;
    assert_eq!(
        (steps.len(), steps[0].0),
        (1440, 26 * 60),
        "a day of minutes, whatever the clock says"
    );
}

#[tokio::test]
async fn nobody_else_reads_it_and_nobody_else_opens_it() {
    let (dir, store) = fresh();
    let error = try_open(dir.path()).expect_err("in use").to_string();
    assert!(
        error.contains(&format!("process {}", std::process::id())),
        "{error}"
    );
    store.snapshot().await.expect("snapshot");
    let mode = |path: &Path| {
        std::fs::metadata(path)
            .expect("metadata")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(dir.path()), 0o700);
    for entry in std::fs::read_dir(dir.path()).expect("read").flatten() {
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.path());
    }
    drop(store);
    open(dir.path());
}

#[tokio::test]
async fn a_backup_of_a_running_store_restores_and_a_reset_leaves_nothing() {
    let (dir, store) = fresh();
    store
        .commit(vec![
            Change::PutKey(key(1, "tablet")),
            Change::Audit(samples::audit()),
        ])
        .await
        .expect("committed");
    store
        .commit(vec![Change::History(history("height", 1..3))])
        .await
        .expect("committed");
    let elsewhere = tempfile::tempdir().expect("temporary directory");
    let backup = elsewhere.path().join("backup.mfg");
    store.backup_to(&backup).await.expect("backed up");
    store
        .commit(vec![Change::DeleteKey(KeyId([1; 32]))])
        .await
        .expect("committed");
    let epoch = store.epoch();
    assert!(
        crate::restore(&backup, dir.path()).is_err(),
        "refused while it is open"
    );
    drop(store);

    let restored = crate::restore(&backup, dir.path()).expect("restored");
    assert_eq!(restored.records, 3);
    let (store, recovery) = open(dir.path());
    assert_eq!(recovery, Recovery::default());
    assert_eq!(
        (store.keys(), store.audit(9)),
        (vec![key(1, "tablet")], vec![samples::audit()])
    );
    assert_eq!(store.history(), [history("height", 1..3)]);
    assert_ne!(
        store.epoch(),
        epoch,
        "ids given out after the backup must not come again"
    );
    drop(store);

    let mut damaged = std::fs::read(&backup).expect("read");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&backup, damaged).expect("written");
    let error = crate::restore(&backup, dir.path())
        .expect_err("damaged")
        .to_string();
    assert!(error.contains("checksum"), "{error}");
    let (store, _) = open(dir.path());
    assert_eq!(store.keys().len(), 1, "a refused restore changes nothing");
    drop(store);

    crate::reset(dir.path()).expect("reset");
    assert_eq!(std::fs::read_dir(dir.path()).expect("read").count(), 0);
    assert!(open(dir.path()).1.created);
}

/// An alert that nobody has seen, as a run of the gateway with `epoch` writes it.
fn unseen(epoch: u32) -> AlertRecord {
    AlertRecord {
        epoch,
        acknowledged: None,
        ..alert(1, "hot")
    }
}

#[tokio::test]
async fn an_event_lies_in_the_outbox_once_and_only_while_that_is_kept() {
    let (_dir, store) = fresh();
    let put = |record, event| vec![Change::PutAlert(record, event)];
    let waiting = async |changes| {
        store.commit(changes).await.expect("committed");
        store.stats().outbox
    };
    let raised = put(unseen(1), Some(OutboxEvent::Raised));
    assert_eq!(waiting(raised.clone()).await, 0, "nobody is to be notified");
    store.keep_outbox(true);
    let over = AlertRecord {
        resolved: Some((1, "auto".to_owned())),
        ..unseen(1)
    };
    let resolved = put(over.clone(), Some(OutboxEvent::Resolved));
    assert_eq!(waiting(resolved.clone()).await, 1);
    assert_eq!(waiting(resolved).await, 1, "repeated, not told twice");
    assert_eq!(waiting(put(over.clone(), None)).await, 1);
    let (_, record) = store.outbox_after(0).expect("kept");
    assert_eq!((record.event, record.alert), (OutboxEvent::Resolved, over));
}

#[tokio::test]
async fn an_alert_repeated_under_another_epoch_is_not_raised_again() {
    let (_dir, store) = fresh();
    store.keep_outbox(true);
    let put = async |record| {
        let repeated = vec![Change::PutAlert(record, Some(OutboxEvent::Raised))];
        store.commit(repeated).await.expect("committed");
    };
    // The committer gave this up, and it became durable all the same.
    put(unseen(1)).await;
    put(unseen(2)).await;
    assert_eq!(store.stats().outbox, 1, "told once");
    let seen = AlertRecord {
        acknowledged: Some((1, "admin".to_owned())),
        ..unseen(2)
    };
    put(seen.clone()).await;
    put(seen).await;
    let mut told = Vec::new();
    let mut after = 0;
    while let Some((number, record)) = store.outbox_after(after) {
        told.push(record.event);
        after = number;
    }
    assert_eq!(told, [OutboxEvent::Raised, OutboxEvent::Acknowledged]);
}
