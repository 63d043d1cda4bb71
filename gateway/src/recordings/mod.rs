//! Flights kept: each flight of each drone becomes a recording, from half a minute before
//! its take-off to the ground or its last word.
//!
//! A thread of its own looks four times a second at what the drones, the events and the
//! alerts say, and writes what is news; state datagrams wait for it in a ring a drone
//! (`tap`). What it cannot write costs the recording and never the flight: that is an
//! alert. Must never be waited for by a source or a rule.

mod compare;
mod export;
mod flight;
mod measured;
mod payload;
mod recorder;
mod round;
mod tap;
mod track;
mod trail;
mod video;

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use readings::clock::Mono;
use recording::Library;
use tokio::sync::watch;

pub(crate) use compare::{Firing, compare};
pub(crate) use export::{Format, NotExported, export};
pub(crate) use recorder::{Observed, spawn};
pub(crate) use tap::StateTap;
pub(crate) use trail::number as trail_number;

/// What the API and the page of metrics see of the recordings.
pub(crate) struct Recordings {
    /// None while they are off, or the medium has refused so far.
    library: OnceLock<Arc<Library>>,
    is_on: bool,
    stats: RecorderStats,
    stop: AtomicBool,
    ended: watch::Sender<bool>,
}

/// Counts since start.
#[derive(Debug, Default)]
struct RecorderStats {
    /// Flights that are being recorded now.
    active: AtomicU64,
    /// Datagrams, events and alerts that no recording has, although one was being written.
    lost: AtomicU64,
    /// Times that a recording was refused or cut short.
    refused: AtomicU64,
    /// Lines of the audit trail that no signed file has.
    trail_lost: AtomicU64,
}

impl Recordings {
    fn new(is_on: bool) -> Arc<Recordings> {
        Arc::new(Recordings {
            library: OnceLock::new(),
            is_on,
            stats: RecorderStats::default(),
            stop: AtomicBool::new(false),
            ended: watch::Sender::new(!is_on),
        })
    }

    /// Whether flights are recorded at all.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// The recordings; none while they are off, or the medium has refused so far.
    pub(crate) fn library(&self) -> Option<&Arc<Library>> {
        self.library.get()
    }

    /// Ends what is being recorded, and the thread; returns when that is done.
    pub(crate) async fn stop(&self, patience: Duration) {
        self.stop.store(true, Relaxed);
        let mut ended = self.ended.subscribe();
        let done = ended.wait_for(|ended| *ended);
        if tokio::time::timeout(patience, done).await.is_err() {
            tracing::warn!("recordings are ended at the next start: the medium takes too long");
        }
    }
}

/// What budgets count hours by.
fn since_start() -> Duration {
    Duration::from_millis(Mono::now().as_millis())
}
