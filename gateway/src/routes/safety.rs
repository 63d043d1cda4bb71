//! What the gateway does to drones by itself, and what people do about it: emergency
//! stops, announced landings, and why a drone may not take off.
//!
//! What is decided, and when, says `safety`.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::{OnBridgeLost, OnEmergencyStop};
use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{ADMIN, READ, SUCCESS, WRITE, get, later};
use crate::http::scalars::{Ts, round1};
use crate::http::shape::of;
use crate::http::state::App;
use crate::routes::control::Speaker;
use crate::routes::drone_call::{self, drone, said, unknown};
use crate::safety::{Announced, LatchedStop, StopError};
use crate::sources::vehicles::{Refusal, TakeoffCheck};
use access::Session;
use readings::clock::Mono;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/drones/{drone_id}/safety",
        READ,
        safety,
        Gives::Json(of::<DroneSafety>()),
    )
    .about(
        "drones",
        "Get whether a drone may take off, why not, and whether the gateway is about to land it",
    )
    .takes(drone_call::ONE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/veto",
        WRITE,
        veto,
        SUCCESS,
    )
    .about(
        "drones",
        "Veto the landing that the gateway has announced; it holds for this flight and this cause. While somebody has \
         control of the drone, theirs alone",
    )
    .takes(drone_call::ONE)
    .may_conflict(),
    get(
        "/api/emergency-stop",
        READ,
        stops,
        Gives::Json(of::<EmergencyStops>()),
    )
    .about(
        "drones",
        "Get the emergency stops of bridges, and which are latched",
    ),
    later(
        Verb::Post,
        "/api/emergency-stop/reset",
        WRITE,
        reset,
        SUCCESS,
    )
    .about(
        "drones",
        "Reset every latched emergency stop, once all are released: drones may take off again",
    )
    .may_conflict(),
    later(
        Verb::Post,
        "/api/emergency-stop/override",
        ADMIN,
        override_lost,
        SUCCESS,
    )
    .about(
        "drones",
        "Let drones take off although a bridge with an emergency stop is lost, or gone",
    )
    .takes(OVERRIDE)
    .also(&["404"])
    .may_conflict(),
];

const BRIDGE: Param = Param::required(Location::Body, "bridge", Kind::Text, "Name of the bridge");
const REASON: Param = Param::required(
    Location::Body,
    "reason",
    Kind::Chars { min: 3, max: 200 },
    "Why, for the audit trail",
);
const OVERRIDE: &[Param] = &[BRIDGE, REASON];

/// Whether a drone may take off, and whether it is about to be landed.
#[derive(Serialize, ToSchema)]
struct DroneSafety {
    /// Id in the configuration.
    drone_id: String,
    /// Whether a take-off would be taken now.
    takeoff_allowed: bool,
    /// Everything that it depends on, in the order in which it would be refused.
    takeoff_checks: Vec<TakeoffCheckView>,
    /// The landing of which the flyer is warned; null when there is none.
    announced_landing: Option<AnnouncedLanding>,
}

/// One thing that a take-off depends on.
#[derive(Serialize, ToSchema)]
#[schema(as = TakeoffCheck)]
struct TakeoffCheckView {
    /// `connected`, `same_drone`, `on_ground`, `upright`, `battery`, `not_held`.
    check: &'static str,
    /// Whether it keeps nothing on the ground.
    ok: bool,
    /// Why it keeps the drone on the ground; null where all is well.
    reason: Option<String>,
}

/// A landing that the gateway has announced.
#[derive(Serialize, ToSchema)]
struct AnnouncedLanding {
    /// Id of the command that it will be.
    command_id: Option<String>,
    /// Why, in words.
    reason: String,
    /// Seconds until it is sent.
    in_s: f64,
}

/// The emergency stops of bridges.
#[derive(Serialize, ToSchema)]
struct EmergencyStops {
    /// Whether one is latched.
    latched: bool,
    /// Whether the medium has taken that. If not, a restart would go back to what was saved
    /// before.
    saved: bool,
    /// One for each bridge that has one.
    stops: Vec<EmergencyStopView>,
}

/// The emergency stop of one bridge.
#[derive(Serialize, ToSchema)]
#[schema(as = EmergencyStop)]
struct EmergencyStopView {
    /// Name of its bridge.
    bridge: String,
    /// False of one that was taken out of the configuration and is latched still.
    configured: bool,
    /// `engaged`, `released`, or `unknown` while its bridge is lost.
    state: &'static str,
    /// Since when it is latched; null when it is not.
    latched_since: Option<Ts>,
    /// Whether an admin has overridden the loss of its bridge.
    overridden: bool,
    /// `land`, `emergency` or `nothing`.
    on_emergency_stop: &'static str,
    /// `refuse_takeoff`, `land` or `nothing`.
    on_lost: &'static str,
    /// The drones that it is for; empty: all.
    drones: Vec<String>,
    /// Why those may not take off; null when they may.
    refuses_takeoff: Option<String>,
}

impl From<TakeoffCheck> for TakeoffCheckView {
    fn from(check: TakeoffCheck) -> TakeoffCheckView {
        TakeoffCheckView {
            check: check.name,
            ok: check.refusal.is_none(),
            reason: check.refusal.map(|refusal| refusal.to_string()),
        }
    }
}

impl From<Announced> for AnnouncedLanding {
    fn from(announced: Announced) -> AnnouncedLanding {
        AnnouncedLanding {
            command_id: announced.id.map(|id| id.to_string()),
            reason: announced.why,
            in_s: round1(announced.in_s),
        }
    }
}

impl From<LatchedStop> for EmergencyStopView {
    fn from(stop: LatchedStop) -> EmergencyStopView {
        EmergencyStopView {
            bridge: stop.bridge,
            configured: stop.configured,
            state: match stop.engaged {
                Some(true) => "engaged",
                Some(false) => "released",
                None => "unknown",
            },
            latched_since: stop.latched_us.map(Ts::from_us),
            overridden: stop.overridden,
            on_emergency_stop: match stop.on_emergency_stop {
                OnEmergencyStop::Land => "land",
                OnEmergencyStop::Emergency => "emergency",
                OnEmergencyStop::Nothing => "nothing",
            },
            on_lost: match stop.on_lost {
                OnBridgeLost::RefuseTakeoff => "refuse_takeoff",
                OnBridgeLost::Land => "land",
                OnBridgeLost::Nothing => "nothing",
            },
            drones: stop.drones,
            refuses_takeoff: stop.refuses,
        }
    }
}

/// `GET /api/drones/{drone_id}/safety`
fn safety(call: &mut Call) -> Outcome {
    let drone = drone(call)?;
    let checks = call.app.vehicles.takeoff_checks(&drone.id);
    let checks: Vec<TakeoffCheckView> = checks
        .ok_or_else(unknown)?
        .into_iter()
        .map(TakeoffCheckView::from)
        .collect();
    Ok(respond::json(&DroneSafety {
        drone_id: drone.id.to_string(),
        takeoff_allowed: checks.iter().all(|check| check.ok),
        takeoff_checks: checks,
        announced_landing: call
            .app
            .safety
            .announced(&drone.id)
            .map(AnnouncedLanding::from),
    }))
}

/// Why a landing is not vetoed.
pub(crate) enum NoVeto {
    /// There is no such drone.
    Unknown,
    /// None is announced.
    NotAnnounced(String),
    /// That one has control: a veto keeps a drone in the air, which is flying it.
    Controlled(Arc<str>),
}

impl NoVeto {
    pub(crate) fn words(&self) -> String {
        match self {
            NoVeto::Unknown => "Drone not found".to_owned(),
            NoVeto::NotAnnounced(id) => format!("No landing of drone {id} is announced"),
            NoVeto::Controlled(name) => Refusal::Controlled(name.clone()).to_string(),
        }
    }
}

impl From<NoVeto> for ApiError {
    fn from(refused: NoVeto) -> ApiError {
        match refused {
            NoVeto::Unknown => unknown(),
            NoVeto::NotAnnounced(_) => ApiError::conflict(refused.words()),
            NoVeto::Controlled(_) => {
                ApiError::new(StatusCode::CONFLICT, "DRONE_CONTROLLED", refused.words())
            }
        }
    }
}

/// Vetoes the landing of `drone` that is announced; that in words.
pub(crate) fn veto_landing(app: &App, speaker: &Speaker, drone: &str) -> Result<String, NoVeto> {
    let id = app.vehicles.view(drone).ok_or(NoVeto::Unknown)?.id;
    let admitted = app.vehicles.controls().admit(&id, &speaker.by, Mono::now());
    admitted.map_err(NoVeto::Controlled)?;
    let by = &speaker.by.name;
    let vetoed = app.safety.veto(&id, by, &app.events, &app.alerts);
    let why = vetoed.ok_or_else(|| NoVeto::NotAnnounced(id.to_string()))?;
    speaker.audit(app, &format!("{id}: veto of its landing: {why}"));
    Ok(format!("Drone {id}: its landing is vetoed: {why}"))
}

/// `POST /api/drones/{drone_id}/veto`
fn veto(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let drone = drone(&call)?;
        said(veto_landing(&call.app, &Speaker::of(&call), &drone.id)?)
    })
}

/// `GET /api/emergency-stop`
fn stops(call: &mut Call) -> Outcome {
    let stops = call.app.safety.stops();
    let stops: Vec<EmergencyStopView> = stops.into_iter().map(EmergencyStopView::from).collect();
    Ok(respond::json(&EmergencyStops {
        latched: stops.iter().any(|stop| stop.latched_since.is_some()),
        saved: call.app.safety.is_kept(),
        stops,
    }))
}

/// `POST /api/emergency-stop/reset`
fn reset(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let reset = call.app.safety.reset().map_err(refused)?;
        if reset.is_empty() {
            return said("No emergency stop is latched".to_owned());
        }
        let names = reset.join(", ");
        audit(&call, &format!("emergency stop of {names}: reset"));
        said(format!(
            "Emergency stop of {names} reset: drones may take off"
        ))
    })
}

/// `POST /api/emergency-stop/override`
fn override_lost(mut call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let bridge = call.inputs.text(&BRIDGE);
        let reason = call.inputs.shown_text(&REASON);
        call.inputs.finish()?;
        let (bridge, reason) = (bridge.unwrap_or_default(), reason.unwrap_or_default());
        call.app.safety.override_lost(&bridge).map_err(refused)?;
        audit(
            &call,
            &format!("emergency stop of {bridge}: overridden, because: {reason}"),
        );
        said(format!(
            "Drones may take off without the emergency stop of {bridge}"
        ))
    })
}

/// Who did it, in the security log and the audit trail.
fn audit(call: &Call, what: &str) {
    let session = call.session.as_ref().map(Session::id);
    let access = &call.app.access;
    access.record_flight(call.actor(), session, call.client, what);
}

fn refused(error: StopError) -> ApiError {
    let message = error.to_string();
    match error {
        StopError::NoSuch(_) => ApiError::new(StatusCode::NOT_FOUND, "HTTP_404", message),
        StopError::Engaged(_) | StopError::Unknown(_) | StopError::NotLost(_) => {
            ApiError::conflict(message)
        }
    }
}
