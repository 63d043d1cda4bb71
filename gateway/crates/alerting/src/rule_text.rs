//! `[[alerts.rule]]`: a rule as it is written, and what applies where nothing is.
//!
//! Only text and numbers: whether a rule makes sense is judged by the alerts
//! room. A file of its own because the rooms that bring default rules write
//! them in this form too, with the same defaults as a person who writes one.

use serde::{Deserialize, Serialize};

use readings::Metric;

/// Minutes of silence after firing where nothing else is said, as documented.
pub const USUAL_COOLDOWN_MINUTES: u32 = 5;

/// `[[alerts.rule]]`: text as written; `Rule` is the parsed form.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    /// Unique name; that of a default rule replaces it.
    pub name: String,
    /// Name of a metric.
    pub metric: String,
    /// One of `>`, `<`, `>=`, `<=`, `==`, `!=`.
    pub operator: String,
    /// In the metric's unit.
    pub threshold: f64,
    /// `info`, `warning`, `error`, `critical`.
    pub level: String,
    /// `system`, `drone`, `training`, `network`, `security`, `performance`.
    #[serde(rename = "type", default)]
    pub alert_type: Option<String>,
    /// Off switch.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Minutes of silence after firing, per rule and source.
    #[serde(default = "usual_cooldown")]
    pub cooldown_minutes: u32,
    /// Seconds the condition must hold before the alert fires. Good moments in between undo
    /// half of their own length.
    #[serde(default)]
    pub for_s: u32,
    /// How far the value must come back before the alert clears.
    #[serde(default)]
    pub hysteresis: f64,
    /// Name of the one source it applies to; all sources when absent.
    #[serde(default)]
    pub source: Option<String>,
    /// Overrides `alerts.auto_resolve`.
    #[serde(default)]
    pub auto_resolve: Option<bool>,
    /// What the gateway does by itself: `land`, `stop`, `refuse_takeoff`; nothing when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Ids of the drones that the action means; its source when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drones: Vec<String>,
}

impl RuleText {
    /// A rule on every source of `metric`, with everything else as in a
    /// configuration that says no more.
    #[must_use]
    pub fn new(
        name: &str,
        metric: Metric,
        operator: &str,
        threshold: f64,
        level: &str,
    ) -> RuleText {
        RuleText {
            name: name.to_owned(),
            metric: metric.name().to_owned(),
            operator: operator.to_owned(),
            threshold,
            level: level.to_owned(),
            alert_type: None,
            enabled: yes(),
            cooldown_minutes: usual_cooldown(),
            for_s: 0,
            hysteresis: 0.0,
            source: None,
            auto_resolve: None,
            action: None,
            drones: Vec::new(),
        }
    }
}

fn yes() -> bool {
    true
}

fn usual_cooldown() -> u32 {
    USUAL_COOLDOWN_MINUTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_made_here_is_the_one_a_configuration_would_give() {
        let text = "name = \"Hot\"\nmetric = \"temperature\"\noperator = \">=\"\nthreshold = 80\nlevel = \"warning\"\n";
        let read: RuleText = toml::from_str(text).expect("a rule");
        assert_eq!(
            RuleText::new("Hot", Metric::Temperature, ">=", 80.0, "warning"),
            read
        );
    }
}
