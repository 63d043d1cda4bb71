//! What a way of notifying people is: the seam to everything that sends.
//!
//! The delivery worker takes notifications from the outbox in order, waits, repeats and
//! notes how far it has come; it knows a [`Channel`] and nothing else of where they go.
//! `docs/adding-a-channel.md` is the guide. A channel must never reach what
//! `notify.allow` does not name, and must never log a secret.

use std::time::Duration;

use futures_util::future::BoxFuture;

use readings::{AlertType, BOARD, Level};
use store::{AlertRecord, OutboxEvent, OutboxRecord};

/// One place where notifications go, with everything needed to send them.
pub(crate) trait Channel: Send + Sync + 'static {
    /// What kind it is, such as `webhook`: in what `check` says.
    fn kind(&self) -> &'static str;

    /// Its name, in logs and metrics, and in the store as how far it has come. Differs
    /// from that of every other channel, of whatever kind.
    fn name(&self) -> &str;

    /// Least level it is sent; all when none.
    fn min_level(&self) -> Option<Level>;

    /// Sends one notification, within a time limit of its own.
    fn send<'a>(
        &'a self,
        notification: &'a Notification,
    ) -> BoxFuture<'a, Result<(), NotDelivered>>;

    /// Whether it could send now; nobody is sent anything.
    fn check(&self) -> BoxFuture<'_, Result<(), String>>;
}

/// What is sent: an event of an alert.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    /// What happened, and the alert as it then was.
    pub(crate) record: OutboxRecord,
    /// The same each time that it is tried, so that the other side can tell a repetition.
    pub(crate) delivery: String,
}

impl Notification {
    /// One that says that nothing is wrong, to try a channel with.
    pub(crate) fn test() -> Notification {
        let now_us = jiff::Timestamp::now().as_microsecond();
        let alert = AlertRecord {
            seq: 0,
            epoch: 0,
            rule: "Test".to_owned(),
            subject: BOARD.to_owned(),
            level: Level::Info.name().to_owned(),
            alert_type: AlertType::System.name().to_owned(),
            message: "This is a test of the notification; nothing is wrong.".to_owned(),
            details: None,
            origin: "test".to_owned(),
            metric: None,
            value: None,
            threshold: None,
            created_us: now_us,
            cleared_us: None,
            acknowledged: None,
            resolved: Some((now_us, "test".to_owned())),
        };
        Notification {
            record: OutboxRecord {
                event: OutboxEvent::Raised,
                alert,
            },
            delivery: "test".to_owned(),
        }
    }

    /// What happened, in a word.
    pub(crate) const fn event_name(&self) -> &'static str {
        match self.record.event {
            OutboxEvent::Raised => "raised",
            OutboxEvent::Acknowledged => "acknowledged",
            OutboxEvent::Cleared => "cleared",
            OutboxEvent::Resolved => "resolved",
        }
    }

    /// Level of the alert; none where this version does not know its name.
    pub(crate) fn level(&self) -> Option<Level> {
        Level::from_name(&self.record.alert.level)
    }
}

/// Why a notification did not arrive.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotDelivered {
    /// It may arrive later: it is tried again, for as long as it takes.
    #[error("{reason}")]
    Retry {
        /// What happened.
        reason: String,
        /// How long the other side asks to be left alone.
        after: Option<Duration>,
    },
    /// The other side says that it will never take it. It is tried a few times more, in
    /// case somebody mends the other side, and then given up.
    #[error("{0}")]
    Refused(String),
}

impl NotDelivered {
    /// To be tried again when it suits the worker.
    pub(crate) fn retry(reason: impl ToString) -> NotDelivered {
        NotDelivered::Retry {
            reason: reason.to_string(),
            after: None,
        }
    }
}

/// A channel's `min_level`.
///
/// # Errors
/// The known levels; begins with the key.
pub(crate) fn min_level(name: Option<&str>) -> Result<Option<Level>, String> {
    let Some(name) = name else { return Ok(None) };
    Level::from_name(name).map(Some).ok_or_else(|| {
        let known = Level::NAMES.join(", ");
        format!("min_level: {name:?} is none of {known}")
    })
}
