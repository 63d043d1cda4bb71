//! `[server]`: the listeners, their time-outs and caps.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use https::Limits;
use serde::{Deserialize, Serialize};

use super::limits::{KIB, Limit, MIB, SOME, limit};

/// Seconds that a client may take for a part of its request or answer: less than a
/// second is no chance, and an hour is nobody that still waits.
const TIMEOUT_S: (f64, f64) = (1.0, 3600.0);

/// The ranges of its numbers.
pub(super) const LIMITS: &[Limit] = &[
    limit("server", "handshake_timeout_s", TIMEOUT_S, " seconds"),
    limit("server", "header_timeout_s", TIMEOUT_S, " seconds"),
    limit("server", "body_timeout_s", TIMEOUT_S, " seconds"),
    limit("server", "idle_timeout_s", TIMEOUT_S, " seconds"),
    limit("server", "write_timeout_s", TIMEOUT_S, " seconds"),
    limit("server", "drain_timeout_s", TIMEOUT_S, " seconds"),
    // Every one costs file descriptors and buffers.
    limit("server", "max_connections", (1.0, 4096.0), ""),
    limit("server", "max_connections_per_address", SOME, ""),
    limit("server", "max_body_bytes", (KIB, 64.0 * MIB), " bytes"),
];

/// `[server]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// HTTPS listener.
    pub listen: SocketAddr,
    /// Plain HTTP listener for clients on the same host; loopback only.
    pub http_listen: Option<SocketAddr>,
    /// Listener for `/metrics` without a key; loopback only.
    pub metrics_listen: Option<SocketAddr>,
    /// Seconds a TLS hand-shake may take.
    pub handshake_timeout_s: u64,
    /// Seconds until a connection's request header must be complete.
    pub header_timeout_s: u64,
    /// Seconds a request body may take; of a larger one, each few kilobytes.
    pub body_timeout_s: u64,
    /// Seconds a kept-alive connection may stay idle.
    pub idle_timeout_s: u64,
    /// Seconds within which a peer must take each piece of an answer (16 KiB), and
    /// answer when it is asked for a sign of life.
    pub write_timeout_s: u64,
    /// Seconds a graceful stop waits for requests in flight.
    pub drain_timeout_s: u64,
    /// Connections in all.
    pub max_connections: usize,
    /// Connections per client address (IPv6: per /64); never more than in all.
    pub max_connections_per_address: usize,
    /// WebSocket clients in all; never more than `max_connections`.
    pub max_websockets: usize,
    /// Largest request body in bytes (detection uploads have their own cap).
    pub max_body_bytes: usize,
    /// Origins added to the documented CORS list.
    pub cors_origins: Vec<String>,
    /// Whether browsers that trust the certificate are told to use HTTPS for a year, for
    /// every port of this host name. Off, they are told to forget it.
    pub hsts: bool,
    /// Proxies whose `X-Forwarded-For` is believed (its right-most entry).
    pub trusted_proxies: Vec<IpAddr>,
    /// The `phase` text of `/health`; existing test suites differ on it.
    pub phase: String,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8443),
            http_listen: None,
            metrics_listen: None,
            handshake_timeout_s: 10,
            header_timeout_s: 10,
            body_timeout_s: 30,
            idle_timeout_s: 60,
            write_timeout_s: 30,
            drain_timeout_s: 10,
            max_connections: 256,
            // A hundred parallel requests from one host are a documented load.
            max_connections_per_address: 128,
            max_websockets: 128,
            max_body_bytes: 1024 * 1024,
            cors_origins: Vec::new(),
            hsts: true,
            trusted_proxies: Vec::new(),
            phase: "Phase 5 - Web Dashboard Ready".to_owned(),
        }
    }
}

impl From<&Server> for Limits {
    fn from(server: &Server) -> Limits {
        Limits {
            handshake: Duration::from_secs(server.handshake_timeout_s),
            header: Duration::from_secs(server.header_timeout_s),
            body: Duration::from_secs(server.body_timeout_s),
            idle: Duration::from_secs(server.idle_timeout_s),
            write: Duration::from_secs(server.write_timeout_s),
            drain: Duration::from_secs(server.drain_timeout_s),
        }
    }
}
