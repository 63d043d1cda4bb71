//! Listeners: accept, limits, TLS, HTTP, graceful stop.
//!
//! Hands each request to the router with the [`Peer`] it came from. This room
//! must never trust a peer before a limit is in place, and knows no routes.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;

/// Which listener a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The HTTPS listener.
    Https,
    /// The plain loopback listener.
    Http,
    /// The loopback metrics listener: serves `/metrics` without a key.
    Metrics,
}

/// Where a request came from; a request extension.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The peer's address.
    pub address: SocketAddr,
    /// The listener.
    pub via: Via,
}

/// Counters for `/metrics`.
#[derive(Debug, Default)]
pub struct ServerStats {
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Connections open now.
    pub open: AtomicU64,
    /// Connections refused at the cap in all.
    pub refused_total_cap: AtomicU64,
    /// Connections refused at the cap per address.
    pub refused_address_cap: AtomicU64,
    /// Completed TLS 1.2 hand-shakes.
    pub handshakes_tls12: AtomicU64,
    /// Completed TLS 1.3 hand-shakes.
    pub handshakes_tls13: AtomicU64,
    /// Hand-shakes that failed.
    pub handshake_failures: AtomicU64,
    /// Hand-shakes that took too long.
    pub handshake_timeouts: AtomicU64,
    /// Connections closed because a header did not arrive in time.
    pub header_timeouts: AtomicU64,
    /// Connections closed because nothing was asked for.
    pub idle_timeouts: AtomicU64,
    /// Connections closed because the peer did not read.
    pub write_timeouts: AtomicU64,
    /// Errors of `accept` itself (file descriptors used up).
    pub accept_errors: AtomicU64,
}
