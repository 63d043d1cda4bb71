//! What operators ask of the committer, and the answers that wait for a commit.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio::sync::oneshot;

use super::error::AlertError;
use super::error::JournalError;
use super::model::{Alert, RuleView};
use super::rule::Rule;

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, AlertError>>;

/// What an operator asks for.
pub(super) enum Command {
    Acknowledge {
        id: String,
        by: Arc<str>,
        reply: Reply<Arc<Alert>>,
    },
    Resolve {
        id: String,
        by: Arc<str>,
        reply: Reply<Arc<Alert>>,
    },
    PutRule {
        rule: Rule,
        reply: Reply<RuleView>,
    },
    DeleteRule {
        name: String,
        reply: Reply<()>,
    },
    /// Tells channels of an alert again that stands; nobody waits for it.
    Remind {
        id: Arc<str>,
    },
    /// The clock was put right: stamps of this run's alerts move along.
    Restamp {
        by: SignedDuration,
    },
    Stop {
        done: oneshot::Sender<()>,
    },
}

/// An answer that waits for the commit.
pub(super) enum Answer {
    Alert {
        seq: u64,
        resolved: bool,
        reply: Reply<Arc<Alert>>,
    },
    RulePut {
        rule: Box<Rule>,
        reply: Reply<RuleView>,
    },
    RuleDeleted {
        name: String,
        reply: Reply<()>,
    },
}

impl Answer {
    pub(super) fn rule_name(&self) -> Option<&str> {
        match self {
            Answer::Alert { .. } => None,
            Answer::RulePut { rule, .. } => Some(&rule.name),
            Answer::RuleDeleted { name, .. } => Some(name),
        }
    }

    pub(super) fn refuse(self, error: &JournalError) {
        let error = AlertError::Storage(error.clone());
        match self {
            Answer::Alert { reply, .. } => send(reply, Err(error)),
            Answer::RulePut { reply, .. } => send(reply, Err(error)),
            Answer::RuleDeleted { reply, .. } => send(reply, Err(error)),
        }
    }
}

impl Command {
    /// Whether it changes a rule; one commit holds at most one of these, so
    /// that each is checked against the rules the one before it left.
    pub(super) fn changes_rules(&self) -> bool {
        matches!(self, Command::PutRule { .. } | Command::DeleteRule { .. })
    }
}

/// Answers; the asker may have gone.
pub(super) fn send<T>(reply: Reply<T>, answer: Result<T, AlertError>) {
    let _ = reply.send(answer);
}
