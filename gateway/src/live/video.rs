//! `/ws/video/{drone_id}`: a drone's camera, relayed as it comes.
//!
//! Text messages say how the stream is coded, binary ones are frames: one access
//! unit each, Annex B, nothing in front. After a gap the first is a whole picture
//! with its parameter sets, so a decoder can be fed from any frame that begins a
//! format on. Admission is that of `/ws`. A viewer has no queue: it is a place in
//! the drone's frames, is passed over when slow, and cut when it never reads.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::credentials::TICKET;
use crate::http::envelope::Outcome;
use crate::http::params::Param;
use crate::http::route::{Gives, Policy, Route, Verb};
use crate::http::rows::later;
use crate::http::state::App;
use crate::live::message::{Nothing, said, say};
use crate::live::socket::{self, ClientPermit, Gone, MAX_SILENT_PINGS, PING_EVERY};
use crate::routes::drone_call;
use crate::sources::tello::{Shown, Viewer};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[later(
    Verb::Get,
    "/ws/video/{drone_id}",
    Policy::Socket,
    watch,
    Gives::Upgrade,
)
.about(
    "live",
    "Watch a drone's camera: H.264 frames (Annex B), one per binary message",
)
.takes(WATCH)];

/// Parameters of `/ws/video/{drone_id}`.
pub(crate) const WATCH: &[Param] = &[drone_call::ID, TICKET];

/// How the frames that follow are coded.
#[derive(Serialize, ToSchema)]
struct Format {
    /// RFC 6381, as browsers take it.
    codec: String,
    /// Pixels.
    width: u32,
    /// Pixels.
    height: u32,
}

said! {
    VIDEO_FORMAT: Format = "video_format", "How the pictures that follow are coded";
    VIDEO_STOPPED: Nothing = "video_stopped", "The camera is off; another format follows when it is on again";
}

/// `GET /ws/video/{drone_id}`
pub(crate) fn watch(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(upgrade(call))
}

async fn upgrade(mut call: Call) -> Outcome {
    let upgrade = socket::upgrade(&mut call).await?;
    drone_call::drone(&call)?;
    let permits = (
        ClientPermit::of_client(&call)?,
        ClientPermit::of_viewer(&call)?,
    );
    let viewer = call
        .app
        .fleet
        .watch(&call.param)
        .map_err(|_| drone_call::no_camera(&call.param))?;
    let cut_after = Duration::from_secs(call.config.server.write_timeout_s);
    let app = Arc::clone(&call.app);
    let session = call.session.clone();
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _seats = permits;
        let mut client = Client {
            app,
            socket,
            cut_after,
        };
        let alive = client.app.clone();
        let life = async {
            // How it ended matters to nobody but the counters.
            let _ = client.serve(viewer).await;
        };
        let is_key_good = socket::live_within(&alive, session.as_ref(), life).await;
        socket::close(&mut client.socket, is_key_good).await;
    }))
}

/// One connected viewer.
struct Client {
    app: Arc<App>,
    socket: WebSocket,
    cut_after: Duration,
}

impl Client {
    async fn serve(&mut self, mut viewer: Viewer) -> Result<(), Gone> {
        let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent_pings = 0;
        let stop = self.app.stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Gone),
                _ = pings.tick() => {
                    if silent_pings >= MAX_SILENT_PINGS {
                        return Err(Gone);
                    }
                    silent_pings += 1;
                    self.write(Message::Ping(Bytes::new())).await?;
                }
                heard = self.socket.next() => match heard {
                    None | Some(Err(_) | Ok(Message::Close(_))) => return Err(Gone),
                    // A viewer has nothing to say; that it says something shows it is there.
                    Some(Ok(_)) => silent_pings = 0,
                },
                shown = viewer.next() => {
                    let message = match shown {
                        Shown::Frame(bytes) => Message::Binary(bytes),
                        Shown::Format(sps) => {
                            let format = Format { codec: sps.codec(), width: sps.width, height: sps.height };
                            Message::Text(say(VIDEO_FORMAT, format).into())
                        }
                        Shown::Stopped => Message::Text(say(VIDEO_STOPPED, Nothing {}).into()),
                    };
                    self.write(message).await?;
                }
            }
        }
    }

    /// Writes, or gives the viewer up.
    async fn write(&mut self, message: Message) -> Result<(), Gone> {
        socket::write(
            &mut self.socket,
            message,
            self.cut_after,
            &self.app.edge.stats.viewers_cut,
        )
        .await
    }
}
