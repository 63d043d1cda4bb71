//! Why a key cannot be made, taken or revoked.

use thiserror::Error;

use super::records::NotDurable;
use super::sanitise::SanitiseError;
use super::secret::MAX_KEY_BYTES;

/// Fewest characters of a key set by an operator: at 5 guesses an hour and
/// address, and a name nobody publishes, out of reach of guessing.
pub(super) const MIN_OVERRIDE_CHARS: usize = 16;

/// How an override begins that is the hash of a key.
pub(super) const HASH_PREFIX: &str = "sha256:";

/// Longest name of a key.
pub const NAME_CHARS: usize = 100;

/// Why a key operation was refused.
#[derive(Clone, Debug, Error)]
pub enum KeyError {
    /// No such key.
    #[error("API key not found")]
    Unknown,
    /// It is the last one with `admin` that does not expire.
    #[error(
        "refused: this is the last key with the admin permission that does not expire; create another first"
    )]
    LastAdmin,
    /// The table is full.
    #[error("refused: {0} keys exist already; revoke one first")]
    Full(usize),
    /// Unknown or empty permission name.
    #[error("Invalid permission: {0:?}; allowed are {names}", names = crate::permission_names!())]
    InvalidPermission(String),
    /// The name is empty, too long, reserved or dangerous.
    #[error("name: {0}")]
    InvalidName(#[from] NameError),
    /// A key given by the environment or a credential cannot be used; only at a start.
    #[error(transparent)]
    Override(#[from] OverrideError),
    /// No key or ticket can be made without random bytes.
    #[error("no secret can be made: the system gives no random bytes: {0}")]
    Entropy(String),
    /// Not durable, so not done.
    #[error(transparent)]
    Storage(#[from] NotDurable),
}

/// Why the name of a key was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing but blanks.
    #[error("must have 1 to {NAME_CHARS} characters")]
    Empty,
    /// Would break lines of logs and listings.
    #[error("must not contain control characters, line separators or changes of direction")]
    Control,
    /// Kept for the keys of the first start.
    #[error("{0:?} is reserved for a default key; choose another name")]
    Reserved(String),
    /// Too long, or a dangerous pattern.
    #[error(transparent)]
    Text(#[from] SanitiseError),
}

/// Why a key given by the environment or a credential is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OverrideError {
    /// Could be guessed.
    #[error(
        "{0} has fewer than {MIN_OVERRIDE_CHARS} characters; use a longer one, e.g. from `openssl rand -base64 32`"
    )]
    TooShort(&'static str),
    /// Cannot be sent in a header.
    #[error("{0} must be at most {MAX_KEY_BYTES} printable ASCII characters without spaces")]
    NotAHeaderValue(&'static str),
    /// Is the hash of no key.
    #[error("{0} begins with `{HASH_PREFIX}`, but is not followed by 64 hexadecimal digits")]
    NotAHash(&'static str),
    /// Everybody knows it.
    #[error("{0} is a key from public documents and works in the demo only; set one of your own")]
    Published(&'static str),
    /// The read-only key would be the admin key.
    #[error("MFG_DRONE_ADMIN_KEY and MFG_DRONE_READONLY_KEY are the same; set different ones")]
    Same,
    /// Another key has the same preview, and could not be told apart.
    #[error("{0} has the same preview as a stored key; set another one")]
    PreviewTaken(&'static str),
}
