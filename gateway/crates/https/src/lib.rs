//! Listeners: accept, limits, TLS, HTTP, graceful stop.
//!
//! Hands each request to the router with the [`Peer`] it came from. This room
//! must never trust a peer before a limit is in place, and knows no routes.
//!
//! ```text
//! accept ─► limiter (caps, who gives way) ─► spawn ─► TLS hand-shake under a time-out ─► HTTP/1.1 or h2 by ALPN ─► router
//!                                                       supervisor: header, idle and write time-outs
//! ```

mod accept;
mod activity;
mod admitted;
mod answer;
pub mod certificates;
mod config;
mod connection;
mod fair;
mod frames;
pub mod ledger;
mod limiter;
mod measured;
pub mod port_holder;
mod tls;
mod upload;
mod whole;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use accept::{BindError, bind, prepare, serve};
pub use answer::{Holds, NotHeld};
pub use certificates::Authority;
pub use config::TlsConfig;
pub use limiter::{Attached, Connection, ConnectionLimiter};
pub use tls::{Tls, TlsError};
pub use upload::{BodyStalled, is_stalled};
pub use whole::{Bodies, ReadError, Whole, read_whole};

/// Which listener a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The HTTPS listener.
    Https,
    /// The plain loopback listener.
    Http,
    /// The loopback metrics listener: serves `/metrics` without a key.
    Metrics,
    /// The local control socket, which only the owner of the gateway's files can open:
    /// some routes, without a key.
    Console,
}

/// Where a request came from; a request extension.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The peer's address.
    pub address: SocketAddr,
    /// The listener.
    pub via: Via,
}

/// A listener that is ready to accept.
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// Which listener it is.
    pub via: Via,
    /// TLS, except on loopback listeners.
    pub tls: Option<Arc<Tls>>,
}

/// What all listeners share: caps count over all of them.
pub struct Server {
    /// Time-outs.
    pub limits: Limits,
    /// Connection caps.
    pub limiter: Arc<ConnectionLimiter>,
    /// Bytes that may be held for clients.
    pub budgets: ledger::Budgets,
    /// Counters.
    pub stats: Arc<ServerStats>,
    /// Cancelled to stop accepting and drain.
    pub stop: CancellationToken,
}

/// Time-outs of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the TLS hand-shake.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its header; also from the
    /// hand-shake to the first request.
    pub header: Duration,
    /// For each few kilobytes of a request's body.
    pub body: Duration,
    /// Between requests.
    pub idle: Duration,
    /// For a write during which the peer takes nothing, for each piece of an answer,
    /// and for a sign of life from a peer that is asked for one.
    pub write: Duration,
    /// For requests in flight when the gateway stops.
    pub drain: Duration,
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
    /// Connections that had shown no key and gave way to others at the cap in all.
    pub gave_way: AtomicU64,
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
    /// WebSockets cut off because a message came in more frames than any has.
    pub websockets_fragmented: AtomicU64,
    /// Errors of `accept` itself (file descriptors used up).
    pub accept_errors: AtomicU64,
    /// Connections that ended by a panic, each isolated from the others.
    pub panics: AtomicU64,
}
