//! What searches have found, and how they went. Pure and bounded.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use readings::clock::Mono;

use super::detection::Detection;

/// Newest detections kept for people (contract 10.4).
const NEWEST: usize = 10;

/// A search that ended this short a while ago answers for the next one.
const STILL_GOOD: Duration = Duration::from_secs(2);

/// Figures of searches since start.
#[derive(Clone, Debug, Default)]
pub struct DiscoveryStats {
    /// Searches made.
    pub scans: u64,
    /// Drones found by them, each time counted.
    pub detections: u64,
    /// Searches that could not be made.
    pub failed: u64,
    /// Datagrams sent by searches and verifications.
    pub datagrams: u64,
    /// Mean length of a search.
    pub mean_scan: Duration,
    /// When the last search ended.
    pub last_scan: Option<Timestamp>,
}

/// The last search, as far as it answers for others.
struct Last {
    ended: Mono,
    patience: Duration,
    complete: bool,
}

/// The record of searches.
#[derive(Default)]
pub(super) struct Book {
    stats: DiscoveryStats,
    scanned: Duration,
    found: Vec<Detection>,
    newest: VecDeque<Detection>,
    last: Option<Last>,
}

impl Book {
    /// Notes a search that ended `now`.
    pub(super) fn note(
        &mut self,
        found: &[Detection],
        took: Duration,
        patience: Duration,
        complete: bool,
        at: (Mono, Timestamp),
    ) {
        self.stats.scans += 1;
        self.stats.detections += found.len() as u64;
        self.stats.last_scan = Some(at.1);
        self.scanned += took;
        self.stats.mean_scan = self.scanned.div_f64(self.stats.scans as f64);
        for detection in found {
            self.newest.push_front(detection.clone());
        }
        self.newest.truncate(NEWEST);
        self.found = found.to_vec();
        self.last = Some(Last {
            ended: at.0,
            patience,
            complete,
        });
    }

    /// Notes that a search could not be made.
    pub(super) fn note_failure(&mut self) {
        self.stats.failed += 1;
    }

    /// Counts what was sent.
    pub(super) fn count_sent(&mut self, datagrams: u64) {
        self.stats.datagrams += datagrams;
    }

    /// What the last search found, when that was a moment ago and it looked at
    /// least as hard as one of `patience` would.
    pub(super) fn still_good(&self, patience: Duration, now: Mono) -> Option<Vec<Detection>> {
        let last = self.last.as_ref()?;
        let is_good =
            now.since(last.ended) < STILL_GOOD && (last.complete || last.patience >= patience);
        is_good.then(|| self.found.clone())
    }

    /// What the last search found.
    pub(super) fn found(&self) -> &[Detection] {
        &self.found
    }

    /// The newest detections, newest first.
    pub(super) fn newest(&self) -> Vec<Detection> {
        self.newest.iter().cloned().collect()
    }

    pub(super) fn stats(&self) -> &DiscoveryStats {
        &self.stats
    }
}
