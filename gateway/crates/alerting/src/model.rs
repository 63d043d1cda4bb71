//! What the alert service shows and hears: plain data without behaviour.

use std::sync::Arc;

use super::rule::Rule;
use jiff::Timestamp;
use readings::event::AlertChange;
use readings::{AlertType, Level, Metric};

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
    /// `system_monitor` for rule alerts, the key of a [`Condition`] else.
    pub origin: Arc<str>,
    /// The source it is about (`board`, a drone id …).
    pub subject: Arc<str>,
    /// Metric name, value and threshold of rule alerts.
    pub measured: Option<Measured>,
    /// Lasting names of the sensors that it is of, where its subject has several.
    pub sensors: Vec<Arc<str>>,
    /// When it was raised.
    pub created: Timestamp,
    /// When its value came back.
    pub cleared: Option<Timestamp>,
    /// When and by whom it was acknowledged.
    pub acknowledged: Option<(Timestamp, Arc<str>)>,
    /// When and by whom it was resolved; `auto` for itself.
    pub resolved: Option<(Timestamp, Arc<str>)>,
    /// False while its present state lives in memory only because the store
    /// refuses writes.
    pub durable: bool,
}

impl Alert {
    /// Whether its cause stands as far as is known: neither cleared nor resolved.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.cleared.is_none() && self.resolved.is_none()
    }
}

/// What a rule alert measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The metric.
    pub metric: Metric,
    /// Its value when the alert fired.
    pub value: f64,
    /// The rule's threshold.
    pub threshold: f64,
}

/// The sensor that the value of a rule alert is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfSensor {
    /// Its lasting name.
    pub name: Arc<str>,
    /// The same for people, unless the subject says it already.
    pub words: Option<String>,
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
    /// The rule.
    pub rule: Arc<Rule>,
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
    /// What happened to one that is known; none where it is only durable at last, or says
    /// its newest reason.
    Changed(Arc<Alert>, Option<AlertChange>),
}

/// Counters for `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertStats {
    /// Evaluations of a rule on a reading.
    pub evaluations: u64,
    /// Readings refused because their value was not a finite number.
    pub not_finite: u64,
    /// Alerts raised.
    pub raised: u64,
    /// Times a rule would have fired and its cool-down kept it silent.
    pub suppressed: u64,
    /// Episodes of one rule and source that ended and began again before the
    /// committer had taken the first, and so became one alert.
    pub coalesced: u64,
    /// Cells of (rule, source) with transitions the committer has not taken yet.
    pub cells_waiting: usize,
    /// Commands waiting for the committer.
    pub commands_waiting: usize,
    /// Commands refused because too many were waiting.
    pub commands_refused: u64,
    /// Alerts whose present state is not durable yet.
    pub not_durable: usize,
    /// Commits the store refused or did not finish in time.
    pub commits_failed: u64,
    /// Conditions that stand.
    pub conditions: usize,
    /// Conditions refused because their table was full.
    pub conditions_refused: u64,
    /// Alerts dropped because the book was full.
    pub dropped_full: u64,
    /// Alerts dropped because they were older than the retention.
    pub dropped_old: u64,
    /// Events overwritten before the slowest subscriber had read them.
    pub events_overwritten: u64,
    /// Rules of the store that could not be understood and are not in effect.
    pub rules_ignored: u64,
    /// Times an alert stood on although its cause was gone, to keep the budget of writes.
    pub ends_delayed: u64,
}
