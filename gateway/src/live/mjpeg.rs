//! A drone's camera as JPEGs, one a second, where the board has a decoder: for old
//! screens, and for programs that look at single pictures.
//!
//! Each picture is decoded once for all who watch (`photos`), by a program of its own, and
//! only a whole one: a Tello sends those every second or two.

use std::convert::Infallible;
use std::time::Duration;

use access::Permission;
use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::HeaderValue;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::respond;
use crate::http::revocation;
use crate::http::route::{Gives, Policy, Route, Verb};
use crate::http::rows::later;
use crate::live::socket::ClientPermit;
use crate::live::stream::admitted;
use crate::routes::drone_call;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[later(
    Verb::Get,
    "/api/drones/{drone_id}/camera/stream.mjpeg",
    Policy::Needs(Permission::Read),
    mjpeg,
    Gives::Media(&["multipart/x-mixed-replace"]),
)
.about(
    "drones",
    "Watch a drone's camera as JPEGs, at most one a second; needs `camera.decoder`",
)
.takes(drone_call::ONE)
.may_conflict()];

/// Between two pictures: decoding one takes a board some tenths of a second of a core.
const EVERY: Duration = Duration::from_secs(1);

/// What stands between two pictures; no JPEG holds it at the beginning of a line.
const BOUNDARY: &str = "mfg-drone-picture";

/// `GET /api/drones/{drone_id}/camera/stream.mjpeg`
pub(crate) fn mjpeg(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let ended = admitted(&call)?;
        let permit = ClientPermit::of_viewer(&call)?;
        let session = call.session.clone();
        let mut watching = Watching {
            stop: call.app.stop.clone(),
            call,
            ended,
            after: 0,
            next: Instant::now(),
            _permit: permit,
        };
        // The first one shows whether pictures can be decoded here at all.
        let first = watching.picture().await;
        let first = first.ok_or_else(|| {
            ApiError::unavailable(
                "There is no picture, or none can be decoded here; set camera.decoder to an ffmpeg",
            )
        })?;
        let pieces = stream::unfold((watching, Some(first)), |(mut watching, held)| async move {
            let piece = match held {
                Some(piece) => piece,
                None => watching.picture().await?,
            };
            Some((Ok::<_, Infallible>(piece), (watching, None)))
        });
        let media_type =
            HeaderValue::from_static("multipart/x-mixed-replace; boundary=mfg-drone-picture");
        let mut answer = respond::typed(media_type, Bytes::new());
        *answer.body_mut() = Body::from_stream(pieces);
        Ok(match session {
            Some(session) => revocation::sent_within(session, answer),
            None => answer,
        })
    })
}

/// One who watches.
struct Watching {
    call: Call,
    stop: CancellationToken,
    ended: CancellationToken,
    /// Number of the picture that was shown last.
    after: u64,
    next: Instant,
    _permit: ClientPermit,
}

impl Watching {
    /// The next picture, with what stands before it; none when it is over.
    async fn picture(&mut self) -> Option<Bytes> {
        let (app, drone) = (&self.call.app, &self.call.param);
        let still = async {
            sleep_until(self.next).await;
            app.fleet.still_after(drone, self.after).await.ok()
        };
        let still = tokio::select! {
            still = still => still?,
            () = self.stop.cancelled() => return None,
            () = self.ended.cancelled() => return None,
            () = stopped(&self.call) => return None,
        };
        self.next = Instant::now() + EVERY;
        self.after = still.number;
        let decoder = &self.call.config.camera.decoder;
        let jpeg = app
            .photos
            .jpeg(decoder, drone, still.number, &still.bytes)
            .await?;
        let head = format!(
            "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            jpeg.len()
        );
        Some([head.as_bytes(), &jpeg, b"\r\n"].concat().into())
    }
}

/// Ends when the drone sends no video any more, or none is asked of it.
async fn stopped(call: &Call) {
    while call
        .app
        .fleet
        .video(&call.param)
        .is_ok_and(|video| video.asked)
    {
        tokio::time::sleep(EVERY).await;
    }
}
