//! Lines of the audit trail that were deferred, over kills; and a directory that goes away.

use std::fs;

use super::*;
use crate::evidence::NAME;
use crate::{AuditRecord, Change};

fn line(at_us: i64) -> AuditRecord {
    AuditRecord {
        at_us,
        ..samples::audit()
    }
}

/// The directory as a kill at this moment leaves it.
fn killed(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("temporary directory");
    for entry in fs::read_dir(dir).expect("read").flatten() {
        fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
    }
    copy
}

#[tokio::test]
async fn a_deferred_line_is_read_at_once_and_survives_a_kill() {
    let (dir, store) = fresh();
    store
        .commit(vec![Change::Audit(line(1))])
        .await
        .expect("committed");
    store.defer(vec![Change::Audit(line(2)), Change::Audit(line(3))]);
    let trail = [line(3), line(2), line(1)];
    assert_eq!(store.audit(9), trail);
    assert_eq!(store.audit(2), trail[..2]);
    let left = killed(dir.path());
    let (again, _) = open(left.path());
    assert_eq!(again.audit(9), trail);
    again.flush().await.expect("written");
    assert_eq!(again.audit(9), trail, "and once in the store");
}

#[tokio::test]
async fn a_kill_between_the_batch_and_the_file_doubles_nothing() {
    let (dir, store) = fresh();
    store.defer(vec![Change::Audit(line(1)), Change::Audit(line(2))]);
    let before = fs::read(dir.path().join(NAME)).expect("read");
    store.flush().await.expect("written");
    let settled = fs::read(dir.path().join(NAME)).expect("read");
    assert!(
        settled.len() < before.len(),
        "{} bytes are left",
        settled.len()
    );
    let left = killed(dir.path());
    fs::write(left.path().join(NAME), before).expect("written");
    let (again, _) = open(left.path());
    assert_eq!(again.audit(9), [line(2), line(1)]);
}

#[tokio::test]
async fn a_deferred_line_is_synced_without_being_asked_for() {
    let (_dir, store) = fresh();
    store.flush().await.expect("quiet");
    let before = store.stats().syncs;
    store.defer(vec![Change::Audit(line(1))]);
    // Fails by hanging: the next batch is an hour away.
    while store.stats().syncs == before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_directory_that_goes_away_is_noticed_before_the_next_answer() {
    let (dir, store) = fresh();
    let commit = |number| store.commit(vec![Change::PutKey(key(number, "tablet"))]);
    commit(1).await.expect("committed");
    store.defer(vec![Change::Audit(line(7))]);
    fs::remove_dir_all(dir.path()).expect("removed");
    commit(2).await.expect("in a directory made anew");
    let lost = store.health().borrow().lost.clone();
    assert!(
        lost.is_some(),
        "what was only on the medium is gone: that is told"
    );
    let left = killed(dir.path());
    let (again, _) = open(left.path());
    assert_eq!(again.keys(), [key(1, "tablet"), key(2, "tablet")]);
    assert_eq!(again.audit(9), [line(7)]);

    // One that is another gateway's is left alone, and nothing is acknowledged.
    fs::remove_dir_all(dir.path()).expect("removed");
    let (other, _) = open(dir.path());
    let refused = commit(3).await.expect_err("not durable").to_string();
    assert!(refused.contains("removed or replaced"), "{refused}");
    drop(other);
    commit(3).await.expect("free again");
    assert_eq!(store.keys().len(), 3);
}
