//! When the log is to say that a sensor has no value, or has one again.
//!
//! Pure: takes `now`. Once for each change, not for each sample, and for one sensor
//! at most once a minute: a loose wire must not fill the log, nor must a bus of sixty
//! sensors, so all have one budget, too. Bounded by [`boards::MAX_SENSORS`]; allocates
//! nothing.

use boards::{Absence, Freshness, MAX_SENSORS, SensorIndex};

use crate::sources::log_budget::Budget;

/// How long after a line about a sensor the next one may follow. Longer than most
/// back-offs of a failing sensor, and still soon enough for who mends it.
const AGAIN_AFTER_MS: u64 = 60_000;

/// Lines a minute about all sensors together, as for a bridge.
const LINES: (u32, u64) = (60, 60_000);

/// What is to be said of a sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Line {
    /// It has no value, or none for another reason than the last time.
    Missing(Absence),
    /// It has one again.
    Back,
}

/// What was last logged of one sensor; of a new one nothing, since that it works is expected.
#[derive(Clone, Copy, Debug, Default)]
struct LastLine {
    /// The kind of reason; `None` when it works.
    why: Option<&'static str>,
    at_ms: Option<u64>,
}

/// What was last logged of every sensor, by its place.
#[derive(Debug)]
pub(super) struct ChangeLog {
    said: Box<[LastLine; MAX_SENSORS]>,
    budget: Budget,
}

impl ChangeLog {
    pub(super) fn new() -> ChangeLog {
        ChangeLog {
            said: Box::new([LastLine::default(); MAX_SENSORS]),
            budget: Budget::default(),
        }
    }

    /// Another sensor has that place now.
    pub(super) fn forget(&mut self, place: usize) {
        self.said[place] = LastLine::default();
    }

    /// What is to be said of a sensor that was sampled and is worth that. A sensor
    /// that turns within the minute, or when the budget is spent, is spoken of at a later
    /// sample, if it is still otherwise than was said.
    pub(super) fn observe(
        &mut self,
        index: SensorIndex,
        now: Freshness,
        now_ms: u64,
    ) -> Option<Line> {
        let said = &mut self.said[index.place()];
        let line = match now {
            Freshness::Fresh(_) => said.why.map(|_| Line::Back),
            Freshness::Absent(why) | Freshness::Stale { why: Some(why), .. } => {
                (said.why != Some(why.kind())).then_some(Line::Missing(why))
            }
            // A stuck bus is not sampled; the next sample decides.
            Freshness::Stale { why: None, .. } => None,
        };
        let is_early = said
            .at_ms
            .is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < AGAIN_AFTER_MS);
        let line = line.filter(|_| !is_early)?;
        let (most, period_ms) = LINES;
        if !self.budget.spend(most, period_ms, now_ms) {
            return None;
        }
        said.at_ms = Some(now_ms);
        said.why = match line {
            Line::Missing(why) => Some(why.kind()),
            Line::Back => None,
        };
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use boards::{Board, Reading, Tree};

    use super::*;

    const FRESH: Freshness = Freshness::Fresh(Reading {
        value: 48.0,
        at_ms: 0,
    });

    /// An index; only a board makes one.
    fn index() -> SensorIndex {
        let tree = Tree::from_manifest("# boards manifest 1\n/proc/uptime = \"1.0 1.0\\n\"\n")
            .expect("a manifest");
        Board::of(tree, None)
            .sensors()
            .iter()
            .next()
            .expect("uptime")
            .0
    }

    #[test]
    fn each_change_is_said_once() {
        let mut log = ChangeLog::new();
        let mut said = |minute: u64, now| log.observe(index(), now, minute * 60_000);
        let io = Freshness::Absent(Absence::Io(5));
        let text = Freshness::Absent(Absence::NotANumber);
        assert_eq!(said(0, FRESH), None, "that it works is no news");
        assert_eq!(said(1, io), Some(Line::Missing(Absence::Io(5))));
        assert_eq!(said(2, io), None);
        assert_eq!(
            said(3, text),
            Some(Line::Missing(Absence::NotANumber)),
            "another reason"
        );
        assert_eq!(said(4, FRESH), Some(Line::Back));
        assert_eq!(said(5, FRESH), None);
    }

    #[test]
    fn a_value_that_is_wrong_in_many_ways_is_one_reason() {
        let mut log = ChangeLog::new();
        let lines = (0..100).filter_map(|minute: u32| {
            let now = Freshness::Absent(Absence::Implausible(f64::from(minute) * 1e9));
            log.observe(index(), now, u64::from(minute) * 60_000)
        });
        assert_eq!(lines.count(), 1);
    }

    #[test]
    fn a_bus_of_many_sensors_has_one_budget_and_all_are_said_at_last() {
        let mut manifest = String::from("# boards manifest 1\n");
        for zone in 0..200 {
            let path = format!("/sys/class/thermal/thermal_zone{zone}");
            manifest += &format!("{path}/type = \"z{zone}\\n\"\n{path}/temp = \"1\\n\"\n");
        }
        let tree = Tree::from_manifest(&manifest).expect("a manifest");
        let board = Board::of(tree, None);
        let all: Vec<SensorIndex> = board.sensors().iter().map(|(index, _)| index).collect();
        assert_eq!(all.len(), 200);
        let mut log = ChangeLog::new();
        let mut lines_of = |minute: u64, now| {
            let now_ms = minute * 60_000;
            let lines = all
                .iter()
                .filter_map(|index| log.observe(*index, now, now_ms));
            lines.count()
        };
        let gone = Freshness::Absent(Absence::Vanished);
        let told: Vec<usize> = (0..5).map(|minute| lines_of(minute, gone)).collect();
        assert_eq!(told, [60, 60, 60, 20, 0]);
    }

    #[test]
    fn a_loose_wire_is_a_line_a_minute_and_the_last_state_is_said() {
        let mut log = ChangeLog::new();
        // An hour of failing at every other sample.
        let lines = (0..1_800_u64).filter_map(|sample| {
            let now = if sample % 2 == 0 {
                Freshness::Absent(Absence::Io(5))
            } else {
                FRESH
            };
            log.observe(index(), now, sample * 2_000)
        });
        assert!((2..=60).contains(&lines.count()));
        let mut last = ChangeLog::new();
        assert!(
            last.observe(index(), Freshness::Absent(Absence::Vanished), 0)
                .is_some()
        );
        assert_eq!(last.observe(index(), FRESH, 2_000), None, "too soon");
        assert_eq!(last.observe(index(), FRESH, 60_000), Some(Line::Back));
    }
}
