//! What the gateway observed, as changes of a draft: transitions of rules and conditions,
//! and alerts whose rule is gone.
//!
//! Every alert that is raised or ended by itself is made here; what operators ask for is
//! in `commands`.

use std::sync::Arc;

use super::Committer;
use crate::book::{Book, Cause, Moment};
use crate::conditions::{ConditionChange, is_event};
use crate::draft::Draft;
use crate::engine::RuleChange;
use crate::model::{Alert, Condition, Measured};
use crate::wording::{RULE_ORIGIN, alert_id, rule_details, rule_message};
use readings::clock::Mono;
use readings::{AlertType, Level};

impl Committer {
    pub(super) fn end_orphans(&self, draft: &mut Draft, book: &Book, moment: Moment) {
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

    pub(super) fn apply_rule_change(
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
            let explain = service.explain.get();
            let sensor = explain.and_then(|explain| explain(&subject, rule.metric, cell.value));
            let words = sensor.as_ref().and_then(|sensor| sensor.words.as_deref());
            let alert = Alert {
                title: rule.name.clone(),
                message: rule_message(rule, &subject, cell.value, words),
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
                sensors: sensor.into_iter().map(|sensor| sensor.name).collect(),
                ..self.blank(moment, cell.raised_at)
            };
            draft.add(alert, cell.raised_at);
        }
        if cell.transition.raised && !cell.transition.stands {
            end(draft);
        }
    }

    pub(super) fn apply_condition_change(
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
            sensors,
            transition,
            reworded,
            raised_at,
            ended_at,
            again,
        } = change;
        let resolve = self.service.rules().conditions_auto_resolve();
        let cause = Cause::Condition(&key);
        let end = |draft: &mut Draft| {
            if let Some(seq) = draft.open(book, cause, &subject).map(|alert| alert.seq) {
                draft.clear(book, seq, ended_at, resolve, moment);
                if again > 0 {
                    draft.edit(book, seq, |alert| note_again(alert, again));
                }
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
        if let Some(condition) = what.as_ref().filter(|_| reworded && known) {
            reword(draft, book, cause, (&subject, &sensors), condition);
        }
        if let Some(condition) = what.filter(|_| transition.raised && !known) {
            let alert = self.of_condition(condition, sensors, moment, raised_at);
            draft.add(alert, raised_at);
        }
        if transition.raised && !transition.stands {
            end(draft);
        }
    }

    fn of_condition(
        &mut self,
        condition: Condition,
        sensors: Vec<Arc<str>>,
        moment: Moment,
        at: Mono,
    ) -> Alert {
        Alert {
            title: condition.title.into(),
            message: condition.message,
            details: condition.details,
            origin: condition.key.into(),
            level: condition.level,
            alert_type: condition.alert_type,
            subject: condition.subject,
            sensors,
            ..self.blank(moment, at)
        }
    }

    /// A numbered alert raised at `at`, to be filled in.
    pub(super) fn blank(&mut self, moment: Moment, at: Mono) -> Alert {
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
            sensors: Vec::new(),
            created: moment.wall_at(at),
            cleared: None,
            acknowledged: None,
            resolved: None,
            durable: true,
        }
    }
}

/// Gives the open alert the words of its newest reason; nobody is told, but who looks.
fn reword(
    draft: &mut Draft,
    book: &Book,
    cause: Cause,
    (subject, sensors): (&str, &[Arc<str>]),
    condition: &Condition,
) {
    let Some(alert) = draft.open(book, cause, subject) else {
        return;
    };
    let is_so = *alert.title == *condition.title
        && alert.message == condition.message
        && alert.details == condition.details
        && alert.sensors == sensors;
    if !is_so {
        let seq = alert.seq;
        draft.edit(book, seq, |alert| {
            alert.title = condition.title.into();
            alert.message = condition.message.clone();
            alert.details = condition.details.clone();
            alert.sensors = sensors.to_vec();
        });
    }
}

/// Notes how often it came again while the alert stood.
fn note_again(alert: &mut Alert, again: u32) {
    let told = format!("it came again {again} times while this alert stood");
    alert.details = Some(match alert.details.take() {
        Some(details) => format!("{details}; {told}"),
        None => told,
    });
}
