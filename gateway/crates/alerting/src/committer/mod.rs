//! The committer: every change of the book, planned, made durable, then applied.
//!
//! Does no I/O itself: `task` carries a [`Plan`]'s changes to the store and
//! brings the outcome back. What the gateway observed (an alert raised or
//! cleared) becomes visible in any case, marked as not durable when the store
//! refused it, and is written again until it is. What an operator asked for is
//! refused with the store's reason instead.

mod commands;
mod observed;
mod settled;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::book::{Book, Cause, Dropped, Moment};
use super::command::{Answer, Command};
use super::draft::Draft;
use super::error::JournalError;
use super::event;
use super::journal::{Change, Kept};
use super::model::Alert;
use super::service::AlertService;
use readings::clock::Mono;

/// Most changes written again along with one commit, so that the first commit
/// after a long outage stays short.
const REWRITES_PER_COMMIT: usize = 128;
/// Most rules whose stored state is unknown; beyond it changes of further rules
/// are refused until the store answers.
const MAX_UNSETTLED_RULES: usize = 64;

/// One commit and what follows from it.
pub(super) struct Plan {
    /// What must be durable; nothing to commit when empty.
    pub changes: Vec<Change>,
    moment: Moment,
    /// What the gateway observed.
    observed: Draft,
    /// That, and what operators asked for.
    complete: Draft,
    answers: Vec<Answer>,
    rewritten_alerts: Vec<u64>,
    rewritten_rules: Vec<String>,
}

/// What the store may hold differently from memory, to be written again.
#[derive(Default)]
struct Unsettled {
    /// With the last state that is known to be durable; none: it never was. What happened
    /// since then is still to be told. Bounded by the book: numbers no longer in it are
    /// dropped when it is trimmed.
    alerts: BTreeMap<u64, Option<Arc<Alert>>>,
    rules: BTreeSet<String>,
}

pub(super) struct Committer {
    service: Arc<AlertService>,
    next_seq: u64,
    store_epoch: u32,
    /// Marks ids of alerts the store refused: should the power fail before
    /// they are durable, their numbers are used again, their ids are not.
    run_epoch: u32,
    unsettled: Unsettled,
    /// A dropped alert whose record stays because it has the highest number.
    keeper: Option<u64>,
}

impl Committer {
    /// Fills the book with what the store holds.
    pub(super) fn new(
        service: Arc<AlertService>,
        kept: Kept,
        run_epoch: u32,
        now: Mono,
    ) -> Committer {
        let next_seq = kept.highest_seq + 1;
        let mut book = service.book_mut();
        for alert in kept.alerts {
            book.restore(alert, now);
        }
        let mut rules = service.rules();
        let mut conditions = service.conditions();
        // Oldest first: the newest of a rule says when it last fired.
        for alert in book.iter().rev() {
            match Cause::of(alert) {
                Cause::Rule(name) => rules.note_triggered(name, alert.created),
                Cause::Condition(_) if alert.is_open() => {
                    conditions.inherit(&alert.origin, &alert.subject, now)
                }
                Cause::Condition(_) => {}
            }
        }
        drop((book, rules, conditions));
        Committer {
            service,
            next_seq,
            store_epoch: kept.epoch,
            run_epoch,
            unsettled: Unsettled::default(),
            keeper: None,
        }
    }

    pub(super) fn service(&self) -> &Arc<AlertService> {
        &self.service
    }

    /// Whether something must be written again.
    pub(super) fn is_unsettled(&self) -> bool {
        !self.unsettled.alerts.is_empty() || !self.unsettled.rules.is_empty()
    }

    /// Takes everything that waits and plans one commit. At most one of
    /// `commands` may change a rule, see [`Command::changes_rules`].
    pub(super) fn plan(&mut self, commands: Vec<Command>, rewrite: bool, moment: Moment) -> Plan {
        let service = self.service.clone();
        let book = service.book();
        let mut observed = Draft::default();
        // In this order: what a rule that is gone left open ends before its
        // successor's first alert is judged.
        if service.rules_complete.load(Ordering::Acquire)
            && service.rules_changed.swap(false, Ordering::AcqRel)
        {
            self.end_orphans(&mut observed, &book, moment);
        }
        for change in service.engine.drain() {
            self.apply_rule_change(&mut observed, &book, &change, moment);
        }
        let changed_conditions = service.conditions().drain();
        for change in changed_conditions {
            self.apply_condition_change(&mut observed, &book, change, moment);
        }
        let mut plan = Plan {
            changes: Vec::new(),
            moment,
            complete: observed.clone(),
            observed,
            answers: Vec::new(),
            rewritten_alerts: Vec::new(),
            rewritten_rules: Vec::new(),
        };
        for command in commands {
            self.apply_command(&mut plan, &book, command);
        }
        plan.changes.extend(
            plan.complete
                .alerts()
                .map(|alert| self.put_change(&book, alert)),
        );
        if rewrite || !plan.changes.is_empty() {
            self.add_rewrites(&mut plan, &book);
        }
        plan
    }

    /// Applies the outcome of a plan's commit and answers its commands.
    pub(super) fn settle(&mut self, plan: Plan, outcome: Result<(), JournalError>) {
        match outcome {
            Ok(()) => self.settle_durable(plan),
            Err(error) => self.settle_refused(plan, &error),
        }
    }

    /// Drops what is too old or too much. The returned deletions may wait:
    /// undone by a power cut, they are found again at the next start.
    pub(super) fn trim(&mut self, moment: Moment) -> Vec<Change> {
        let dropped = self.service.book_mut().trim(moment);
        if !dropped.is_empty() {
            self.service.changed();
        }
        let mut deletions = Vec::new();
        for Dropped { alert, old } in dropped {
            self.unsettled.alerts.remove(&alert.seq);
            let counters = &self.service.counters;
            let counter = if old {
                &counters.dropped_old
            } else {
                &counters.dropped_full
            };
            counter.fetch_add(1, Ordering::Relaxed);
            // A cause that outlives the retention gets a new alert. One pushed
            // out of a full book does not: that could go round in circles.
            if old && alert.is_open() {
                self.release(&alert, moment.now);
            }
            if alert.seq + 1 == self.next_seq {
                // The highest number stays on disk, so that none is used twice.
                self.keeper = Some(alert.seq);
            } else {
                deletions.push(Change::DeleteAlert(alert.seq));
            }
        }
        if let Some(keeper) = self.keeper.filter(|keeper| {
            self.service
                .book()
                .iter()
                .any(|a| a.seq > *keeper && a.durable)
        }) {
            self.keeper = None;
            deletions.push(Change::DeleteAlert(keeper));
        }
        deletions
    }

    fn add_rewrites(&self, plan: &mut Plan, book: &Book) {
        let alerts = self
            .unsettled
            .alerts
            .keys()
            .filter(|seq| !plan.complete.holds(**seq));
        plan.rewritten_alerts = alerts.copied().take(REWRITES_PER_COMMIT).collect();
        let in_memory = |seq: &u64| match book.alert(*seq) {
            Some(alert) => self.put_change(book, alert),
            None => Change::DeleteAlert(*seq),
        };
        plan.changes
            .extend(plan.rewritten_alerts.iter().map(in_memory));
        let asked = |name: &str| {
            plan.answers
                .iter()
                .any(|answer| answer.rule_name() == Some(name))
        };
        let rules = self.unsettled.rules.iter().filter(|name| !asked(name));
        plan.rewritten_rules = rules.cloned().collect();
        let rulebook = self.service.rules();
        plan.changes.extend(
            plan.rewritten_rules
                .iter()
                .map(|name| rulebook.correction(name)),
        );
    }

    /// What makes `alert` durable, with what has happened to it since it last was.
    fn put_change(&self, book: &Book, alert: &Alert) -> Change {
        let durable = match self.unsettled.alerts.get(&alert.seq) {
            Some(known) => known.as_deref(),
            None => book.alert(alert.seq).map(|alert| &**alert),
        };
        let event = event::between(durable, alert);
        Change::PutAlert(Box::new(alert.clone()), event)
    }

    /// The alert is gone for its cause: what is still bad may raise a new one.
    fn release(&self, alert: &Alert, now: Mono) {
        match Cause::of(alert) {
            Cause::Rule(name) => {
                if let Some(source) = self.service.sources.find(&alert.subject) {
                    self.service.engine.release(name, source.id);
                }
            }
            Cause::Condition(key) => self.service.conditions().release(key, &alert.subject, now),
        }
    }
}

#[cfg(test)]
mod tests;
