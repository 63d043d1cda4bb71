//! Keys, permissions, lock-out, rate limits, input sanitising.
//!
//! Pure cores that take `now`, with the key table and its durable writes around
//! them. This room must never log, store or compare a key in clear or in
//! variable time.
//!
//! | file | what |
//! |---|---|
//! | `permission`, `sanitise`, `client`, `secret` | parsed values |
//! | `tickets` | one-time tickets for hand-shakes that cannot send a key |
//! | `table`, `withdrawn`, `lockout`, `rate`, `budget` | bounded state |
//! | `decision`, `error`, `stats` | what the caller is told |
//! | `gate`, `limits` | the decision about a request |
//! | `session` | who was let in, until the key is revoked, expires or is changed |
//! | `cookie`, `cookie_sessions`, `links`, `browser`, `browsers` | browsers that signed in, and one-time links to do so |
//! | `typed` | keys as people type them |
//! | `keys`, `random` | making and revoking keys |
//! | `first`, `first_keys`, `overrides` | the two default keys of a start |
//! | `records` | what is kept, and the seam to what keeps it |
//! | `config` | `[access]` of the configuration |
//! | `audit` | the security log and the audit trail |
//! | `shell` | reads the wall clock and waits for what keeps the records; signing in and out |

mod audit;
mod browser;
mod browsers;
mod budget;
mod client;
mod config;
mod cookie;
mod cookie_sessions;
mod decision;
mod error;
mod first;
mod first_keys;
mod gate;
mod keys;
mod limits;
mod links;
mod lockout;
mod overrides;
mod permission;
mod random;
mod rate;
mod records;
mod sanitise;
mod secret;
mod session;
mod shell;
mod stats;
mod table;
mod tickets;
mod typed;
mod withdrawn;

pub use audit::DRONE_COMMAND;
pub use browser::Browser;
pub use browsers::BrowserSession;
pub use client::{AttachedNetwork, ClientAddress};
pub use config::{Config, Profile};
pub use cookie_sessions::SESSION_TTL;
pub use decision::{Denial, RateClass, RateVerdict, SessionEnd};
pub use error::{KeyError, NAME_CHARS, NameError, OverrideError};
pub use first_keys::{FirstKey, FirstKeys};
pub use links::LINK_TTL;
pub use lockout::LockedOut;
pub use overrides::check_given_keys;
pub use permission::{Permission, Permissions};
pub use random::is_key_shaped;
pub use records::{
    AuditRecord, Change, Committed, KeyId, KeyRecord, NotDurable, Records, SessionRecord,
};
pub use sanitise::{SanitiseError, sanitise};
pub use secret::{PUBLISHED_ADMIN_KEY, PUBLISHED_READONLY_KEY, preview};
pub use session::{Session, SessionId};
pub use shell::{Access, LinkTo, SignInError, SignedIn};
pub use stats::AccessStats;
pub use tickets::{TICKET_TTL, Tickets};
