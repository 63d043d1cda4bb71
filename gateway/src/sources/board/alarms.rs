//! Alarms of the board's chips beside the first that stands.
//!
//! All of them are one metric, so the rule that judges it tells the first alone. Whatever
//! came later would be hidden behind it, and for ever behind a limit that a chip was never
//! given: so each of those is told by itself. Pure: takes `now`. Bounded by
//! [`boards::MAX_SENSORS`].

use std::mem;
use std::sync::Arc;

use boards::{MAX_SENSORS, SensorIndex};
use readings::BOARD_SENSOR_PREFIX;

use crate::sources::loss::{LossChange, LossDetector};

/// How long an alarm must stand, as for the rule, and be quiet: a chip sets one for a
/// moment as it is switched on, and one at its limit comes and goes.
const PATIENCE_MS: (u64, u64) = (10_000, 30_000);

/// What is to be told of an alarm.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AlarmChange {
    /// It stands beside another that the rule tells.
    Further,
    /// It is over, by this run or before it.
    Over,
}

#[derive(Clone, Debug, Default)]
struct Alarm {
    detector: LossDetector,
    /// It was quiet in this run: what an earlier one told of it is over.
    was_quiet: bool,
    /// What it is told as, while it is.
    told: Option<Arc<str>>,
}

/// Every alarm, by its sensor's place.
#[derive(Debug)]
pub(super) struct Alarms(Box<[Alarm]>);

impl Alarms {
    pub(super) fn new() -> Alarms {
        Alarms(vec![Alarm::default(); MAX_SENSORS].into())
    }

    /// What the alarm at that place is told as, while it is told beside another.
    pub(super) fn told(&self, place: usize) -> Option<&str> {
        self.0[place].told.as_deref()
    }

    /// Another sensor has that place now, or what is gone from it is not waited for; what
    /// it was told as.
    pub(super) fn forget(&mut self, place: usize) -> Option<Arc<str>> {
        mem::take(&mut self.0[place]).told
    }

    /// Takes a sample of the alarm called `name`.
    pub(super) fn observe(
        &mut self,
        index: SensorIndex,
        name: &str,
        is_set: bool,
        now_ms: u64,
    ) -> Option<AlarmChange> {
        let is_first = !self.0.iter().any(|alarm| alarm.detector.is_lost());
        let alarm = &mut self.0[index.place()];
        match alarm.detector.observe(!is_set, now_ms, PATIENCE_MS) {
            Some(LossChange::Lost) if is_first => None,
            Some(LossChange::Lost) => {
                alarm.told = Some(subject(name));
                Some(AlarmChange::Further)
            }
            Some(LossChange::Back) => {
                alarm.told = None;
                Some(AlarmChange::Over)
            }
            None if !is_set && !mem::replace(&mut alarm.was_quiet, true) => Some(AlarmChange::Over),
            None => None,
        }
    }
}

/// What an alarm is told as: its sensor.
pub(super) fn subject(name: &str) -> Arc<str> {
    format!("{BOARD_SENSOR_PREFIX}{name}").into()
}

#[cfg(test)]
mod tests {
    use boards::{Board, Tree};

    use super::*;

    /// Indices of two sensors; only a board makes them.
    fn two() -> [SensorIndex; 2] {
        let manifest = "# boards manifest 1
/sys/class/hwmon/hwmon0/name = \"a\\n\"
/sys/class/hwmon/hwmon0/in0_alarm = \"0\\n\"
/sys/class/hwmon/hwmon0/in1_alarm = \"0\\n\"
";
        let board = Board::of(Tree::from_manifest(manifest).expect("a manifest"), None);
        let mut all = board.sensors().iter().map(|(index, _)| index);
        [(); 2].map(|()| all.next().expect("two alarms"))
    }

    #[test]
    fn the_rule_tells_the_first_and_each_other_is_told_by_itself() {
        let [bogus, real] = two();
        let mut alarms = Alarms::new();
        // A limit that was never set, from the start and for ever.
        for second in 0..100 {
            assert_eq!(alarms.observe(bogus, "bogus", true, second * 1_000), None);
        }
        let mut at = |second: u64, is_set| alarms.observe(real, "real", is_set, second * 1_000);
        assert_eq!(at(100, false), Some(AlarmChange::Over), "of an earlier run");
        assert_eq!((at(101, true), at(110, true)), (None, None));
        assert_eq!(at(111, true), Some(AlarmChange::Further));
        assert_eq!((at(112, true), at(113, false)), (None, None));
        assert_eq!(at(143, false), Some(AlarmChange::Over));
        // Once more is news once more.
        assert_eq!(at(200, true), None);
        assert_eq!(at(210, true), Some(AlarmChange::Further));
        assert_eq!(alarms.told(real.place()), Some("board/real"));
        assert_eq!(alarms.told(bogus.place()), None, "the rule tells it");
        let told = alarms.forget(real.place());
        assert_eq!(told.as_deref(), Some("board/real"));
    }

    #[test]
    fn an_alarm_at_its_limit_makes_no_storm() {
        let [bogus, real] = two();
        let mut alarms = Alarms::new();
        // An hour of twenty seconds of alarm and ten of none.
        let told = (0..3_600_u64).filter(|second| {
            alarms.observe(bogus, "bogus", true, second * 1_000);
            let set = second % 30 < 20;
            alarms.observe(real, "real", set, second * 1_000) == Some(AlarmChange::Further)
        });
        assert_eq!(told.count(), 1);
    }
}
