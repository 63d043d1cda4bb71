//! Recordings of flights: listed, looked at, pinned, removed. A key is needed in every
//! profile: people are in them.

use access::Permission;
use futures_util::future::BoxFuture;
use http::StatusCode;
use jiff::Timestamp;
use recording::{Entry, Library, Reason};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Issue, Outcome};
use crate::http::inputs::path_id;
use crate::http::params::{Kind, Location, Param};
use crate::http::respond::{self, SuccessResponse};
use crate::http::route::{Gives, Policy, Route, Verb};
use crate::http::rows::{ADMIN, SUCCESS, get, later};
use crate::http::scalars::{Ts, round2};
use crate::http::shape::of;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/recordings",
        READ_ALWAYS,
        list,
        Gives::Json(of::<RecordingList>()),
    )
    .about("recordings", "List the recordings of flights, newest first")
    .takes(LIST),
    get(
        "/api/recordings/{recording_id}",
        READ_ALWAYS,
        one,
        Gives::Json(of::<RecordingDetail>()),
    )
    .about("recordings", "A recording of a flight")
    .takes(ONE),
    later(
        Verb::Post,
        "/api/recordings/{recording_id}/pin",
        Policy::Needs(Permission::Write),
        pin,
        SUCCESS,
    )
    .about(
        "recordings",
        "Keep a recording until somebody removes it, or no longer",
    )
    .takes(PIN),
    later(
        Verb::Delete,
        "/api/recordings/{recording_id}",
        ADMIN,
        remove,
        SUCCESS,
    )
    .about("recordings", "Remove a recording for good")
    .takes(ONE)
    .may_conflict(),
];

/// `read`, whatever the profile.
pub(super) const READ_ALWAYS: Policy = Policy::Needs(Permission::Read);

pub(super) const ID: Param = Param::required(
    Location::Path,
    "recording_id",
    Kind::Id,
    "Id of the recording",
);
/// Parameters of routes on one recording.
pub(crate) const ONE: &[Param] = &[ID];

const DRONE: Param = Param::optional(
    Location::Query,
    "drone_id",
    Kind::Text,
    "Only flights of this drone",
);
const AT: Param = Param::optional(
    Location::Query,
    "at",
    Kind::Text,
    "Only flights that went on at this time (RFC 3339, `2026-11-30T14:05:00Z`)",
);
const LIMIT: Param = Param::optional(
    Location::Query,
    "limit",
    Kind::Int {
        min: 1,
        max: 500,
        default: Some(50),
    },
    "Most recordings in the answer",
);
const BEFORE: Param = Param::optional(
    Location::Query,
    "before",
    Kind::Text,
    "Only recordings older than the one of this id: the `next` of an answer",
);
/// Parameters of `GET /api/recordings`.
pub(crate) const LIST: &[Param] = &[DRONE, AT, LIMIT, BEFORE];

const PINNED: Param = Param::optional(
    Location::QueryOrBody,
    "pinned",
    Kind::Choice(&["true", "false"]),
    "`false` lets it go with the others again; `true` when absent",
);
/// Parameters of `POST /api/recordings/{recording_id}/pin`.
pub(crate) const PIN: &[Param] = &[ID, PINNED];

/// A recording of a flight.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordingView {
    /// Id of the recording, which is the name of its file.
    id: String,
    /// Id of the drone.
    drone_id: String,
    /// Its display name then.
    drone_name: String,
    /// Whether it was a simulated drone.
    simulated: bool,
    started: Ts,
    /// From its beginning to its last record.
    duration_s: f64,
    /// Length of its file.
    size_bytes: u64,
    /// `landed`, `silent` (its last word), `stopped` (with the gateway), `interrupted` (by a
    /// power cut), `refused` (by the medium or a budget); none while it is being recorded,
    /// or when its end is damaged.
    #[schema(value_type = Option<String>)]
    ended: Option<Reason>,
    /// Whether it is being recorded now.
    recording: bool,
    /// Whether it stays until somebody removes it.
    pinned: bool,
    /// State datagrams in it; 0 while it is being recorded, as the next three.
    states: u64,
    /// Events in it.
    events: u64,
    /// Changes of alerts in it.
    alerts: u64,
    /// Pictures of the camera in it.
    pictures: u64,
    /// Records that are missing, as its gaps say.
    lost: u64,
}

impl RecordingView {
    /// Bytes that it takes while its answer waits to be taken.
    fn bytes(&self) -> usize {
        size_of::<RecordingView>() + self.id.len() + self.drone_id.len() + self.drone_name.len()
    }
}

impl From<&Entry> for RecordingView {
    fn from(entry: &Entry) -> RecordingView {
        let (opening, closing) = (&entry.opening, entry.closing.as_ref());
        let counts = closing.map(|closing| closing.counts).unwrap_or_default();
        RecordingView {
            id: opening.id.clone(),
            drone_id: opening.drone_id.clone(),
            drone_name: opening.drone_name.clone(),
            simulated: opening.simulated,
            started: Ts(opening.started),
            duration_s: round2(entry.duration_us as f64 / 1e6),
            size_bytes: entry.size_bytes,
            ended: closing.map(|closing| closing.reason),
            recording: entry.is_open,
            pinned: entry.pinned,
            states: counts.states,
            events: counts.events,
            alerts: counts.alerts,
            pictures: counts.pictures,
            lost: counts.lost,
        }
    }
}

/// Recordings, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordingList {
    /// This page.
    recordings: Vec<RecordingView>,
    /// Recordings that the filter lets through, on all pages.
    total: usize,
    /// For `before`, where there are more.
    next: Option<String>,
}

/// A recording, and who recorded it.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordingDetail {
    #[serde(flatten)]
    recording: RecordingView,
    /// Name of the gateway that recorded it.
    gateway: String,
    /// Version of the program that recorded it.
    program: String,
    /// Whether the gateway's clock was synchronised when it began.
    clock_synchronised: Option<bool>,
    /// Key of the device that signed it, Ed25519 in hexadecimal digits.
    public_key: String,
    /// Whether that is the key of this gateway.
    signed_here: bool,
}

/// `GET /api/recordings`
pub(crate) fn list(call: &mut Call) -> Outcome {
    let (drone, before) = (call.inputs.text(&DRONE), call.inputs.text(&BEFORE));
    let (at, limit) = (call.inputs.text(&AT), call.inputs.int(&LIMIT));
    call.inputs.finish()?;
    let at = at.map(|text| moment(&text)).transpose()?;
    let entries = library(call).map(|library| library.list());
    let mut entries = match entries {
        Ok(entries) => entries,
        // None are kept: that is an empty list, and no failure.
        Err(_) if !call.app.recordings.is_on() => Vec::new(),
        Err(error) => return Err(error),
    };
    entries.reverse();
    entries.retain(|entry| {
        drone
            .as_ref()
            .is_none_or(|drone| *drone == entry.opening.drone_id)
            && at.is_none_or(|at| goes_on(entry, at))
    });
    let total = entries.len();
    let first = before.map_or(0, |before| {
        let place = entries.iter().position(|entry| entry.id() == before);
        place.map_or(total, |place| place + 1)
    });
    let limit = limit.map_or(total, |limit| limit as usize);
    let last = total.min(first + limit);
    entries.truncate(last);
    entries.drain(..first);
    let page = RecordingList {
        recordings: Vec::new(),
        total,
        next: entries
            .last()
            .filter(|_| last < total)
            .map(|last| last.id().to_owned()),
    };
    let views: Vec<RecordingView> = entries.iter().map(RecordingView::from).collect();
    let held = views.iter().map(RecordingView::bytes).sum();
    Ok(respond::streamed(&page, views.into_iter(), held))
}

fn moment(text: &str) -> Result<Timestamp, ApiError> {
    text.parse().map_err(|_| {
        let message = "must be a time such as 2026-11-30T14:05:00Z";
        ApiError::validation(vec![Issue::new(
            "datetime_parsing",
            "query",
            AT.name,
            message,
            text.into(),
        )])
    })
}

fn goes_on(entry: &Entry, at: Timestamp) -> bool {
    let started = entry.opening.started;
    let lasts = i64::try_from(entry.duration_us).unwrap_or(i64::MAX);
    let ended = started.checked_add(jiff::SignedDuration::from_micros(lasts));
    at >= started && (entry.is_open || ended.is_ok_and(|ended| at <= ended))
}

/// `GET /api/recordings/{recording_id}`
pub(crate) fn one(call: &mut Call) -> Outcome {
    let (library, entry) = found(call)?;
    let opening = &entry.opening;
    Ok(respond::json(&RecordingDetail {
        recording: RecordingView::from(&entry),
        gateway: opening.gateway.clone(),
        program: opening.program.clone(),
        clock_synchronised: opening.clock_synchronised,
        public_key: opening.public_key.clone(),
        signed_here: opening.public_key == library.public_key(),
    }))
}

/// `POST /api/recordings/{recording_id}/pin`
pub(crate) fn pin(mut call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let pinned = crate::routes::flight::choice(&mut call, &PINNED)? != "false";
        call.inputs.finish()?;
        let (library, entry) = found(&call)?;
        let id = entry.id().to_owned();
        changed(move || library.pin(&id, pinned)).await?;
        let (event, words) = match pinned {
            true => ("recording_pinned", "Recording pinned"),
            false => ("recording_unpinned", "Recording unpinned"),
        };
        tell(&call, event, entry.id().to_owned());
        Ok(respond::json(&SuccessResponse::new(words)))
    })
}

/// `DELETE /api/recordings/{recording_id}`
pub(crate) fn remove(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let (library, entry) = found(&call)?;
        if entry.is_open {
            return Err(being_recorded());
        }
        let id = entry.id().to_owned();
        changed(move || library.remove(&id)).await?;
        tell(&call, "recording_removed", entry.id().to_owned());
        Ok(respond::json(&SuccessResponse::new("Recording removed")))
    })
}

/// The recordings, or 503 while there is no place for them.
pub(super) fn library(call: &Call) -> Result<Arc<Library>, ApiError> {
    let recordings = &call.app.recordings;
    recordings.library().cloned().ok_or_else(|| {
        ApiError::unavailable(match recordings.is_on() {
            true => "The medium gives up no recordings yet; see the alerts",
            false => "Flights are not recorded; set recording.max_bytes",
        })
    })
}

/// The recording in the path.
pub(super) fn found(call: &Call) -> Result<(Arc<Library>, Entry), ApiError> {
    path_id(ID.name, &call.param)?;
    let library = match library(call) {
        Err(_) if !call.app.recordings.is_on() => return Err(unknown()),
        library => library?,
    };
    let entry = library.find(&call.param).ok_or_else(unknown)?;
    Ok((library, entry))
}

pub(super) fn unknown() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "RECORDING_NOT_FOUND",
        "Recording not found; it may have given way to newer ones",
    )
}

pub(super) fn being_recorded() -> ApiError {
    ApiError::conflict("The flight is still being recorded; ask again when it is over")
}

/// Changes something on the medium; 404 when it is gone by now.
async fn changed(
    change: impl FnOnce() -> std::io::Result<bool> + Send + 'static,
) -> Result<(), ApiError> {
    let changed = tokio::task::spawn_blocking(change).await;
    match changed.map_err(|_| ApiError::internal())? {
        Ok(true) => Ok(()),
        Ok(false) => Err(unknown()),
        Err(error) => Err(ApiError::unavailable(format!(
            "The medium refuses: {error}"
        ))),
    }
}

/// Who did what, in the security log and the audit trail.
pub(super) fn tell(call: &Call, event: &'static str, subject: String) {
    let access = &call.app.access;
    access.record_recording(event, &call.audited(), call.client, subject);
}
