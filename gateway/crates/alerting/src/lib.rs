//! Rules, their evaluation and the book of alerts.
//!
//! A reading is judged where it is published: [`Alerts::observe`] runs the pure
//! state machines (`cell`, in `engine`) and returns. What fires waits in its
//! cell until the committer (`committer`, `task`) takes it, makes it durable together with
//! whatever else waits, and only then puts it into the book and tells
//! subscribers. Evaluation must never sleep, read clocks, allocate or do I/O.
//!
//! Over a restart: an alert that was open goes on. If its value is still bad it
//! is continued, not raised again; the first good value ends it; a source that
//! never reports again leaves it open for an operator. Cool-downs and hold times
//! start anew, because the monotonic clock does.

mod acting;
mod action;
mod book;
mod cell;
mod command;
mod committer;
mod conditions;
mod config;
mod damping;
mod defaults;
mod draft;
mod engine;
mod error;
mod event;
mod journal;
mod measured;
mod model;
mod preview;
mod rerun;
mod rule;
mod rule_table;
mod rule_text;
mod ruleset;
mod service;
mod task;
mod transition;
mod wording;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{broadcast, mpsc, oneshot};

use book::Moment;
use command::{Command, Reply};
use committer::Committer;
use readings::clock::{Mono, wall_now};
use readings::{Reading, SourceId, Sources};
use ruleset::Rulebook;
use service::AlertService;
pub use service::Explain;

pub use acting::{Actor, RuleActs};
pub use action::{Action, MAX_ACTION_DRONES, RuleAction};
pub use conditions::{
    BOARD_FURTHER_ALARM, BOARD_SENSOR_LOST, BRIDGE_BUTTON, BRIDGE_SENSOR_LOST, BRIDGE_STOP_UNKNOWN,
    DRONE_LANDING_UNCONFIRMED, DRONE_SILENT, DRONE_UPSIDE_DOWN, STORE_LOSS, UPDATE_ENDED,
};
pub use config::{Config, MAX_ALERTS, MAX_RETENTION_DAYS};
pub use error::{AlertError, JournalError};
pub use journal::{Change, Journal, Kept, StoredRule};
pub use model::{
    Alert, AlertEvent, AlertStats, Condition, Filter, Measured, OfSensor, RuleView, Summary,
};
pub use preview::{Firings, Preview, Step};
pub use readings::event::AlertChange;
pub use readings::{AlertType, Level};
pub use rerun::Rerun;
pub use rule::{MAX_COOLDOWN_MINUTES, MAX_FOR_S, MAX_NAME_CHARS, Operator, Rule};
pub use rule_table::{MAX_API_RULES, MAX_DEFAULT_RULES, MAX_RULES};
pub use rule_text::{RuleText, USUAL_COOLDOWN_MINUTES};
pub use wording::{AUTO, alert_id, parse_id, quantity};

/// How often retention is looked at.
const TRIM_EVERY: Duration = Duration::from_secs(60);

/// Whether one rule can be used; else the field at fault and why.
///
/// # Errors
/// The field, and what is wrong with it and what is allowed.
pub fn check_rule(rule: &RuleText) -> Result<(), (&'static str, String)> {
    match Rule::parse(rule) {
        Err(AlertError::InvalidRule { field, reason }) => Err((field, reason)),
        Err(other) => Err(("name", other.to_string())),
        Ok(_) => Ok(()),
    }
}

/// The rules that a configuration puts in effect, with the default rules that
/// other rooms add, before any made by the API.
///
/// # Errors
/// [`AlertError::InvalidRule`], [`AlertError::Full`].
pub fn effective_rules(config: &Config, added: &[RuleText]) -> Result<Vec<RuleView>, AlertError> {
    let mut book = Rulebook::new(config, defaults::default_rules())?;
    book.set_defaults(
        "added",
        added.iter().map(Rule::parse).collect::<Result<_, _>>()?,
    )?;
    Ok(book.views())
}

/// The alert service; clones share it.
#[derive(Clone)]
pub struct Alerts {
    service: Arc<AlertService>,
    commands: mpsc::Sender<Command>,
    /// When [`Alerts::tick`] last woke the committer for retention, in milliseconds.
    trimmed_ms: Arc<AtomicU64>,
}

impl Alerts {
    /// As [`Alerts::prepare`], with the committer on the current runtime.
    ///
    /// # Errors
    /// As [`Alerts::prepare`].
    pub fn start(
        config: &Config,
        sources: Arc<Sources>,
        journal: impl Journal,
    ) -> Result<Alerts, AlertError> {
        let (alerts, committer) = Alerts::prepare(config, sources, journal)?;
        tokio::spawn(committer);
        Ok(alerts)
    }

    /// Loads rules and the book. Nothing is committed before the second part, the
    /// committer, is run; it ends with [`Alerts::stop`].
    ///
    /// # Errors
    /// [`AlertError::InvalidRule`] for a rule in the configuration,
    /// [`AlertError::Full`] for too many of them.
    pub fn prepare(
        config: &Config,
        sources: Arc<Sources>,
        journal: impl Journal,
    ) -> Result<(Alerts, impl Future<Output = ()> + Send + 'static), AlertError> {
        let service = Arc::new(AlertService::new(
            config,
            defaults::default_rules(),
            sources,
        )?);
        let mut kept = journal.kept();
        let mut ignored = std::mem::take(&mut kept.rules_ignored);
        for stored in std::mem::take(&mut kept.rules) {
            let name = stored.rule.name.to_string();
            if !service.rules().restore(stored) {
                ignored.push(name);
            }
        }
        for rule in ignored {
            service
                .counters
                .rules_ignored
                .fetch_add(1, Ordering::Relaxed);
            tracing::warn!(rule, "stored rule not understood; it is not in effect");
        }
        service.change_rules(|_| Ok(()))?;
        let moment = Moment::now();
        let mut committer = Committer::new(service.clone(), kept, run_epoch(), moment.now);
        let deletions = committer.trim(moment);
        if !deletions.is_empty() {
            journal.defer(deletions);
        }
        service.rules_complete.store(false, Ordering::Release);
        let (commands, waiting) = mpsc::channel(task::COMMANDS_WAITING);
        let alerts = Alerts {
            service,
            commands,
            trimmed_ms: Arc::default(),
        };
        Ok((alerts, task::run(committer, journal, waiting)))
    }

    /// Commits what waits and ends the committer. Operations after it are refused
    /// with [`JournalError::Stopping`]; further calls change nothing.
    pub async fn stop(&self) {
        let (done, ended) = oneshot::channel();
        if self.commands.send(Command::Stop { done }).await.is_ok() {
            let _ = ended.await;
        }
    }

    /// Evaluates every rule that applies. Allocates nothing once the source is
    /// known.
    pub fn observe(&self, source: SourceId, readings: &[Reading], now: Mono) {
        let name = self.service.sources.name(source);
        if self.service.engine.observe(source, &name, readings, now) {
            self.service.wake.notify_one();
        }
    }

    /// Has `actor` act for rules with an action, from their next reading on; the first
    /// one stays.
    pub fn set_actor(&self, actor: Arc<dyn Actor>) {
        self.service.engine.set_actor(actor);
    }

    /// Asks `explain` what a value is of, for the words of alerts; only the first one that
    /// is given is asked.
    pub fn explain_by(&self, explain: Explain) {
        // A second one would be a second board.
        let _ = self.service.explain.set(explain);
    }

    /// Every room has added its default rules. Only now can an alert be told to have
    /// lost its rule: before, the rule may be one that is still to come.
    pub fn rules_complete(&self) {
        self.service.rules_complete.store(true, Ordering::Release);
        self.service.wake.notify_one();
    }

    /// Forgets the state of the rules at a source whose place another one takes.
    /// What is open about it is the caller's to resolve.
    pub fn forget(&self, source: SourceId) {
        self.service.engine.forget(source);
    }

    /// Lets time pass, so that `for_s` can end without a further reading and
    /// retention is applied; called about once a second.
    pub fn tick(&self, now: Mono) {
        let mut waits = self.service.engine.tick(now);
        waits |= self.service.conditions().tick(now);
        let trimmed = Mono::from_millis(self.trimmed_ms.load(Ordering::Relaxed));
        if now.since(trimmed) >= TRIM_EVERY {
            self.trimmed_ms.store(now.as_millis(), Ordering::Relaxed);
            waits = true;
        }
        if waits {
            self.service.wake.notify_one();
        }
    }

    /// Raises `condition` unless it stands already. While it stands, its alert takes the
    /// words of the newest reason, now and then and without telling anybody.
    pub fn raise(&self, condition: Condition) {
        if self.service.conditions().raise(condition, Mono::now()) {
            self.service.wake.notify_one();
        }
    }

    /// The same for a condition of sensors that its words name: their lasting names are kept
    /// with its alert, for a later run.
    pub fn raise_naming(&self, condition: Condition, sensors: Vec<Arc<str>>) {
        let mut conditions = self.service.conditions();
        if conditions.raise_naming(condition, sensors, Mono::now()) {
            self.service.wake.notify_one();
        }
    }

    /// The same for what may stand already by another cause, which people have seen: its
    /// alert ends, and another one tells of this.
    pub fn raise_anew(&self, condition: Condition, sensors: Vec<Arc<str>>) {
        let mut conditions = self.service.conditions();
        if conditions.raise_anew(condition, sensors, Mono::now()) {
            self.service.wake.notify_one();
        }
    }

    /// Ends the condition `key` of `subject`, if it stands.
    pub fn clear(&self, key: &'static str, subject: &str) {
        if self.service.conditions().clear(key, subject, Mono::now()) {
            self.service.wake.notify_one();
        }
    }

    /// Nothing will be heard any more of what the condition `key` of `subject` is about:
    /// its alert stands until an operator resolves it, and then does not come back.
    pub fn leave(&self, key: &'static str, subject: &str) {
        self.service.conditions().leave(key, subject);
    }

    /// Alerts, newest first.
    #[must_use]
    pub fn list(&self, filter: &Filter) -> Vec<Arc<Alert>> {
        self.service.book().list(filter)
    }

    /// The alert with that id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Arc<Alert>> {
        self.service.book().find(id).cloned()
    }

    /// Changes whenever anything `list`, `summary` or `rules` shows changes,
    /// except that alerts leave the summary's 24 hours by themselves.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.service.version()
    }

    /// Counts.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.service.book().summary(Moment::now())
    }

    /// The worst level among alerts that are not resolved.
    #[must_use]
    pub fn worst_unresolved(&self) -> Option<Level> {
        self.service
            .book()
            .iter()
            .filter(|alert| alert.resolved.is_none())
            .map(|alert| alert.level)
            .max()
    }

    /// Acknowledges; idempotent, durable before it returns.
    ///
    /// # Errors
    /// [`AlertError::UnknownAlert`], [`AlertError::Storage`].
    pub async fn acknowledge(&self, id: &str, by: &str) -> Result<Arc<Alert>, AlertError> {
        let (id, by) = (id.to_owned(), by.into());
        self.ask(|reply| Command::Acknowledge { id, by, reply })
            .await
    }

    /// Resolves (and so acknowledges); idempotent, durable before it returns.
    /// What is still bad raises a new alert after its cool-down.
    ///
    /// # Errors
    /// [`AlertError::UnknownAlert`], [`AlertError::Storage`].
    pub async fn resolve(&self, id: &str, by: &str) -> Result<Arc<Alert>, AlertError> {
        let (id, by) = (id.to_owned(), by.into());
        self.ask(|reply| Command::Resolve { id, by, reply }).await
    }

    /// Resolves without waiting for it; for threads that must not wait. When too much is
    /// waiting it is not done, and counted.
    pub fn resolve_soon(&self, id: &str, by: &str) {
        let (id, by) = (id.to_owned(), by.into());
        // Nobody takes the answer.
        let (reply, _) = oneshot::channel();
        let command = Command::Resolve { id, by, reply };
        if self.commands.try_send(command).is_err() {
            let refused = &self.service.counters.commands_refused;
            refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has channels hear of an alert again that stands, as if it were raised now. Best
    /// effort: when too much is waiting, or the store refuses, they do not.
    pub fn remind(&self, id: &Arc<str>) {
        let id = id.clone();
        if self.commands.try_send(Command::Remind { id }).is_err() {
            let refused = &self.service.counters.commands_refused;
            refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Moves the time stamps of this run's alerts: the clock that made them was put right
    /// by so much. Best effort, as [`Alerts::remind`].
    pub fn restamp(&self, by: SignedDuration) {
        if self.commands.try_send(Command::Restamp { by }).is_err() {
            let refused = &self.service.counters.commands_refused;
            refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Rules in effect: the ten documented ones first, in their order.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleView> {
        self.service.rules().views()
    }

    /// Adds or replaces a rule; durable before it returns.
    ///
    /// # Errors
    /// [`AlertError::Full`], [`AlertError::Storage`].
    pub async fn put_rule(&self, rule: Rule) -> Result<RuleView, AlertError> {
        self.ask(|reply| Command::PutRule { rule, reply }).await
    }

    /// Removes a rule; durable before it returns. Its open alerts end. A
    /// default or configured rule stays deleted until it is put again.
    ///
    /// # Errors
    /// [`AlertError::UnknownRule`], [`AlertError::Full`] (the note of the
    /// deletion needs room), [`AlertError::Storage`].
    pub async fn delete_rule(&self, name: &str) -> Result<(), AlertError> {
        let name = name.to_owned();
        self.ask(|reply| Command::DeleteRule { name, reply }).await
    }

    /// Takes the rules, limits and retention of a reloaded configuration.
    ///
    /// # Errors
    /// [`AlertError::InvalidRule`], [`AlertError::Full`]; everything stays as it was.
    pub fn reload(&self, config: &Config) -> Result<(), AlertError> {
        self.service.change_rules(|rules| rules.configure(config))?;
        self.service
            .book_mut()
            .configure(config.max_alerts, config.retention_days);
        // A smaller book is trimmed by the committer.
        self.service.wake.notify_one();
        Ok(())
    }

    /// Makes `rules` the default rules that `room` adds below configured ones, in
    /// place of those it added before.
    ///
    /// # Errors
    /// [`AlertError::InvalidRule`]; [`AlertError::Full`] beyond [`MAX_DEFAULT_RULES`].
    pub fn set_defaults(&self, room: &'static str, rules: &[RuleText]) -> Result<(), AlertError> {
        let rules = rules.iter().map(Rule::parse).collect::<Result<_, _>>()?;
        self.service
            .change_rules(|book| book.set_defaults(room, rules))
    }

    /// Events from now on. A slow receiver loses the oldest and is told so.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<AlertEvent> {
        self.service.events.subscribe()
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> AlertStats {
        let (engine, counters) = (self.service.engine.stats(), &self.service.counters);
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let not_durable = self
            .service
            .book()
            .iter()
            .filter(|alert| !alert.durable)
            .count();
        let conditions = self.service.conditions();
        AlertStats {
            evaluations: engine.evaluations,
            not_finite: engine.not_finite,
            raised: read(&counters.raised),
            suppressed: engine.silenced,
            coalesced: engine.folded,
            cells_waiting: engine.cells_waiting,
            commands_waiting: self.commands.max_capacity() - self.commands.capacity(),
            commands_refused: read(&counters.commands_refused),
            not_durable,
            commits_failed: read(&counters.commits_failed),
            conditions: conditions.standing(),
            conditions_refused: conditions.refused(),
            dropped_full: read(&counters.dropped_full),
            dropped_old: read(&counters.dropped_old),
            events_overwritten: read(&counters.events_overwritten),
            rules_ignored: read(&counters.rules_ignored),
            ends_delayed: self.service.engine.ends().delayed(),
        }
    }

    /// Hands a command to the committer and waits for its answer.
    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, AlertError> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .try_send(command(reply))
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => {
                    self.service
                        .counters
                        .commands_refused
                        .fetch_add(1, Ordering::Relaxed);
                    JournalError::Busy
                }
                mpsc::error::TrySendError::Closed(_) => JournalError::Stopping,
            })?;
        // A committer that ends without an answer has dropped the other half.
        answer
            .await
            .unwrap_or(Err(AlertError::Storage(JournalError::Stopping)))
    }
}

/// A number that differs from run to run.
fn run_epoch() -> u32 {
    // Without entropy the time will do: it only has to differ from other runs'.
    getrandom::u32().unwrap_or_else(|_| wall_now().as_microsecond() as u32)
}

#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
