//! Rules that can never fire: their source, their metric at it, or their value does not
//! exist. No mistake that keeps the gateway from starting; but nobody would notice.

use alerting::RuleText;
use readings::Metric;

use super::{Finding, Severity, finding};
use crate::config::Config;

/// A warning for each rule of the file that can never fire.
pub(super) fn look(config: &Config) -> impl Iterator<Item = Finding> {
    config.alerts.rule.iter().filter_map(|rule| {
        let why = unknown_source(config, rule)
            .or_else(|| metric_of_another(config, rule))
            .or_else(|| value_out_of_reach(rule))?;
        let subject = format!("rule {:?}", rule.name);
        let text = format!("{why}; the rule will never fire");
        Some(finding(Severity::Warning, &subject, text))
    })
}

fn unknown_source(config: &Config, rule: &RuleText) -> Option<String> {
    let source = rule.source.as_deref()?;
    if let Some(of_bridge) = source.strip_prefix("bridge/") {
        let name = of_bridge.split('/').next()?;
        let known = config.bridge.iter().any(|bridge| bridge.name == name);
        return (!known).then(|| format!("no bridge is called {name:?}"));
    }
    let known = source == "board" || source.starts_with("board/") || is_drone(config, source);
    (!known).then(|| format!("no drone is called {source:?}"))
}

fn is_drone(config: &Config, source: &str) -> bool {
    config.drones.drone.iter().any(|drone| drone.id == source)
}

fn metric_of_another(config: &Config, rule: &RuleText) -> Option<String> {
    let source = rule.source.as_deref()?;
    let metric = Metric::from_name(&rule.metric)?;
    let is_of_drones = metric.is_of_drones_alone();
    let is_wrong = match is_drone(config, source) {
        true => !is_of_drones && metric != Metric::BatteryLevel,
        false => is_of_drones,
    };
    is_wrong.then(|| format!("{source} never reports {}", metric.name()))
}

fn value_out_of_reach(rule: &RuleText) -> Option<String> {
    let metric = Metric::from_name(&rule.metric)?;
    let (low, high) = metric.plausible();
    let threshold = rule.threshold;
    let is_reached = match rule.operator.as_str() {
        ">" => threshold < high,
        ">=" => threshold <= high,
        "<" => threshold > low,
        "<=" => threshold >= low,
        "==" => (low..=high).contains(&threshold),
        _ => true,
    };
    (!is_reached).then(|| {
        let unit = metric.unit().symbol();
        format!("{} is {low} to {high} {unit}", metric.name())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_fire_is_a_warning_and_nothing_else_is() {
        let mut config = Config::default();
        config
            .drones
            .drone
            .push(toml::from_str("id = \"d1\"").expect("a drone"));
        let mut said = |metric: &str, operator: &str, threshold: f64, source: Option<&str>| {
            config.alerts.rule = vec![RuleText {
                source: source.map(str::to_owned),
                ..rule(metric, operator, threshold)
            }];
            look(&config).next().map(|finding| finding.text)
        };
        for (metric, operator, threshold, source, part) in [
            ("battery_level", "<", 20.0, Some("d2"), "no drone is called"),
            (
                "voltage",
                "<",
                3.0,
                Some("bridge/mast/v"),
                "no bridge is called",
            ),
            (
                "height",
                ">",
                100.0,
                Some("board"),
                "board never reports height",
            ),
            (
                "cpu_usage",
                ">",
                90.0,
                Some("d1"),
                "d1 never reports cpu_usage",
            ),
            ("battery_level", "<", 0.0, None, "0 to 100 %"),
            ("battery_level", ">", 100.0, None, "0 to 100 %"),
            ("battery_level", "==", 100.5, None, "0 to 100 %"),
        ] {
            let text = said(metric, operator, threshold, source).expect("a warning");
            assert!(
                text.contains(part) && text.ends_with("never fire"),
                "{text}"
            );
        }
        for (metric, operator, threshold, source) in [
            ("battery_level", "<=", 0.0, Some("d1")),
            ("battery_level", "<", 20.0, Some("board")),
            ("temperature", ">=", 80.0, Some("board/cpu")),
            ("cpu_usage", "!=", 500.0, None),
        ] {
            assert_eq!(said(metric, operator, threshold, source), None);
        }
    }

    fn rule(metric: &str, operator: &str, threshold: f64) -> RuleText {
        let text = format!(
            "name = \"r\"\nmetric = \"{metric}\"\noperator = \"{operator}\"\nthreshold = {threshold:?}\n\
             level = \"warning\""
        );
        toml::from_str(&text).expect("a rule")
    }
}
