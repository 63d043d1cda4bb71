//! The stream of a drone's camera (contract 9).
//!
//! Translates; frames are the drones' room's.

use futures_util::future::BoxFuture;
use serde::Serialize;
use tello::command::Command;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome as Answer};
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{READ, SUCCESS, WRITE, get, later};
use crate::http::scalars::{Ts, round2};
use crate::http::shape::of;
use crate::routes::drone_call::{self, Receipt};
use crate::routes::flight::{MANOEUVRE, WAIT};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    later(
        Verb::Post,
        "/api/drones/{drone_id}/camera/stream/start",
        WRITE,
        stream_on,
        SUCCESS,
    )
    .about("drones", "Start the video stream of a drone")
    .takes(MANOEUVRE)
    .also(&["400"]),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/camera/stream/stop",
        WRITE,
        stream_off,
        SUCCESS,
    )
    .about("drones", "Stop the video stream of a drone")
    .takes(MANOEUVRE)
    .also(&["400"]),
    get(
        "/api/drones/{drone_id}/camera",
        READ,
        status,
        Gives::Json(of::<CameraStatus>()),
    )
    .about("drones", "Get the state of a drone's video stream")
    .takes(drone_call::ONE),
];

/// The stream of a drone as it is now.
#[derive(Serialize, ToSchema)]
pub(crate) struct CameraStatus {
    /// Id of the drone.
    drone_id: String,
    /// Whether the drone was asked to stream.
    streaming: bool,
    /// Frames in the last second.
    fps: u32,
    /// Kilobits in the last second.
    bitrate_kbps: u64,
    /// Frames damaged or missing in the last second, as far as can be told.
    loss_percent: Option<f64>,
    /// Of the picture, in pixels; null before the first.
    width: Option<u32>,
    /// Of the picture, in pixels; null before the first.
    height: Option<u32>,
    /// As browsers take it (RFC 6381).
    codec: Option<String>,
    /// How many watch now.
    viewers: u64,
    timestamp: Ts,
}

/// `GET /api/drones/{drone_id}/camera`
pub(crate) fn status(call: &mut Call) -> Answer {
    drone_call::drone(call)?;
    let video = call
        .app
        .fleet
        .video(&call.param)
        .map_err(|_| drone_call::no_camera(&call.param))?;
    Ok(respond::json(&CameraStatus {
        drone_id: call.param.clone(),
        streaming: video.asked,
        fps: video.fps,
        bitrate_kbps: video.bit_s / 1000,
        loss_percent: video.loss_pct.map(round2),
        width: video.sps.map(|sps| sps.width),
        height: video.sps.map(|sps| sps.height),
        codec: video.sps.map(|sps| sps.codec()),
        viewers: video.viewers,
        timestamp: Ts::now(),
    }))
}

/// `POST /api/drones/{drone_id}/camera/stream/start`
pub(crate) fn stream_on(call: Call) -> BoxFuture<'static, Answer> {
    switch(call, true)
}

/// `POST /api/drones/{drone_id}/camera/stream/stop`
pub(crate) fn stream_off(call: Call) -> BoxFuture<'static, Answer> {
    switch(call, false)
}

fn switch(mut call: Call, on: bool) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        drone_call::drone(&call)?;
        let wait = call.inputs.flag(&WAIT).unwrap_or(false);
        call.inputs.finish()?;
        stream(&call, on, wait).await.map(drone_call::given)?
    })
}

/// A drone of a kind without video is told apart before it is commanded.
fn has_camera(call: &Call) -> Result<(), ApiError> {
    let video = call.app.fleet.video(&call.param);
    let known = video.map_err(|_| drone_call::no_camera(&call.param));
    known.map(drop)
}

/// Begins or ends the stream of a drone.
pub(crate) async fn stream(call: &Call, on: bool, wait: bool) -> Result<Receipt, ApiError> {
    has_camera(call)?;
    let command = if on {
        Command::StreamOn
    } else {
        Command::StreamOff
    };
    let given = drone_call::fly(call, command, wait).await?;
    call.app.fleet.keep_stream(&call.param, on);
    Ok(given)
}

/// Whether the drone was asked to stream.
pub(crate) fn streams(call: &Call) -> bool {
    call.app
        .fleet
        .video(&call.param)
        .is_ok_and(|video| video.asked)
}
