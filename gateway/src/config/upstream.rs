//! `[upstream]`: the service behind vision, datasets and models, and the limits
//! of what is passed to it and back.
//!
//! A file of its own because its limits are explained where they stand.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Longest wait for the upstream, in seconds: operators have hung up by then.
const MAX_TIMEOUT_S: u64 = 600;
/// Smallest and largest cap of a body. What is passed on is never held as a
/// whole, so the largest bounds the line, not the memory.
const BODY_BYTES: std::ops::RangeInclusive<u64> = 1024..=1024 * 1024 * 1024;
/// Most requests under way: each holds a connection and a buffer both ways.
const MAX_IN_FLIGHT: usize = 64;
/// Most failures in a row that are put up with.
const MAX_FAILURES: u32 = 100;

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

/// Everything wrong with the numbers: the key, and what is allowed.
pub(super) fn problems(upstream: &Upstream) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut refuse = |wrong: bool, key: &'static str, allowed: String| {
        if wrong {
            found.push((key, allowed));
        }
    };
    let seconds = || format!("must be 1 to {MAX_TIMEOUT_S} seconds");
    refuse(
        !(1..=MAX_TIMEOUT_S).contains(&upstream.timeout_s),
        "timeout_s",
        seconds(),
    );
    refuse(
        !(1..=MAX_TIMEOUT_S).contains(&upstream.breaker_pause_s),
        "breaker_pause_s",
        seconds(),
    );
    let bytes = || {
        format!(
            "must be {} to {} bytes",
            BODY_BYTES.start(),
            BODY_BYTES.end()
        )
    };
    refuse(
        !BODY_BYTES.contains(&upstream.max_request_bytes),
        "max_request_bytes",
        bytes(),
    );
    refuse(
        !BODY_BYTES.contains(&upstream.max_response_bytes),
        "max_response_bytes",
        bytes(),
    );
    let in_flight = format!("must be 1 to {MAX_IN_FLIGHT}");
    refuse(
        !(1..=MAX_IN_FLIGHT).contains(&upstream.max_in_flight),
        "max_in_flight",
        in_flight,
    );
    let failures = format!("must be 1 to {MAX_FAILURES}");
    refuse(
        !(1..=MAX_FAILURES).contains(&upstream.breaker_failures),
        "breaker_failures",
        failures,
    );
    let unused = upstream.url.is_none() && (upstream.key.is_some() || upstream.key_file.is_some());
    refuse(
        unused,
        "url",
        "there is a key for the upstream and no url; set both or neither".to_owned(),
    );
    found
}
