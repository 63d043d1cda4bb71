//! The rules that apply without any configuration.
//!
//! The first ten are the documented ones, in their order and with their
//! thresholds. The two on `drone_temperature` follow because a drone's main
//! board is not the gateway's: a grounded Tello idles above 80 °C, so it has its
//! own metric, higher thresholds, and must be hot for ten seconds. A listing
//! therefore shows twelve default rules where the documentation counts ten.

use std::time::Duration;

use super::rule::{Operator, Rule, usual_type};
use super::rule_text::USUAL_COOLDOWN_MINUTES;
use readings::{Level, Metric};

/// Silence after firing, for all of them.
const COOLDOWN: Duration = Duration::from_secs(60 * USUAL_COOLDOWN_MINUTES as u64);
/// How long a drone must be hot.
const DRONE_HOT_FOR: Duration = Duration::from_secs(10);
/// How long a board must be hot: one sample of a sensor may be a fault of it.
const BOARD_HOT_FOR: Duration = Duration::from_secs(5);
/// How long the processor must be busy: it is sampled every second, and a second
/// of full load is how a healthy board works.
const BUSY_FOR: Duration = Duration::from_secs(10);

/// The default rules, in the order they are listed.
pub(super) fn default_rules() -> Vec<Rule> {
    use Level::{Critical, Error, Warning};
    use Metric::{BatteryLevel, CpuUsage, DiskUsage, DroneTemperature, MemoryUsage, Temperature};

    let over = |name, metric, threshold, level, hysteresis| {
        rule(
            name,
            metric,
            Operator::AtLeast,
            threshold,
            level,
            hysteresis,
        )
    };
    let under = |name, metric, threshold, level, hysteresis| {
        rule(name, metric, Operator::Below, threshold, level, hysteresis)
    };
    // The hysteresis (last column) is how much of a metric's ordinary unrest
    // must not end an alert; the documentation has none.
    vec![
        over("High CPU Usage", CpuUsage, 85.0, Warning, 5.0),
        over("Critical CPU Usage", CpuUsage, 95.0, Critical, 5.0),
        over("High Memory Usage", MemoryUsage, 85.0, Warning, 2.0),
        over("Critical Memory Usage", MemoryUsage, 95.0, Critical, 2.0),
        over("High Disk Usage", DiskUsage, 90.0, Error, 1.0),
        over("Critical Disk Usage", DiskUsage, 95.0, Critical, 1.0),
        over("High Temperature", Temperature, 80.0, Warning, 2.0),
        over("Critical Temperature", Temperature, 90.0, Critical, 2.0),
        // A battery under load sags by a few percent and recovers.
        under("Low Battery", BatteryLevel, 20.0, Warning, 3.0),
        under("Critical Battery", BatteryLevel, 10.0, Critical, 3.0),
        over(
            "High Drone Temperature",
            DroneTemperature,
            85.0,
            Warning,
            2.0,
        ),
        over(
            "Critical Drone Temperature",
            DroneTemperature,
            92.0,
            Critical,
            2.0,
        ),
    ]
}

fn rule(
    name: &str,
    metric: Metric,
    operator: Operator,
    threshold: f64,
    level: Level,
    hysteresis: f64,
) -> Rule {
    Rule {
        name: name.into(),
        metric,
        operator,
        threshold,
        level,
        alert_type: usual_type(metric),
        enabled: true,
        cooldown: COOLDOWN,
        hold: match metric {
            Metric::DroneTemperature => DRONE_HOT_FOR,
            Metric::Temperature => BOARD_HOT_FOR,
            Metric::CpuUsage => BUSY_FOR,
            _ => Duration::ZERO,
        },
        hysteresis,
        source: None,
        auto_resolve: None,
        action: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleText;

    #[test]
    fn the_documented_ten_come_first_and_all_are_valid() {
        let rules = default_rules();
        assert_eq!(rules.len(), 12);
        let names: Vec<&str> = rules.iter().map(|rule| &*rule.name).collect();
        assert_eq!(names[0], "High CPU Usage");
        assert_eq!(names[9], "Critical Battery");
        for rule in &rules {
            let (operator, level) = (rule.operator.symbol(), rule.level.name());
            let written = RuleText {
                hysteresis: rule.hysteresis,
                for_s: rule.for_s(),
                ..RuleText::new(&rule.name, rule.metric, operator, rule.threshold, level)
            };
            assert_eq!(&Rule::parse(&written).expect("valid"), rule);
        }
        assert!(rules[1].breaches(95.0), "exactly at the threshold");
        assert!(!rules[8].breaches(20.0), "below, not at");
    }
}
