//! Latest values and fixed-size histories of every source and metric.
//!
//! Fed by every source through [`Telemetry::publish`], read by the API, the
//! WebSocket and `/metrics`. All memory is taken when a source first reports a
//! metric and never grows after that. This room must never do I/O or read a
//! clock.
//!
//! Every metric keeps a history, flags too: the mean of a flag is the share of
//! the step during which it was set. Steps are placed by the monotonic clock
//! and stamped with the wall clock when they are read (see `timeline`), so a
//! jump of the wall clock moves all stamps of this run together and can neither
//! reorder nor tear a history.

mod series;
mod timeline;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::clock::Mono;
use crate::{MAX_SOURCES, METRIC_COUNT, Metric, Reading, SourceId, Sources};
use series::Series;
use timeline::Timeline;

/// One-second steps kept of each series: ten minutes.
pub const SECONDS_KEPT: usize = 600;
/// One-minute steps kept of each series: a day.
pub const MINUTES_KEPT: usize = 1440;
/// Most series with a history. One costs 32 KiB, so all of them 32 MiB: room
/// for 64 drones with their metrics, the board and its bridge sensors. Beyond
/// it a metric has a latest value and rules but no history, and is counted.
const MAX_SERIES: usize = 1024;

/// The newest value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latest {
    /// In the metric's unit.
    pub value: f64,
    /// When it was published.
    pub at: Mono,
}

/// One step of a history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Start of the step, seconds since 1970.
    pub epoch_s: f64,
    /// Least value in the step.
    pub min: f32,
    /// Mean value in the step.
    pub mean: f32,
    /// Greatest value in the step.
    pub max: f32,
}

/// Finished minutes of one series, on their way to the medium.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedMinutes {
    /// Name of the source: its id holds for this run only.
    pub source: String,
    /// What was measured.
    pub metric: Metric,
    /// Minutes since 1970, with minimum, mean and maximum.
    pub steps: Vec<(u32, f32, f32, f32)>,
}

/// Counters for `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TelemetryStats {
    /// Readings taken.
    pub readings: u64,
    /// Readings refused because their value was not a finite number.
    pub not_finite: u64,
    /// Series that have a history, of at most 1,024.
    pub series: usize,
    /// Series without a history because as many as can have one already.
    pub series_refused: u64,
    /// Jumps of the wall clock seen since the first reading.
    pub clock_jumps: u64,
}

/// Latest values and histories.
pub struct Telemetry {
    sources: Arc<Sources>,
    timeline: Timeline,
    /// One lock a source, so that drones do not wait for each other.
    slots: Box<[Mutex<Slot>]>,
    series: AtomicUsize,
    readings: AtomicU64,
    not_finite: AtomicU64,
    series_refused: AtomicU64,
}

/// What is kept of one source.
struct Slot {
    latest: [Option<Latest>; METRIC_COUNT],
    histories: [History; METRIC_COUNT],
}

enum History {
    /// The metric was never reported.
    None,
    Kept(Box<Series>),
    /// Reported when `MAX_SERIES` was reached; counted once.
    Refused,
}

impl Telemetry {
    /// Empty telemetry over `sources`.
    #[must_use]
    pub fn new(sources: Arc<Sources>) -> Telemetry {
        let slot = || Slot {
            latest: [None; METRIC_COUNT],
            histories: [const { History::None }; METRIC_COUNT],
        };
        Telemetry {
            sources,
            timeline: Timeline::default(),
            slots: (0..MAX_SOURCES).map(|_| Mutex::new(slot())).collect(),
            series: AtomicUsize::new(0),
            readings: AtomicU64::new(0),
            not_finite: AtomicU64::new(0),
            series_refused: AtomicU64::new(0),
        }
    }

    /// Takes a batch of readings of one source. Allocates nothing once the
    /// source has reported each of its metrics.
    pub fn publish(&self, source: SourceId, readings: &[Reading], now: Mono, wall: Timestamp) {
        let frame = self.timeline.observe(now, wall);
        let mut refused = 0;
        let mut slot = self.slot(source);
        for reading in readings {
            if !reading.value.is_finite() {
                refused += 1;
                continue;
            }
            let latest = &mut slot.latest[reading.metric.index()];
            // Batches of one source may be published by two threads; the later
            // one stays the newest whoever takes the lock first.
            if latest.is_none_or(|latest| latest.at <= now) {
                *latest = Some(Latest {
                    value: reading.value,
                    at: now,
                });
            }
            if let Some(series) = self.series_of(&mut slot, reading.metric) {
                series.add(&frame, now, reading.value);
            }
        }
        drop(slot);
        self.readings
            .fetch_add(readings.len() as u64 - refused, Ordering::Relaxed);
        self.not_finite.fetch_add(refused, Ordering::Relaxed);
    }

    /// Forgets what is kept of a source whose place another one takes.
    pub fn forget(&self, source: SourceId) {
        let mut slot = self.slot(source);
        slot.latest.fill(None);
        for history in &mut slot.histories {
            if let History::Kept(_) = std::mem::replace(history, History::None) {
                self.series.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// The newest value, however old; see [`Latest::at`].
    #[must_use]
    pub fn latest(&self, source: SourceId, metric: Metric) -> Option<Latest> {
        self.slot(source).latest[metric.index()]
    }

    /// The one-minute steps of the last `minutes` minutes (at most
    /// [`MINUTES_KEPT`]), oldest first; the last one is still filling.
    ///
    /// Stamps are whole minutes, strictly ascending. A minute without a reading
    /// has no step, so neighbours are 60 s apart or, over a gap, a multiple.
    #[must_use]
    pub fn minutes(&self, source: SourceId, metric: Metric, minutes: usize) -> Vec<Point> {
        self.window(source, metric, minutes.min(MINUTES_KEPT), Series::minutes)
    }

    /// The one-second steps of the last `seconds` seconds (at most
    /// [`SECONDS_KEPT`]), oldest first; gaps as for [`Telemetry::minutes`].
    #[must_use]
    pub fn seconds(&self, source: SourceId, metric: Metric, seconds: usize) -> Vec<Point> {
        self.window(source, metric, seconds.min(SECONDS_KEPT), Series::seconds)
    }

    /// Takes stored minute steps (minutes since 1970, minimum, mean, maximum)
    /// back into a series that has no reading of this run yet; later calls for
    /// it are ignored. Steps may come in any order; of two with the same minute
    /// the later call's wins.
    pub fn restore(&self, source: SourceId, metric: Metric, steps: &[(u32, f32, f32, f32)]) {
        let mut slot = self.slot(source);
        if let Some(series) = self.series_of(&mut slot, metric) {
            series.restore(steps);
        }
    }

    /// The minutes that ended before `now` and were not handed out before, for
    /// storing in one batch.
    ///
    /// Empty while the wall clock is plainly wrong (before 2024): those minutes
    /// wait in their rings until the clock is set and are stamped with it then.
    #[must_use]
    pub fn drain_minutes(&self, now: Mono) -> Vec<FinishedMinutes> {
        let frame = self.timeline.frame();
        if !frame.is_plausible(now) {
            return Vec::new();
        }
        let mut finished = Vec::new();
        for source in self.sources.iter() {
            let mut slot = self.slot(source.id);
            for metric in Metric::ALL {
                let History::Kept(series) = &mut slot.histories[metric.index()] else {
                    continue;
                };
                let steps = series.drain(&frame, now);
                if !steps.is_empty() {
                    finished.push(FinishedMinutes {
                        source: source.name.to_string(),
                        metric: *metric,
                        steps,
                    });
                }
            }
        }
        finished
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> TelemetryStats {
        TelemetryStats {
            readings: self.readings.load(Ordering::Relaxed),
            not_finite: self.not_finite.load(Ordering::Relaxed),
            series: self.series.load(Ordering::Relaxed),
            series_refused: self.series_refused.load(Ordering::Relaxed),
            clock_jumps: self.timeline.jumps(),
        }
    }

    fn window(
        &self,
        source: SourceId,
        metric: Metric,
        count: usize,
        read: fn(&Series, &timeline::Frame, usize, &mut Vec<Point>),
    ) -> Vec<Point> {
        let frame = self.timeline.frame();
        // Taken before the lock: a publisher never waits for the allocator.
        let mut points = Vec::with_capacity(count);
        if let History::Kept(series) = &self.slot(source).histories[metric.index()] {
            read(series, &frame, count, &mut points);
        }
        points
    }

    /// The series of `metric`, made when there is room for it.
    fn series_of<'a>(&self, slot: &'a mut Slot, metric: Metric) -> Option<&'a mut Series> {
        let history = &mut slot.histories[metric.index()];
        if matches!(history, History::None) {
            let room = self
                .series
                .try_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                    (taken < MAX_SERIES).then_some(taken + 1)
                });
            *history = match room {
                Ok(_) => History::Kept(Box::default()),
                Err(_) => {
                    self.series_refused.fetch_add(1, Ordering::Relaxed);
                    History::Refused
                }
            };
        }
        match history {
            History::Kept(series) => Some(series),
            History::None | History::Refused => None,
        }
    }

    fn slot(&self, source: SourceId) -> MutexGuard<'_, Slot> {
        // A slot is valid after every statement above: a panic elsewhere must
        // not silence a source for ever.
        self.slots[source.index()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
