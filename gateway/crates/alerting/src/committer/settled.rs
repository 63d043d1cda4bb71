//! What follows from the outcome of a commit: the book, subscribers, answers.
//!
//! The only place that shows a change to anybody.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Committer, Plan};
use crate::book::Cause;
use crate::command::Answer;
use crate::error::JournalError;
use crate::event;
use crate::model::{Alert, AlertEvent};
use crate::wording::alert_id;
use readings::clock::Mono;

impl Committer {
    pub(super) fn settle_durable(&mut self, plan: Plan) {
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

    pub(super) fn settle_refused(&mut self, plan: Plan, error: &JournalError) {
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
    pub(super) fn show(&self, alert: Alert, raised_at: Option<Mono>) {
        let alert = Arc::new(alert);
        let mut book = self.service.book_mut();
        let known = book.alert(alert.seq).cloned();
        if known.as_ref().is_some_and(|known| *known == alert) {
            return;
        }
        let change = event::between(known.as_deref(), &alert);
        book.put(alert.clone(), raised_at.unwrap_or_default());
        drop(book);
        if raised_at.is_none() {
            self.service.changed();
            return self.service.publish(AlertEvent::Changed(alert, change));
        }
        self.service.counters.raised.fetch_add(1, Ordering::Relaxed);
        if let Cause::Rule(name) = Cause::of(&alert) {
            self.service.rules().note_triggered(name, alert.created);
        }
        self.service.changed();
        self.service.publish(AlertEvent::Raised(alert));
    }
}
