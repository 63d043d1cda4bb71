//! A flight judged once more, on the clock of its recording and by the rules that it was
//! judged by: what this program would have raised, beside what was raised.
//!
//! Of alerts by rules about the drone itself. What other sources say (the board, sensors)
//! is not in the recording, nor is what an operator resolved while it was still bad.

use std::io::Read;
use std::time::Duration;

use alerting::{Rerun, Rule, RuleText};
use jiff::Timestamp;
use readings::clock::Mono;
use recording::{Kind, Opening, ReadError, Reader};
use serde::{Deserialize, Serialize};
use tello::state::parse;

use crate::sources::tello::readings_of;

/// How far apart two alerts may be and still be the same: what the commit took, and what
/// the rule clock of a running gateway is away from this one's.
const SAME_WITHIN_S: f64 = 1.5;

/// Where the recording begins on the clock of its rules: late enough for what fired before.
const BEGIN: Duration = Duration::from_hours(24 * 365);

/// An alert, as it was raised.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Firing {
    /// Seconds since the beginning of the recording.
    pub(crate) at_s: f64,
    /// The rule.
    pub(crate) rule: String,
}

/// What comparing came to.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Comparison {
    /// State datagrams judged.
    pub(crate) states: u64,
    /// Alerts that were raised both times.
    pub(crate) same: Vec<Firing>,
    /// Alerts that are in the recording and would not be raised now.
    pub(crate) only_recorded: Vec<Firing>,
    /// Alerts that would be raised now and are not in the recording.
    pub(crate) only_now: Vec<Firing>,
}

impl Comparison {
    /// Whether both are the same.
    pub(crate) fn agrees(&self) -> bool {
        self.only_recorded.is_empty() && self.only_now.is_empty()
    }
}

/// What is read of a judging.
#[derive(Deserialize)]
struct Judging {
    rules: Vec<RuleText>,
    #[serde(default)]
    fired_before: Vec<FiredBefore>,
}

#[derive(Deserialize)]
struct FiredBefore {
    rule: String,
    value: f64,
    created: Timestamp,
    stands: bool,
}

/// What is read of an alert.
#[derive(Deserialize)]
struct Raised {
    event: String,
    title: String,
    subject: String,
    metric: Option<String>,
}

/// Judges the recording in `input` once more.
///
/// # Errors
/// [`ReadError`]; a recording that is cut off is judged up to the cut.
pub(crate) fn compare(input: impl Read) -> Result<Comparison, ReadError> {
    let mut reader = Reader::new(input)?;
    let mut flight = Flight::default();
    loop {
        match reader.next_record() {
            Ok(Some(record)) => flight.take(record.kind(), record.at_us, &record.payload),
            Ok(None) | Err(ReadError::Torn { .. }) => return Ok(flight.compared()),
            Err(error) => return Err(error),
        }
    }
}

#[derive(Default)]
struct Flight {
    drone: String,
    started: Timestamp,
    rerun: Option<Rerun>,
    recorded: Vec<Firing>,
    now: Vec<Firing>,
    states: u64,
}

impl Flight {
    fn take(&mut self, kind: Option<Kind>, at_us: u64, payload: &[u8]) {
        match kind {
            Some(Kind::Opening) => {
                if let Ok(opening) = serde_json::from_slice::<Opening>(payload) {
                    (self.drone, self.started) = (opening.drone_id, opening.started);
                }
            }
            Some(Kind::Judging) => self.judge_by(payload),
            Some(Kind::State) => self.judge(at_us, payload),
            Some(Kind::Alert) => {
                if let Ok(alert) = serde_json::from_slice::<Raised>(payload)
                    && alert.event == "raised"
                    && alert.subject == self.drone
                    && alert.metric.is_some()
                {
                    let at_s = at_us as f64 / 1e6;
                    let rule = alert.title;
                    self.recorded.push(Firing { at_s, rule });
                }
            }
            _ => {}
        }
    }

    /// Rules change while a drone flies: what they have seen goes over to those that stay.
    fn judge_by(&mut self, payload: &[u8]) {
        let Ok(judging) = serde_json::from_slice::<Judging>(payload) else {
            return;
        };
        let rules = judging
            .rules
            .iter()
            .filter_map(|text| Rule::parse(text).ok());
        let mut rerun = Rerun::new(rules, &self.drone);
        if let Some(before) = self.rerun.take() {
            rerun = rerun.after(before);
        }
        for fired in judging.fired_before {
            let ago = self.started.duration_since(fired.created);
            let ago = Duration::try_from(ago).unwrap_or_default();
            let at = BEGIN.saturating_sub(ago).as_millis() as u64;
            let at = Mono::from_millis(at);
            rerun.fired_before(&fired.rule, fired.value, at, fired.stands);
        }
        self.rerun = Some(rerun);
    }

    fn judge(&mut self, at_us: u64, payload: &[u8]) {
        self.states += 1;
        let Some(rerun) = &mut self.rerun else { return };
        let now = Mono::ZERO.plus(BEGIN).plus(Duration::from_micros(at_us));
        let fired = rerun.observe(&readings_of(&parse(payload).state), now);
        self.now.extend(fired.into_iter().map(|(at, rule)| Firing {
            at_s: at.since(Mono::ZERO.plus(BEGIN)).as_secs_f64(),
            rule,
        }));
    }

    fn compared(self) -> Comparison {
        let mut comparison = Comparison {
            states: self.states,
            only_now: self.now,
            ..Comparison::default()
        };
        for recorded in self.recorded {
            let is_same = |now: &Firing| {
                now.rule == recorded.rule && (now.at_s - recorded.at_s).abs() <= SAME_WITHIN_S
            };
            match comparison.only_now.iter().position(is_same) {
                Some(place) => {
                    comparison.only_now.remove(place);
                    comparison.same.push(recorded);
                }
                None => comparison.only_recorded.push(recorded),
            }
        }
        comparison
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn judging(rules: &[RuleText], before: Value) -> Vec<u8> {
        let judging = json!({"rules": rules, "fired_before": before});
        serde_json::to_vec(&judging).expect("JSON")
    }

    fn low(name: &str, threshold: f64) -> RuleText {
        RuleText::new(
            name,
            readings::Metric::BatteryLevel,
            "<=",
            threshold,
            "info",
        )
    }

    /// A flight whose battery falls by one a second from 50.
    fn flight(first: &[u8]) -> Flight {
        let mut flight = Flight {
            drone: "d1".to_owned(),
            ..Flight::default()
        };
        flight.take(Some(Kind::Judging), 0, first);
        for second in 0..30u64 {
            let state = format!("h:10;bat:{};\r\n", 50 - second);
            flight.take(Some(Kind::State), second * 1_000_000, state.as_bytes());
        }
        flight
    }

    fn alert(rule: &str, event: &str) -> Vec<u8> {
        let alert =
            json!({"event": event, "title": rule, "subject": "d1", "metric": "battery_level"});
        serde_json::to_vec(&alert).expect("JSON")
    }

    #[test]
    fn the_same_alerts_agree_and_others_are_named() {
        let rules = judging(&[low("Low", 40.0), low("Lower", 30.0)], json!([]));
        let mut same = flight(&rules);
        for (rule, second) in [("Low", 10), ("Lower", 20)] {
            same.take(
                Some(Kind::Alert),
                second * 1_000_000 + 90_000,
                &alert(rule, "raised"),
            );
            same.take(
                Some(Kind::Alert),
                second * 1_000_000 + 99_000,
                &alert(rule, "changed"),
            );
        }
        let same = same.compared();
        assert!(same.agrees(), "{same:?}");
        assert_eq!((same.same.len(), same.states), (2, 30));
        let mut other = flight(&rules);
        other.take(Some(Kind::Alert), 13_000_000, &alert("Low", "raised"));
        let other = other.compared();
        let named = |firings: &[Firing]| -> Vec<(f64, String)> {
            firings.iter().map(|f| (f.at_s, f.rule.clone())).collect()
        };
        assert_eq!(named(&other.only_recorded), [(13.0, "Low".to_owned())]);
        let now = [(10.0, "Low".to_owned()), (20.0, "Lower".to_owned())];
        assert_eq!(named(&other.only_now), now);
    }

    #[test]
    fn what_stood_before_the_flight_is_not_raised_again() {
        let before = json!([{"rule": "Low", "value": 50.0, "created": "1970-01-01T00:00:00Z", "stands": true}]);
        let stood = flight(&judging(&[low("Low", 60.0)], before)).compared();
        assert!(stood.agrees(), "{stood:?}");
        let fresh = flight(&judging(&[low("Low", 60.0)], json!([]))).compared();
        assert_eq!(fresh.only_now.len(), 1);
    }
}
