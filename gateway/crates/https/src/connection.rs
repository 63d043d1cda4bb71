//! One connection: hand-shake, HTTP, supervision, end.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::FutureExt as _;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tower::Service as _;

use super::activity::{Activity, Overdue, Watched};
use super::admitted::Admitted;
use super::answer::answer;
use super::fair::Fair;
use super::limiter::{Connection, Permit};
use super::upload::Upload;
use super::whole::Bodies;
use super::{Peer, Server, Tls};
use readings::clock::Mono;

/// Largest request header; a key, a few dozen headers and a long query fit.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Most header lines.
const MAX_HEADERS: usize = 64;
/// Streams of one HTTP/2 connection at a time.
const MAX_H2_STREAMS: u32 = 16;
/// Window of an HTTP/2 stream: what a peer may send unasked.
const H2_STREAM_WINDOW: u32 = 64 * 1024;
/// Window of an HTTP/2 connection.
const H2_CONNECTION_WINDOW: u32 = 128 * 1024;
/// Bytes of answers buffered for a stream whose peer does not read.
const H2_SEND_BUFFER: usize = 64 * 1024;
/// Streams a peer may reset before it is cut off (rapid reset).
const MAX_H2_RESETS: usize = 32;
/// How long an overdue connection has to end by itself.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves a connection to its end. Never panics outwards.
pub(super) async fn serve(
    stream: TcpStream,
    permit: Permit,
    peer: Peer,
    tls: Option<Arc<Tls>>,
    app: Router,
    server: Arc<Server>,
) {
    let stats = server.stats.clone();
    stats.open.fetch_add(1, Ordering::Relaxed);
    let outcome = AssertUnwindSafe(hand_shake(stream, permit, peer, tls, app, &server))
        .catch_unwind()
        .await;
    if outcome.is_err() {
        stats.panics.fetch_add(1, Ordering::Relaxed);
    }
    stats.open.fetch_sub(1, Ordering::Relaxed);
}

async fn hand_shake(
    stream: TcpStream,
    permit: Permit,
    peer: Peer,
    tls: Option<Arc<Tls>>,
    app: Router,
    server: &Server,
) {
    // Answers are whole messages: waiting to fill a segment only delays them.
    drop(stream.set_nodelay(true));
    let connection = permit.connection().clone();
    let origin = Origin {
        peer,
        connection: connection.clone(),
    };
    let stream = Admitted::new(stream, permit);
    let Some(tls) = tls else {
        return http(stream, origin, false, app, server).await;
    };
    let stats = &server.stats;
    let accepted = tokio::select! {
        accepted = timeout(server.limits.handshake, tls.acceptor().accept(stream)) => accepted,
        () = server.stop.cancelled() => return,
    };
    match accepted {
        Ok(Ok(stream)) => {
            let session = stream.get_ref().1;
            let counter = match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => &stats.handshakes_tls13,
                _ => &stats.handshakes_tls12,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            let h2 = session.alpn_protocol() == Some(b"h2");
            http(stream, origin, h2, app, server).await;
        }
        // It gave way: that is counted already, and nobody's mistake.
        Ok(Err(_)) if connection.is_withdrawn() => {}
        Ok(Err(error)) => {
            stats.handshake_failures.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(peer = %peer.address, %error, "TLS hand-shake failed");
        }
        Err(_) => {
            stats.handshake_timeouts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Where requests come from; each gets it as extensions.
struct Origin {
    peer: Peer,
    connection: Connection,
}

async fn http<S>(stream: S, origin: Origin, h2: bool, app: Router, server: &Server)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Activity::started(Mono::now(), h2);
    let stream = Watched::new(stream, activity.clone());
    let io = TokioIo::new(Fair::new(stream, activity.clone(), server.stats.clone()));
    let marks = activity.clone();
    let limit = server.limits.body;
    let client = origin.connection.client();
    let bodies = Bodies {
        share: server.budgets.bodies.clone(),
        client,
    };
    let answers = server.budgets.answers.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        origin.connection.asked();
        let extensions = request.extensions_mut();
        extensions.insert(origin.peer);
        extensions.insert(origin.connection.clone());
        extensions.insert(bodies.clone());
        let (marks, held, mut app) = (marks.clone(), answers.entry(client), app.clone());
        let in_flight = marks.request();
        let request = request.map(|body| Body::new(Upload::new(body, limit, marks.clone())));
        async move {
            marks.room().await;
            let response = app.call(request).await?;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                marks.upgrade();
            }
            Ok::<_, Infallible>(answer(response, in_flight, held))
        }
    });
    // Errors of a connection are the peer's affair: it went away, or spoke
    // nonsense that hyper has answered already.
    if h2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(server.limits.write)
            .keep_alive_timeout(server.limits.write)
            .max_concurrent_streams(MAX_H2_STREAMS)
            .max_header_list_size(MAX_HEADER_BYTES as u32)
            .initial_stream_window_size(H2_STREAM_WINDOW)
            .initial_connection_window_size(H2_CONNECTION_WINDOW)
            .max_send_buf_size(H2_SEND_BUFFER)
            .max_pending_accept_reset_streams(MAX_H2_RESETS);
        let mut connection = pin!(builder.serve_connection(io, service));
        supervise!(connection, activity, server);
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        // The supervisor watches headers, from before their first byte on. No
        // `pipeline_flush`: it holds the answers to a whole buffer of pipelined
        // requests, which a peer that never reads could make very large.
        builder
            .header_read_timeout(None)
            .max_buf_size(MAX_HEADER_BYTES)
            .max_headers(MAX_HEADERS);
        let mut connection = pin!(builder.serve_connection(io, service).with_upgrades());
        supervise!(connection, activity, server);
    }
}

/// What the supervisor does next.
pub(super) enum Step {
    /// Look again after this time.
    Wait(Duration),
    /// Ask the connection to end, then drop it after a while.
    Finish,
    /// Drop it now: the peer takes no farewell.
    Cut,
}

/// Judges a connection and counts what is overdue.
fn judge(activity: &Activity, server: &Server) -> Step {
    let (counter, step) = match activity.judge(&server.limits, Mono::now()) {
        Ok(next) => return Step::Wait(next),
        Err(Overdue::Header) => (&server.stats.header_timeouts, Step::Cut),
        Err(Overdue::Idle) => (&server.stats.idle_timeouts, Step::Finish),
        Err(Overdue::Write) => (&server.stats.write_timeouts, Step::Cut),
    };
    counter.fetch_add(1, Ordering::Relaxed);
    step
}

/// Counts a connection that ended by itself, if it was the kernel that ended it.
fn ended(activity: &Activity, server: &Server) {
    if activity.is_given_up() {
        server.stats.write_timeouts.fetch_add(1, Ordering::Relaxed);
    }
}

/// Drives a hyper connection under supervision. A macro, because hyper's two
/// connection types share no trait.
macro_rules! supervise {
    ($connection:ident, $activity:ident, $server:ident) => {{
        let mut look = pin!(sleep(Duration::ZERO));
        let farewell = loop {
            tokio::select! {
                _ = $connection.as_mut() => return ended(&$activity, $server),
                () = $server.stop.cancelled() => break $server.limits.drain,
                () = look.as_mut() => match judge(&$activity, $server) {
                    Step::Wait(next) => look.set(sleep(next)),
                    Step::Finish => break FAREWELL,
                    Step::Cut => return,
                },
            }
        };
        $connection.as_mut().graceful_shutdown();
        drop(timeout(farewell, $connection.as_mut()).await);
    }};
}
use supervise;
