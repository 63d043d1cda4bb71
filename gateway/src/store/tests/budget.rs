//! The write budget, counted through the backend.
//!
//! A day of three drones and the board, ten alerts an hour (each raised,
//! cleared and resolved), usage counts and histories in batches of five
//! minutes, one snapshot. The numbers in the header of this room are from here.

use super::*;
use crate::store::{Change, StoreStats};

/// Goal for a day.
const BYTES_PER_DAY: u64 = 50 * 1024 * 1024;
const SERIES: u32 = 3 * 12 + 10;
const BATCHES: u32 = 24 * 12;
const ALERTS_PER_DAY: u64 = 240;

fn since(before: StoreStats, after: StoreStats) -> (u64, u64) {
    (after.bytes - before.bytes, after.syncs - before.syncs)
}

fn batch(number: u32) -> Vec<Change> {
    let minutes = number * 5..number * 5 + 5;
    let mut changes: Vec<_> = (0..SERIES)
        .map(|series| Change::History(history(&format!("metric_number_{series}"), minutes.clone())))
        .collect();
    changes.extend((0..4).map(|number| Change::PutKey(key(number, "key"))));
    changes
}

#[tokio::test]
async fn a_day_stays_inside_the_budget() {
    let (dir, store) = fresh();
    for number in 0..4 {
        store.commit(vec![Change::PutKey(key(number, "key"))]).await.expect("committed");
    }
    let start = store.stats();
    let (mut single, mut batched) = ((0, 0), (0, 0));
    let mut seq = 0;
    for number in 0..BATCHES {
        let before = store.stats();
        store.defer(batch(number));
        store.flush().await.expect("flushed");
        batched = since(before, store.stats());
        while seq * u64::from(BATCHES) < ALERTS_PER_DAY * u64::from(number) {
            seq += 1;
            for life in ["raised", "cleared", "resolved"] {
                let before = store.stats();
                store.commit(vec![Change::PutAlert(alert(seq, life))]).await.expect("committed");
                single = since(before, store.stats());
            }
        }
    }
    let before = store.stats();
    store.snapshot().await.expect("snapshot");
    let snapshot = since(before, store.stats());
    let day = since(start, store.stats());
    let file = std::fs::metadata(dir.path().join(super::super::dir::STORE)).expect("metadata").len();
    let report = format!(
        "commit {single:?}, batch {batched:?}, snapshot {snapshot:?}, day {day:?} (bytes, syncs); {} commits; file {file} bytes",
        store.stats().commits
    );
    assert!(day.0 < BYTES_PER_DAY, "{report}");
    if let Ok(path) = std::env::var("MFG_DRONE_BUDGET_REPORT") {
        std::fs::write(path, report).expect("report is written");
    }
}
