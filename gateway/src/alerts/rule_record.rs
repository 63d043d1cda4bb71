//! Rules to and from their stored form.

use crate::config;
use alerting::Rule;
use store::RuleRecord;

/// The stored form of a rule made through the API, or of the note that a
/// default or configured rule was deleted.
///
/// Without its action: see `actions`.
pub(super) fn rule_record(rule: &Rule, deleted: bool) -> RuleRecord {
    RuleRecord {
        name: rule.name.to_string(),
        metric: rule.metric.name().to_owned(),
        operator: rule.operator.symbol().to_owned(),
        threshold: rule.threshold,
        level: rule.level.name().to_owned(),
        alert_type: rule.alert_type.name().to_owned(),
        enabled: rule.enabled,
        cooldown_minutes: rule.cooldown_minutes(),
        for_s: rule.for_s(),
        hysteresis: rule.hysteresis,
        source: rule.source.as_deref().map(str::to_owned),
        auto_resolve: rule.auto_resolve,
        deleted,
    }
}

/// The text form of a stored rule, to be parsed like any other.
pub(super) fn rule_text(record: RuleRecord) -> config::Rule {
    config::Rule {
        name: record.name,
        metric: record.metric,
        operator: record.operator,
        threshold: record.threshold,
        level: record.level,
        alert_type: Some(record.alert_type),
        enabled: record.enabled,
        cooldown_minutes: record.cooldown_minutes,
        for_s: record.for_s,
        hysteresis: record.hysteresis,
        source: record.source,
        auto_resolve: record.auto_resolve,
        action: None,
        drones: Vec::new(),
    }
}
