//! Keys, permissions, lock-out, rate limits, input sanitising.
//!
//! Pure cores that take `now`, with the key table and its durable writes around
//! them. This room must never log, store or compare a key in clear or in
//! variable time.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use thiserror::Error;

use crate::clock::Mono;
use crate::config;
use crate::store::{KeyId, KeyRecord, StorageError, Store};

/// What a key may do; plain membership, `admin` does not imply the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Reading drones and system.
    Read,
    /// Flying and changing drones.
    Write,
    /// Keys, rules, optimisation.
    Admin,
    /// Dashboards, alerts, performance.
    Dashboard,
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u8);

impl Permissions {
    /// Whether `permission` is in the set.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }
}

/// Who made a request.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The key's hash.
    pub key: KeyId,
    /// The key's name.
    pub name: Arc<str>,
    /// What it may do.
    pub permissions: Permissions,
}

/// Why a request is refused before it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No key, or an empty one: 401.
    Missing,
    /// Unknown, revoked or expired: 401.
    Invalid,
    /// The client's address is locked out: 403 `IP_BLOCKED`.
    Blocked {
        /// Seconds until the lock-out ends.
        retry_after_s: u64,
    },
    /// The key lacks a permission: 403.
    Lacks(Permission),
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

/// Outcome of a rate-limit check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateVerdict {
    /// Whether the request may go on.
    pub allowed: bool,
    /// Requests per minute; 0 when unlimited.
    pub limit: u32,
    /// Requests left at once.
    pub remaining: u32,
    /// Seconds until at least one request is allowed (denied), or the bucket is full.
    pub reset_s: u32,
}

/// Keys of the first start, in clear, to be shown once.
#[derive(Debug)]
pub struct FirstKeys {
    /// Holds all permissions.
    pub admin: String,
    /// Holds `read` and `dashboard`.
    pub readonly: String,
}

/// Why a key operation was refused.
#[derive(Clone, Debug, Error)]
pub enum KeyError {
    /// No such key.
    #[error("API key not found")]
    Unknown,
    /// It is the last one with `admin`.
    #[error("refused: this is the last key with the admin permission; create another first")]
    LastAdmin,
    /// The table is full.
    #[error("refused: {0} keys exist already; revoke one first")]
    Full(usize),
    /// Unknown or empty permission name.
    #[error("Invalid permission: {0:?}; allowed are read, write, admin, dashboard")]
    InvalidPermission(String),
    /// The name is empty, too long or dangerous.
    #[error("name: {0}")]
    InvalidName(#[from] SanitiseError),
    /// Not durable, so not done.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why free text was refused (contract 1.8).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SanitiseError {
    /// Longer than allowed.
    #[error("Input too long: {length} characters, at most {limit}")]
    TooLong {
        /// Characters given.
        length: usize,
        /// Characters allowed.
        limit: usize,
    },
    /// Contains a refused pattern.
    #[error("Invalid input detected")]
    Dangerous,
}

/// Refuses text that is too long or contains a pattern of contract 1.8.
///
/// # Errors
/// [`SanitiseError`].
pub fn sanitise(text: &str, limit_chars: usize) -> Result<&str, SanitiseError> {
    let _ = (text, limit_chars);
    unimplemented!()
}

/// A listed key: never the key itself.
pub type KeyView = KeyRecord;

/// Eight hex digits of the hash and `...`: the public identifier of a key.
#[must_use]
pub fn preview(id: &KeyId) -> String {
    let _ = id;
    unimplemented!()
}

/// Counters for `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AccessStats {
    /// Keys in the table.
    pub keys: u64,
    /// Requests with a wrong key.
    pub failed: u64,
    /// Addresses locked out now.
    pub locked_out: u64,
    /// Requests refused by a lock-out.
    pub blocked: u64,
    /// Requests refused by a rate limit.
    pub rate_limited: u64,
    /// Lock-out table entries evicted at capacity.
    pub lockout_evictions: u64,
    /// Rate-limit table entries evicted at capacity.
    pub rate_evictions: u64,
}

/// Keys and limits; shared by reference.
pub struct Access {}

impl Access {
    /// Loads the keys; makes and stores the first two when there are none.
    /// `admin` and `readonly` override their strings (environment, demo).
    ///
    /// # Errors
    /// [`KeyError::Storage`] when the first keys cannot be made durable.
    pub async fn open(
        config: &config::Access,
        store: Store,
        admin: Option<String>,
        readonly: Option<String>,
    ) -> Result<(Access, Option<FirstKeys>), KeyError> {
        let _ = (config, store, admin, readonly);
        unimplemented!()
    }

    /// Takes reloaded limits.
    pub fn reload(&self, config: &config::Access) {
        let _ = config;
        unimplemented!()
    }

    /// Counts the request against its limit.
    #[must_use]
    pub fn rate_check(&self, class: RateClass, client: IpAddr, now: Mono) -> RateVerdict {
        let _ = (class, client, now);
        unimplemented!()
    }

    /// Authenticates and, when `needs` is given, checks the permission.
    /// Counts usage on success and failures towards the lock-out.
    ///
    /// # Errors
    /// [`Denial`].
    pub fn authorise(
        &self,
        presented: Option<&[u8]>,
        client: IpAddr,
        needs: Option<Permission>,
        now: Mono,
    ) -> Result<Principal, Denial> {
        let _ = (presented, client, needs, now);
        unimplemented!()
    }

    /// Every key, oldest first.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyView> {
        unimplemented!()
    }

    /// Creates a key; durable before it returns. The clear key is only here.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn create_key(
        &self,
        name: &str,
        permissions: &str,
        expires_days: Option<u32>,
        by: &str,
    ) -> Result<(String, KeyRecord), KeyError> {
        let _ = (name, permissions, expires_days, by);
        unimplemented!()
    }

    /// Revokes by full key, by preview or by the preview without dots; durable
    /// before it returns.
    ///
    /// # Errors
    /// [`KeyError::Unknown`], [`KeyError::LastAdmin`], [`KeyError::Storage`].
    pub async fn revoke_key(&self, key_or_preview: &str, by: &str) -> Result<KeyRecord, KeyError> {
        let _ = (key_or_preview, by);
        unimplemented!()
    }

    /// Hands changed usage counts to the store's next batch.
    pub fn flush_usage(&self) {
        unimplemented!()
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> AccessStats {
        unimplemented!()
    }
}
