//! What is decided about a request.

use super::permission::Permission;

/// Why a request is refused before it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No key, or an empty one: 401.
    Missing,
    /// Unknown: 401.
    Invalid,
    /// Known, and revoked: 401.
    Revoked,
    /// Known, and past its time: 401.
    Expired,
    /// The browser's session is over, or never was: 401.
    SessionOver(SessionEnd),
    /// The client's address is locked out: 403 `IP_BLOCKED`.
    Blocked {
        /// Seconds until the lock-out ends.
        retry_after_s: u64,
    },
    /// The key lacks a permission: 403.
    Lacks(Permission),
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// Somebody signed out, it was ended, its time is over, its key may do something
    /// else now, or it never was.
    Ended,
    /// Its key was revoked.
    KeyRevoked,
    /// Its key is past its time.
    KeyExpired,
}

/// Rate-limit classes of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RateClass {
    /// `GET /`.
    Root,
    /// `GET /health`.
    Health,
    /// `/dashboard`.
    Dashboard,
    /// `/ui`.
    Ui,
    /// Everything else.
    Other,
}

impl RateClass {
    /// Every class, in declaration order.
    pub(super) const ALL: [RateClass; 5] = [
        RateClass::Root,
        RateClass::Health,
        RateClass::Dashboard,
        RateClass::Ui,
        RateClass::Other,
    ];
}

/// Outcome of a rate-limit check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateVerdict {
    /// Whether the request may go on.
    pub allowed: bool,
    /// Requests per minute; 0 when unlimited.
    pub limit: u32,
    /// Requests left at once.
    pub remaining: u32,
    /// Seconds until the bucket is full again, which is also when a refused
    /// request would be allowed.
    pub reset_s: u32,
}
