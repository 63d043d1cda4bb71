//! What is kept of keys and security events, and the seam to what keeps it.
//!
//! Whoever uses this room brings a [`Records`]: the gateway its store, a test a
//! list in memory. Nothing here knows files, formats or media.

use std::pin::Pin;
use std::sync::Arc;

use thiserror::Error;

use super::browser::Browser;

/// SHA-256 of an API key: the only form in which keys are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 32]);

/// What is kept of a key: never the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Hash.
    pub id: KeyId,
    /// Its name.
    pub name: String,
    /// Permission names, in the order of the request.
    pub permissions: Vec<String>,
    /// Created, microseconds since 1970.
    pub created_us: i64,
    /// Expires, microseconds since 1970; never when none.
    pub expires_us: Option<i64>,
    /// Last authenticated use, microseconds since 1970.
    pub last_used_us: Option<i64>,
    /// Authenticated requests.
    pub usage_count: u64,
}

/// A line of the security audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// When, microseconds since 1970.
    pub at_us: i64,
    /// What, e.g. `key_created`.
    pub event: String,
    /// Address of the client.
    pub client: Option<String>,
    /// Name of the key that acted.
    pub actor: Option<String>,
    /// What it was about, without secrets.
    pub subject: String,
}

/// What is kept of a signed-in browser: never its cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of the cookie.
    pub hash: [u8; 32],
    /// The key it signed in with.
    pub key: KeyId,
    /// What that key may do, as one number: a session gains nothing by a change of it.
    pub permissions: u8,
    /// Where it signed in from.
    pub browser: Browser,
    /// Signed in, microseconds since 1970.
    pub opened_us: i64,
    /// Over, microseconds since 1970.
    pub expires_us: i64,
}

/// One change; several in one call are applied together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds or replaces a key.
    PutKey(KeyRecord),
    /// Removes a key.
    DeleteKey(KeyId),
    /// Appends to the security audit trail.
    Audit(AuditRecord),
}

/// Why a change is not durable, and what to do. It must not be acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct NotDurable(pub Arc<str>);

/// The end of a change: durable, or not done.
pub type Committed<'a> = Pin<Box<dyn Future<Output = Result<(), NotDurable>> + Send + 'a>>;

/// Keeps keys and the audit trail.
pub trait Records: Send + Sync + 'static {
    /// Every key.
    fn keys(&self) -> Vec<KeyRecord>;

    /// Makes `changes` durable together; ends when they are.
    fn commit(&self, changes: Vec<Change>) -> Committed<'_>;

    /// Takes changes whose loss at a power cut does no harm. A deferred
    /// [`Change::PutKey`] only brings usage count and last use, to a key that
    /// is still there.
    fn defer(&self, changes: Vec<Change>);

    /// Every signed-in browser of the last run.
    fn sessions(&self) -> Vec<SessionRecord> {
        Vec::new()
    }

    /// Keeps these in place of those kept before; ends when they are durable. Who
    /// keeps none signs everybody out with a restart, and harms nobody.
    fn keep_sessions(&self, sessions: Vec<SessionRecord>) -> Committed<'_> {
        drop(sessions);
        Box::pin(std::future::ready(Ok(())))
    }
}
