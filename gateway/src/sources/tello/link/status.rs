//! What the API shows of a link.

use super::reason::Reason;
use crate::sources::vehicles::{Flight, LinkState};

/// What the API shows of a link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkStatus {
    pub(crate) state: LinkState,
    pub(crate) reason: Option<Reason>,
    pub(crate) flight: Flight,
    pub(crate) stats: LinkStats,
}

impl Default for LinkStatus {
    fn default() -> Self {
        LinkStatus {
            state: LinkState::Disconnected,
            reason: None,
            flight: Flight::default(),
            stats: LinkStats::default(),
        }
    }
}

/// Counts of one drone's command port since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// `command`s sent to make it stream.
    pub attempts: u64,
    /// Replies of any kind.
    pub replies: u64,
    /// Binary packets skipped ahead of replies.
    pub binary: u64,
    /// Sends and receives the kernel refused (no route, nothing listens …).
    pub errors: u64,
    /// Times it was lost after it had been connected.
    pub losses: u64,
    /// Commands sent for operators, or for their drone's safety.
    pub commands: u64,
    /// Replies that belonged to no command under way; dropped.
    pub late: u64,
    /// Commands without a reply in time.
    pub timeouts: u64,
    /// States that came to the command port, where they are no reply; dropped.
    pub misplaced: u64,
    /// Replies by a way that does not lead to the drone; not read.
    pub elsewhere: u64,
}
