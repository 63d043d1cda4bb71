//! A drone's camera for players: fragmented MP4 and MPEG-TS over HTTP, as it comes.
//!
//! For what cannot open `/ws/video/{drone_id}`: VLC, ffmpeg, OBS, go2rtc, Frigate, a
//! browser's `<video>`. Begins with a whole picture; a player that is slow loses pictures
//! and goes on with a whole one, as every viewer does; nothing is decoded. Players reach
//! into flats and yards: a key is needed in every profile.

use std::convert::Infallible;

use access::{Denial, Permission};
use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::HeaderValue;
use remux::{Mp4, Picture, Ts};
use tokio_util::sync::CancellationToken;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::respond;
use crate::http::revocation;
use crate::http::route::{Gives, Policy, Route, Verb};
use crate::http::rows::later;
use crate::live::socket::ClientPermit;
use crate::players::Pass;
use crate::routes::drone_call;
use crate::sources::tello::{Shown, Viewer};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    later(
        Verb::Get,
        "/api/drones/{drone_id}/camera/stream.mp4",
        Policy::Needs(Permission::Read),
        mp4,
        Gives::Media(&["video/mp4"]),
    )
    .about(
        "drones",
        "Watch a drone's camera as fragmented MP4, for as long as it streams",
    )
    .takes(drone_call::ONE)
    .may_conflict(),
    later(
        Verb::Get,
        "/api/drones/{drone_id}/camera/stream.ts",
        Policy::Needs(Permission::Read),
        ts,
        Gives::Media(&["video/mp2t"]),
    )
    .about(
        "drones",
        "Watch a drone's camera as MPEG-TS, for as long as it streams",
    )
    .takes(drone_call::ONE)
    .may_conflict(),
];

/// `GET /api/drones/{drone_id}/camera/stream.mp4`
pub(crate) fn mp4(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move { watch(call, "video/mp4", Muxer::Mp4(Mp4::default())) })
}

/// `GET /api/drones/{drone_id}/camera/stream.ts`
pub(crate) fn ts(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move { watch(call, "video/mp2t", Muxer::Ts(Ts::default())) })
}

/// What pictures become.
enum Muxer {
    Mp4(Mp4),
    Ts(Ts),
}

impl Muxer {
    /// The bytes of one more picture; none when the player has to begin anew.
    fn push(&mut self, picture: Picture<'_>) -> Option<Vec<u8>> {
        match self {
            Muxer::Mp4(mp4) => mp4.push(picture).ok(),
            Muxer::Ts(ts) => Some(ts.push(picture)),
        }
    }
}

/// A player's connection.
struct Player {
    viewer: Viewer,
    muxer: Muxer,
    stop: CancellationToken,
    /// The player's own credential was removed.
    ended: CancellationToken,
    _permit: ClientPermit,
}

/// Whether this player may watch this drone, and there is something to see; cancelled when
/// its own credential is removed.
pub(super) fn admitted(call: &Call) -> Result<CancellationToken, ApiError> {
    drone_call::drone(call)?;
    let pass = call.parts.extensions.get::<Pass>();
    if pass.is_some_and(|pass| *pass.drone_id != *call.param) {
        return Err(ApiError::from(Denial::Lacks(Permission::Read)));
    }
    let video = call.app.fleet.video(&call.param);
    let video = video.map_err(|_| drone_call::no_camera(&call.param))?;
    match video.asked {
        true => Ok(pass.map(|pass| pass.ended.clone()).unwrap_or_default()),
        false => Err(ApiError::conflict(format!(
            "Drone {id} sends no video; begin it with POST /api/drones/{id}/camera/stream/start",
            id = call.param
        ))),
    }
}

fn watch(call: Call, media_type: &'static str, muxer: Muxer) -> Outcome {
    let ended = admitted(&call)?;
    let viewer = call.app.fleet.watch(&call.param);
    let player = Player {
        viewer: viewer.map_err(|_| drone_call::no_camera(&call.param))?,
        muxer,
        stop: call.app.stop.clone(),
        ended,
        _permit: ClientPermit::of_viewer(&call)?,
    };
    let pieces = stream::unfold(player, |mut player| async move {
        let piece = player.next().await?;
        Some((Ok::<_, Infallible>(piece), player))
    });
    let mut answer = respond::typed(HeaderValue::from_static(media_type), Bytes::new());
    *answer.body_mut() = Body::from_stream(pieces);
    Ok(match call.session {
        Some(session) => revocation::sent_within(session, answer),
        None => answer,
    })
}

impl Player {
    /// What the player gets next; none when the stream has ended.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let shown = tokio::select! {
                shown = self.viewer.next() => shown,
                () = self.stop.cancelled() => return None,
                () = self.ended.cancelled() => return None,
            };
            match shown {
                Shown::Format(_) => {}
                Shown::Stopped => return None,
                Shown::Frame(unit) => {
                    let (at, key) = self.viewer.last();
                    let picture = Picture {
                        unit: &unit,
                        key,
                        at_ms: at.as_millis(),
                    };
                    let bytes = self.muxer.push(picture)?;
                    if !bytes.is_empty() {
                        return Some(bytes.into());
                    }
                }
            }
        }
    }
}
