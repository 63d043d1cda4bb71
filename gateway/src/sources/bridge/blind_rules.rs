//! Rules about a bridge that have nothing to look at.
//!
//! A board may be flashed with other sensors, and a rule may be misspelt: such a rule is
//! silent for ever, so it is an alert. What is lost or fails is told by its own alert; while
//! a board is away nobody knows what it has, and nothing is said or ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use alerting::{AlertType, Condition, Level, Rule};

use super::link::Gives;
use crate::sources::sink::{Pipeline, ReadingSink as _};

/// Key of the condition that a rule has nothing to look at.
const WITHOUT_SENSOR: &str = "bridge_rule_without_sensor";
/// Where the sources of bridges begin.
const PREFIX: &str = "bridge/";
/// How often it is asked which rules there are: they change by hand.
const ASK_EVERY_MS: u64 = 5_000;

/// What was found last of each source that rules name: whether they are blind.
#[derive(Default)]
pub(super) struct BlindRules {
    found: BTreeMap<Arc<str>, bool>,
    asked_ms: Option<u64>,
}

impl BlindRules {
    /// Tells of rules that became blind, or see again. `gives` says what a bridge, or a
    /// sensor of it, gives; none while that is not known.
    pub(super) fn round(
        &mut self,
        pipeline: &Pipeline,
        now_ms: u64,
        gives: impl Fn(&str, Option<&str>) -> Option<Gives>,
    ) {
        let is_due = |asked_ms: u64| now_ms.saturating_sub(asked_ms) >= ASK_EVERY_MS;
        if !self.asked_ms.is_none_or(is_due) {
            return;
        }
        self.asked_ms = Some(now_ms);
        let wanted = wanted(pipeline);
        self.found.retain(|source, blind| {
            let is_wanted = wanted.contains_key(source);
            if !is_wanted && *blind {
                pipeline.clear(WITHOUT_SENSOR, source);
            }
            is_wanted
        });
        for (source, rules) in wanted {
            let name = source.trim_start_matches(PREFIX);
            let (bridge, sensor) = match name.split_once('/') {
                Some((bridge, sensor)) => (bridge, Some(sensor)),
                None => (name, None),
            };
            let Some(gives) = gives(bridge, sensor) else {
                continue;
            };
            let why = why(gives, &rules);
            let is_blind = why.is_some();
            let is_news = self.found.insert(source.clone(), is_blind) != Some(is_blind);
            match why {
                Some(why) if is_news => pipeline.raise(condition(source, &rules, &why)),
                // The first time too: an earlier run may have told it.
                None if is_news => pipeline.clear(WITHOUT_SENSOR, &source),
                _ => {}
            }
        }
    }
}

/// What rules call bridges and their sensors, with the rules.
fn wanted(pipeline: &Pipeline) -> BTreeMap<Arc<str>, Vec<Arc<Rule>>> {
    let mut wanted = BTreeMap::<Arc<str>, Vec<Arc<Rule>>>::new();
    for rule in pipeline.rules_about(PREFIX) {
        if let Some(source) = rule.source.clone() {
            wanted.entry(source).or_default().push(rule);
        }
    }
    wanted
}

/// Why these rules cannot work, if they cannot.
fn why(gives: Gives, rules: &[Arc<Rule>]) -> Option<String> {
    let Gives::Metric(metric) = gives else {
        return Some("no board describes such a sensor".to_owned());
    };
    let other = rules.iter().find(|rule| rule.metric != metric)?;
    Some(format!(
        "it gives {metric}, and {} looks at {}",
        other.name, other.metric
    ))
}

fn condition(source: Arc<str>, rules: &[Arc<Rule>], why: &str) -> Condition {
    let rules: Vec<&str> = rules.iter().map(|rule| &*rule.name).collect();
    Condition {
        key: WITHOUT_SENSOR,
        level: Level::Warning,
        alert_type: AlertType::System,
        title: "Rule Without Sensor",
        message: format!("{} cannot fire: {source}: {why}", rules.join(", ")),
        details: Some(
            "`mfg-drone-gateway bridge monitor` lists a board's sensors by name. Correct the rule, the configuration or the firmware."
                .to_owned(),
        ),
        subject: source,
    }
}
