//! Damaged, missing and foreign stores: nothing is lost silently.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::Change;
use crate::dir::{CORRUPT, CORRUPT_KEPT, STORE, starting_with};

/// A closed store with some of everything, and its file.
async fn filled() -> (tempfile::TempDir, PathBuf) {
    let (dir, store) = fresh();
    store
        .commit(vec![
            Change::PutKey(key(1, "tablet")),
            Change::PutRule(samples::rule()),
        ])
        .await
        .expect("committed");
    store.snapshot().await.expect("snapshot");
    for seq in 0..20 {
        store
            .commit(vec![Change::PutAlert(
                alert(seq, "after the snapshot"),
                None,
            )])
            .await
            .expect("committed");
    }
    drop(store);
    let file = dir.path().join(STORE);
    (dir, file)
}

fn whole(store: &Store) {
    assert_eq!(
        (
            store.keys().len(),
            store.rules().len(),
            store.alerts().len()
        ),
        (1, 1, 20)
    );
}

#[tokio::test]
async fn a_damaged_store_is_set_aside_and_rebuilt_from_snapshot_and_journal() {
    let (dir, file) = filled().await;
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.clear(),
        |bytes| bytes.truncate(9_000),
        |bytes| bytes[4096..].fill(0x5A),
        |bytes| bytes[..64].fill(0),
    ];
    for (round, damage) in damages.into_iter().enumerate() {
        let mut bytes = fs::read(&file).expect("read");
        damage(&mut bytes);
        fs::write(&file, bytes).expect("written");
        let (store, recovery) = open(dir.path());
        let lost = recovery.lost.expect("the loss is told");
        assert!(
            lost.contains("rebuilt from snapshot-") && lost.contains(CORRUPT),
            "{lost}"
        );
        whole(&store);
        assert_eq!(
            starting_with(dir.path(), CORRUPT).len(),
            (round + 1).min(CORRUPT_KEPT)
        );
        drop(store);

        let (store, recovery) = open(dir.path());
        assert_eq!(
            recovery.lost.as_deref(),
            Some(&*lost),
            "told again until it was told"
        );
        assert_eq!(store.health().borrow().lost.as_deref(), Some(&*lost));
        store.loss_reported().await.expect("told");
        drop(store);
        assert_eq!(open(dir.path()).1.lost, None);
    }
}

#[tokio::test]
async fn any_flipped_byte_loses_nothing_or_is_told() {
    // `whole` asserts, after each.
    let (dir, file) = filled().await;
    let good = fs::read(&file).expect("read");
    let kept: Vec<_> = fs::read_dir(dir.path())
        .expect("read")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    let saved: Vec<_> = kept
        .iter()
        .map(|path| (path, fs::read(path).expect("read")))
        .collect();
    // A stride through the header, a wider one through the pages.
    for place in (0..320).step_by(7).chain((320..good.len()).step_by(1_511)) {
        for path in fs::read_dir(dir.path()).expect("read").flatten() {
            fs::remove_file(path.path()).expect("removed");
        }
        for (path, bytes) in &saved {
            fs::write(path, bytes).expect("written");
        }
        let mut bytes = good.clone();
        bytes[place] ^= 0xFF;
        fs::write(&file, bytes).expect("written");
        let (store, _) = open(dir.path());
        whole(&store);
    }
}

#[tokio::test]
async fn the_older_snapshot_serves_when_the_newer_is_damaged() {
    let (dir, file) = filled().await;
    let (store, _) = open(dir.path());
    store
        .commit(vec![Change::DeleteAlert(0)])
        .await
        .expect("committed");
    store.snapshot().await.expect("snapshot");
    store
        .commit(vec![Change::DeleteAlert(1)])
        .await
        .expect("committed");
    drop(store);
    let snapshots = starting_with(dir.path(), "snapshot-");
    assert_eq!(snapshots.len(), 2);
    fs::write(&snapshots[1], b"nothing").expect("written");
    fs::write(&file, b"nothing").expect("written");
    let (store, recovery) = open(dir.path());
    assert!(recovery.lost.is_some());
    assert_eq!(
        store.alerts().len(),
        18,
        "the journals of both generations lead to now"
    );
}

#[tokio::test]
async fn a_missing_store_is_not_a_new_one_and_an_empty_start_is_told() {
    let (dir, file) = filled().await;
    fs::remove_file(&file).expect("removed");
    let (store, recovery) = open(dir.path());
    assert!(recovery.lost.expect("told").contains("missing") && !recovery.created);
    whole(&store);
    drop(store);

    for path in starting_with(dir.path(), "snapshot-")
        .into_iter()
        .chain(starting_with(dir.path(), "journal-"))
    {
        fs::write(path, b"").expect("written");
    }
    fs::write(&file, b"nothing").expect("written");
    let (store, recovery) = open(dir.path());
    assert!(
        recovery
            .lost
            .expect("told")
            .contains("all keys, alerts, rules")
    );
    assert!(store.keys().is_empty() && store.alerts().is_empty());
}

/// A kill between redb's commit and the journal's leaves this: whoever is shown
/// the newest commit by the next start must find it after a torn store, too.
#[tokio::test]
async fn what_is_shown_is_there_twice_from_the_first_moment() {
    let (dir, _) = filled().await;
    let behind = starting_with(dir.path(), "journal-")
        .pop()
        .expect("a journal");
    let bytes = fs::read(&behind).expect("read");
    // Its last entry did not come whole.
    let last = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .expect("not empty");
    fs::write(&behind, &bytes[..last]).expect("written");
    let (store, recovery) = open(dir.path());
    // The writer has not been asked for anything.
    let killed = as_a_kill_leaves_it(dir.path());
    assert_eq!(recovery, Recovery::default());
    whole(&store);
    drop(store);
    whole(&from_the_second_copy(&killed));
}

/// A copy of the directory as it is at this moment.
fn as_a_kill_leaves_it(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("temporary directory");
    for entry in fs::read_dir(dir).expect("read").flatten() {
        fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
    }
    copy
}

/// The store that a torn file leads to.
fn from_the_second_copy(dir: &tempfile::TempDir) -> Store {
    fs::write(dir.path().join(STORE), b"torn").expect("written");
    let (store, recovery) = open(dir.path());
    assert!(
        recovery
            .lost
            .expect("told")
            .contains("rebuilt from snapshot-")
    );
    store
}

/// The journal is given up when the medium fails, and with it the second copy.
#[tokio::test]
async fn what_healed_is_there_twice_when_it_is_told() {
    use crate::faults::Fault;
    let (dir, _) = filled().await;
    let (store, _) = open(dir.path());
    let medium = store.open.state.medium.clone();
    store
        .commit(vec![Change::DeleteAlert(0)])
        .await
        .expect("committed");
    medium.faults.arm(0, u64::MAX, Fault::Error(30));
    assert!(store.commit(vec![Change::DeleteAlert(1)]).await.is_err());
    // What failed took the journal with it.
    for path in starting_with(dir.path(), "journal-") {
        fs::remove_file(path).expect("removed");
    }
    medium.faults.disarm();
    store
        .health()
        .wait_for(|health| health.healthy)
        .await
        .expect("healed by itself");
    let killed = as_a_kill_leaves_it(dir.path());
    assert_eq!(from_the_second_copy(&killed).alerts().len(), 19);
}

#[tokio::test]
async fn commits_the_card_lost_come_back_from_the_journal() {
    let (dir, file) = filled().await;
    let old = fs::read(&file).expect("read");
    let (store, _) = open(dir.path());
    store
        .commit(vec![Change::PutAlert(
            alert(77, "confirmed, then lost"),
            None,
        )])
        .await
        .expect("committed");
    drop(store);
    fs::write(&file, old).expect("written");
    let (store, recovery) = open(dir.path());
    assert!(
        recovery.mended.is_some() && recovery.lost.is_none(),
        "{recovery:?}"
    );
    assert_eq!(
        store.alerts().last(),
        Some(&alert(77, "confirmed, then lost"))
    );
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_stays_in_place() {
    let (dir, file) = filled().await;
    let medium = Arc::new(Medium::default());
    let (db, mirror) = super::super::disk::open(&file, &medium).expect("opened");
    let newer = super::super::mirror::Op {
        table: super::super::mirror::Table::Meta,
        key: b"schema".to_vec(),
        value: Some(super::super::codec::encode(&2_u64)),
    };
    super::super::disk::write(&db, mirror.seq + 1, &[newer]).expect("written");
    super::super::disk::close(db).expect("closed");
    let error = try_open(dir.path()).expect_err("newer").to_string();
    assert!(
        error.contains("newer gateway (schema 2, this one knows 1)"),
        "{error}"
    );
    assert!(
        file.exists() && starting_with(dir.path(), CORRUPT).is_empty(),
        "not set aside, not replaced"
    );
}

#[tokio::test]
async fn damage_while_running_is_put_right_from_memory() {
    let (dir, file) = filled().await;
    let (store, _) = open(dir.path());
    let mut bytes = fs::read(&file).expect("read");
    bytes[4096..].fill(0x77);
    // In place, as bad blocks are: the open file sees it.
    use std::os::unix::fs::FileExt;
    let written = fs::OpenOptions::new()
        .write(true)
        .open(&file)
        .expect("opened");
    written.write_all_at(&bytes, 0).expect("written");
    for seq in 100..130 {
        // Refused or made, but never lost once made.
        while store
            .commit(vec![Change::PutAlert(alert(seq, "meanwhile"), None)])
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(store.alerts().len(), 50);
    drop(store);
    let (store, _) = open(dir.path());
    assert_eq!(
        (
            store.keys().len(),
            store.rules().len(),
            store.alerts().len()
        ),
        (1, 1, 50)
    );
}

#[tokio::test]
async fn a_medium_that_takes_no_writes_is_read_and_heals() {
    use crate::faults::Fault;
    let (dir, _) = filled().await;
    let medium = Arc::new(Medium::default());
    medium.faults.arm(0, u64::MAX, Fault::Error(30));
    let (store, recovery) =
        Store::start(options(dir.path()), medium.clone()).expect("opened from a copy in memory");
    assert!(
        recovery.failing.is_some() && recovery.lost.is_none(),
        "{recovery:?}"
    );
    whole(&store);
    let mut health = store.health();
    health
        .wait_for(|health| !health.healthy && health.reason.is_some())
        .await
        .expect("told");
    let refused = store.commit(vec![Change::DeleteAlert(0)]).await;
    assert!(
        matches!(refused, Err(crate::StorageError::Unavailable(_))),
        "{refused:?}"
    );
    store.defer(vec![Change::History(history("height", 1..2))]);

    medium.faults.disarm();
    health
        .wait_for(|health| health.healthy)
        .await
        .expect("healed by itself");
    whole(&store);
    store
        .commit(vec![Change::DeleteAlert(0)])
        .await
        .expect("committed");
    drop(store);
    let (store, _) = open(dir.path());
    assert_eq!(
        (store.alerts().len(), store.history().len()),
        (19, 1),
        "what waited was written"
    );
}

#[tokio::test]
async fn deferred_changes_wait_while_the_medium_fails() {
    use crate::faults::Fault;
    let dir = tempfile::tempdir().expect("temporary directory");
    let medium = Arc::new(Medium::default());
    let (store, _) = Store::start(options(dir.path()), medium.clone()).expect("opened");
    medium.faults.arm(0, u64::MAX, Fault::Error(28));
    for minute in 0..5 {
        store.defer(vec![Change::History(history("height", minute..minute + 1))]);
        store.flush().await.expect("asked");
    }
    assert!(!store.stats().healthy && store.stats().failures > 0);
    medium.faults.disarm();
    store
        .health()
        .wait_for(|health| health.healthy)
        .await
        .expect("healed by itself");
    store.flush().await.expect("asked");
    assert_eq!(store.history()[0].steps.len(), 5);
}

#[tokio::test]
async fn blocks_that_stay_bad_are_left_behind() {
    let (dir, store) = fresh();
    store
        .commit(vec![Change::History(history("height", 1..2))])
        .await
        .expect("committed");
    let medium = store.open.state.medium.clone();
    medium.faults.wear_out(&dir.path().join(STORE));
    let refused = store
        .commit(vec![Change::PutAlert(alert(1, "refused"), None)])
        .await;
    assert!(refused.is_err(), "the first is refused");
    store
        .health()
        .wait_for(|health| health.healthy)
        .await
        .expect("healed by itself");
    assert_eq!(store.health().borrow().lost, None);
    store
        .commit(vec![Change::PutAlert(alert(2, "kept"), None)])
        .await
        .expect("committed");
    drop(store);
    let (store, recovery) = open(dir.path());
    assert_eq!(
        (recovery.lost, store.alerts().len(), store.history().len()),
        (None, 1, 1)
    );
}
