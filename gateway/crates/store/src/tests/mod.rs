//! Tests of the store as a whole.

mod budget;
mod evidence;
mod kill;
mod ledger;
mod life;
mod recovery;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::engine::Options;
use super::medium::Medium;
use super::records::samples;
use super::{AlertRecord, HistoryRecord, KeyId, KeyRecord, OpenError, Recovery, Store};

/// Batches and snapshots only when asked for; heals without waiting.
fn options(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        batch_interval: Duration::from_secs(3600),
        snapshot_interval: Duration::from_secs(3600),
        history_minutes: 1440,
        retry_min: Duration::ZERO,
    }
}

fn open(dir: &Path) -> (Store, Recovery) {
    try_open(dir).expect("the store opens")
}

fn try_open(dir: &Path) -> Result<(Store, Recovery), OpenError> {
    Store::start(options(dir), Arc::new(Medium::default()))
}

/// A fresh store in a fresh directory.
fn fresh() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (store, recovery) = open(dir.path());
    assert_eq!(
        recovery,
        Recovery {
            created: true,
            ..Recovery::default()
        }
    );
    (dir, store)
}

fn alert(seq: u64, message: &str) -> AlertRecord {
    AlertRecord {
        seq,
        message: message.to_owned(),
        ..samples::alert()
    }
}

fn key(number: u8, name: &str) -> KeyRecord {
    KeyRecord {
        id: KeyId([number; 32]),
        name: name.to_owned(),
        ..samples::key()
    }
}

fn history(metric: &str, minutes: std::ops::Range<u32>) -> HistoryRecord {
    let steps = minutes.map(|minute| (minute, 1.0, 2.0, 3.0)).collect();
    HistoryRecord {
        source: "drone_001".to_owned(),
        metric: metric.to_owned(),
        steps,
    }
}
