//! `[access]`: who may do what, and how often.

use serde::{Deserialize, Serialize};

/// Which routes need a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Reading needs `read`, flying needs `write`.
    #[default]
    Strict,
    /// The contract's default: drone routes open.
    Documented,
    /// The dashboard routes open as well.
    Legacy,
}

/// `[access]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which routes need a key.
    pub profile: Profile,
    /// Allows a profile other than `strict` off loopback.
    pub allow_open_access: bool,
    /// Wrong keys from one address before it is locked out.
    pub max_failed_attempts: u32,
    /// Hours in which those failures count, and how long a lock-out lasts.
    pub failed_attempt_window_hours: u32,
    /// Whether wrong keys lock an address out.
    pub lockout: bool,
    /// Whether loopback is exempt from the lock-out (demo only).
    pub lockout_exempts_loopback: bool,
    /// Whether rate limits apply.
    pub rate_limit_enabled: bool,
    /// Requests per minute and address on `/`.
    pub root_per_minute: u32,
    /// Requests per minute and address on `/health`.
    pub health_per_minute: u32,
    /// Requests per minute and address on each page.
    pub page_per_minute: u32,
    /// Requests per minute and client on all other routes; 0 is unlimited.
    pub other_per_minute: u32,
    /// Most keys kept.
    pub max_keys: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            profile: Profile::Strict,
            allow_open_access: false,
            max_failed_attempts: 5,
            failed_attempt_window_hours: 1,
            lockout: true,
            lockout_exempts_loopback: false,
            rate_limit_enabled: true,
            root_per_minute: 100,
            health_per_minute: 200,
            page_per_minute: 50,
            other_per_minute: 0,
            max_keys: 256,
        }
    }
}
