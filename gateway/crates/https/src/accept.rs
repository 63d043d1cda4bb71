//! Binding, and the accept loop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use socket2::{Domain, Protocol as SocketProtocol, SockRef, Socket, TcpKeepalive, Type};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use super::limiter::Refusal;
use super::port_holder::{self, Protocol};
use super::{Listener, Peer, Server, connection};

/// Connections the kernel holds while all are being served.
const BACKLOG: i32 = 256;
/// Pause after `accept` failed: it fails again at once while descriptors are
/// used up, and spinning would take the processor from what frees them.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bytes the kernel takes from us for one connection before the client's end has
/// room for them. By default some 4 MB, which a slow viewer of video would have
/// between itself and the present; and it is memory of the service.
const UNSENT_BYTES: u32 = 128 * 1024;

/// Unanswered probes after which the kernel gives a peer up.
const PROBES: u32 = 3;
/// The kernel counts in seconds.
const SHORTEST_PROBE: Duration = Duration::from_secs(1);

/// Why a listener cannot be had.
#[derive(Debug, Error)]
#[error("{explanation}")]
pub struct BindError {
    /// Who holds the port, and what to do.
    explanation: String,
    /// The system's reason.
    #[source]
    pub source: io::Error,
}

/// Binds a listener; `key` is the configuration key to name when it is taken.
///
/// # Errors
/// [`BindError`].
pub fn bind(address: SocketAddr, key: &str) -> Result<TcpListener, BindError> {
    let attempt = || -> io::Result<TcpListener> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(SocketProtocol::TCP),
        )?;
        // A restart must not wait for connections of the last run to time out.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    attempt().map_err(|source| BindError {
        explanation: port_holder::explain(Protocol::Tcp, address, &source, key),
        source,
    })
}

/// Sets what the kernel holds for a connection, and how long it believes in a peer
/// that is silent (its cable pulled): `patience` until it asks, and as long again.
///
/// # Errors
/// The system does not take a setting.
pub fn prepare(stream: &TcpStream, patience: Duration) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    let pause = (patience / PROBES).max(SHORTEST_PROBE);
    let keep_alive = TcpKeepalive::new()
        .with_time(patience)
        .with_interval(pause)
        .with_retries(PROBES);
    socket.set_tcp_keepalive(&keep_alive)?;
    // Also for what was sent and never acknowledged, which is asked after by
    // sending it again, for a quarter of an hour.
    socket.set_tcp_user_timeout(Some(patience * 2))
}

/// Accepts until `server.stop`, then waits for what is in flight.
pub async fn serve(listener: Listener, app: Router, server: Arc<Server>) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.socket.accept() => accepted,
            () = server.stop.cancelled() => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                server.stats.accept_errors.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(%error, "accept failed");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        server.stats.accepted.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = prepare(&stream, server.limits.write) {
            tracing::debug!(%error, "a connection keeps the kernel's own limits");
        }
        let permit = match server.limiter.acquire(address.ip()) {
            Ok((permit, displaced)) => {
                server
                    .stats
                    .gave_way
                    .fetch_add(u64::from(displaced), Ordering::Relaxed);
                permit
            }
            Err(refusal) => {
                let counter = match refusal {
                    Refusal::Total => &server.stats.refused_total_cap,
                    Refusal::Client => &server.stats.refused_address_cap,
                };
                counter.fetch_add(1, Ordering::Relaxed);
                continue;
            }
        };
        let peer = Peer {
            address,
            via: listener.via,
        };
        // The hand-shake runs in the connection's own task: one silent client
        // must not keep others from being accepted.
        connections.spawn(connection::serve(
            stream,
            permit,
            peer,
            listener.tls.clone(),
            app.clone(),
            server.clone(),
        ));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}
