//! What operators ask for, and what they are answered once it is durable.
//!
//! Refused at once where it makes no sense, and after the commit where the store refuses
//! it: nothing is answered that could be lost.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Committer, MAX_UNSETTLED_RULES, Plan};
use crate::book::Book;
use crate::command::{Answer, Command, Reply, send};
use crate::error::AlertError;
use crate::error::JournalError;
use crate::journal::{Change, StoredRule};
use crate::model::Alert;
use readings::clock::Mono;
use readings::event::AlertChange;

impl Committer {
    pub(super) fn apply_command(&mut self, plan: &mut Plan, book: &Book, command: Command) {
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
            Command::Remind { id } => plan.remind(book, &id),
            Command::Restamp { by } => plan.restamp(book, by),
            // The task acts on it once this plan is settled.
            Command::Stop { .. } => {}
        }
    }

    pub(super) fn check_settled(&self, name: &str) -> Result<(), AlertError> {
        if self.unsettled.rules.len() >= MAX_UNSETTLED_RULES && !self.unsettled.rules.contains(name)
        {
            return Err(AlertError::Storage(JournalError::Busy));
        }
        Ok(())
    }

    pub(super) fn answer(&mut self, answer: Answer, now: Mono) {
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
}

impl Plan {
    /// Has the outbox say once more that an alert was raised. One that changes in this
    /// plan, or is not durable yet, is told of anyway.
    fn remind(&mut self, book: &Book, id: &str) {
        let known = book.find(id).filter(|alert| alert.durable);
        if let Some(alert) = known.filter(|alert| !self.complete.holds(alert.seq)) {
            let alert = Box::new((**alert).clone());
            let raised = Some(AlertChange::Raised);
            self.changes.push(Change::PutAlert(alert, raised));
        }
    }

    /// Moves every stamp of the alerts of this run: all were made by the same clock.
    fn restamp(&mut self, book: &Book, by: SignedDuration) {
        let moved = |at: Timestamp| at.saturating_add(by).unwrap_or(at);
        for seq in book.of_this_run() {
            self.complete.edit(book, seq, |alert| {
                alert.created = moved(alert.created);
                alert.cleared = alert.cleared.map(moved);
                for (at, _) in alert.acknowledged.iter_mut().chain(&mut alert.resolved) {
                    *at = moved(*at);
                }
            });
        }
    }

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
