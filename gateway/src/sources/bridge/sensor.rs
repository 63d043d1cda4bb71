//! One sensor behind a bridge: what it is, what it is worth now.
//!
//! Pure: takes `now` in milliseconds on the gateway's monotonic clock. A value
//! is dated by when the board measured it, not by when it arrived: what waited
//! in a buffer is as old as it is.

use std::sync::Arc;

use firmware_bridge::sensor::{Fault, Sensor};
use readings::{Metric, Reading, SourceId};

use super::mapping::{decimal, metric_of};
use crate::sources::loss::{LossChange, LossDetector};

/// Intervals without a reading after which a value is stale: two may be lost on
/// a bad line.
const INTERVALS_TO_STALE: u64 = 3;
/// Least age at which a value is stale: a busy board may pause.
const LEAST_MAX_AGE_MS: u64 = 2_000;
/// How long a sensor must be without a value before that is told, and with one
/// again before that is.
const PATIENCE_MS: (u64, u64) = (10_000, 10_000);

/// Every fault, refused or not, and silence.
const MAX_CAUSES: usize = 8;

/// What a sensor is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Described {
    /// Its name, made harmless.
    pub name: String,
    /// The source it is published as.
    pub source_name: Arc<str>,
    /// That source; none when there was no room for it.
    pub source: Option<SourceId>,
    /// What rules see it as.
    pub metric: Metric,
    /// What the board says of it.
    pub sensor: Sensor,
}

/// A sensor and its newest value.
#[derive(Clone, Debug)]
pub(super) struct SensorRecord {
    pub what: Arc<Described>,
    /// Value and when it was measured.
    pub last: Option<(f64, u64)>,
    pub fault: Option<Fault>,
    /// The value that is the fault, when the board sent one the sensor cannot give.
    pub refused: Option<f32>,
    pub readings: u64,
    pub faults: u64,
    /// Milliseconds between two readings as the configuration wants them.
    interval_ms: u64,
    /// When the board became known; before its first interval is over, a
    /// sensor without a value is only young.
    since_ms: u64,
    /// Whether it had a value in this run: the first one ends a loss of the last run.
    proven: bool,
    /// Values and failures when it was looked at last.
    counted: (u64, u64),
    /// Whether it failed more often than not since: a value now and then is no sensor.
    mostly_fails: bool,
    guard: LossDetector,
    /// What its loss was told as last, and all it was told as: how it fails, and whether by a
    /// value that is refused.
    told: Option<(Freshness, bool)>,
    causes: heapless::Vec<(Freshness, bool), MAX_CAUSES>,
    /// Whether it is lost by another cause than any that was told.
    pub is_news: bool,
}

/// What a sensor is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    Fresh,
    /// It failed, and how.
    Failed(Fault),
    /// It was not heard of in time.
    Silent,
    /// Its board became known a moment ago.
    NotYetRead,
}

impl SensorRecord {
    /// A sensor of a board that became known at `now_ms`, with what was known of
    /// the one of the same name before.
    pub(super) fn new(
        name: String,
        source_name: Arc<str>,
        source: Option<SourceId>,
        sensor: &Sensor,
        interval_ms: u32,
        now_ms: u64,
        before: Option<&SensorRecord>,
    ) -> SensorRecord {
        let what = Described {
            name,
            source_name,
            source,
            metric: metric_of(sensor),
            sensor: sensor.clone(),
        };
        SensorRecord {
            what: Arc::new(what),
            // A board that was flashed anew may measure something else by that name.
            last: before
                .filter(|slot| {
                    let was = &slot.what.sensor;
                    (was.kind, was.unit) == (sensor.kind, sensor.unit)
                })
                .and_then(|slot| slot.last),
            fault: None,
            refused: None,
            readings: before.map_or(0, |slot| slot.readings),
            faults: before.map_or(0, |slot| slot.faults),
            interval_ms: interval_ms.into(),
            since_ms: now_ms,
            proven: before.is_some_and(|slot| slot.proven),
            counted: before.map_or((0, 0), |slot| (slot.readings, slot.faults)),
            mostly_fails: false,
            guard: before.map_or_else(LossDetector::default, |slot| slot.guard),
            told: before.and_then(|slot| slot.told),
            causes: before.map_or_else(heapless::Vec::new, |slot| slot.causes.clone()),
            is_news: false,
        }
    }

    /// Takes a value; what is to be published, if it is plausible. Allocates nothing.
    pub(super) fn read(&mut self, value: f32, at_ms: u64) -> Option<(SourceId, Reading)> {
        let Some(reading) = Reading::plausible(self.what.metric, decimal(value)) else {
            self.refuse(value);
            return None;
        };
        self.readings += 1;
        self.last = Some((reading.value, at_ms));
        self.fault = None;
        Some((self.what.source?, reading))
    }

    /// Takes a value that the sensor cannot give.
    pub(super) fn refuse(&mut self, value: f32) {
        self.fail(Fault::OutOfRange);
        self.refused = Some(value);
    }

    /// Takes a failure.
    pub(super) fn fail(&mut self, fault: Fault) {
        self.faults += 1;
        self.fault = Some(fault);
        self.refused = None;
    }

    /// What it is worth while its board is known.
    pub(super) fn freshness(&self, now_ms: u64) -> Freshness {
        let max_age_ms = (self.interval_ms * INTERVALS_TO_STALE).max(LEAST_MAX_AGE_MS);
        let young = |since: u64| now_ms.saturating_sub(since) <= max_age_ms;
        match (self.fault, self.last) {
            (Some(fault), _) => Freshness::Failed(fault),
            (None, Some((_, at_ms))) if young(at_ms) => Freshness::Fresh,
            (None, _) if young(self.since_ms) => Freshness::NotYetRead,
            (None, _) => Freshness::Silent,
        }
    }

    /// What is to be told of it while its board is known.
    pub(super) fn change(&mut self, now_ms: u64) -> Option<LossChange> {
        let freshness = self.freshness(now_ms);
        if freshness == Freshness::NotYetRead {
            return None;
        }
        let now = (self.readings, self.faults);
        let before = std::mem::replace(&mut self.counted, now);
        self.mostly_fails = now.1 - before.1 > now.0 - before.0;
        let is_well = freshness == Freshness::Fresh && !self.mostly_fails;
        // One whose loss was told has to stay well before it is back, the first time too.
        let is_first = is_well && !std::mem::replace(&mut self.proven, true);
        if is_first && !self.guard.is_lost() {
            return Some(LossChange::Back);
        }
        let change = self.guard.observe(is_well, now_ms, PATIENCE_MS);
        // It is lost by another reason now: its alert takes those words.
        let now = Some((freshness, self.refused.is_some()));
        let is_other = self.is_lost() && freshness != Freshness::Fresh && self.told != now;
        let change = change.or(is_other.then_some(LossChange::Lost));
        match change {
            Some(LossChange::Lost) => self.tell(now),
            Some(LossChange::Back) => {
                self.told = None;
                self.causes.clear();
            }
            None => {}
        }
        change
    }

    /// Its loss is told as that. The first cause is news to nobody who has seen the alert of
    /// the run before.
    fn tell(&mut self, cause: Option<(Freshness, bool)>) {
        self.told = cause;
        let Some(cause) = cause.filter(|cause| !self.causes.contains(cause)) else {
            self.is_news = false;
            return;
        };
        self.is_news = !self.causes.is_empty();
        // There are no more than fit.
        let _ = self.causes.push(cause);
    }

    /// Why it has no value, or hardly any, while its board is known; for people.
    pub(super) fn why(&self, now_ms: u64) -> String {
        let sensor = &self.what.sensor;
        let (unit, min, max) = (sensor.unit.symbol(), sensor.min, sensor.max);
        match (self.freshness(now_ms), self.refused) {
            (Freshness::Failed(_), Some(value)) => {
                format!("its value {value} {unit} is refused: it gives {min} to {max} {unit}")
            }
            (Freshness::Failed(fault), None) => fault_text(fault).to_owned(),
            (Freshness::NotYetRead, _) => "not read yet".to_owned(),
            (Freshness::Fresh, Some(value)) if self.mostly_fails => format!(
                "most of its values are refused, such as {value} {unit}: it gives {min} to {max} {unit}"
            ),
            (Freshness::Fresh, _) if self.mostly_fails => "it fails more often than not".to_owned(),
            (Freshness::Silent | Freshness::Fresh, _) => {
                "no reading arrives, although the board answers".to_owned()
            }
        }
    }

    /// Whether its loss was told and stands.
    pub(super) fn is_lost(&self) -> bool {
        self.guard.is_lost()
    }
}

/// Why a sensor has no value, for people.
fn fault_text(fault: Fault) -> &'static str {
    match fault {
        Fault::Absent => "the sensor does not answer; check its wiring",
        Fault::OutOfRange => {
            "the value is outside what the sensor can give: a broken wire or a short"
        }
        Fault::Corrupt => {
            "the sensor's answer fails its own check; check wiring and length of the cable"
        }
    }
}

#[cfg(test)]
mod tests {
    use firmware_bridge::sensor::{SensorKind, Unit};

    use super::*;
    use readings::{SourceKind, Sources};

    fn every(interval_ms: u32) -> SensorRecord {
        let sources = Sources::default();
        let source = sources
            .register("bridge/m/v", SourceKind::Bridge)
            .expect("room");
        let sensor = Sensor {
            name: "v".into(),
            kind: SensorKind::Voltage,
            unit: Unit::Volt,
            min: 0.0,
            max: 26.0,
            interval_ms,
        };
        SensorRecord::new(
            "v".to_owned(),
            "bridge/m/v".into(),
            Some(source),
            &sensor,
            interval_ms,
            0,
            None,
        )
    }

    #[test]
    fn a_value_is_fresh_while_it_is_young_and_nothing_failed() {
        let mut slot = every(500);
        assert_eq!(slot.freshness(2_000), Freshness::NotYetRead);
        assert_eq!(slot.freshness(2_001), Freshness::Silent);
        let (_, reading) = slot.read(11.1, 3_000).expect("plausible");
        assert_eq!((reading.metric, reading.value), (Metric::Voltage, 11.1));
        assert_eq!(slot.freshness(5_000), Freshness::Fresh);
        assert_eq!(slot.freshness(5_001), Freshness::Silent);
        slot.fail(Fault::Absent);
        assert_eq!(slot.freshness(3_001), Freshness::Failed(Fault::Absent));
        assert_eq!((slot.readings, slot.faults), (1, 1));
        let mut slow = every(60_000);
        slow.read(1.0, 0);
        assert_eq!(
            slow.freshness(180_000),
            Freshness::Fresh,
            "three of its own intervals"
        );
    }

    #[test]
    fn an_implausible_value_is_a_fault_and_no_reading() {
        let mut slot = every(500);
        assert_eq!(slot.read(4_000.0, 0), None);
        assert_eq!(slot.freshness(0), Freshness::Failed(Fault::OutOfRange));
    }

    #[test]
    fn a_sensor_keeps_its_history_and_its_loss_over_a_restart_of_the_board() {
        let mut slot = every(500);
        slot.read(11.0, 0);
        slot.fail(Fault::Absent);
        for now_ms in [100, 10_100] {
            slot.change(now_ms);
        }
        assert!(slot.is_lost());
        let what = slot.what.clone();
        let next = SensorRecord::new(
            what.name.clone(),
            what.source_name.clone(),
            what.source,
            &what.sensor,
            500,
            20_000,
            Some(&slot),
        );
        assert!(next.is_lost());
        assert_eq!(
            (next.last, next.fault, next.readings, next.faults),
            (Some((11.0, 0)), None, 1, 1)
        );
        assert_eq!(next.freshness(20_000), Freshness::NotYetRead);
    }

    #[test]
    fn a_value_is_of_its_kind_alone() {
        let mut slot = every(500);
        slot.read(11.0, 0);
        let what = slot.what.clone();
        // Flashed anew: what was a voltage is a temperature.
        let sensor = Sensor {
            kind: SensorKind::Temperature,
            unit: Unit::Celsius,
            ..what.sensor.clone()
        };
        let next = SensorRecord::new(
            what.name.clone(),
            what.source_name.clone(),
            what.source,
            &sensor,
            500,
            1_000,
            Some(&slot),
        );
        assert_eq!(
            (next.last, next.freshness(1_000)),
            (None, Freshness::NotYetRead),
            "11 V are not 11 °C"
        );
    }

    #[test]
    fn one_lucky_value_does_not_end_a_loss_that_was_told() {
        let mut slot = every(500);
        let mut told = Vec::new();
        for now_ms in (2_100..60_000).step_by(100) {
            slot.fail(Fault::Absent);
            if now_ms == 20_100 {
                slot.read(11.0, now_ms);
            }
            told.extend(slot.change(now_ms));
        }
        assert_eq!(told, [LossChange::Lost]);
        assert!(slot.is_lost());
    }

    /// One good value in ten does not make it well.
    #[test]
    fn a_sensor_that_fails_more_often_than_not_is_lost() {
        let mut slot = every(100);
        slot.read(11.0, 0);
        assert_eq!(slot.change(0), Some(LossChange::Back), "its first value");
        let told = (1..=20_u64).find(|second| {
            let now_ms = second * 1_000;
            (0..9).for_each(|_| slot.refuse(f32::NAN));
            slot.read(11.0, now_ms);
            slot.change(now_ms) == Some(LossChange::Lost)
        });
        assert_eq!(told, Some(11));
        let why = slot.why(11_000);
        assert!(
            why.contains("most of its values are refused, such as NaN V"),
            "{why}"
        );
        let back = (12..=40_u64).find(|second| {
            slot.refuse(f32::NAN);
            for _ in 0..9 {
                slot.read(11.0, second * 1_000);
            }
            slot.change(second * 1_000) == Some(LossChange::Back)
        });
        assert_eq!(back, Some(22), "now and then one fails");
    }
}
