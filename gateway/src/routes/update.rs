//! Updates of the whole system. Permission `admin`.
//!
//! A bundle comes as the body and goes straight to the spool; the cap on
//! bodies does not apply, its own does (`update.max_bundle_bytes`). Whether it
//! is installed is decided by the image's own program, by the signature.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use serde::Serialize;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond::{self, SuccessResponse};
use crate::http::route::{Gives, Route, Run, Verb};
use crate::http::rows::{ADMIN, SUCCESS, get, now};
use crate::http::shape::of;
use crate::logging::SECURITY;
use crate::update::{InstallRequest, UpdateError, Upload};
use update_status::{SlotStatus, StatusFile};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/system/update",
        ADMIN,
        status,
        Gives::Json(of::<UpdateStatus>()),
    )
    .about(
        "update",
        "Get the result of the last system update and what is in each slot",
    )
    .also(&["501"]),
    Route::new(
        Verb::Post,
        "/api/system/update",
        ADMIN,
        Run::Stream(upload),
        SUCCESS,
    )
    .about(
        "update",
        "Upload a signed bundle as the body; it is verified, installed and tried without further requests",
    )
    .takes(UPLOAD)
    .may_conflict()
    .also(&["411", "413", "501", "507"]),
    now(Verb::Delete, "/api/system/update", ADMIN, cancel)
        .about("update", "Cancel the upload in progress")
        .may_conflict(),
];

/// Longest time a bundle may take as a whole; between two pieces of it,
/// `server.body_timeout_s` applies. A gigabyte over a slow field Wi-Fi.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(2 * 3600);

const SHA256: Param = Param::optional(
    Location::Query,
    "sha256",
    Kind::Text,
    "SHA-256 of the bundle in hexadecimal; checked when given",
);
const ALLOW_DOWNGRADE: Param = Param::optional(
    Location::Query,
    "allow_downgrade",
    Kind::Flag,
    "Install it although it is older than what runs, or the same",
);

/// Parameters of `POST /api/system/update`.
pub(crate) const UPLOAD: &[Param] = &[SHA256, ALLOW_DOWNGRADE];

/// Answer of `GET /api/system/update`.
#[derive(Serialize, ToSchema)]
pub(crate) struct UpdateStatus {
    /// `idle`, `uploading`, `waiting`, `verifying`, `installing`, `rebooting`,
    /// `trying`, `committed`, `rolled_back` or `failed`.
    state: &'static str,
    /// Why it failed or was rolled back.
    reason: Option<String>,
    /// When the image's program said so.
    changed_at: Option<String>,
    /// Of the upload or the installation.
    progress_percent: Option<u8>,
    /// Id that the upload was answered with.
    update_id: Option<String>,
    /// `upload` or `stick`.
    source: Option<String>,
    /// Version of the bundle, once its signature was found good.
    update_version: Option<String>,
    running: UpdateSlot,
    other: UpdateSlot,
}

/// A root slot.
#[derive(Serialize, ToSchema)]
struct UpdateSlot {
    /// `A` or `B`.
    slot: String,
    /// Version in it.
    version: Option<String>,
    /// Whether the boot script would start it; null where that is not known.
    bootable: Option<bool>,
}

impl From<SlotStatus> for UpdateSlot {
    fn from(slot: SlotStatus) -> UpdateSlot {
        UpdateSlot {
            slot: slot.slot,
            version: slot.version,
            bootable: slot.bootable,
        }
    }
}

/// `GET /api/system/update`
pub(crate) fn status(call: &mut Call) -> Outcome {
    let updates = &call.app.updates;
    let StatusFile {
        state,
        mut reason,
        mut changed_at,
        progress_pct,
        mut update,
        running,
        other,
        ..
    } = updates.status()?;
    let (mut state, mut progress_percent) = (state.word(), progress_pct);
    // What this process does itself it knows better than the file, which then tells of
    // the update before.
    if updates.uploading().is_some() || updates.is_waiting() {
        (reason, changed_at, update) = Default::default();
    }
    if let Some(upload) = updates.uploading() {
        let received = upload.received.load(Ordering::Relaxed).saturating_mul(100);
        (state, progress_percent) = (
            "uploading",
            Some(received.checked_div(upload.length).unwrap_or(0).min(100) as u8),
        );
    } else if updates.is_waiting() {
        (state, progress_percent) = ("waiting", None);
    }
    Ok(respond::json(&UpdateStatus {
        state,
        reason,
        changed_at,
        progress_percent,
        update_id: update.id,
        source: update.source,
        update_version: update.version,
        running: UpdateSlot {
            bootable: Some(true),
            ..running.into()
        },
        other: other.into(),
    }))
}

/// `DELETE /api/system/update`
pub(crate) fn cancel(call: &mut Call) -> Outcome {
    call.app.updates.cancel()?;
    Ok(respond::json(&SuccessResponse::new(
        "The upload is given up",
    )))
}

/// `POST /api/system/update`
pub(crate) fn upload(call: Call, body: Body) -> BoxFuture<'static, Outcome> {
    Box::pin(receive(call, body))
}

async fn receive(mut call: Call, body: Body) -> Outcome {
    let sha256 = call.inputs.text(&SHA256);
    let allow_downgrade = call.inputs.flag(&ALLOW_DOWNGRADE).unwrap_or(false);
    call.inputs.finish()?;
    let length = length(&call.parts.headers)?;
    // A restart takes the gateway from under a drone; its operator comes first.
    if let Some(drone) = call
        .app
        .vehicles
        .views()
        .into_iter()
        .find(|drone| drone.airborne)
    {
        let message = format!(
            "{} is in the air; land it, the board restarts for an update",
            drone.id
        );
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "UPDATE_DRONE_AIRBORNE",
            message,
        ));
    }
    let upload = call.app.updates.begin(length).await?;
    tracing::info!(target: SECURITY, actor = call.actor(), client = %call.client, length, "update upload begins");
    let pause = Duration::from_secs(call.config.server.body_timeout_s);
    let install = InstallRequest {
        sha256,
        allow_downgrade,
    };
    let id = transfer(upload, body, install, pause).await?;
    tracing::info!(target: SECURITY, actor = call.actor(), client = %call.client, id, allow_downgrade, "update handed over");
    Ok(accepted(&id))
}

async fn transfer(
    mut upload: Upload,
    mut body: Body,
    install: InstallRequest,
    pause: Duration,
) -> Result<String, ApiError> {
    let deadline = Instant::now() + UPLOAD_TIMEOUT;
    loop {
        let left = pause.min(deadline.saturating_duration_since(Instant::now()));
        let frame = tokio::select! {
            frame = timeout(left, body.frame()) => frame.map_err(|_| ApiError::body_timeout())?,
            () = upload.cancelled() => return Err(UpdateError::Cancelled.into()),
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| {
            if https::is_stalled(&error) {
                return ApiError::body_timeout();
            }
            ApiError::invalid("the connection broke before the bundle was complete")
        })?;
        if let Ok(data) = frame.into_data() {
            upload.take(data).await?;
        }
    }
    Ok(upload.finish(install).await?)
}

fn accepted(id: &str) -> Response {
    let message = format!(
        "Update {id} is handed over: it is verified and installed, then the board restarts"
    );
    respond::json(&SuccessResponse::new(message))
}

/// The announced length: without it nobody knows whether there is room.
fn length(headers: &HeaderMap) -> Result<u64, ApiError> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    announced.ok_or_else(|| {
        let message = "Content-Length is missing: send the bundle with its length, e.g. curl --data-binary @FILE";
        ApiError::new(StatusCode::LENGTH_REQUIRED, "HTTP_411", message)
    })
}

impl From<UpdateError> for ApiError {
    fn from(error: UpdateError) -> ApiError {
        let (status, code) = match &error {
            UpdateError::NotSupported(_) => (StatusCode::NOT_IMPLEMENTED, "UPDATE_NOT_SUPPORTED"),
            UpdateError::Unreadable { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "UPDATE_STATUS_UNREADABLE")
            }
            UpdateError::Busy(_) => (StatusCode::CONFLICT, "UPDATE_BUSY"),
            UpdateError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "HTTP_413"),
            UpdateError::NoSpace { .. } => (StatusCode::INSUFFICIENT_STORAGE, "UPDATE_NO_SPACE"),
            UpdateError::Different(_) => (StatusCode::BAD_REQUEST, "UPDATE_DIFFERENT"),
            UpdateError::Cancelled => (StatusCode::CONFLICT, "UPDATE_CANCELLED"),
            UpdateError::NothingToCancel => (StatusCode::CONFLICT, "UPDATE_NOT_UPLOADING"),
            UpdateError::Storage { .. } => (StatusCode::SERVICE_UNAVAILABLE, "STORAGE_UNAVAILABLE"),
        };
        ApiError::new(status, code, error.to_string())
    }
}
