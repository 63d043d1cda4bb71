//! What every WebSocket of the API has in common: limits, permits, pings, and how
//! a client that does not read is cut off.
//!
//! No queue of its own: what is written waits in the socket, up to a cap, and
//! whoever lets it wait too long is cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::FromRequestParts as _;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use futures_util::SinkExt as _;
use http::StatusCode;
use tokio::time::timeout;

use crate::http::call::Call;
use crate::http::envelope::ApiError;
use crate::http::revocation;
use crate::http::route::Policy;
use crate::http::state::{ApiStats, App};
use crate::shares::Share;
use access::Session;

/// Read and write buffer of a connection. tungstenite takes 128 KiB by
/// default, which 128 clients would turn into 32 MiB.
const BUFFER_BYTES: usize = 4 * 1024;

/// Largest message of a client: they are short commands.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;

/// Most bytes waiting to be written: the longest frame of video, or the largest
/// list of drones, and some more.
const MAX_WRITE_BUFFER_BYTES: usize = 256 * 1024;

/// Between protocol pings. The operator of a flying drone is among the clients,
/// so one that is gone is not noticed at leisure.
pub(crate) const PING_EVERY: Duration = Duration::from_secs(5);

/// Pings without a word of the client after which it is gone: 20 s (contract 16.1).
pub(crate) const MAX_SILENT_PINGS: u32 = 4;

/// Longest wait for a client to take the closing frame.
const GOODBYE: Duration = Duration::from_secs(1);

/// The hand-shake of `call`, within the limits.
pub(crate) async fn upgrade(call: &mut Call) -> Result<WebSocketUpgrade, ApiError> {
    let upgrade = WebSocketUpgrade::from_request_parts(&mut call.parts, &()).await;
    let upgrade = upgrade.map_err(|rejection| ApiError::invalid(rejection.to_string()))?;
    Ok(upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES))
}

/// One of the counters.
type Counter = fn(&ApiStats) -> &AtomicU64;

/// One of a bounded number of permits; given back when dropped.
pub(crate) struct ClientPermit {
    _share: Share,
}

impl ClientPermit {
    /// A permit for a client of any kind.
    pub(crate) fn of_client(call: &Call) -> Result<ClientPermit, ApiError> {
        let most = call.config.server.max_websockets;
        let share = call.app.edge.clients.take(&call.principal(), most);
        ClientPermit::take(&call.app, share, |stats| &stats.websockets_refused).map_err(|()| {
            full(format!(
                "Too many WebSocket clients: at most {most}, the last of them for others' keys"
            ))
        })
    }

    /// A permit for a viewer of video.
    pub(crate) fn of_viewer(call: &Call) -> Result<ClientPermit, ApiError> {
        let most = call.config.camera.max_viewers;
        let share = call.app.edge.viewers.take(&call.principal(), most);
        ClientPermit::take(&call.app, share, |stats| &stats.viewers_refused).map_err(|()| {
            full(format!(
                "Too many viewers: at most {most} (camera.max_viewers)"
            ))
        })
    }

    fn take(app: &Arc<App>, share: Option<Share>, refused: Counter) -> Result<ClientPermit, ()> {
        let Some(share) = share else {
            refused(&app.edge.stats).fetch_add(1, Ordering::Relaxed);
            return Err(());
        };
        Ok(ClientPermit { _share: share })
    }
}

fn full(message: String) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "HTTP_503", message)
}

/// The connection is over.
pub(crate) struct Gone;

/// Writes within `cut_after`, or gives the client up and counts it in `cut`.
pub(crate) async fn write(
    socket: &mut WebSocket,
    message: Message,
    cut_after: Duration,
    cut: &AtomicU64,
) -> Result<(), Gone> {
    match timeout(cut_after, socket.send(message)).await {
        Ok(sent) => sent.map_err(|_| Gone),
        Err(_) => {
            cut.fetch_add(1, Ordering::Relaxed);
            Err(Gone)
        }
    }
}

/// Lives the `life` of a socket as long as its key lasts, or none is asked for; says
/// whether it did.
pub(crate) async fn live_within(
    app: &App,
    session: Option<&Session>,
    life: impl Future<Output = ()>,
) -> bool {
    let end = async {
        match session {
            Some(session) => session.ended().await,
            None => key_needed(app).await,
        }
    };
    tokio::select! {
        () = life => true,
        () = end => false,
    }
}

/// Waits until sockets need a key: the profile may be another after a reload.
async fn key_needed(app: &App) {
    let mut changes = app.access.changes();
    while Policy::Socket
        .needs(app.config.load().access.profile)
        .is_none()
    {
        if changes.changed().await.is_err() {
            // Cannot be: `app` holds the sender.
            std::future::pending::<()>().await;
        }
    }
}

/// Takes leave of a socket.
pub(crate) async fn close(socket: &mut WebSocket, is_key_good: bool) {
    let farewell = async {
        if !is_key_good {
            let frame = CloseFrame {
                code: close_code::POLICY,
                reason: revocation::REASON.into(),
            };
            // One that is gone already needs no reason.
            let _ = socket.send(Message::Close(Some(frame))).await;
        }
        // Sends what is left, a closing frame included, to whoever reads it.
        let _ = socket.close().await;
    };
    let _ = timeout(GOODBYE, farewell).await;
}
