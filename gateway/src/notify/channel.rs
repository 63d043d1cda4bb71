//! What a way of notifying people is: the seam to everything that sends.
//!
//! The delivery worker takes notifications from the outbox in order, waits, repeats and
//! notes how far it has come; it knows a [`Channel`] and nothing else of where they go.
//! `docs/adding-a-channel.md` is the guide. A channel must never reach what
//! `notify.allow` does not name, and must never log a secret.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sha2::{Digest as _, Sha256};

use super::routing::Routing;
use readings::Level;
use store::{OutboxEvent, OutboxRecord};

/// One place where notifications go, with everything needed to send them.
pub(crate) trait Channel: Send + Sync + 'static {
    /// What kind it is, such as `webhook`: in what `check` says.
    fn kind(&self) -> &'static str;

    /// Its name, in logs and metrics, and in the store as how far it has come. Differs
    /// from that of every other channel, of whatever kind.
    fn name(&self) -> &str;

    /// What it is told, and when.
    fn routing(&self) -> &Routing;

    /// Whether several alerts may come in one message: to people. A program wants each.
    fn takes_several(&self) -> bool {
        false
    }

    /// Sends one notification, within a time limit of its own.
    fn send<'a>(
        &'a self,
        notification: &'a Notification,
    ) -> BoxFuture<'a, Result<(), NotDelivered>>;

    /// Whether it could send now; nobody is sent anything.
    fn check(&self) -> BoxFuture<'_, Result<(), String>>;

    /// How often it wants to hear of what still stands, if it does: a service that
    /// takes silence for the end.
    fn standing_every(&self) -> Option<Duration> {
        None
    }

    /// Tells what stands. A failure is made good by the next time.
    fn send_standing<'a>(
        &'a self,
        _standing: &'a [Notification],
    ) -> BoxFuture<'a, Result<(), NotDelivered>> {
        Box::pin(async { Ok(()) })
    }
}

/// A drone as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroneName {
    /// What it is called.
    pub name: Arc<str>,
    /// Whether it only is a simulation, which every message says.
    pub simulated: bool,
}

/// What is sent: an event of an alert.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    /// What happened, and the alert as it then was.
    pub(crate) record: OutboxRecord,
    /// The same each time that it is tried, so that the other side can tell a repetition.
    pub(crate) delivery: String,
    /// Name of the gateway.
    pub(crate) gateway: Arc<str>,
    /// Where its page is.
    pub(crate) page: Option<Arc<str>>,
    /// The drone that the alert is about, if it is about one.
    pub(crate) drone: Option<DroneName>,
    /// Others that belong into the same message; only for a channel that takes several.
    pub(crate) also: Vec<Notification>,
    /// Whether all of it came and went while it could not be told.
    pub(crate) is_summary: bool,
    /// That it was told before, and nobody has acknowledged it.
    pub(crate) again: Option<Reminder>,
}

/// That something is told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reminder {
    /// How often before.
    pub(crate) times: u32,
    /// For how long nobody has acknowledged it.
    pub(crate) unanswered: Duration,
}

impl Notification {
    /// A UUID of this delivery by the channel called `channel`, the same each time that
    /// it is tried and no other's: gateways number theirs alike.
    pub(crate) fn once(&self, channel: &str) -> String {
        let alert = self.record.alert.id();
        let parts = [channel, &alert, self.event_name(), &self.delivery];
        let digest = Sha256::digest(parts.join("\n").as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        uuid.hyphenated().to_string()
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

    /// Where the alert stands on the page.
    pub(crate) fn link(&self) -> Option<String> {
        self.page.as_ref().map(|page| format!("{page}/#/alerts"))
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
