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

impl AlertRecord {
    /// The id in the API: unique also across stores.
    #[must_use]
    pub fn id(&self) -> String {
        format!("alert_{:08x}_{}", self.epoch, self.seq)
    }
}

/// What happened to an alert, for those who are notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutboxEvent {
    /// It was raised.
    Raised,
    /// Somebody has seen it.
    Acknowledged,
    /// Its value came back.
    Cleared,
    /// It is over.
    Resolved,
}

/// A notification to be sent, committed together with its alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboxRecord {
    /// What happened.
    pub event: OutboxEvent,
    /// The alert as it then was.
    pub alert: AlertRecord,
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

/// One of each, for tests and golden bytes.
#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// The golden bytes to hold `bytes` against: those in the repository, or, where a
    /// folder for new ones is named, `bytes` themselves, written there.
    pub(crate) fn golden(name: &str, bytes: &[u8], kept: &[u8]) -> Vec<u8> {
        let Ok(dir) = std::env::var("MFG_DRONE_WRITE_GOLDEN") else {
            return kept.to_vec();
        };
        std::fs::write(std::path::Path::new(&dir).join(name), bytes)
            .expect("golden file is written");
        bytes.to_vec()
    }

    pub(crate) fn key() -> KeyRecord {
        KeyRecord {
            id: KeyId([7; 32]),
            name: "field tablet".to_owned(),
            permissions: vec!["read".to_owned(), "dashboard".to_owned()],
            created_us: 1_738_314_902_123_456,
            expires_us: Some(1_769_850_902_123_456),
            last_used_us: None,
            usage_count: 42,
        }
    }

    pub(crate) fn alert() -> AlertRecord {
        AlertRecord {
            seq: 9,
            epoch: 0xDEAD_BEEF,
            rule: "low_battery".to_owned(),
            subject: "drone_001".to_owned(),
            level: "critical".to_owned(),
            alert_type: "drone".to_owned(),
            message: "battery_level is 9.0 (threshold: < 10.0)".to_owned(),
            details: Some("land now".to_owned()),
            origin: "system_monitor".to_owned(),
            metric: Some("battery_level".to_owned()),
            value: Some(9.0),
            threshold: Some(10.0),
            created_us: 1_738_314_902_123_456,
            cleared_us: None,
            acknowledged: Some((1_738_314_905_000_000, "admin".to_owned())),
            resolved: None,
        }
    }

    pub(crate) fn outbox() -> OutboxRecord {
        OutboxRecord {
            event: OutboxEvent::Acknowledged,
            alert: alert(),
        }
    }

    pub(crate) fn rule() -> RuleRecord {
        RuleRecord {
            name: "hot board".to_owned(),
            metric: "temperature".to_owned(),
            operator: ">".to_owned(),
            threshold: 75.5,
            level: "warning".to_owned(),
            alert_type: "system".to_owned(),
            enabled: true,
            cooldown_minutes: 5,
            for_s: 10,
            hysteresis: 2.0,
            source: None,
            auto_resolve: Some(false),
            deleted: false,
        }
    }

    pub(crate) fn audit() -> AuditRecord {
        AuditRecord {
            at_us: -1,
            event: "key_created".to_owned(),
            client: Some("192.168.10.2".to_owned()),
            actor: None,
            subject: "field tablet".to_owned(),
        }
    }

    pub(crate) fn history() -> HistoryRecord {
        HistoryRecord {
            source: "drone_001".to_owned(),
            metric: "battery_level".to_owned(),
            steps: vec![
                (28_971_915, 80.0, 81.5, 83.0),
                (28_971_916, 79.0, 79.5, 80.0),
            ],
        }
    }
}
