//! Photos (contract 9 and 2.5): taken, listed, fetched.
//!
//! Translates; frames are the drones' room's, files the photos' room's. A photo is
//! taken by a task of its own: a client that hangs up must not leave a stream on
//! that was begun for it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use http::{HeaderValue, header};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tello::command::Command;
use tokio::time::{Instant, timeout, timeout_at};
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome as Answer};
use crate::http::params::{Kind as ParamKind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{READ, WRITE, get, later};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::http::state::App;
use crate::photos::{Kind, Name, Photo};
use crate::routes::drone_call;
use crate::sources::tello::Still;
use crate::sources::vehicles::{LinkState, Operator, Outcome};
use readings::clock::{Mono, wall_now};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    later(
        Verb::Post,
        "/api/drones/{drone_id}/camera/photo",
        WRITE,
        photo,
        Gives::Json(of::<PhotoView>()),
    )
    .about(
        "drones",
        "Take a photo; the video stream is started for it if none runs",
    )
    .takes(drone_call::ONE)
    .also(&["400"]),
    get("/api/photos", READ, list, Gives::Json(of::<PhotoList>()))
        .about("photos", "List all photos"),
    later(
        Verb::Get,
        "/photos/{filename}",
        READ,
        file,
        Gives::Media(&["image/jpeg", "video/h264"]),
    )
    .about(
        "photos",
        "Get a photo: image/jpeg, or video/h264 if it was not decoded",
    )
    .takes(FILE),
];

/// Age up to which a picture of a running stream is now enough for a photo.
const FRESH: Duration = Duration::from_secs(2);

/// What is said of a photo that stays as the drone coded it.
const NOT_DECODED: &str = "not decoded: it is the picture as the drone coded it; set camera.decoder to an ffmpeg for JPEG";

/// Bytes of a photo shown in its metadata: a hundred characters, as documented.
const SHOWN_BYTES: usize = 75;

/// Parameters of `/photos/{filename}`.
pub(crate) const FILE: &[Param] = &[Param::required(
    Location::Path,
    "filename",
    ParamKind::Text,
    "Name of the photo",
)];

/// What a photo is like.
#[derive(Serialize, ToSchema)]
struct PhotoMetadata {
    /// Width and height, as `960x720`.
    resolution: Option<String>,
    /// `JPEG`, or `H264`: a whole picture as the drone coded it, in Annex B.
    format: &'static str,
    /// Bytes of the file.
    size_bytes: u64,
    /// Always 3: red, green and blue.
    channels: u8,
    /// Why it is not a JPEG, when it is none; only when it was just taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
    /// The beginning of the file; only when it was just taken.
    base64_data: Option<String>,
}

/// A photo.
#[derive(Serialize, ToSchema)]
pub(crate) struct PhotoView {
    /// Id for `/api/photos/{photo_id}`.
    id: String,
    /// Name of the file.
    filename: String,
    /// Where it can be fetched.
    path: String,
    timestamp: Ts,
    /// The drone that took it.
    drone_id: String,
    metadata: PhotoMetadata,
}

impl PhotoView {
    /// Where it can be fetched.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Why it is not as it was asked for, in words.
    pub(crate) fn note(&self) -> Option<&'static str> {
        self.metadata.note
    }
}

impl From<&Photo> for PhotoView {
    fn from(photo: &Photo) -> PhotoView {
        let filename = photo.name.to_string();
        PhotoView {
            id: id_of(&filename),
            path: format!("/photos/{filename}"),
            filename,
            timestamp: Ts(photo.name.taken),
            drone_id: photo.name.drone.to_string(),
            metadata: PhotoMetadata {
                resolution: photo
                    .pixels
                    .map(|(width, height)| format!("{width}x{height}")),
                format: photo.name.kind.format(),
                size_bytes: photo.size_bytes,
                channels: 3,
                note: None,
                base64_data: None,
            },
        }
    }
}

/// An id in the form of a UUID that stays the same over restarts: of the name,
/// which is the one thing that is remembered.
fn id_of(filename: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(filename.as_bytes()).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

/// Every photo.
#[derive(Serialize, ToSchema)]
pub(crate) struct PhotoList {
    /// Newest first.
    photos: Vec<PhotoView>,
    /// How many are listed.
    count: usize,
    /// Bytes of all photos kept.
    size_bytes: u64,
    /// Above it the oldest go.
    max_bytes: u64,
}

/// `POST /api/drones/{drone_id}/camera/photo`
pub(crate) fn photo(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move { take(&call).await.map(|photo| respond::json(&photo)) })
}

/// Takes a photo of what the drone sees.
pub(crate) async fn take(call: &Call) -> Result<PhotoView, ApiError> {
    if drone_call::drone(call)?.link != LinkState::Connected {
        return Err(drone_call::not_connected());
    }
    call.app
        .photos
        .is_on()
        .map_err(|error| ApiError::unavailable(error.to_string()))?;
    let video = call.app.fleet.video(&call.param);
    video.map_err(|_| drone_call::no_camera(&call.param))?;
    drone_call::audit(call, "photo");
    let shot = Shot {
        app: Arc::clone(&call.app),
        drone: call.param.clone(),
        by: drone_call::operator(call),
        within: Duration::try_from_secs_f64(call.config.camera.photo_timeout_s).unwrap_or_default(),
    };
    let taken = tokio::spawn(shot.take())
        .await
        .map_err(|_| ApiError::internal())?;
    taken.inspect_err(|_| {
        call.app
            .photos
            .stats
            .failed
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    })
}

/// A photo about to be taken.
struct Shot {
    app: Arc<App>,
    drone: String,
    by: Operator,
    within: Duration,
}

impl Shot {
    async fn take(self) -> Result<PhotoView, ApiError> {
        let deadline = Instant::now() + self.within;
        // One at a time: whoever ends a stream must not end it for another photo.
        let Ok(_turn) = timeout_at(deadline, self.app.edge.photo_turn.lock()).await else {
            return Err(drone_call::failed(
                "Other photos are being taken; try again".to_owned(),
            ));
        };
        let still = self.still(deadline).await?;
        let decoder = self.app.config.load().camera.decoder.clone();
        match self
            .app
            .photos
            .jpeg(&decoder, &self.drone, still.number, &still.bytes)
            .await
        {
            Some(jpeg) => self.keep(Kind::Jpeg, jpeg).await,
            None => self.keep(Kind::H264, still.bytes).await,
        }
    }

    /// A whole picture, of a stream begun for it if none runs.
    async fn still(&self, deadline: Instant) -> Result<Still, ApiError> {
        let fleet = &self.app.fleet;
        let runs = fleet.video(&self.drone).is_ok_and(|video| video.asked);
        let now = Mono::now();
        let since = if runs {
            Mono::from_millis(now.as_millis().saturating_sub(FRESH.as_millis() as u64))
        } else {
            now
        };
        if !runs {
            self.order(Command::StreamOn, deadline).await?;
        }
        let still = timeout_at(deadline, fleet.still(&self.drone, since)).await;
        // Somebody may have wished for the stream meanwhile.
        if !runs && !fleet.keeps_stream(&self.drone) {
            // A drone that does not answer now is silent or gone; its stream ends by itself.
            let _ = timeout(
                self.within,
                self.order(Command::StreamOff, Instant::now() + self.within),
            )
            .await;
        }
        match still {
            Ok(Ok(still)) => Ok(still),
            Ok(Err(_)) => Err(drone_call::no_camera(&self.drone)),
            Err(_) => Err(drone_call::failed(format!(
                "Drone {} sent no whole picture within {} s; its video may not reach UDP {}",
                self.drone,
                self.within.as_secs_f64(),
                fleet.video_port()
            ))),
        }
    }

    async fn order(&self, command: Command, deadline: Instant) -> Result<(), ApiError> {
        // For the stream to begin long after whoever asked has gone would be for nothing.
        let fleet = &self.app.fleet;
        let pending = match command {
            Command::StreamOn => fleet.command_awaited(&self.drone, command, &self.by).await,
            _ => fleet.command(&self.drone, command, &self.by).await,
        };
        let mut pending = pending.map_err(|error| drone_call::refused(command, error))?;
        let id = pending.id();
        let failed = |message| drone_call::of_command(drone_call::failed(message), id);
        let within = deadline.saturating_duration_since(Instant::now());
        match pending.settled_within(within).await {
            Some(Outcome::Done | Outcome::Sent | Outcome::Answer(_)) => Ok(()),
            Some(outcome) => drone_call::ended(&self.drone, command, outcome)
                .map(drop)
                .map_err(failed),
            None => Err(failed(format!(
                "Drone {} is still busy with an earlier command; no photo was taken",
                self.drone
            ))),
        }
    }

    async fn keep(&self, kind: Kind, bytes: bytes::Bytes) -> Result<PhotoView, ApiError> {
        let shown = format!(
            "{}...",
            STANDARD.encode(&bytes[..bytes.len().min(SHOWN_BYTES)])
        );
        let (app, drone, taken) = (Arc::clone(&self.app), self.drone.clone(), wall_now());
        let kept =
            tokio::task::spawn_blocking(move || app.photos.keep(&drone, taken, kind, &bytes));
        let photo = kept.await.map_err(|_| ApiError::internal())?;
        let photo = photo.map_err(|error| ApiError::unavailable(error.to_string()))?;
        let mut view = PhotoView::from(&photo);
        view.metadata.base64_data = Some(shown);
        view.metadata.note = (kind == Kind::H264).then_some(NOT_DECODED);
        Ok(view)
    }
}

/// `GET /api/photos`
pub(crate) fn list(call: &mut Call) -> Answer {
    let album = &call.app.photos;
    let (count, size_bytes) = album.extent();
    let frame = PhotoList {
        photos: Vec::new(),
        count,
        size_bytes,
        max_bytes: album.max_bytes(),
    };
    let photos = album.list();
    // (Names of drones are shared.)
    let held = size_of_val(&photos[..]);
    let shown = photos.into_iter().rev().map(|one| PhotoView::from(&one));
    Ok(respond::streamed(&frame, shown, held))
}

/// `GET /photos/{filename}`
pub(crate) fn file(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let missing = || ApiError::not_found("Photo not found");
        let name = Name::parse(&call.param).ok_or_else(missing)?;
        let (app, kind) = (Arc::clone(&call.app), name.kind);
        let read = tokio::task::spawn_blocking(move || app.photos.read(&name));
        let read = read.await.map_err(|_| ApiError::internal())?;
        let bytes = read
            .map_err(|error| ApiError::unavailable(format!("The photo cannot be read: {error}")))?;
        let mut response = respond::typed(
            HeaderValue::from_static(kind.media_type()),
            bytes.ok_or_else(missing)?.into(),
        );
        if kind == Kind::H264 {
            // No browser shows it: it is there to be kept, and played with ffplay.
            response.headers_mut().insert(
                header::CONTENT_DISPOSITION,
                HeaderValue::from_static("attachment"),
            );
        }
        // A name is given once; but who may read it is asked each time.
        response.headers_mut().insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        );
        Ok(response)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_a_uuid_and_that_of_the_name() {
        let id = id_of("drone_photo_d_20250131_091502.jpg");
        assert_eq!(
            uuid::Uuid::parse_str(&id)
                .expect("a UUID")
                .get_version_num(),
            4
        );
        assert_eq!(id, id_of("drone_photo_d_20250131_091502.jpg"));
        assert_ne!(id, id_of("drone_photo_d_20250131_091503.jpg"));
    }
}
