//! `[upstream]`: the service behind vision, datasets and models, and how much is
//! passed to it and back.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::limits::{GIB, KIB, Limit, limit};

/// Seconds until the upstream is given up: operators have hung up by then.
const UPSTREAM_S: (f64, f64) = (1.0, 600.0);
/// Bytes of a body to or from the upstream. It is never held as a whole, so the most
/// bounds the line, not the memory.
const UPSTREAM_BYTES: (f64, f64) = (KIB, GIB);

/// The ranges of its numbers.
pub(super) const LIMITS: &[Limit] = &[
    limit("upstream", "timeout_s", UPSTREAM_S, " seconds"),
    limit("upstream", "breaker_pause_s", UPSTREAM_S, " seconds"),
    limit("upstream", "max_request_bytes", UPSTREAM_BYTES, " bytes"),
    limit("upstream", "max_response_bytes", UPSTREAM_BYTES, " bytes"),
    // Each holds a connection, and a buffer both ways.
    limit("upstream", "max_in_flight", (1.0, 64.0), ""),
    limit("upstream", "breaker_failures", (1.0, 100.0), ""),
];

/// `[upstream]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Upstream {
    /// Where vision, datasets and models are served: `https://`, or `http://` on
    /// loopback. Its path, if any, is put in front. None: those routes answer 503.
    pub url: Option<String>,
    /// The upstream's own key, sent as `X-API-Key`; or `key_file`.
    pub key: Option<String>,
    /// File holding the key.
    pub key_file: Option<PathBuf>,
    /// PEM file of the authority that signed the upstream's certificate.
    pub ca: Option<PathBuf>,
    /// Seconds without a sign of life from the upstream before it is given up.
    pub timeout_s: u64,
    /// Largest request body passed on, in bytes; routes have caps of their own below it.
    pub max_request_bytes: u64,
    /// Largest answer passed back, in bytes.
    pub max_response_bytes: u64,
    /// Requests under way at once; further ones are refused.
    pub max_in_flight: usize,
    /// Failures in a row after which the upstream is left alone for a while.
    pub breaker_failures: u32,
    /// Seconds it is left alone before one request tries it again.
    pub breaker_pause_s: u64,
}

impl Default for Upstream {
    fn default() -> Self {
        Upstream {
            url: None,
            key: None,
            key_file: None,
            ca: None,
            timeout_s: 30,
            // A detection carries its image in the body, as base64.
            max_request_bytes: 20 * 1024 * 1024,
            max_response_bytes: 16 * 1024 * 1024,
            max_in_flight: 8,
            breaker_failures: 5,
            breaker_pause_s: 30,
        }
    }
}
