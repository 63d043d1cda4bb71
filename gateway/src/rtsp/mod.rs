//! `[camera] rtsp_listen`: a drone's video by RTSP, for recorders and players that know
//! no HTTPS. Off unless an address is set.
//!
//! `rtsp://USER:PASSWORD@gateway:8554/drone_001`, over the one TCP connection that the
//! player opens. In clear: so only credentials of players open it, which open one drone's
//! video and nothing else, and never a key. Whoever comes later begins with a whole
//! picture, and a slow one loses pictures, as every viewer. Nothing is decoded.

mod connection;
mod message;
mod packets;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use readings::measured::{Measured, Page};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::players::Players;
use crate::shares::{Principal, Shares};
use crate::sources::tello::Fleet;
use connection::{Connection, TAKE_WITHIN};

/// Connections at a time, those that have not said who they are among them. Each holds a
/// socket, a picture and a half, and 4 KiB of a request.
const MAX_CONNECTIONS: usize = 32;

/// First and longest pause between attempts to get the port.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Says of an address that tried a wrong password whether it is locked out by now.
pub(crate) type Wrong = Arc<dyn Fn(IpAddr, &[u8]) -> bool + Send + Sync>;

/// Counts since start.
#[derive(Debug, Default)]
pub(crate) struct RtspStats {
    connections: AtomicU64,
    refused: AtomicU64,
    wrong: AtomicU64,
}

/// What players get, and who they may be.
#[derive(Clone)]
pub(crate) struct Rtsp {
    pub(crate) fleet: Fleet,
    pub(crate) players: Arc<Players>,
    /// The places of viewers, which all ways of watching share, and how many there are.
    pub(crate) viewers: (Arc<Shares>, usize),
    pub(crate) wrong: Wrong,
    pub(crate) stats: Arc<RtspStats>,
    pub(crate) stop: CancellationToken,
}

impl Rtsp {
    /// Takes connections at `address` until the stop; a port that is taken is tried again.
    pub(crate) async fn serve(self, address: SocketAddr) {
        let mut pause = RETRY.0;
        let listener = loop {
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(error) => {
                    tracing::error!(%address, %error, "no RTSP: camera.rtsp_listen is tried again")
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return,
            }
            pause = (pause * 2).min(RETRY.1);
        };
        tracing::info!(%address, "RTSP, in clear");
        let (places, mut tasks) = (Arc::<Shares>::default(), JoinSet::new());
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = tasks.join_next(), if !tasks.is_empty() => continue,
                () = self.stop.cancelled() => return,
            };
            let Ok((stream, peer)) = accepted else {
                // No file descriptor is free: others give theirs back.
                tokio::time::sleep(RETRY.0).await;
                continue;
            };
            let principal = Principal::Address(peer.ip().to_canonical());
            let Some(place) = places.take(&principal, MAX_CONNECTIONS) else {
                self.stats.refused.fetch_add(1, Relaxed);
                continue;
            };
            self.stats.connections.fetch_add(1, Relaxed);
            // What the kernel would hold for one that stands still is minutes of video.
            if let Err(error) = https::prepare(&stream, TAKE_WITHIN) {
                tracing::debug!(%error, "a connection by RTSP is not bounded");
            }
            let connection = Connection::new(self.clone(), stream, peer.ip());
            tasks.spawn(async move {
                let _place = place;
                connection.live().await;
            });
        }
    }
}

impl Measured for RtspStats {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        page.counter(
            "rtsp_connections",
            "Connections by RTSP",
            count(&self.connections),
        )?;
        page.counter(
            "rtsp_refused",
            "Connections by RTSP for which there was no place",
            count(&self.refused),
        )?;
        page.counter(
            "rtsp_wrong_credentials",
            "Requests by RTSP with a wrong user or password",
            count(&self.wrong),
        )
    }
}
