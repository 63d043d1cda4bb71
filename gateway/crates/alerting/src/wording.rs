//! The words and ids of alerts. Pure.

use std::sync::Arc;

use super::rule::Rule;
use readings::Metric;

/// Origin of every rule alert, as documented.
pub(super) const RULE_ORIGIN: &str = "system_monitor";
/// Who resolved an alert that resolved itself.
pub const AUTO: &str = "auto";

/// `alert_<epoch>_<seq>`: the sequence orders, the epoch tells stores apart.
#[must_use]
pub fn alert_id(epoch: u32, seq: u64) -> Arc<str> {
    format!("alert_{epoch:08x}_{seq}").into()
}

/// The parts of an id made by [`alert_id`].
#[must_use]
pub fn parse_id(id: &str) -> Option<(u32, u64)> {
    let (epoch, seq) = id.strip_prefix("alert_")?.split_once('_')?;
    Some((u32::from_str_radix(epoch, 16).ok()?, seq.parse().ok()?))
}

/// Rule name, metric, subject, value and threshold, and the sensor it is of where a subject
/// has several: `Low Battery: battery_level of drone_001 is 19 % (< 20 %)`.
pub(super) fn rule_message(rule: &Rule, subject: &str, value: f64, sensor: Option<&str>) -> String {
    let sensor = sensor.map(|name| format!(", by {name}"));
    format!(
        "{}: {} of {subject} is {} ({} {}){}",
        rule.name,
        rule.metric,
        quantity(rule.metric, value),
        rule.operator.symbol(),
        quantity(rule.metric, rule.threshold),
        sensor.unwrap_or_default()
    )
}

/// Value and threshold: `value: 19 %, threshold: 20 %`.
pub(super) fn rule_details(rule: &Rule, value: f64) -> String {
    format!(
        "value: {}, threshold: {}",
        quantity(rule.metric, value),
        quantity(rule.metric, rule.threshold)
    )
}

/// A value with its unit; two decimals at most and no trailing zeros.
#[must_use]
pub fn quantity(metric: Metric, value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    // Huge values overflow while rounding and are shown as they are.
    let shown = if rounded.is_finite() { rounded } else { value };
    match metric.unit().symbol() {
        "" => format!("{shown}"),
        symbol => format!("{shown} {symbol}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::tests::text;

    #[test]
    fn a_message_says_what_is_where_and_how_much() {
        let mut rule = text("<", 20.0);
        rule.name = "Low Battery".to_owned();
        rule.metric = "battery_level".to_owned();
        let rule = Rule::parse(&rule).expect("valid");
        assert_eq!(
            rule_message(&rule, "drone_001", 19.0, None),
            "Low Battery: battery_level of drone_001 is 19 % (< 20 %)"
        );
        assert_eq!(
            rule_message(&rule, "board", 19.0, Some("UPS (power:ups)")),
            "Low Battery: battery_level of board is 19 % (< 20 %), by UPS (power:ups)"
        );
        assert_eq!(
            rule_details(&rule, 12.3456),
            "value: 12.35 %, threshold: 20 %"
        );
        assert_eq!(quantity(Metric::Undervoltage, 1.0), "1");
        assert_eq!(quantity(Metric::Temperature, 80.5), "80.5 °C");
        assert_eq!(quantity(Metric::Generic, 1e308), format!("{}", 1e308));
    }

    #[test]
    fn ids_lead_back_to_their_parts() {
        assert_eq!(&*alert_id(0xab, 7), "alert_000000ab_7");
        assert_eq!(parse_id("alert_000000ab_7"), Some((0xab, 7)));
        for other in ["", "alert_", "alert_1", "alert_zz_1", "alert_1_-1", "x_1_1"] {
            assert_eq!(parse_id(other), None, "{other}");
        }
    }
}
