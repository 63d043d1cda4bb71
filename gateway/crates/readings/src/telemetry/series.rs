//! The history of one metric of one source: two rings of fixed size.
//!
//! Pure: time comes in as a [`Frame`] and a [`Mono`]. Memory is taken by
//! [`Series::default`] and never again.

use std::collections::VecDeque;

use super::timeline::{Frame, MINUTE_MS, SECOND_MS};
use super::{MINUTES_KEPT, Point, SECONDS_KEPT};
use crate::clock::Mono;

/// A finished step: 16 bytes, because a gateway keeps millions.
#[derive(Clone, Copy)]
struct Step {
    /// Step number of this run, or minutes since 1970 for a restored step.
    key: u32,
    min: f32,
    mean: f32,
    max: f32,
}

/// The step that readings still fall into.
struct Filling {
    key: u32,
    min: f64,
    max: f64,
    sum: f64,
    count: u64,
}

/// Both resolutions of one metric.
pub(super) struct Series {
    seconds: Track,
    minutes: Track,
}

impl Default for Series {
    fn default() -> Self {
        Series {
            seconds: Track::new(SECOND_MS, SECONDS_KEPT),
            minutes: Track::new(MINUTE_MS, MINUTES_KEPT),
        }
    }
}

impl Series {
    pub(super) fn add(&mut self, frame: &Frame, now: Mono, value: f64) {
        self.seconds.add(frame.step(now, SECOND_MS), value);
        self.minutes.add(frame.step(now, MINUTE_MS), value);
    }

    pub(super) fn seconds(&self, frame: &Frame, count: usize, points: &mut Vec<Point>) {
        self.seconds.window(frame, count, points);
    }

    pub(super) fn minutes(&self, frame: &Frame, count: usize, points: &mut Vec<Point>) {
        self.minutes.window(frame, count, points);
    }

    pub(super) fn restore(&mut self, steps: &[(u32, f32, f32, f32)]) {
        for &(key, min, mean, max) in steps {
            // Also refuses NaN: what was stored by a fault stays out.
            if min <= mean && mean <= max && min.is_finite() && max.is_finite() {
                self.minutes.restore(Step {
                    key,
                    min,
                    mean,
                    max,
                });
            }
        }
    }

    pub(super) fn drain(&mut self, frame: &Frame, now: Mono) -> Vec<(u32, f32, f32, f32)> {
        self.minutes.drain(frame, frame.step(now, MINUTE_MS))
    }
}

/// One ring: restored steps first, then those of this run, each ascending.
struct Track {
    step_ms: u64,
    capacity: usize,
    steps: VecDeque<Step>,
    /// How many of `steps`, from the front, were restored.
    restored: usize,
    filling: Option<Filling>,
    /// First step number of this run not drained yet.
    undrained: u32,
}

impl Track {
    fn new(step_ms: u64, capacity: usize) -> Track {
        Track {
            step_ms,
            capacity,
            steps: VecDeque::with_capacity(capacity),
            restored: 0,
            filling: None,
            undrained: 0,
        }
    }

    fn add(&mut self, key: u32, value: f64) {
        match &mut self.filling {
            // `<`: a batch that lost the race for the lock counts to the later step.
            Some(filling) if key <= filling.key => {
                filling.min = filling.min.min(value);
                filling.max = filling.max.max(value);
                filling.sum += value;
                filling.count += 1;
            }
            _ => {
                self.finish();
                self.filling = Some(Filling {
                    key,
                    min: value,
                    max: value,
                    sum: value,
                    count: 1,
                });
            }
        }
    }

    fn finish(&mut self) {
        if let Some(filling) = self.filling.take() {
            self.make_room();
            self.steps.push_back(filling.step());
        }
    }

    fn make_room(&mut self) {
        if self.steps.len() == self.capacity {
            self.steps.pop_front();
            self.restored = self.restored.saturating_sub(1);
        }
    }

    fn restore(&mut self, step: Step) {
        if self.steps.len() > self.restored || self.filling.is_some() {
            return;
        }
        match self.steps.binary_search_by_key(&step.key, |step| step.key) {
            Ok(at) => self.steps[at] = step,
            // Full, and older than everything in the ring.
            Err(0) if self.steps.len() == self.capacity => {}
            Err(_) => {
                self.make_room();
                let at = self.steps.partition_point(|other| other.key < step.key);
                self.steps.insert(at, step);
                self.restored = self.steps.len();
            }
        }
    }

    /// The steps of the last `count` step lengths, oldest first.
    fn window(&self, frame: &Frame, count: usize, points: &mut Vec<Point>) {
        let newest = frame.newest_step(self.step_ms);
        let last = frame.stamp(newest, self.step_ms);
        let first = last - count as i64 + 1;
        let filling = self.filling.as_ref().map(Filling::step);
        let this_run = || self.steps.iter().skip(self.restored).chain(&filling);
        // A restored stamp at or after this run's first is the work of a clock
        // that jumped, or the minute of a restart: this run wins.
        let run_begins = this_run()
            .next()
            .map_or(last, |step| frame.stamp(step.key, self.step_ms));
        let restored = self
            .steps
            .iter()
            .take(self.restored)
            .map(|step| (i64::from(step.key), step));
        let restored = restored.filter(|(stamp, _)| *stamp < run_begins);
        let this_run = this_run().map(|step| (frame.stamp(step.key, self.step_ms), step));
        let wanted = restored
            .chain(this_run)
            .filter(|(stamp, _)| *stamp >= first);
        points.extend(wanted.map(|(stamp, step)| Point {
            epoch_s: (stamp * (self.step_ms / 1000) as i64) as f64,
            min: step.min,
            mean: step.mean,
            max: step.max,
        }));
    }

    fn drain(&mut self, frame: &Frame, current: u32) -> Vec<(u32, f32, f32, f32)> {
        if self
            .filling
            .as_ref()
            .is_some_and(|filling| filling.key < current)
        {
            self.finish();
        }
        let from = self.undrained;
        self.undrained = current.max(from);
        let finished = self
            .steps
            .iter()
            .skip(self.restored)
            .filter(|step| step.key >= from && step.key < current);
        finished
            .filter_map(|step| {
                let minute = u32::try_from(frame.stamp(step.key, self.step_ms)).ok()?;
                Some((minute, step.min, step.mean, step.max))
            })
            .collect()
    }
}

impl Filling {
    fn step(&self) -> Step {
        // Clamped: rounding of a long sum must not put the mean outside.
        let mean = (self.sum / self.count as f64).clamp(self.min, self.max);
        Step {
            key: self.key,
            min: self.min as f32,
            mean: mean as f32,
            max: self.max as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(track: &Track) -> Vec<u32> {
        track.steps.iter().map(|step| step.key).collect()
    }

    fn restore(track: &mut Track, key: u32) {
        let (min, mean, max) = (1.0, 1.0, 1.0);
        track.restore(Step {
            key,
            min,
            mean,
            max,
        });
    }

    #[test]
    fn a_full_ring_lets_the_oldest_go_and_takes_no_more_memory() {
        let mut track = Track::new(SECOND_MS, 3);
        let taken = track.steps.capacity();
        for key in [11, 10, 12, 13] {
            restore(&mut track, key);
        }
        assert_eq!(keys(&track), [11, 12, 13]);
        restore(&mut track, 10);
        assert_eq!(keys(&track), [11, 12, 13], "older than all that is kept");
        for key in 0..5 {
            track.add(key, 1.0);
        }
        assert_eq!(keys(&track), [1, 2, 3], "and the one that is filling");
        assert_eq!((track.restored, track.steps.capacity()), (0, taken));
    }
}
