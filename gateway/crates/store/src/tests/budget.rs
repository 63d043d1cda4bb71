//! The write budget, counted through the backend.
//!
//! A day of three drones and the board, ten alerts an hour (each raised,
//! acknowledged and resolved), usage counts and histories in batches of five
//! minutes, one snapshot. The numbers in the header of this room are from here:
//!
//!     cargo test -p store tests::budget -- --nocapture

use super::*;
use crate::{Change, OutboxEvent, StoreStats};

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

/// A day as counted, and a text about it.
async fn day(notify: bool) -> (u64, String) {
    let (dir, store) = fresh();
    store.keep_outbox(notify);
    for number in 0..4 {
        store
            .commit(vec![Change::PutKey(key(number, "key"))])
            .await
            .expect("committed");
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
            for life in 0..3 {
                let before = store.stats();
                store
                    .commit(vec![stage(seq, life)])
                    .await
                    .expect("committed");
                single = since(before, store.stats());
                deliver(&store);
            }
        }
    }
    let before = store.stats();
    store.snapshot().await.expect("snapshot");
    let snapshot = since(before, store.stats());
    let day = since(start, store.stats());
    let file = std::fs::metadata(dir.path().join(super::super::dir::STORE))
        .expect("metadata")
        .len();
    let report = format!(
        "notify {notify}: commit {single:?}, batch {batched:?}, snapshot {snapshot:?}, day {day:?} (bytes, syncs); \
         {} commits; file {file} bytes",
        store.stats().commits
    );
    (day.0, report)
}

/// Alerts that can end in a day however much comes and goes (`alerting::damping`): so many
/// begin again, each in a commit of its own at the worst.
const ENDS_A_DAY: u64 = 348;

/// Beginnings besides: one for each thing that may be wrong at a time.
const FIRSTS: u64 = 100;

#[tokio::test]
async fn a_day_on_which_everything_comes_and_goes_stays_inside_the_budget() {
    let (_dir, store) = fresh();
    store.keep_outbox(true);
    let start = store.stats();
    for number in 0..BATCHES {
        store.defer(batch(number));
        store.flush().await.expect("flushed");
    }
    for seq in 0..ENDS_A_DAY + FIRSTS {
        for life in [0, 2] {
            if life == 2 && seq >= ENDS_A_DAY {
                continue; // it stands
            }
            store
                .commit(vec![stage(seq, life)])
                .await
                .expect("committed");
            deliver(&store);
        }
    }
    store.snapshot().await.expect("snapshot");
    let (bytes, syncs) = since(start, store.stats());
    assert!(bytes < BYTES_PER_DAY, "{bytes} bytes, {syncs} syncs");
    #[expect(clippy::print_stdout, reason = "the figure is what this is run for")]
    {
        println!("a day of flapping: {bytes} bytes, {syncs} syncs");
    }
}

/// An alert raised, acknowledged and resolved.
fn stage(seq: u64, life: usize) -> Change {
    let by = |wanted| (life >= wanted).then(|| (1_738_314_905_000_000, "admin".to_owned()));
    let events = [
        OutboxEvent::Raised,
        OutboxEvent::Acknowledged,
        OutboxEvent::Resolved,
    ];
    let record = AlertRecord {
        seq,
        acknowledged: by(1),
        resolved: by(2),
        ..samples::alert()
    };
    Change::PutAlert(record, Some(events[life]))
}

/// What the notifier defers for each notification that arrived.
fn deliver(store: &Store) {
    let mut after = store.delivered("hook").unwrap_or(0);
    while let Some((number, _)) = store.outbox_after(after) {
        store.defer(vec![
            Change::Delivered("hook".to_owned(), number),
            Change::DropOutbox(number),
        ]);
        after = number;
    }
}

#[tokio::test]
async fn a_day_stays_inside_the_budget() {
    let mut reports = String::new();
    for notify in [false, true] {
        let (bytes, report) = day(notify).await;
        assert!(bytes < BYTES_PER_DAY, "{report}");
        reports += &report;
        reports.push('\n');
    }
    // For those who keep the numbers in the header up to date.
    #[expect(clippy::print_stdout, reason = "the figures are what this is run for")]
    {
        println!("{reports}");
    }
}
