//! The desk: every change of the book, planned, made durable, then applied.
//!
//! Does no I/O itself: `task` carries a [`Plan`]'s changes to the store and
//! brings the outcome back. What the gateway observed (an alert raised or
//! cleared) becomes visible in any case, marked as not durable when the store
//! refused it, and is written again until it is. What an operator asked for is
//! refused with the store's reason instead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::book::{Book, Cause, Dropped, Moment};
use super::command::{Answer, Command, Reply, send};
use super::conditions::{ConditionChange, is_event};
use super::draft::Draft;
use super::engine::Handover;
use super::event::EventKind;
use super::journal::{Change, JournalError, Kept, StoredRule};
use super::model::{Alert, AlertError, AlertEvent, Measured};
use super::shared::Shared;
use super::wording::{RULE_ORIGIN, alert_id, rule_details, rule_message};
use readings::clock::Mono;
use readings::{AlertType, Level};

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

pub(super) struct Desk {
    shared: Arc<Shared>,
    next_seq: u64,
    store_epoch: u32,
    /// Marks ids of alerts the store refused: should the power fail before
    /// they are durable, their numbers are used again, their ids are not.
    run_epoch: u32,
    unsettled: Unsettled,
    /// A dropped alert whose record stays because it has the highest number.
    keeper: Option<u64>,
}

impl Desk {
    /// Fills the book with what the store holds.
    pub(super) fn new(shared: Arc<Shared>, kept: Kept, run_epoch: u32, now: Mono) -> Desk {
        let next_seq = kept.highest_seq + 1;
        let mut book = shared.book_mut();
        for alert in kept.alerts {
            book.restore(alert, now);
        }
        let mut rules = shared.rules();
        let mut conditions = shared.conditions();
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
        Desk {
            shared,
            next_seq,
            store_epoch: kept.epoch,
            run_epoch,
            unsettled: Unsettled::default(),
            keeper: None,
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether something must be written again.
    pub(super) fn is_unsettled(&self) -> bool {
        !self.unsettled.alerts.is_empty() || !self.unsettled.rules.is_empty()
    }

    /// Takes everything that waits and plans one commit. At most one of
    /// `commands` may change a rule, see [`Command::changes_rules`].
    pub(super) fn plan(&mut self, commands: Vec<Command>, rewrite: bool, moment: Moment) -> Plan {
        let shared = self.shared.clone();
        let book = shared.book();
        let mut observed = Draft::default();
        // In this order: what a rule that is gone left open ends before its
        // successor's first alert is judged.
        if shared.rules_complete.load(Ordering::Acquire)
            && shared.rules_changed.swap(false, Ordering::AcqRel)
        {
            self.end_orphans(&mut observed, &book, moment);
        }
        for handover in shared.engine.drain() {
            self.apply_handover(&mut observed, &book, &handover, moment);
        }
        let changed_conditions = shared.conditions().drain();
        for change in changed_conditions {
            self.apply_condition(&mut observed, &book, change, moment);
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
        let dropped = self.shared.book_mut().trim(moment);
        if !dropped.is_empty() {
            self.shared.changed();
        }
        let mut deletions = Vec::new();
        for Dropped { alert, old } in dropped {
            self.unsettled.alerts.remove(&alert.seq);
            let counters = &self.shared.counters;
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
            self.shared
                .book()
                .iter()
                .any(|a| a.seq > *keeper && a.durable)
        }) {
            self.keeper = None;
            deletions.push(Change::DeleteAlert(keeper));
        }
        deletions
    }

    fn end_orphans(&self, draft: &mut Draft, book: &Book, moment: Moment) {
        let rules = self.shared.rules();
        let orphaned = |alert: &&Alert| {
            alert.measured.is_some_and(|measured| {
                !rules.watches(&alert.title, measured.metric, &alert.subject)
            })
        };
        let orphans: Vec<(u64, bool)> = draft
            .all_open(book)
            .filter(orphaned)
            .map(|alert| (alert.seq, rules.auto_resolves(&alert.title)))
            .collect();
        for (seq, resolve) in orphans {
            draft.clear(book, seq, moment.now, resolve, moment);
        }
    }

    fn apply_handover(
        &mut self,
        draft: &mut Draft,
        book: &Book,
        handover: &Handover,
        moment: Moment,
    ) {
        let Handover {
            source,
            rule,
            transition,
        } = handover;
        let shared = self.shared.clone();
        let subject = shared
            .sources
            .source(*source)
            .map_or_else(|| Arc::from("unknown"), |source| source.name.clone());
        let resolve = shared.rules().auto_resolves(&rule.name);
        let cause = Cause::Rule(&rule.name);
        let end = |draft: &mut Draft| {
            if let Some(seq) = draft.open(book, cause, &subject).map(|alert| alert.seq) {
                draft.clear(book, seq, transition.ended_at, resolve, moment);
            }
        };
        let continues = |alert: &Alert| {
            alert
                .measured
                .is_some_and(|measured| measured.metric == rule.metric)
        };
        if transition.taken.ended_before || !draft.open(book, cause, &subject).is_none_or(continues)
        {
            end(draft);
        }
        // An alert still open here is from before a restart: it goes on.
        if transition.taken.raised && draft.open(book, cause, &subject).is_none() {
            let alert = Alert {
                title: rule.name.clone(),
                message: rule_message(rule, &subject, transition.value),
                details: Some(rule_details(rule, transition.value)),
                origin: RULE_ORIGIN.into(),
                measured: Some(Measured {
                    metric: rule.metric,
                    value: transition.value,
                    threshold: rule.threshold,
                }),
                level: rule.level,
                alert_type: rule.alert_type,
                subject: subject.clone(),
                ..self.blank(moment, transition.raised_at)
            };
            draft.add(alert, transition.raised_at);
        }
        if transition.taken.raised && !transition.taken.stands {
            end(draft);
        }
    }

    fn apply_condition(
        &mut self,
        draft: &mut Draft,
        book: &Book,
        change: ConditionChange,
        moment: Moment,
    ) {
        let ConditionChange {
            key,
            subject,
            what,
            taken,
            raised_at,
            ended_at,
        } = change;
        let resolve = self.shared.rules().conditions_auto_resolve();
        let cause = Cause::Condition(&key);
        let end = |draft: &mut Draft| {
            if let Some(seq) = draft.open(book, cause, &subject).map(|alert| alert.seq) {
                draft.clear(book, seq, ended_at, resolve, moment);
            }
        };
        if taken.ended_before {
            end(draft);
        }
        // A further event is a further alert; only the same one told again is not.
        let tells = |alert: &Alert| {
            !is_event(&key)
                || what
                    .as_ref()
                    .is_some_and(|condition| condition.message == alert.message)
        };
        let known = draft
            .all_open(book)
            .any(|a| Cause::of(a) == cause && *a.subject == *subject && tells(a));
        if let Some(condition) = what.filter(|_| taken.raised && !known) {
            let alert = Alert {
                title: condition.title.into(),
                message: condition.message,
                details: condition.details,
                origin: key.clone(),
                level: condition.level,
                alert_type: condition.alert_type,
                subject: subject.clone(),
                ..self.blank(moment, raised_at)
            };
            draft.add(alert, raised_at);
        }
        if taken.raised && !taken.stands {
            end(draft);
        }
    }

    /// A numbered alert raised at `at`, to be filled in.
    fn blank(&mut self, moment: Moment, at: Mono) -> Alert {
        let seq = self.next_seq;
        self.next_seq += 1;
        Alert {
            seq,
            id: alert_id(self.store_epoch, seq),
            level: Level::Info,
            alert_type: AlertType::System,
            title: "".into(),
            message: String::new(),
            details: None,
            origin: "".into(),
            subject: "".into(),
            measured: None,
            created: moment.wall_at(at),
            cleared: None,
            acknowledged: None,
            resolved: None,
            durable: true,
        }
    }

    fn apply_command(&mut self, plan: &mut Plan, book: &Book, command: Command) {
        match command {
            Command::Acknowledge { id, by, reply } => plan.act(book, &id, by, false, reply),
            Command::Resolve { id, by, reply } => plan.act(book, &id, by, true, reply),
            Command::PutRule { rule, reply } => {
                let room = self
                    .shared
                    .rules()
                    .check_room(&rule.name)
                    .and_then(|()| self.check_settled(&rule.name));
                match room {
                    Ok(()) => {
                        plan.changes.push(Change::PutRule(Box::new(StoredRule {
                            rule: rule.clone(),
                            deleted: false,
                        })));
                        plan.answers.push(Answer::RulePut {
                            rule: Box::new(rule),
                            reply,
                        });
                    }
                    Err(error) => send(reply, Err(error)),
                }
            }
            Command::DeleteRule { name, reply } => {
                let change = self
                    .check_settled(&name)
                    .and_then(|()| self.shared.rules().deletion(&name));
                match change {
                    Ok(change) => {
                        plan.changes.push(change);
                        plan.answers.push(Answer::RuleDeleted { name, reply });
                    }
                    Err(error) => send(reply, Err(error)),
                }
            }
            // The task acts on it once this plan is settled.
            Command::Stop { .. } => {}
        }
    }

    fn check_settled(&self, name: &str) -> Result<(), AlertError> {
        if self.unsettled.rules.len() >= MAX_UNSETTLED_RULES && !self.unsettled.rules.contains(name)
        {
            return Err(AlertError::Storage(JournalError::Busy));
        }
        Ok(())
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
        let rulebook = self.shared.rules();
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
        let event = EventKind::between(durable, alert);
        Change::PutAlert(Box::new(alert.clone()), event)
    }

    fn settle_durable(&mut self, plan: Plan) {
        for alert in plan.complete.alerts() {
            self.unsettled.alerts.remove(&alert.seq);
            self.show(
                Alert {
                    durable: true,
                    ..alert.clone()
                },
                plan.complete.raised_at(alert.seq),
            );
        }
        for seq in plan.rewritten_alerts {
            self.unsettled.alerts.remove(&seq);
            let known = self.shared.book().alert(seq).cloned();
            if let Some(alert) = known {
                self.show(
                    Alert {
                        durable: true,
                        ..(*alert).clone()
                    },
                    None,
                );
            }
        }
        for name in &plan.rewritten_rules {
            self.unsettled.rules.remove(name);
        }
        for answer in plan.answers {
            self.answer(answer, plan.moment.now);
        }
    }

    fn answer(&mut self, answer: Answer, now: Mono) {
        match answer {
            Answer::Alert {
                seq,
                resolved,
                reply,
            } => {
                let alert = self.shared.book().alert(seq).cloned();
                if let Some(alert) = alert.as_ref().filter(|_| resolved) {
                    self.release(alert, now);
                }
                send(
                    reply,
                    alert.ok_or_else(|| AlertError::UnknownAlert(seq.to_string())),
                );
            }
            Answer::RulePut { rule, reply } => {
                self.unsettled.rules.remove(&*rule.name);
                let name = rule.name.to_string();
                let put = self
                    .shared
                    .change_rules(|rules| rules.put(*rule).ok_or(AlertError::UnknownRule(name)));
                send(reply, put);
            }
            Answer::RuleDeleted { name, reply } => {
                self.unsettled.rules.remove(&name);
                let deleted = self.shared.change_rules(|rules| {
                    rules.delete(&name);
                    Ok(())
                });
                send(reply, deleted);
            }
        }
    }

    fn settle_refused(&mut self, plan: Plan, error: &JournalError) {
        self.shared
            .counters
            .commits_failed
            .fetch_add(1, Ordering::Relaxed);
        // A refused commit may have reached the medium after all: whatever it
        // touched is written again from memory.
        for alert in plan.complete.alerts() {
            let durable = self.shared.book().alert(alert.seq).cloned();
            self.unsettled.alerts.entry(alert.seq).or_insert(durable);
        }
        for alert in plan.observed.alerts() {
            let raised_at = plan.observed.raised_at(alert.seq);
            let mut alert = Alert {
                durable: false,
                ..alert.clone()
            };
            if raised_at.is_some() {
                alert.id = alert_id(self.run_epoch, alert.seq);
            }
            self.show(alert, raised_at);
        }
        self.unsettled.rules.extend(
            plan.answers
                .iter()
                .filter_map(Answer::rule_name)
                .map(str::to_owned),
        );
        for answer in plan.answers {
            answer.refuse(error);
        }
    }

    /// Puts an alert into the book and tells subscribers if it is news.
    fn show(&self, alert: Alert, raised_at: Option<Mono>) {
        let alert = Arc::new(alert);
        let mut book = self.shared.book_mut();
        if book.alert(alert.seq).is_some_and(|known| *known == alert) {
            return;
        }
        book.put(alert.clone(), raised_at.unwrap_or_default());
        drop(book);
        if raised_at.is_none() {
            self.shared.changed();
            return self.shared.publish(AlertEvent::Changed(alert));
        }
        self.shared.counters.raised.fetch_add(1, Ordering::Relaxed);
        if let Cause::Rule(name) = Cause::of(&alert) {
            self.shared.rules().note_triggered(name, alert.created);
        }
        self.shared.changed();
        self.shared.publish(AlertEvent::Raised(alert));
    }

    /// The alert is gone for its cause: what is still bad may raise a new one.
    fn release(&self, alert: &Alert, now: Mono) {
        match Cause::of(alert) {
            Cause::Rule(name) => {
                if let Some(source) = self.shared.sources.find(&alert.subject) {
                    self.shared.engine.release(name, source.id);
                }
            }
            Cause::Condition(key) => self.shared.conditions().release(key, &alert.subject, now),
        }
    }
}

impl Plan {
    /// Acknowledges or resolves; an alert that is so already is only answered
    /// for, once it is durable.
    fn act(
        &mut self,
        book: &Book,
        id: &str,
        by: Arc<str>,
        resolve: bool,
        reply: Reply<Arc<Alert>>,
    ) {
        let Some(known) = book.find(id) else {
            return send(reply, Err(AlertError::UnknownAlert(id.to_owned())));
        };
        let seq = known.seq;
        let now = self.complete.alert(book, seq);
        let (acknowledged, resolved) = now.map_or((true, true), |now| {
            (now.acknowledged.is_some(), now.resolved.is_some())
        });
        if !acknowledged || (resolve && !resolved) || !known.durable {
            let stamp = (self.moment.wall, by);
            self.complete.edit(book, seq, |alert| {
                alert.acknowledged.get_or_insert(stamp.clone());
                if resolve {
                    alert.resolved.get_or_insert(stamp);
                }
            });
        }
        self.answers.push(Answer::Alert {
            seq,
            resolved: resolve && !resolved,
            reply,
        });
    }
}

#[cfg(test)]
mod tests;
