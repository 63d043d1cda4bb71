//! The rules that apply without any configuration.
//!
//! The first ten are the documented ones, in their order and with their
//! thresholds. The two on `drone_temperature` follow because a drone's main
//! board is not the gateway's: a grounded Tello idles above 80 °C, so it has its
//! own metric, higher thresholds, and must be hot for ten seconds. A listing
//! therefore shows twelve default rules where the documentation counts ten.

use std::time::Duration;

use super::rule::{Operator, Rule};
use super::rule_text::USUAL_COOLDOWN_MINUTES;
use readings::{AlertType, Level, Metric};

/// Silence after firing, for all of them.
const COOLDOWN: Duration = Duration::from_secs(60 * USUAL_COOLDOWN_MINUTES as u64);
/// How long a drone must be hot.
const DRONE_HOT_FOR: Duration = Duration::from_secs(10);
/// How long the processor must be busy: it is sampled every second, and a second
/// of full load is how a healthy board works.
const BUSY_FOR: Duration = Duration::from_secs(10);

/// The default rules, in the order they are listed.
pub(super) fn default_rules() -> Vec<Rule> {
    use AlertType::{Drone, System};
    use Level::{Critical, Error, Warning};
    use Metric::{BatteryLevel, CpuUsage, DiskUsage, DroneTemperature, MemoryUsage, Temperature};
    use Operator::{AtLeast, Below};

    // The hysteresis (last column) is how much of a metric's ordinary unrest
    // must not end an alert; the documentation has none.
    let rules = [
        (
            "High CPU Usage",
            CpuUsage,
            AtLeast,
            85.0,
            Warning,
            System,
            5.0,
        ),
        (
            "Critical CPU Usage",
            CpuUsage,
            AtLeast,
            95.0,
            Critical,
            System,
            5.0,
        ),
        (
            "High Memory Usage",
            MemoryUsage,
            AtLeast,
            85.0,
            Warning,
            System,
            2.0,
        ),
        (
            "Critical Memory Usage",
            MemoryUsage,
            AtLeast,
            95.0,
            Critical,
            System,
            2.0,
        ),
        (
            "High Disk Usage",
            DiskUsage,
            AtLeast,
            90.0,
            Error,
            System,
            1.0,
        ),
        (
            "Critical Disk Usage",
            DiskUsage,
            AtLeast,
            95.0,
            Critical,
            System,
            1.0,
        ),
        (
            "High Temperature",
            Temperature,
            AtLeast,
            80.0,
            Warning,
            System,
            2.0,
        ),
        (
            "Critical Temperature",
            Temperature,
            AtLeast,
            90.0,
            Critical,
            System,
            2.0,
        ),
        // A battery under load sags by a few percent and recovers.
        (
            "Low Battery",
            BatteryLevel,
            Below,
            20.0,
            Warning,
            Drone,
            3.0,
        ),
        (
            "Critical Battery",
            BatteryLevel,
            Below,
            10.0,
            Critical,
            Drone,
            3.0,
        ),
        (
            "High Drone Temperature",
            DroneTemperature,
            AtLeast,
            85.0,
            Warning,
            Drone,
            2.0,
        ),
        (
            "Critical Drone Temperature",
            DroneTemperature,
            AtLeast,
            92.0,
            Critical,
            Drone,
            2.0,
        ),
    ];
    let rule = |(name, metric, operator, threshold, level, alert_type, hysteresis): (
        &str,
        _,
        _,
        _,
        _,
        _,
        _,
    )| Rule {
        name: name.into(),
        metric,
        operator,
        threshold,
        level,
        alert_type,
        enabled: true,
        cooldown: COOLDOWN,
        hold: match metric {
            DroneTemperature => DRONE_HOT_FOR,
            CpuUsage => BUSY_FOR,
            _ => Duration::ZERO,
        },
        hysteresis,
        source: None,
        auto_resolve: None,
    };
    rules.into_iter().map(rule).collect()
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
