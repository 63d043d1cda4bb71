//! Why the upstream gave no answer, in words for the client.

use thiserror::Error;

/// Why there is no answer to pass back.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is none to ask.
    #[error("No vision service is configured on this gateway: set upstream.url")]
    NotConfigured,
    /// It has failed too often and is left alone.
    #[error("The vision service does not answer; it is tried again in {retry_after_s} s")]
    LeftAlone {
        /// When to come back.
        retry_after_s: u64,
    },
    /// As many requests as allowed are under way.
    #[error("Too many requests to the vision service are under way; try again in a moment")]
    Busy,
    /// No connection.
    #[error("The vision service cannot be reached: {0}")]
    Unreachable(String),
    /// It says itself that it is not available.
    #[error("The vision service is not available at the moment")]
    Unavailable {
        /// When it wants to be asked again.
        retry_after_s: Option<u64>,
    },
    /// It gave no sign of life in time.
    #[error("The vision service did not answer within {0} s")]
    TimedOut(u64),
    /// It broke off, or what it said makes no sense.
    #[error("The vision service failed: {0}")]
    Bad(String),
    /// It does not accept the gateway's key, or forbids what it asks.
    #[error("The vision service refuses the gateway's key (status {0}); check upstream.key")]
    Refused(u16),
    /// Its answer is over the cap.
    #[error(
        "The answer of the vision service is larger than upstream.max_response_bytes ({0} bytes)"
    )]
    AnswerTooLarge(u64),
    /// The client's body is over the cap.
    #[error("Request body too large: at most {0} bytes")]
    RequestTooLarge(u64),
    /// The client's body did not come, or not to its end.
    #[error("Request body did not arrive")]
    ClientGone,
}
