//! The alert service: book, rules, conditions and evaluation, as the handles and the
//! committer use them together.
//!
//! Lock order: book, then rules or conditions, then engine. No lock is held
//! while waiting for the store.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

use tokio::sync::{Notify, broadcast};

use super::book::Book;
use super::conditions::Conditions;
use super::engine::Engine;
use super::error::AlertError;
use super::model::{AlertEvent, OfSensor};
use super::rule::Rule;
use super::ruleset::Rulebook;
use crate::Config;
use readings::{Metric, Sources};

/// Events kept for slow subscribers: a burst of every default rule on twenty
/// drones. A slower subscriber is told how many it missed.
pub(super) const EVENTS_KEPT: usize = 256;

/// Says which of several sensors this value of a source and a metric is of. Called by the
/// committer with the book locked: it must not ask the alerts.
pub type Explain = Box<dyn Fn(&str, Metric, f64) -> Option<OfSensor> + Send + Sync>;

pub(super) struct AlertService {
    pub sources: Arc<Sources>,
    pub engine: Engine,
    /// Wakes the committer when it has something to do.
    pub wake: Notify,
    /// Rules changed: alerts of rules that are gone must end.
    pub rules_changed: AtomicBool,
    /// Every room has added its default rules.
    pub rules_complete: AtomicBool,
    pub events: broadcast::Sender<AlertEvent>,
    pub counters: Counters,
    pub explain: OnceLock<Explain>,
    rules: Mutex<Rulebook>,
    conditions: Mutex<Conditions>,
    book: RwLock<Book>,
    version: AtomicU64,
}

/// Counts that no other part keeps.
#[derive(Default)]
pub(super) struct Counters {
    pub raised: AtomicU64,
    pub commits_failed: AtomicU64,
    pub commands_refused: AtomicU64,
    pub dropped_full: AtomicU64,
    pub dropped_old: AtomicU64,
    pub events_overwritten: AtomicU64,
    pub rules_ignored: AtomicU64,
}

impl AlertService {
    pub(super) fn new(
        config: &Config,
        defaults: Vec<Rule>,
        sources: Arc<Sources>,
    ) -> Result<AlertService, AlertError> {
        let rules = Rulebook::new(config, defaults)?;
        let engine = Engine::new(rules.table().clone());
        let conditions = Conditions::new(engine.ends().clone());
        Ok(AlertService {
            sources,
            engine,
            wake: Notify::new(),
            rules_changed: AtomicBool::new(true),
            rules_complete: AtomicBool::new(true),
            events: broadcast::Sender::new(EVENTS_KEPT),
            counters: Counters::default(),
            explain: OnceLock::new(),
            rules: Mutex::new(rules),
            conditions: Mutex::new(conditions),
            book: RwLock::new(Book::new(config.max_alerts, config.retention_days)),
            version: AtomicU64::new(1),
        })
    }

    pub(super) fn rules(&self) -> MutexGuard<'_, Rulebook> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn conditions(&self) -> MutexGuard<'_, Conditions> {
        self.conditions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn book(&self) -> RwLockReadGuard<'_, Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn book_mut(&self) -> RwLockWriteGuard<'_, Book> {
        self.book.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the rules and, in the same order for everybody, the engine.
    pub(super) fn change_rules<T>(
        &self,
        change: impl FnOnce(&mut Rulebook) -> Result<T, AlertError>,
    ) -> Result<T, AlertError> {
        let mut rules = self.rules();
        let result = change(&mut rules)?;
        self.engine.replace(rules.table());
        drop(rules);
        self.rules_changed.store(true, Ordering::Release);
        self.changed();
        self.wake.notify_one();
        Ok(result)
    }

    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Something that is shown has changed.
    pub(super) fn changed(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn publish(&self, event: AlertEvent) {
        if self.events.len() >= EVENTS_KEPT {
            self.counters
                .events_overwritten
                .fetch_add(1, Ordering::Relaxed);
        }
        // No subscriber is not an error.
        let _ = self.events.send(event);
    }
}

#[cfg(test)]
mod tests {
    use super::super::book::tests::alert;
    use super::super::defaults::default_rules;
    use super::*;

    fn service() -> AlertService {
        let sources = Arc::new(Sources::default());
        AlertService::new(&Config::default(), default_rules(), sources).expect("valid")
    }

    #[test]
    fn a_change_of_the_rules_is_seen_by_everybody_and_a_refused_one_by_nobody() {
        let service = service();
        service.rules_changed.store(false, Ordering::Release);
        let before = service.version();
        let refused = service.change_rules(|_| Err::<(), _>(AlertError::Full("no room".into())));
        assert!(refused.is_err());
        assert_eq!(service.version(), before);
        assert!(!service.rules_changed.load(Ordering::Acquire));
        let count = service.change_rules(|rules| Ok(rules.views().len()));
        assert_eq!(count.expect("changed"), 12);
        assert_eq!(service.version(), before + 1);
        assert!(service.rules_changed.load(Ordering::Acquire));
    }

    #[test]
    fn events_that_a_slow_subscriber_loses_are_counted() {
        let service = service();
        let raised = AlertEvent::Raised(Arc::new(alert(1, 0)));
        let overwritten = || service.counters.events_overwritten.load(Ordering::Relaxed);
        // Nobody listens: nothing is kept, and nothing is lost.
        service.publish(raised.clone());
        assert_eq!(overwritten(), 0);
        let mut slow = service.events.subscribe();
        for _ in 0..EVENTS_KEPT {
            service.publish(raised.clone());
        }
        assert_eq!(overwritten(), 0, "as many as are kept");
        service.publish(raised.clone());
        assert_eq!(overwritten(), 1);
        assert!(slow.try_recv().is_err(), "it is told how many it missed");
        assert!(slow.try_recv().is_ok());
    }
}
