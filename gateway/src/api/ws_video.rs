//! `/ws/video/{drone_id}`: a drone's camera, relayed as it comes.
//!
//! Text messages say how the stream is coded, binary ones are frames: one access
//! unit each, Annex B, nothing in front. After a gap the first is a whole picture
//! with its parameter sets, so a decoder can be fed from any frame that begins a
//! format on. Admission is that of `/ws`. A viewer has no queue: it is a place in
//! the drone's frames, is passed over when slow, and cut when it never reads.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{SinkExt as _, StreamExt as _};
use http::StatusCode;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::envelope::ApiError;
use super::flight;
use super::gate::Call;
use super::route::Outcome;
use super::state::App;
use super::validate::Param;
use super::ws::{BUFFER_BYTES, GOODBYE, MAX_MESSAGE_BYTES, MAX_SILENT_PINGS, PING_EVERY, Seat, TICKET};
use super::ws_messages::say;
use crate::drones::{Shown, Viewer};

/// Parameters of `/ws/video/{drone_id}`.
pub(super) const WATCH: &[Param] = &[flight::ID, TICKET];

/// Most bytes waiting to be written: the longest frame, its header and some more.
const MAX_WRITE_BUFFER_BYTES: usize = 256 * 1024;

/// How the frames that follow are coded.
#[derive(Serialize)]
struct Format {
    /// RFC 6381, as browsers take it.
    codec: String,
    width: u32,
    height: u32,
}

/// `GET /ws/video/{drone_id}`
pub(super) fn watch(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(upgrade(call))
}

async fn upgrade(mut call: Call) -> Outcome {
    let upgrade = WebSocketUpgrade::from_request_parts(&mut call.parts, &()).await;
    let upgrade = upgrade.map_err(|rejection| ApiError::invalid(rejection.to_string()))?;
    flight::drone(&call)?;
    let seat = Seat::take(&call.app, call.config.server.max_websockets)?;
    let place = Place::take(&call.app, call.config.camera.max_viewers)?;
    let viewer = call.app.fleet.watch(&call.param).map_err(|_| flight::unknown())?;
    let cut_after = Duration::from_secs(call.config.server.write_timeout_s);
    let app = Arc::clone(&call.app);
    Ok(upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .on_upgrade(move |socket| async move {
            let (_seat, _place) = (seat, place);
            let mut client = Client { app, socket, cut_after };
            // How it ended matters to nobody but the counters.
            let _ = client.serve(viewer).await;
            let _ = timeout(GOODBYE, client.socket.close()).await;
        }))
}

/// A place among the viewers; given back when dropped.
struct Place(Arc<App>);

impl Place {
    fn take(app: &Arc<App>, most: usize) -> Result<Place, ApiError> {
        let taken = app.edge.stats.viewers.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(app));
        if taken >= most as u64 {
            app.edge.stats.viewers_refused.fetch_add(1, Ordering::Relaxed);
            let message = format!("Too many viewers: at most {most} (camera.max_viewers)");
            return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "HTTP_503", message));
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.edge.stats.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The connection is over.
struct Gone;

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
                            Message::Text(say("video_format", format).into())
                        }
                        Shown::Stopped => Message::Text(say("video_stopped", ()).into()),
                    };
                    self.write(message).await?;
                }
            }
        }
    }

    /// Writes, or gives the viewer up.
    async fn write(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(self.cut_after, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Gone),
            Err(_) => {
                self.app.edge.stats.viewers_cut.fetch_add(1, Ordering::Relaxed);
                Err(Gone)
            }
        }
    }
}
