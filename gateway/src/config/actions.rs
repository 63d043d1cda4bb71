//! Whether what is to act on drones names drones that there are.
//!
//! Apart from the sections, because it joins three of them: rules and bridges name drones.

use readings::Metric;

use super::{Config, Rule};

/// What is wrong: where, and what is allowed.
type Wrong = (Vec<String>, String);

/// Everything wrong with the drones that rules and bridges name.
pub(super) fn problems(config: &Config) -> Vec<Wrong> {
    let ids: Vec<&str> = config
        .drones
        .drone
        .iter()
        .map(|drone| drone.id.as_str())
        .collect();
    let place = |path: &[&str]| path.iter().map(|part| (*part).to_owned()).collect();
    let mut found: Vec<Wrong> = Vec::new();
    for (index, rule) in config.alerts.rule.iter().enumerate() {
        if let Some((key, words)) = action_problem(rule, &ids) {
            found.push((place(&["alerts", "rule", &index.to_string(), key]), words));
        }
    }
    for (index, bridge) in config.bridge.iter().enumerate() {
        if let Some(words) = unknown(&bridge.drones, &ids) {
            found.push((place(&["bridge", &index.to_string(), "drones"]), words));
        }
    }
    found
}

/// What is wrong with the action of a rule, where the drones are those of `ids`: a rule
/// that can act on nobody is a mistake that is found too late.
#[must_use]
pub fn action_problem(rule: &Rule, ids: &[&str]) -> Option<(&'static str, String)> {
    rule.action.as_ref()?;
    if let Some(words) = unknown(&rule.drones, ids) {
        return Some(("drones", words));
    }
    let is_of_drones = match &rule.source {
        Some(source) => ids.contains(&source.as_str()),
        None => Metric::from_name(&rule.metric).is_none_or(is_of_a_drone),
    };
    (rule.drones.is_empty() && !is_of_drones).then(|| {
        let words = "its source is no drone: name those that it means, as in drones = [\"tello\"]";
        ("drones", words.to_owned())
    })
}

fn unknown(named: &[String], ids: &[&str]) -> Option<String> {
    let unknown = named.iter().find(|id| !ids.contains(&id.as_str()))?;
    let known = ids.join(", ");
    Some(format!("there is no drone {unknown:?}; there are: {known}"))
}

/// Whether drones report it.
fn is_of_a_drone(metric: Metric) -> bool {
    metric.is_of_drones_alone() || matches!(metric, Metric::BatteryLevel | Metric::WifiSignal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(metric: Metric, source: Option<&str>, drones: &[&str]) -> Option<String> {
        let mut rule = Rule::new("Wind", metric, ">", 1.0, "warning");
        rule.action = Some("land".to_owned());
        rule.source = source.map(str::to_owned);
        rule.drones = drones.iter().map(|id| (*id).to_owned()).collect();
        action_problem(&rule, &["d1", "d2"]).map(|(_, words)| words)
    }

    #[test]
    fn an_action_needs_drones_that_there_are() {
        assert_eq!(problem(Metric::Height, None, &[]), None);
        assert_eq!(problem(Metric::MissionPad, None, &[]), None);
        assert_eq!(problem(Metric::Height, Some("d1"), &[]), None);
        assert_eq!(problem(Metric::Temperature, Some("board"), &["d2"]), None);
        let words = problem(Metric::Temperature, None, &[]).expect("nobody");
        assert!(words.starts_with("its source is no drone"), "{words}");
        let words = problem(Metric::Height, Some("bridge/mast"), &[]).expect("nobody");
        assert!(words.starts_with("its source is no drone"), "{words}");
        let words = problem(Metric::Height, None, &["d3"]).expect("unknown");
        assert_eq!(words, "there is no drone \"d3\"; there are: d1, d2");
    }
}
