//! Rules, their evaluation and the book of alerts.
//!
//! Evaluation is a pure state machine that takes `now`; the desk task makes its
//! transitions durable and then visible. Evaluation must never sleep, read
//! clocks, allocate or do I/O.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use thiserror::Error;
use tokio::sync::broadcast;

use crate::clock::Mono;
use crate::config;
use crate::readings::{Reading, SourceId, Sources};
use crate::store::{StorageError, Store};

/// Severity of an alert, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Needs attention.
    Warning,
    /// Something failed.
    Error,
    /// Act now.
    Critical,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertType {
    /// The board.
    System,
    /// A drone.
    Drone,
    /// Training jobs.
    Training,
    /// Links.
    Network,
    /// Access.
    Security,
    /// Speed.
    Performance,
}

/// An alert as shown; immutable, replaced on change.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Order of creation.
    pub seq: u64,
    /// `alert_…`, unique for ever.
    pub id: Arc<str>,
    /// Severity.
    pub level: Level,
    /// What it is about.
    pub alert_type: AlertType,
    /// Rule name or short title.
    pub title: Arc<str>,
    /// Text for people; contains the metric name for rule alerts.
    pub message: String,
    /// More of it.
    pub details: Option<String>,
    /// `system_monitor` for rule alerts.
    pub origin: Arc<str>,
    /// The source it is about (`board`, a drone id …).
    pub subject: Arc<str>,
    /// Metric name, value and threshold of rule alerts.
    pub measured: Option<Measured>,
    /// When it was raised.
    pub created: Timestamp,
    /// When its value came back.
    pub cleared: Option<Timestamp>,
    /// When and by whom it was acknowledged.
    pub acknowledged: Option<(Timestamp, Arc<str>)>,
    /// When and by whom it was resolved; `auto` for itself.
    pub resolved: Option<(Timestamp, Arc<str>)>,
    /// False while it lives in memory only because the store refuses writes.
    pub durable: bool,
}

/// What a rule alert measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The metric.
    pub metric: crate::readings::Metric,
    /// Its value when the alert fired.
    pub value: f64,
    /// The rule's threshold.
    pub threshold: f64,
}

/// Filters of a listing; they combine with AND.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Filter {
    /// Only this level.
    pub level: Option<Level>,
    /// Only this type.
    pub alert_type: Option<AlertType>,
    /// Only those not resolved.
    pub unresolved_only: bool,
    /// Most alerts returned; 0 is all.
    pub limit: usize,
}

/// Counts over the book.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Alerts kept.
    pub total: usize,
    /// Younger than 24 h.
    pub recent_24h: usize,
    /// Not resolved, any age.
    pub unresolved: usize,
    /// Critical and younger than 24 h, resolved or not.
    pub critical_24h: usize,
    /// Within 24 h, by level; zero absent.
    pub by_level: Vec<(Level, usize)>,
    /// Within 24 h, by type; zero absent.
    pub by_type: Vec<(AlertType, usize)>,
}

/// A rule as listed.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleView {
    /// The rule as written.
    pub rule: config::Rule,
    /// `default`, `config` or `api`.
    pub origin: &'static str,
    /// When it last fired for any source.
    pub last_triggered: Option<Timestamp>,
}

/// A state that is not a metric: a lost drone, a failing store. Raised once,
/// cleared when over; repeated calls change nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Stable name, e.g. `drone_silent`.
    pub key: &'static str,
    /// The source it is about.
    pub subject: Arc<str>,
    /// Severity.
    pub level: Level,
    /// What it is about.
    pub alert_type: AlertType,
    /// Short title.
    pub title: &'static str,
    /// Text for people.
    pub message: String,
    /// More of it.
    pub details: Option<String>,
}

/// What subscribers hear.
#[derive(Clone, Debug)]
pub enum AlertEvent {
    /// A new alert.
    Raised(Arc<Alert>),
    /// Acknowledged, cleared or resolved.
    Changed(Arc<Alert>),
}

/// Why an operation on an alert or rule was refused.
#[derive(Clone, Debug, Error)]
pub enum AlertError {
    /// No such alert.
    #[error("Alert not found: {0}")]
    UnknownAlert(String),
    /// No such rule.
    #[error("Rule not found: {0}")]
    UnknownRule(String),
    /// The rule makes no sense; the text says which field and why.
    #[error("{field}: {reason}")]
    InvalidRule {
        /// The field at fault.
        field: &'static str,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// A table is full.
    #[error("{0}")]
    Full(String),
    /// Not durable, so not done.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The alert service; clones share it.
#[derive(Clone)]
pub struct Alerts {}

impl Alerts {
    /// Loads rules and the book, and starts the desk task on the current runtime.
    ///
    /// # Errors
    /// [`AlertError::InvalidRule`] for a rule in the configuration.
    pub fn start(config: &config::Alerts, sources: Arc<Sources>, store: Store) -> Result<Alerts, AlertError> {
        let _ = (config, sources, store);
        unimplemented!()
    }

    /// Evaluates every rule that applies. Allocates nothing.
    pub fn observe(&self, source: SourceId, readings: &[Reading], now: Mono) {
        let _ = (source, readings, now);
        unimplemented!()
    }

    /// Lets time pass, so that `for_s` can end without a further reading and
    /// retention is applied; called about once a second.
    pub fn tick(&self, now: Mono) {
        let _ = now;
        unimplemented!()
    }

    /// Raises `condition` unless it stands already.
    pub fn raise(&self, condition: Condition) {
        let _ = condition;
        unimplemented!()
    }

    /// Ends the condition `key` of `subject`, if it stands.
    pub fn clear(&self, key: &'static str, subject: &str) {
        let _ = (key, subject);
        unimplemented!()
    }

    /// Alerts, newest first.
    #[must_use]
    pub fn list(&self, filter: &Filter) -> Vec<Arc<Alert>> {
        let _ = filter;
        unimplemented!()
    }

    /// Changes whenever anything `list`, `summary` or `rules` shows changes.
    #[must_use]
    pub fn version(&self) -> u64 {
        unimplemented!()
    }

    /// Counts.
    #[must_use]
    pub fn summary(&self) -> Summary {
        unimplemented!()
    }

    /// Acknowledges; idempotent, durable before it returns.
    ///
    /// # Errors
    /// [`AlertError::UnknownAlert`], [`AlertError::Storage`].
    pub async fn acknowledge(&self, id: &str, by: &str) -> Result<Arc<Alert>, AlertError> {
        let _ = (id, by);
        unimplemented!()
    }

    /// Resolves (and so acknowledges); idempotent, durable before it returns.
    ///
    /// # Errors
    /// [`AlertError::UnknownAlert`], [`AlertError::Storage`].
    pub async fn resolve(&self, id: &str, by: &str) -> Result<Arc<Alert>, AlertError> {
        let _ = (id, by);
        unimplemented!()
    }

    /// Rules in effect: the ten documented ones first, in their order.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleView> {
        unimplemented!()
    }

    /// Adds or replaces a rule; durable before it returns.
    ///
    /// # Errors
    /// [`AlertError::InvalidRule`], [`AlertError::Full`], [`AlertError::Storage`].
    pub async fn put_rule(&self, rule: config::Rule) -> Result<RuleView, AlertError> {
        let _ = rule;
        unimplemented!()
    }

    /// Removes a rule; durable before it returns.
    ///
    /// # Errors
    /// [`AlertError::UnknownRule`], [`AlertError::Storage`].
    pub async fn delete_rule(&self, name: &str) -> Result<(), AlertError> {
        let _ = name;
        unimplemented!()
    }

    /// Takes the rules of a reloaded configuration.
    ///
    /// # Errors
    /// [`AlertError::InvalidRule`]; the old rules stay.
    pub fn reload(&self, config: &config::Alerts) -> Result<(), AlertError> {
        let _ = config;
        unimplemented!()
    }

    /// Events from now on. A slow receiver loses the oldest and is told so.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<AlertEvent> {
        unimplemented!()
    }
}
