//! Default rules about the board, with the board's own temperature limits.
//!
//! Pure. They are added below configured rules and those of the API, behind
//! the built-in ones; only the two board temperatures may take the place of a
//! built-in rule, and only with a lower threshold.

use boards::TemperatureLimits;

use crate::config::Rule;
use readings::{BOARD, Metric};

/// Documented thresholds of the board's temperature, °C.
const HIGH_C: f64 = 80.0;
const CRITICAL_C: f64 = 90.0;
/// How far below a lower trip point of the board a rule fires, so that a person
/// hears of it before the kernel acts.
const BEFORE_TRIP_C: f64 = 2.0;
/// How far apart the two rules stay when only one is lowered.
const APART_C: f64 = 5.0;
/// A trip point below this is a driver's placeholder (0 °C is common), not a limit.
const LEAST_TRIP_C: f64 = 45.0;
/// How much of the temperature's unrest does not end an alert.
const TEMPERATURE_HYSTERESIS_C: f64 = 2.0;
/// Seconds of battery left: enough to land what flies and carry the box in; enough to land.
const LITTLE_TIME_S: f64 = 900.0;
const NO_TIME_S: f64 = 300.0;
/// A gauge guesses anew with each change of the load.
const TIME_FOR_S: u32 = 60;
const TIME_HYSTERESIS_S: f64 = 300.0;

/// All rules about a board with those limits.
#[must_use]
pub fn defaults(limits: TemperatureLimits) -> Vec<Rule> {
    let mut rules = temperatures(limits);
    rules.extend(power_and_storage());
    rules.extend(links_and_clock());
    rules.extend(time_left());
    rules
}

/// A battery that its gauge expects to be empty soon, whatever its charge is.
fn time_left() -> [Rule; 2] {
    [
        ("Little Battery Time", LITTLE_TIME_S, "warning"),
        ("Battery Nearly Empty", NO_TIME_S, "critical"),
    ]
    .map(|(name, seconds, level)| {
        rule(
            name,
            Metric::TimeToEmpty,
            "<",
            seconds,
            level,
            TIME_FOR_S,
            TIME_HYSTERESIS_S,
        )
    })
}

fn rule(
    name: &str,
    metric: Metric,
    operator: &str,
    threshold: f64,
    level: &str,
    for_s: u32,
    hysteresis: f64,
) -> Rule {
    Rule {
        alert_type: (metric == Metric::WifiLink).then(|| "network".to_owned()),
        for_s,
        hysteresis,
        source: Some(BOARD.to_owned()),
        ..Rule::new(name, metric, operator, threshold, level)
    }
}

fn power_and_storage() -> [Rule; 5] {
    [
        // The driver's alarm is latched for two seconds and worth every event.
        rule(
            "Undervoltage",
            Metric::Undervoltage,
            ">=",
            1.0,
            "error",
            0,
            0.0,
        ),
        // A moment of full load throttles a board without a fan; ten seconds do harm.
        rule(
            "Throttled",
            Metric::Throttled,
            ">=",
            1.0,
            "warning",
            10,
            0.0,
        ),
        // Wear is told in steps of 10 %, and never comes back.
        rule(
            "Storage Worn",
            Metric::StorageWear,
            ">=",
            80.0,
            "warning",
            0,
            0.0,
        ),
        rule(
            "Storage Worn Out",
            Metric::StorageWear,
            ">=",
            100.0,
            "critical",
            0,
            0.0,
        ),
        // 2: 80 % of the reserved blocks are used (JEDEC eMMC PRE_EOL_INFO).
        rule(
            "Storage Reserve Low",
            Metric::StorageReserve,
            ">=",
            2.0,
            "error",
            0,
            0.0,
        ),
    ]
}

fn links_and_clock() -> [Rule; 4] {
    [
        // Video stalls at about -75 dBm, the link is lost at about -85.
        rule(
            "Weak Wi-Fi",
            Metric::WifiSignal,
            "<",
            -75.0,
            "warning",
            10,
            5.0,
        ),
        rule(
            "Wi-Fi Link Lost",
            Metric::WifiLink,
            "<",
            1.0,
            "error",
            10,
            0.0,
        ),
        // A limit of a monitor chip, or what a battery says of itself: low, hot, dead.
        // A chip sets it for a moment as it is switched on.
        rule(
            "Sensor Alarm",
            Metric::SensorAlarm,
            ">=",
            1.0,
            "warning",
            10,
            0.0,
        ),
        // A board without a battery-backed clock needs minutes after the start.
        rule(
            "Clock Unsynchronised",
            Metric::ClockSynchronised,
            "<",
            1.0,
            "warning",
            900,
            0.0,
        ),
    ]
}

/// The two temperature rules that must be lowered for this board; none when
/// the documented ones will do.
fn temperatures(limits: TemperatureLimits) -> Vec<Rule> {
    let trip = |limit: Option<f64>| limit.filter(|celsius| *celsius >= LEAST_TRIP_C);
    let lowered = |documented: f64, limit: Option<f64>| match trip(limit) {
        Some(celsius) if celsius < documented => celsius - BEFORE_TRIP_C,
        _ => documented,
    };
    let critical = lowered(CRITICAL_C, limits.critical_c);
    let high = lowered(HIGH_C, limits.throttle_c).min(critical - APART_C);
    let rule = |name, threshold, level| Rule {
        hysteresis: TEMPERATURE_HYSTERESIS_C,
        // As the default rules: one sample of a sensor may be a fault of it.
        for_s: 5,
        // As the documented rules: for every source with this metric.
        ..Rule::new(name, Metric::Temperature, ">=", threshold, level)
    };
    let mut rules = Vec::new();
    if high < HIGH_C {
        rules.push(rule("High Temperature", high, "warning"));
    }
    if critical < CRITICAL_C {
        rules.push(rule("Critical Temperature", critical, "critical"));
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thresholds(throttle_c: Option<f64>, critical_c: Option<f64>) -> Vec<(String, f64)> {
        let rules = temperatures(TemperatureLimits {
            throttle_c,
            critical_c,
        });
        rules
            .into_iter()
            .map(|rule| (rule.name, rule.threshold))
            .collect()
    }

    #[test]
    fn every_default_rule_is_valid_and_there_is_room() {
        let limits = TemperatureLimits {
            throttle_c: Some(60.0),
            critical_c: Some(70.0),
        };
        let rules = defaults(limits);
        for rule in &rules {
            assert_eq!(alerting::check_rule(rule), Ok(()), "{rule:?}");
        }
        assert!(rules.len() + 12 <= alerting::MAX_DEFAULT_RULES);
    }

    #[test]
    fn temperatures_are_lowered_below_the_boards_limits_and_never_raised() {
        let named = |high: f64| ("High Temperature".to_owned(), high);
        let critical = |celsius: f64| ("Critical Temperature".to_owned(), celsius);
        assert_eq!(thresholds(None, None), []);
        assert_eq!(
            thresholds(Some(80.0), Some(110.0)),
            [],
            "a Pi 4's are not lower"
        );
        assert_eq!(thresholds(Some(60.0), Some(110.0)), [named(58.0)]);
        assert_eq!(
            thresholds(None, Some(85.0)),
            [named(78.0), critical(83.0)],
            "they keep their distance"
        );
        assert_eq!(
            thresholds(Some(70.0), Some(72.0)),
            [named(65.0), critical(70.0)]
        );
        assert_eq!(
            thresholds(Some(0.0), Some(-273.0)),
            [],
            "placeholders of drivers"
        );
        assert_eq!(thresholds(Some(f64::NAN), None), []);
    }
}
