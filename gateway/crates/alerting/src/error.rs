//! Why something is refused.

use std::sync::Arc;

use thiserror::Error;

/// Why an operation on an alert or rule was refused.
#[derive(Clone, Debug, Error)]
pub enum AlertError {
    /// No such alert.
    #[error("Alert not found: {0}")]
    UnknownAlert(String),
    /// No such rule.
    #[error("Rule not found: {0}")]
    UnknownRule(String),
    /// The rule makes no sense; the text says which field and why.
    #[error("{field}: {reason}")]
    InvalidRule {
        /// The field at fault.
        field: &'static str,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// A table is full.
    #[error("{0}")]
    Full(String),
    /// Not durable, so not done.
    #[error(transparent)]
    Storage(#[from] JournalError),
}

/// Why a change is not durable; the words are the medium's.
#[derive(Clone, Debug, Error)]
pub enum JournalError {
    /// The medium refused.
    #[error("the change is not saved: {0}; free space or replace the medium, then try again")]
    Unavailable(Arc<str>),
    /// Too much is waiting.
    #[error("the change is not saved: the store is busy; try again")]
    Busy,
    /// The gateway is stopping.
    #[error("the change is not saved: the gateway is stopping")]
    Stopping,
}
