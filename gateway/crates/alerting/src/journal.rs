//! Where alerts and rules are made durable: the seam to the store.
//!
//! The committer says what must be on the medium as [`Change`]s of its own types
//! and waits for the answer. What the records look like there is the business of
//! whoever implements [`Journal`].

use std::future::Future;

use super::error::JournalError;
use super::model::Alert;
use super::rule::Rule;
use readings::event::AlertChange;

/// One change; those of one commit are made together or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Adds or replaces an alert by its sequence number; and what happened to it, for those
    /// who are notified: durable together with it.
    PutAlert(Box<Alert>, Option<AlertChange>),
    /// Removes an alert.
    DeleteAlert(u64),
    /// Adds or replaces a rule by its name.
    PutRule(Box<StoredRule>),
    /// Removes a rule.
    DeleteRule(String),
}

/// A rule made, changed or deleted by an operator.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRule {
    /// The rule.
    pub rule: Rule,
    /// A default or configured rule that stays deleted.
    pub deleted: bool,
}

/// What was durable at the start.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Alerts that are understood.
    pub alerts: Vec<Alert>,
    /// The highest sequence number, of alerts that are not understood as well.
    pub highest_seq: u64,
    /// Rules that are understood.
    pub rules: Vec<StoredRule>,
    /// Names of rules that are not; they are not in effect.
    pub rules_ignored: Vec<String>,
    /// Differs from medium to medium; with a sequence number it makes an id unique.
    pub epoch: u32,
}

/// What makes changes durable.
pub trait Journal: Send + Sync + 'static {
    /// What is durable now; asked once, at the start.
    fn kept(&self) -> Kept;

    /// Makes `changes` durable, together or not at all.
    ///
    /// # Errors
    /// Why they are not, or may not be.
    fn commit(&self, changes: Vec<Change>)
    -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Makes `changes` durable when it suits the medium; a power cut may undo them.
    fn defer(&self, changes: Vec<Change>);
}
