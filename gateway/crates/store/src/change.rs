//! What can be made durable, and why it may not be.

use std::sync::Arc;

use thiserror::Error;

use super::{AlertRecord, AuditRecord, HistoryRecord, KeyId, KeyRecord, OutboxEvent, RuleRecord};

/// One change; several in one call are applied together or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Adds or replaces a key.
    PutKey(KeyRecord),
    /// Removes a key.
    DeleteKey(KeyId),
    /// Adds or replaces an alert by its sequence number. What happened to it, if anybody is
    /// to be notified of it, goes into the outbox in the same commit.
    PutAlert(AlertRecord, Option<OutboxEvent>),
    /// Removes an alert.
    DeleteAlert(u64),
    /// Adds or replaces a rule by its name.
    PutRule(RuleRecord),
    /// Removes a rule.
    DeleteRule(String),
    /// Appends minute steps of a history.
    History(HistoryRecord),
    /// Appends to the security audit trail (bounded, oldest out).
    Audit(AuditRecord),
    /// Every notification up to this number has reached the target of that name.
    Delivered(String, u64),
    /// Removes a notification that has reached every target.
    DropOutbox(u64),
}

/// Why a change is not durable. The caller must not acknowledge it.
#[derive(Clone, Debug, Error)]
pub enum StorageError {
    /// The medium refused: full, read-only or failing.
    #[error("the change is not saved: {0}; free space or replace the medium, then try again")]
    Unavailable(Arc<str>),
    /// Too many changes are waiting.
    #[error("the change is not saved: the store is busy; try again")]
    Busy,
    /// The gateway is stopping.
    #[error("the change is not saved: the gateway is stopping")]
    Stopping,
}
