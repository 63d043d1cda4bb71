//! The newest whole picture of a drone's camera, for services that look at single
//! pictures: a tracker, a detector, a collector of training data.
//!
//! They ask; the gateway sends nothing out by itself. Who wants every frame has
//! `/ws/video/{drone_id}`. Nothing is kept for them: a picture is the one that the
//! drones room holds anyway, and a request that waits holds its connection only.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::time::timeout;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind as ParamKind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{READ, later};
use crate::http::scalars::Ts;
use crate::photos::Kind;
use crate::routes::drone_call;
use crate::routes::flight;
use crate::sources::tello::Still;
use readings::clock::{Mono, wall_now};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[later(
    Verb::Get,
    "/api/drones/{drone_id}/camera/frame",
    READ,
    newest,
    Gives::Media(&["video/h264", "image/jpeg"]),
)
.about(
    "drones",
    "Get the newest whole picture: video/h264, or image/jpeg on request; 204 if there is no newer one",
)
.takes(FRAME)
.may_conflict()
.also(&["204"])];

/// Longest wait for a picture. A Tello sends a whole one each second or two; a
/// client that asks again after it needs no time-out of its own above the usual.
const WAIT: Duration = Duration::from_secs(5);

/// Number of the picture among the drone's since start, to ask for a newer one.
const NUMBER: HeaderName = HeaderName::from_static("x-frame-number");
/// When it arrived.
const TIMESTAMP: HeaderName = HeaderName::from_static("x-frame-timestamp");

const FORMAT: Param = Param::optional(
    Location::Query,
    "format",
    ParamKind::Choice(&["h264", "jpeg"]),
    "`h264` (as the drone coded it, Annex B, with its parameter sets) when absent; `jpeg` needs `camera.decoder`",
);
const AFTER: Param = Param::optional(
    Location::Query,
    "after",
    ParamKind::Int {
        min: 0,
        max: i64::MAX,
        default: Some(0),
    },
    "Only a newer picture than the one with this `X-Frame-Number` in its answer; waited for up to 5 s",
);
/// Parameters of `/api/drones/{drone_id}/camera/frame`.
pub(crate) const FRAME: &[Param] = &[drone_call::ID, FORMAT, AFTER];

/// `GET /api/drones/{drone_id}/camera/frame`
pub(crate) fn newest(mut call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        drone_call::drone(&call)?;
        let after = call.inputs.int(&AFTER).unwrap_or_default();
        call.inputs.finish()?;
        let format = flight::choice(&mut call, &FORMAT)?;
        let fleet = &call.app.fleet;
        let video = fleet
            .video(&call.param)
            .map_err(|_| drone_call::no_camera(&call.param))?;
        if !video.asked {
            return Err(ApiError::conflict(format!(
                "Drone {id} sends no video; begin it with POST /api/drones/{id}/camera/stream/start",
                id = call.param
            )));
        }
        // A number that was not given yet is from before a restart.
        let after = Some(after.unsigned_abs())
            .filter(|after| *after <= video.counts.keys)
            .unwrap_or_default();
        let still = match timeout(WAIT, fleet.still_after(&call.param, after)).await {
            Ok(still) => still.map_err(|_| drone_call::no_camera(&call.param))?,
            Err(_) => return Ok(nothing_newer()),
        };
        let (media_type, bytes) = if format == "jpeg" {
            (Kind::Jpeg.media_type(), decoded(&call, &still).await?)
        } else {
            (Kind::H264.media_type(), still.bytes.clone())
        };
        call.app.edge.stats.frames_fetched.fetch_add(1, Relaxed);
        describe(
            respond::typed(HeaderValue::from_static(media_type), bytes),
            &still,
        )
    })
}

/// 204: nothing went wrong, and there is nothing newer.
fn nothing_newer() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The picture as a JPEG.
async fn decoded(call: &Call, still: &Still) -> Result<Bytes, ApiError> {
    let decoder = &call.config.camera.decoder;
    let jpeg = timeout(
        WAIT,
        call.app
            .photos
            .jpeg(decoder, &call.param, still.number, &still.bytes),
    )
    .await;
    let jpeg = jpeg.map_err(|_| {
        drone_call::failed("Other pictures are being decoded; try again".to_owned())
    })?;
    jpeg.ok_or_else(|| {
        ApiError::unavailable(format!(
            "The picture cannot be decoded here ({}); ask with format=h264, or set camera.decoder to an ffmpeg",
            decoder.display()
        ))
    })
}

/// Says which picture it is.
fn describe(mut response: Response, still: &Still) -> Outcome {
    let age = jiff::SignedDuration::try_from(Mono::now().since(still.at)).unwrap_or_default();
    let arrived = wall_now()
        .saturating_sub(age)
        .unwrap_or_else(|_| wall_now());
    let arrived = serde_json::to_value(Ts(arrived)).map_err(|_| ApiError::internal())?;
    let headers = response.headers_mut();
    headers.insert(NUMBER, still.number.into());
    let arrived = HeaderValue::from_str(arrived.as_str().unwrap_or_default())
        .map_err(|_| ApiError::internal())?;
    headers.insert(TIMESTAMP, arrived);
    Ok(response)
}
