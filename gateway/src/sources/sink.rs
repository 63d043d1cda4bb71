//! The one seam between a source and the gateway: readings in, conditions raised
//! and ended, and nothing else.
//!
//! Every source publishes through here, so that no reading can reach the
//! histories without being judged, or the other way round. A source must not
//! reach the alerts or the telemetry behind it: what it may ask about them is
//! here, in words of a source.

use std::sync::Arc;
use std::time::Duration;

use alerting::{AlertError, Alerts, Condition, Explain, Filter, Rule, RuleText};
use jiff::Timestamp;
use readings::clock::{Mono, wall_now};
use readings::event::{EventKind, EventLog, LinkChange, NewEvent, Values};
use readings::telemetry::Telemetry;
use readings::{Metric, Reading, SourceId, SourceKind, Sources, SourcesFull};

/// How long an alert about something that vanished keeps its place although nobody
/// acknowledges it: a day, after which it goes to the history with its last word.
const UNSEEN_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes readings and conditions of a source.
///
/// A trait, so that sockets and state machines can be driven without a store and
/// rules behind them; [`Pipeline`] is the one that the gateway uses.
pub trait ReadingSink: Send + Sync + 'static {
    /// The id under which the source `name` publishes; the same one for the same name.
    ///
    /// # Errors
    /// [`SourcesFull`] when as many of its kind are registered as have places.
    fn register(&self, name: &str, kind: SourceKind) -> Result<SourceId, SourcesFull>;

    /// Takes a batch of readings of one source, taken now. May be called for every
    /// datagram: it must not block or wait, and allocates nothing once the source
    /// has reported each of its metrics.
    fn publish(&self, source: SourceId, readings: &[Reading]);

    /// A datagram of a source came, whatever is in it; see [`Tap`].
    fn heard(&self, _source: SourceId, _datagram: &[u8]) {}

    /// Raises a condition, which is an alert, unless it stands already.
    fn raise(&self, condition: Condition);

    /// Ends a condition, if it stands.
    fn clear(&self, key: &'static str, subject: &str);

    /// Nothing will be heard any more of what a condition is about: its alert stands until
    /// somebody resolves it, and then does not come back.
    fn leave(&self, _key: &'static str, _subject: &str) {}

    /// Publishes as an event what became of the link to the source `name`, and why. For
    /// changes alone, and of what may change often only as often as it may be logged.
    fn link_changed(&self, name: &Arc<str>, change: LinkChange, why: Option<String>) {
        let _ = (name, change, why);
    }
}

/// Hears every datagram of a source as it came, before anything is made of it. Called
/// for each: must not block, wait or allocate.
pub trait Tap: Send + Sync {
    /// A datagram of `source` came at `at`.
    fn heard(&self, source: SourceId, datagram: &[u8], at: Mono);
}

/// What people know of the open alerts about one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// There is no open alert about it.
    NothingOpen,
    /// At least one is neither acknowledged nor a day old.
    Unseen,
    /// Each is acknowledged, or a day old.
    Seen,
}

/// The sink of the gateway: telemetry first, then the rules. Clones share it.
#[derive(Clone)]
pub struct Pipeline {
    sources: Arc<Sources>,
    telemetry: Arc<Telemetry>,
    alerts: Alerts,
    events: EventLog,
    tap: Option<Arc<dyn Tap>>,
}

impl Pipeline {
    /// A pipeline into `telemetry` and `alerts`, for sources named in `sources`; its events
    /// are heard by nobody.
    #[must_use]
    pub fn new(sources: Arc<Sources>, telemetry: Arc<Telemetry>, alerts: Alerts) -> Pipeline {
        Pipeline {
            sources,
            telemetry,
            alerts,
            events: EventLog::default(),
            tap: None,
        }
    }

    /// The same, whose datagrams `tap` hears as well.
    #[must_use]
    pub fn with_tap(self, tap: Arc<dyn Tap>) -> Pipeline {
        Pipeline {
            tap: Some(tap),
            ..self
        }
    }

    /// The same, with its events in `events`.
    #[must_use]
    pub fn with_events(self, events: EventLog) -> Pipeline {
        Pipeline { events, ..self }
    }

    /// Makes `rules` the default rules of `room`, in place of those it added before.
    /// Rules of the configuration and of the API win over them.
    ///
    /// # Errors
    /// [`AlertError::InvalidRule`]; [`AlertError::Full`] when there are too many.
    pub fn default_rules(&self, room: &'static str, rules: &[RuleText]) -> Result<(), AlertError> {
        self.alerts.set_defaults(room, rules)
    }

    /// Asks `explain`, from now on, what a value of a source and a metric is of, when it is
    /// made of several: an alert has to name the one.
    pub fn explain_by(&self, explain: Explain) {
        self.alerts.explain_by(explain);
    }

    /// Raises a condition of sensors that its words name: their lasting names are kept with
    /// its alert, for a later run.
    pub fn raise_naming(&self, condition: Condition, sensors: Vec<Arc<str>>) {
        self.alerts.raise_naming(condition, sensors);
    }

    /// The same where its cause is news. Where people have seen what stands, new words would
    /// be told to nobody: then another alert tells of it.
    pub fn raise_news(&self, condition: Condition, sensors: Vec<Arc<str>>) {
        match self.is_seen(condition.key, &condition.subject) {
            true => self.raise_anew(condition, sensors),
            false => self.raise_naming(condition, sensors),
        }
    }

    /// The same, whoever has seen what stands: for what can be news a few times only.
    pub fn raise_anew(&self, condition: Condition, sensors: Vec<Arc<str>>) {
        self.alerts.raise_anew(condition, sensors);
    }

    /// Whether people have seen the open alert of the condition `key` of `subject`.
    #[must_use]
    pub fn is_seen(&self, key: &str, subject: &str) -> bool {
        let open = self.open();
        let is_it =
            |alert: &&Arc<alerting::Alert>| &*alert.origin == key && &*alert.subject == subject;
        let mut it = open.iter().filter(is_it).peekable();
        it.peek().is_some() && it.all(|alert| is_seen(alert))
    }

    /// The enabled rules that name a source below `prefix`. Allocates: for now and then.
    #[must_use]
    pub fn rules_about(&self, prefix: &str) -> Vec<Arc<Rule>> {
        let is_about = |rule: &Arc<Rule>| {
            let source = rule.source.as_deref();
            rule.enabled && source.is_some_and(|source| source.starts_with(prefix))
        };
        let rules = self.alerts.rules().into_iter().map(|view| view.rule);
        rules.filter(is_about).collect()
    }

    /// Changes whenever rules do; and now and then otherwise.
    #[must_use]
    pub fn rules_version(&self) -> u64 {
        self.alerts.version()
    }

    /// Whether people have seen what is open about `subject`. A condition raised a
    /// moment ago may not be open yet.
    #[must_use]
    pub fn noticed(&self, subject: &str) -> Noticed {
        let open = self.open();
        let mut about = open
            .iter()
            .filter(|alert| &*alert.subject == subject)
            .peekable();
        if about.peek().is_none() {
            return Noticed::NothingOpen;
        }
        if about.all(|alert| is_seen(alert)) {
            Noticed::Seen
        } else {
            Noticed::Unseen
        }
    }

    /// What is open about `subject` and about what is below it. Allocates: for the start.
    #[must_use]
    pub fn open_about(&self, subject: &str) -> Vec<Arc<alerting::Alert>> {
        let mut open = self.open();
        open.retain(|alert| {
            let rest = alert.subject.strip_prefix(subject);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        open
    }

    /// Gives the place of a source to another one of the same kind: the history and
    /// the rules' state of the old one are forgotten. What is open about the old one
    /// is ended by [`Pipeline::resolve_about`].
    pub fn hand_over(&self, source: SourceId, to: &str) {
        self.telemetry.forget(source);
        self.alerts.forget(source);
        self.sources.reuse(source, to);
    }

    /// The metrics of `subject` of which a rule has said something that nobody has seen.
    #[must_use]
    pub fn unseen_metrics(&self, subject: &str) -> Vec<Metric> {
        let open = self.open();
        let unseen = open
            .iter()
            .filter(|alert| &*alert.subject == subject && !is_seen(alert));
        unseen
            .filter_map(|alert| Some(alert.measured?.metric))
            .collect()
    }

    /// The rules whose alerts about `subject` stand.
    #[must_use]
    pub fn standing_rules(&self, subject: &str) -> Vec<Arc<Rule>> {
        let mut standing = self.open();
        standing.retain(|alert| {
            alert.is_open() && alert.measured.is_some() && &*alert.subject == subject
        });
        if standing.is_empty() {
            return Vec::new();
        }
        let rules = self.alerts.rules().into_iter().map(|view| view.rule);
        let stands = |rule: &Arc<Rule>| standing.iter().any(|alert| alert.title == rule.name);
        rules.filter(stands).collect()
    }

    /// Resolves what the rules have said of one metric of `subject`, of which there will be
    /// no value any more. Does not wait for it.
    pub fn resolve_measured(&self, subject: &str, metric: Metric, by: &str) {
        self.resolve_soon(by, |alert| {
            let measured = alert.measured.map(|measured| measured.metric);
            &*alert.subject == subject && measured == Some(metric)
        });
    }

    /// The same of what they have said of one sensor of `subject`.
    pub fn resolve_sensor(&self, subject: &str, metric: Metric, sensor: &str, by: &str) {
        self.resolve_soon(by, |alert| {
            let measured = alert.measured.map(|measured| measured.metric);
            let is_of_it = alert.sensors.iter().any(|name| **name == *sensor);
            &*alert.subject == subject && measured == Some(metric) && is_of_it
        });
    }

    /// The same for the condition `key` of `subject`, which is not looked at any more.
    pub fn resolve_condition(&self, key: &'static str, subject: &str, by: &str) {
        self.alerts.leave(key, subject);
        self.resolve_soon(by, |alert| {
            &*alert.origin == key && &*alert.subject == subject
        });
    }

    fn resolve_soon(&self, by: &str, is_meant: impl Fn(&alerting::Alert) -> bool) {
        for alert in self.open().iter().filter(|alert| is_meant(alert)) {
            self.alerts.resolve_soon(&alert.id, by);
        }
    }

    /// Resolves what is open about sources that are gone for good, and about what
    /// is below them: nothing will ever be heard of them that could end it. `by` is
    /// shown as who resolved it.
    pub async fn resolve_about(&self, subjects: &[Arc<str>], by: &str) {
        let is_of = |subject: &str| {
            subjects.iter().any(|gone| {
                subject
                    .strip_prefix(&**gone)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        for alert in self.open().iter().filter(|alert| is_of(&alert.subject)) {
            if let Err(error) = self.alerts.resolve(&alert.id, by).await {
                tracing::warn!(%error, alert = &*alert.id, "alert of what is gone for good not resolved");
            }
        }
    }

    fn open(&self) -> Vec<Arc<alerting::Alert>> {
        self.alerts.list(&Filter {
            unresolved_only: true,
            ..Filter::default()
        })
    }
}

/// Whether somebody has acknowledged it, or it is a day old.
fn is_seen(alert: &alerting::Alert) -> bool {
    let is_old =
        |created: Timestamp| wall_now().duration_since(created).unsigned_abs() >= UNSEEN_FOR;
    alert.acknowledged.is_some() || is_old(alert.created)
}

impl ReadingSink for Pipeline {
    fn register(&self, name: &str, kind: SourceKind) -> Result<SourceId, SourcesFull> {
        self.sources.register(name, kind)
    }

    fn publish(&self, source: SourceId, readings: &[Reading]) {
        let now = Mono::now();
        self.telemetry.publish(source, readings, now, wall_now());
        self.alerts.observe(source, readings, now);
    }

    fn heard(&self, source: SourceId, datagram: &[u8]) {
        if let Some(tap) = &self.tap {
            tap.heard(source, datagram, Mono::now());
        }
    }

    fn raise(&self, condition: Condition) {
        self.alerts.raise(condition);
    }

    fn clear(&self, key: &'static str, subject: &str) {
        self.alerts.clear(key, subject);
    }

    fn leave(&self, key: &'static str, subject: &str) {
        self.alerts.leave(key, subject);
    }

    fn link_changed(&self, name: &Arc<str>, change: LinkChange, why: Option<String>) {
        let source = self.sources.find(name);
        let is_drone = source.is_some_and(|source| source.kind == SourceKind::Drone);
        let event = NewEvent {
            drone: is_drone.then(|| name.clone()),
            kind: EventKind::Link,
            who: None,
            why: why.map(Into::into),
            values: Values::Link {
                source: name.clone(),
                state: change,
            },
        };
        self.events.publish(event, wall_now());
    }
}
