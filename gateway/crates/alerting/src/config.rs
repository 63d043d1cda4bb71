//! `[alerts]`: rules of one's own, and how long alerts are kept.

use serde::{Deserialize, Serialize};

use crate::rule_text::RuleText;

/// Most alerts that may be kept: each is in memory as well, and the store's table of them
/// holds more (16,384).
pub const MAX_ALERTS: usize = 10_000;
/// Longest that an alert may be kept, in days.
pub const MAX_RETENTION_DAYS: u32 = 365;

/// `[alerts]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether the documented default rules apply.
    pub default_rules: bool,
    /// Whether an alert resolves itself when its value has cleared.
    pub auto_resolve: bool,
    /// Most alerts kept.
    pub max_alerts: usize,
    /// Days an alert is kept.
    pub retention_days: u32,
    /// Further rules, and changes to default rules of the same name.
    pub rule: Vec<RuleText>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            default_rules: true,
            auto_resolve: true,
            max_alerts: 1000,
            retention_days: 7,
            rule: Vec::new(),
        }
    }
}
