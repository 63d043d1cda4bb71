//! The committer: every change of the book, planned, made durable, then applied.
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
use super::engine::RuleChange;
use super::event::EventKind;
use super::journal::{Change, JournalError, Kept, StoredRule};
use super::model::{Alert, AlertError, AlertEvent, Measured};
use super::service::AlertService;
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

    fn end_orphans(&self, draft: &mut Draft, book: &Book, moment: Moment) {
        let rules = self.service.rules();
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

    fn apply_rule_change(
        &mut self,
        draft: &mut Draft,
        book: &Book,
        change: &RuleChange,
        moment: Moment,
    ) {
        let RuleChange { source, rule, cell } = change;
        let service = self.service.clone();
        let subject = service
            .sources
            .source(*source)
            .map_or_else(|| Arc::from("unknown"), |source| source.name.clone());
        let resolve = service.rules().auto_resolves(&rule.name);
        let cause = Cause::Rule(&rule.name);
        let end = |draft: &mut Draft| {
            if let Some(seq) = draft.open(book, cause, &subject).map(|alert| alert.seq) {
                draft.clear(book, seq, cell.ended_at, resolve, moment);
            }
        };
        let continues = |alert: &Alert| {
            alert
                .measured
                .is_some_and(|measured| measured.metric == rule.metric)
        };
        if cell.transition.ended_before || !draft.open(book, cause, &subject).is_none_or(continues)
        {
            end(draft);
        }
        // An alert still open here is from before a restart: it goes on.
        if cell.transition.raised && draft.open(book, cause, &subject).is_none() {
            let alert = Alert {
                title: rule.name.clone(),
                message: rule_message(rule, &subject, cell.value),
                details: Some(rule_details(rule, cell.value)),
                origin: RULE_ORIGIN.into(),
                measured: Some(Measured {
                    metric: rule.metric,
                    value: cell.value,
                    threshold: rule.threshold,
                }),
                level: rule.level,
                alert_type: rule.alert_type,
                subject: subject.clone(),
                ..self.blank(moment, cell.raised_at)
            };
            draft.add(alert, cell.raised_at);
        }
        if cell.transition.raised && !cell.transition.stands {
            end(draft);
        }
    }

    fn apply_condition_change(
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
            transition,
            raised_at,
            ended_at,
        } = change;
        let resolve = self.service.rules().conditions_auto_resolve();
        let cause = Cause::Condition(&key);
        let end = |draft: &mut Draft| {
            if let Some(seq) = draft.open(book, cause, &subject).map(|alert| alert.seq) {
                draft.clear(book, seq, ended_at, resolve, moment);
            }
        };
        if transition.ended_before {
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
        if let Some(condition) = what.filter(|_| transition.raised && !known) {
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
        if transition.raised && !transition.stands {
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
                    .service
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
                    .and_then(|()| self.service.rules().deletion(&name));
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
            let known = self.service.book().alert(seq).cloned();
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
                let alert = self.service.book().alert(seq).cloned();
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
                    .service
                    .change_rules(|rules| rules.put(*rule).ok_or(AlertError::UnknownRule(name)));
                send(reply, put);
            }
            Answer::RuleDeleted { name, reply } => {
                self.unsettled.rules.remove(&name);
                let deleted = self.service.change_rules(|rules| {
                    rules.delete(&name);
                    Ok(())
                });
                send(reply, deleted);
            }
        }
    }

    fn settle_refused(&mut self, plan: Plan, error: &JournalError) {
        self.service
            .counters
            .commits_failed
            .fetch_add(1, Ordering::Relaxed);
        // A refused commit may have reached the medium after all: whatever it
        // touched is written again from memory.
        for alert in plan.complete.alerts() {
            let durable = self.service.book().alert(alert.seq).cloned();
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

    /// Puts an alert into the book, and tells subscribers unless nothing has changed.
    fn show(&self, alert: Alert, raised_at: Option<Mono>) {
        let alert = Arc::new(alert);
        let mut book = self.service.book_mut();
        if book.alert(alert.seq).is_some_and(|known| *known == alert) {
            return;
        }
        book.put(alert.clone(), raised_at.unwrap_or_default());
        drop(book);
        if raised_at.is_none() {
            self.service.changed();
            return self.service.publish(AlertEvent::Changed(alert));
        }
        self.service.counters.raised.fetch_add(1, Ordering::Relaxed);
        if let Cause::Rule(name) = Cause::of(&alert) {
            self.service.rules().note_triggered(name, alert.created);
        }
        self.service.changed();
        self.service.publish(AlertEvent::Raised(alert));
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
