//! `POST`, `DELETE /api/drones/{drone_id}/control`, and the same on `/ws`: who flies a
//! drone, handed over expressly.
//!
//! Control belongs to the session of a socket, since only of that can be said when nobody
//! is there any more. It keeps others from flying the drone and never from bringing it
//! down. Whose it is, is decided with the vehicles; here it is asked, told and audited.

use std::net::IpAddr;
use std::sync::Arc;

use access::{Session, SessionId};
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome as Answer};
use crate::http::inputs::path_id;
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{SUCCESS, WRITE, later};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::http::state::App;
use crate::routes::drone_call::{ONE, audit, drone, operator, said, unknown};
use crate::routes::drone_views::ControlView;
use crate::sources::tello::AcceptError;
use crate::sources::vehicles::Operator;
use readings::clock::Mono;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    later(
        Verb::Post,
        "/api/drones/{drone_id}/control",
        WRITE,
        post,
        Gives::Json(of::<ControlTaken>()),
    )
    .about(
        "drones",
        "Take control of a drone for the session in X-Session; others then fly it no more, and still land it",
    )
    .takes(ONE)
    .also(&["400"]),
    later(
        Verb::Delete,
        "/api/drones/{drone_id}/control",
        WRITE,
        delete,
        SUCCESS,
    )
    .about("drones", "Give control of a drone back")
    .takes(ONE)
    .may_conflict(),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/accept-serial",
        WRITE,
        accept_serial,
        SUCCESS,
    )
    .about(
        "drones",
        "Accept the serial number that a drone says as its own, after a repair or an exchange",
    )
    .takes(ONE)
    .may_conflict(),
];

/// Answer of `POST`.
#[derive(Serialize, ToSchema)]
pub(crate) struct ControlTaken {
    /// Always true.
    success: bool,
    /// What was done, in words.
    message: String,
    timestamp: Ts,
    /// Id in the configuration.
    drone_id: String,
    control: Option<ControlView>,
}

/// Who asks, by a request or on a socket.
pub(crate) struct Speaker {
    pub(crate) by: Operator,
    actor: String,
    session: Option<SessionId>,
    client: IpAddr,
}

impl Speaker {
    pub(crate) fn of(call: &Call) -> Speaker {
        Speaker {
            by: operator(call),
            actor: call.actor().to_owned(),
            session: call.session.as_ref().map(Session::id),
            client: call.client,
        }
    }

    pub(super) fn audit(&self, app: &App, what: &str) {
        let access = &app.access;
        access.record_flight(&self.actor, self.session, self.client, what);
    }
}

/// Why control is not handed over.
pub(crate) enum Refused {
    /// There is no such drone.
    Unknown,
    /// It belongs to a session, and whoever asks has none.
    NoSession,
    /// That one has it.
    Held(Arc<str>),
}

impl Refused {
    pub(crate) fn words(&self) -> String {
        match self {
            Refused::Unknown => "Drone not found".to_owned(),
            Refused::NoSession => {
                "Control belongs to the session of a live socket: open /ws, send \
                 {\"type\":\"presence\"} each second, and name its session in X-Session"
                    .to_owned()
            }
            Refused::Held(name) => format!("{name} has control of the drone, and not this session"),
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> ApiError {
        let (status, code) = match refused {
            Refused::Unknown => return unknown(),
            Refused::NoSession => (StatusCode::BAD_REQUEST, "SESSION_REQUIRED"),
            Refused::Held(_) => (StatusCode::CONFLICT, "DRONE_CONTROLLED"),
        };
        ApiError::new(status, code, refused.words())
    }
}

/// Takes control of `drone`; whose it is then, and that in words.
pub(crate) fn take(
    app: &App,
    speaker: &Speaker,
    drone: &str,
) -> Result<(Option<ControlView>, String), Refused> {
    let view = app.vehicles.view(drone).ok_or(Refused::Unknown)?;
    let controls = app.vehicles.controls();
    let taken = controls.take(&view.id, &speaker.by, Mono::now());
    let before = taken.map_err(|_| Refused::NoSession)?;
    let from = before.map_or(String::new(), |before| format!(" from {}", before.by.name));
    speaker.audit(app, &format!("{drone}: control taken{from}"));
    let control = controls.of(drone, Mono::now());
    let message = format!("Drone {drone}: control taken{from}");
    Ok((control.as_ref().map(ControlView::from), message))
}

/// Gives control of `drone` back; that in words.
pub(crate) fn give(app: &App, speaker: &Speaker, drone: &str) -> Result<String, Refused> {
    app.vehicles.view(drone).ok_or(Refused::Unknown)?;
    let controls = app.vehicles.controls();
    let given = controls.give(drone, &speaker.by, Mono::now());
    given.map_err(Refused::Held)?;
    speaker.audit(app, &format!("{drone}: control given back"));
    Ok(format!("Drone {drone}: nobody has control now"))
}

/// `POST /api/drones/{drone_id}/control`
pub(crate) fn post(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        path_id("drone_id", &call.param)?;
        let (control, message) = take(&call.app, &Speaker::of(&call), &call.param)?;
        Ok(respond::json(&ControlTaken {
            success: true,
            message,
            timestamp: Ts::now(),
            drone_id: call.param,
            control,
        }))
    })
}

/// `DELETE /api/drones/{drone_id}/control`
pub(crate) fn delete(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        path_id("drone_id", &call.param)?;
        said(give(&call.app, &Speaker::of(&call), &call.param)?)
    })
}

/// `POST /api/drones/{drone_id}/accept-serial`
pub(crate) fn accept_serial(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        drone(&call)?;
        let accepted = call.app.fleet.accept_serial(&call.param).await;
        let serial = accepted.map_err(|error| match error {
            AcceptError::Unknown => unknown(),
            AcceptError::NotSaid => {
                ApiError::new(StatusCode::CONFLICT, "NO_SERIAL_NUMBER", error.to_string())
            }
            AcceptError::NotSaved => ApiError::unavailable(error.to_string()),
        })?;
        audit(&call, &format!("serial number {serial} accepted"));
        said(format!(
            "Drone {}: serial number {serial} accepted",
            call.param
        ))
    })
}
