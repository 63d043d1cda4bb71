//! Sensors that rules name: each is a source of its own, `board/<sensor>`.
//!
//! All of the board is one source, so that the number of rules and histories does not
//! follow the number of things plugged in. A sensor gets a place beside it only when a
//! rule asks for it by name. A name of before the last upgrade still leads to its
//! sensor; the source is called as the rule calls it, so its history goes on.
//!
//! It must never leave a rule silently without what it watches: that is an alert.

use std::collections::BTreeMap;
use std::sync::Arc;

use alerting::{AlertType, Condition, Level, Rule};
use boards::{Absence, Freshness, Sample, SensorIndex, Sensors};
use readings::{BOARD_SENSOR_PREFIX, Metric, Reading, SourceId, SourceKind};

use super::mapping::own_metric;
use crate::sources::loss::{LossChange, LossDetector};
use crate::sources::sink::{Pipeline, ReadingSink as _};

/// Key of the condition that a rule has nothing to watch.
const WITHOUT_SENSOR: &str = "board_rule_without_sensor";
/// How often it is asked which sensors rules name: rules change by hand.
const ASK_EVERY_MS: u64 = 5_000;
/// How long a sensor must be back, as for the board's own metrics.
const BACK_AFTER_MS: u64 = 90_000;

/// The sensors that rules name.
pub(super) struct Named {
    lost_after_ms: u64,
    watched: Vec<Watched>,
    /// Places of sensors that no rule names any more.
    spare: Vec<SourceId>,
    asked_ms: Option<u64>,
    /// The rules that were asked, by their version; none when they are to be asked anew.
    asked: Option<u64>,
}

/// What rules call a sensor, and which that is.
struct Watched {
    /// As the rules say: `board/<sensor>`.
    name: Arc<str>,
    /// None when every place is taken.
    source: Option<SourceId>,
    rules: Vec<Arc<Rule>>,
    sensor: Option<(SensorIndex, Metric, f64)>,
    /// Why the rules cannot work, if that is not the sensor's own fault.
    why: Option<String>,
    /// Whether it worked at some time of this run; ends what an earlier run told.
    has_worked: bool,
    loss: LossDetector,
}

/// Registers what rules name before histories are restored.
pub fn register_named(pipeline: &Pipeline) {
    for name in wanted(pipeline).into_keys() {
        // One that finds no place is told when it is watched.
        let _ = pipeline.register(&name, SourceKind::Board);
    }
}

/// What rules call sensors, with the rules.
fn wanted(pipeline: &Pipeline) -> BTreeMap<Arc<str>, Vec<Arc<Rule>>> {
    let mut wanted = BTreeMap::<Arc<str>, Vec<Arc<Rule>>>::new();
    for rule in pipeline.rules_about(BOARD_SENSOR_PREFIX) {
        if let Some(source) = rule.source.clone() {
            wanted.entry(source).or_default().push(rule);
        }
    }
    wanted
}

impl Named {
    pub(super) fn new(lost_after_ms: u64) -> Named {
        Named {
            lost_after_ms,
            watched: Vec::new(),
            spare: Vec::new(),
            asked_ms: None,
            asked: None,
        }
    }

    /// Sensors came or went: who is meant is asked anew.
    pub(super) fn ask_again(&mut self) {
        (self.asked_ms, self.asked) = (None, None);
    }

    /// Publishes what was read of them, and tells of rules that watch nothing.
    pub(super) fn round(
        &mut self,
        sensors: &Sensors,
        samples: &[(SensorIndex, Sample)],
        pipeline: &Pipeline,
        now_ms: u64,
    ) {
        let is_due = |asked_ms: u64| now_ms.saturating_sub(asked_ms) >= ASK_EVERY_MS;
        if self.asked_ms.is_none_or(is_due) {
            self.asked_ms = Some(now_ms);
            let version = Some(pipeline.rules_version());
            // Asking allocates.
            if self.asked != version {
                self.asked = version;
                self.refresh(sensors, pipeline);
            }
        }
        for watched in &mut self.watched {
            watched.publish(sensors, samples, pipeline, now_ms);
            watched.guard(sensors, pipeline, now_ms, self.lost_after_ms);
        }
    }

    fn refresh(&mut self, sensors: &Sensors, pipeline: &Pipeline) {
        let mut wanted = wanted(pipeline);
        let spare = &mut self.spare;
        self.watched.retain(|watched| {
            let is_wanted = wanted.contains_key(&*watched.name);
            if !is_wanted {
                pipeline.clear(WITHOUT_SENSOR, &watched.name);
                spare.extend(watched.source);
            }
            is_wanted
        });
        for at in 0..self.watched.len() {
            let watched = &mut self.watched[at];
            watched.rules = wanted.remove(&*watched.name).unwrap_or_default();
            if watched.source.is_none() {
                // Another rule may have given up its place since.
                let name = watched.name.clone();
                self.watched[at].source = self.place(&name, pipeline);
            }
        }
        for (name, rules) in wanted {
            let source = self.place(&name, pipeline);
            self.watched.push(Watched {
                name,
                source,
                rules,
                sensor: None,
                why: None,
                has_worked: false,
                loss: LossDetector::default(),
            });
        }
        for watched in &mut self.watched {
            watched.find(sensors);
        }
    }

    /// A place under that name: the one it has or had, a free one, or one that nobody
    /// needs any more.
    fn place(&mut self, name: &str, pipeline: &Pipeline) -> Option<SourceId> {
        if let Ok(place) = pipeline.register(name, SourceKind::Board) {
            self.spare.retain(|spare| *spare != place);
            return Some(place);
        }
        let spare = self.spare.pop()?;
        pipeline.hand_over(spare, name);
        Some(spare)
    }
}

impl Watched {
    /// Which sensor is meant, and why the rules cannot work, if they cannot.
    fn find(&mut self, sensors: &Sensors) {
        let name = self.name.trim_start_matches(BOARD_SENSOR_PREFIX);
        let found = sensors.find(name);
        self.sensor = found.as_ref().ok().map(|index| {
            let (metric, factor) = own_metric(sensors.sensor(*index));
            (*index, metric, factor)
        });
        self.why = match (found, self.sensor) {
            _ if self.source.is_none() => {
                Some("as many sensors as can be are watched by rules of their own".to_owned())
            }
            (Ok(_), Some((_, metric, _))) => {
                let other = self.rules.iter().find(|rule| rule.metric != metric);
                other.map(|rule| {
                    format!(
                        "it gives {metric}, and {} looks at {}",
                        rule.name, rule.metric
                    )
                })
            }
            (Err(meant), _) if !meant.is_empty() => Some(format!(
                "it was the name of several sensors, now {}",
                meant.join(" and ")
            )),
            _ => Some("no sensor of this board is called so".to_owned()),
        };
    }

    fn publish(
        &self,
        sensors: &Sensors,
        samples: &[(SensorIndex, Sample)],
        pipeline: &Pipeline,
        now_ms: u64,
    ) {
        let (Some(source), Some((sensor, metric, factor))) = (self.source, self.sensor) else {
            return;
        };
        if !samples.iter().any(|(index, _)| *index == sensor) {
            return;
        }
        let value = sensors.value(sensor, now_ms).value();
        let reading = value.and_then(|value| Reading::plausible(metric, value * factor));
        if let Some(reading) = reading {
            pipeline.publish(source, &[reading]);
        }
    }

    fn guard(&mut self, sensors: &Sensors, pipeline: &Pipeline, now_ms: u64, lost_after_ms: u64) {
        let absence = self
            .sensor
            .and_then(|(sensor, ..)| absence(sensors.value(sensor, now_ms)));
        let works = self.why.is_none() && absence.is_none();
        if works && !std::mem::replace(&mut self.has_worked, true) {
            pipeline.clear(WITHOUT_SENSOR, &self.name);
        }
        match self
            .loss
            .observe(works, now_ms, (lost_after_ms, BACK_AFTER_MS))
        {
            Some(LossChange::Lost) => pipeline.raise(self.condition(absence)),
            Some(LossChange::Back) => pipeline.clear(WITHOUT_SENSOR, &self.name),
            None => {}
        }
    }

    fn condition(&self, absence: Option<Absence>) -> Condition {
        let rules: Vec<&str> = self.rules.iter().map(|rule| &*rule.name).collect();
        let why = self.why.clone();
        let why = why.or_else(|| absence.map(|why| why.to_string()));
        Condition {
            key: WITHOUT_SENSOR,
            subject: self.name.clone(),
            level: Level::Warning,
            alert_type: AlertType::System,
            title: "Rule Without Sensor",
            message: format!(
                "{} cannot fire: {}: {}",
                rules.join(", "),
                self.name,
                why.unwrap_or_default()
            ),
            details: Some(
                "`mfg-drone-gateway boards` lists the sensors by name. Correct the rule, or the sensor."
                    .to_owned(),
            ),
        }
    }
}

/// Why a sensor has no value. Whatever the reason, its rules see nothing: a moment of it
/// is the watch's to excuse, which waits, and a device that is merely busy keeps its last
/// value while that is young.
fn absence(now: Freshness) -> Option<Absence> {
    match now {
        Freshness::Fresh(_) => None,
        Freshness::Absent(why) | Freshness::Stale { why: Some(why), .. } => Some(why),
        Freshness::Stale { why: None, .. } => Some(Absence::Stuck),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chip that nobody answers for gives `ETIMEDOUT` at each attempt.
    #[test]
    fn a_sensor_without_a_value_is_missed_whatever_its_reason() {
        for why in [
            Absence::NotReady,
            Absence::Unavailable("not associated with an access point"),
            Absence::Stuck,
        ] {
            let mut loss = LossDetector::default();
            let told: Vec<u64> = (0..40)
                .filter(|second| {
                    let works = absence(Freshness::Absent(why)).is_none();
                    loss.observe(works, second * 1_000, (30_000, BACK_AFTER_MS))
                        == Some(LossChange::Lost)
                })
                .collect();
            assert_eq!(told, [30], "{why}");
        }
        let last = boards::Reading {
            value: 1.0,
            at_ms: 0,
        };
        assert_eq!(absence(Freshness::Fresh(last)), None);
    }
}
