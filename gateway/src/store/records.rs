//! What is stored, as plain data. Encoded by postcard behind a version byte;
//! a change of shape is a new version with golden bytes of its own.

use serde::{Deserialize, Serialize};

/// SHA-256 of an API key: identifies it and is all that is kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId(pub [u8; 32]);

/// An API key without the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its hash.
    pub id: KeyId,
    /// Its name.
    pub name: String,
    /// Permissions in the order they were requested: `read`, `write`, `admin`, `dashboard`.
    pub permissions: Vec<String>,
    /// Microseconds since 1970.
    pub created_us: i64,
    /// Microseconds since 1970; none: never.
    pub expires_us: Option<i64>,
    /// Microseconds since 1970; none: not used yet.
    pub last_used_us: Option<i64>,
    /// Authenticated requests.
    pub usage_count: u64,
}

/// An alert with its life cycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertRecord {
    /// Order of creation; never reused.
    pub seq: u64,
    /// Store epoch at creation; with `seq` it makes the id unique.
    pub epoch: u32,
    /// Rule name, or the name of the condition.
    pub rule: String,
    /// Name of the source it is about.
    pub subject: String,
    /// `info`, `warning`, `error`, `critical`.
    pub level: String,
    /// `system`, `drone`, `training`, `network`, `security`, `performance`.
    pub alert_type: String,
    /// Text for people.
    pub message: String,
    /// More of it.
    pub details: Option<String>,
    /// `system_monitor` for rule alerts.
    pub origin: String,
    /// Metric, value and threshold of rule alerts.
    pub metric: Option<String>,
    /// The value that fired it.
    pub value: Option<f64>,
    /// The threshold it crossed.
    pub threshold: Option<f64>,
    /// Microseconds since 1970.
    pub created_us: i64,
    /// When the value cleared.
    pub cleared_us: Option<i64>,
    /// When and by whom it was acknowledged.
    pub acknowledged: Option<(i64, String)>,
    /// When and by whom it was resolved; `auto` when it resolved itself.
    pub resolved: Option<(i64, String)>,
}

/// A rule made or changed through the API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleRecord {
    /// Its unique name.
    pub name: String,
    /// Metric name.
    pub metric: String,
    /// `>`, `<`, `>=`, `<=`, `==`, `!=`.
    pub operator: String,
    /// In the metric's unit.
    pub threshold: f64,
    /// Alert level.
    pub level: String,
    /// Alert type.
    pub alert_type: String,
    /// Off switch.
    pub enabled: bool,
    /// Minutes.
    pub cooldown_minutes: u32,
    /// Seconds.
    pub for_s: u32,
    /// In the metric's unit.
    pub hysteresis: f64,
    /// The one source, or all.
    pub source: Option<String>,
    /// Whether alerts of it resolve themselves.
    pub auto_resolve: Option<bool>,
    /// A default rule that was deleted stays deleted.
    pub deleted: bool,
}

/// Minute steps of one source and metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryRecord {
    /// Source name.
    pub source: String,
    /// Metric name.
    pub metric: String,
    /// Minutes since 1970, with minimum, mean and maximum.
    pub steps: Vec<(u32, f32, f32, f32)>,
}

/// One security event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Microseconds since 1970.
    pub at_us: i64,
    /// `key_created`, `key_revoked`, `key_failed`, `lockout`, `permission_refused`, …
    pub event: String,
    /// Client address, when there is one.
    pub client: Option<String>,
    /// Name of the key that acted, when there is one.
    pub actor: Option<String>,
    /// What it was about; never a key.
    pub subject: String,
}
