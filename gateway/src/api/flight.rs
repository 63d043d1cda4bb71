//! Contract 9 and 11: connecting, flying, and the two bodies of `/command`.
//!
//! Translates requests into commands and outcomes into statuses; what may be
//! sent when is decided in the drones room. A manoeuvre is answered when the
//! drone has taken it, not when it is over: clients wait ten seconds at most,
//! and a landing may take longer.

use std::time::Duration;

use futures_util::future::BoxFuture;
use http::StatusCode;
use tello::command::{Command, Direction};

use super::drone_views::{Drone, DroneStatus, TypeInfo};
use super::envelope::{ApiError, Issue};
use super::gate::Call;
use super::respond::{self, SuccessResponse};
use super::route::Outcome as Answer;
use super::validate::{Kind, Param, Place, path_id};
use crate::sources::tello::{CommandError, ConnectError, DroneView, Operator, Outcome, Refusal};

/// How long an answer waits for the drone to refuse. Firmware refuses within
/// some 30 ms; the contract wants a take-off answered within about 0.1 s.
const REFUSED_WITHIN: Duration = Duration::from_millis(120);

/// Asserted by clients (contract 1.7).
const UNKNOWN: &str = "指定されたドローンが見つかりません";
/// Asserted by clients (contract 1.7).
const NOT_CONNECTED: &str = "ドローンが接続されていません";

/// The drone in the path.
pub(super) const ID: Param = Param::required(Place::Path, "drone_id", Kind::Id, "Id of the drone");
const WAIT: Param = Param::optional(
    Place::Query,
    "wait",
    Kind::Flag,
    "Answer when the manoeuvre is over instead of when it is taken",
);
const MOVE_TO: Param = Param::required(
    Place::Body,
    "direction",
    Kind::Choice(&["up", "down", "left", "right", "forward", "back"]),
    "Where to",
);
const DISTANCE: Param = Param::required(
    Place::Body,
    "distance",
    Kind::Int {
        min: 20,
        max: 500,
        default: None,
    },
    "Centimetres",
);
const TURN_TO: Param = Param::required(
    Place::Body,
    "direction",
    Kind::Choice(&["clockwise", "counter_clockwise"]),
    "Where to",
);
const ANGLE: Param = Param::required(
    Place::Body,
    "angle",
    Kind::Int {
        min: 1,
        max: 360,
        default: None,
    },
    "Degrees",
);

/// Parameters of routes on one drone.
pub(super) const ONE: &[Param] = &[ID];
/// Parameters of manoeuvres.
pub(super) const MANOEUVRE: &[Param] = &[ID, WAIT];
/// Parameters of `move`.
pub(super) const MOVE: &[Param] = &[ID, WAIT, MOVE_TO, DISTANCE];
/// Parameters of `rotate`.
pub(super) const ROTATE: &[Param] = &[ID, WAIT, TURN_TO, ANGLE];

/// The drone named in the path.
pub(super) fn drone(call: &Call) -> Result<DroneView, ApiError> {
    path_id("drone_id", &call.param)?;
    (call.app.drones()?.one)(&call.param).ok_or_else(unknown)
}

/// 404 `DRONE_NOT_FOUND`.
pub(super) fn unknown() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "DRONE_NOT_FOUND", UNKNOWN)
}

/// The operator behind a request.
pub(super) fn operator(call: &Call) -> Operator {
    match &call.principal {
        Some(principal) => Operator {
            id: principal
                .key
                .0
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                .into(),
            name: principal.name.clone(),
        },
        None => Operator {
            id: "anonymous".into(),
            name: "anonymous".into(),
        },
    }
}

/// `GET /api/drones`
pub(super) fn list(call: &mut Call) -> Answer {
    let drones = (call.app.drones()?.all)();
    Ok(respond::json(
        &drones.iter().map(Drone::from).collect::<Vec<_>>(),
    ))
}

/// `GET /api/drones/{drone_id}`
pub(super) fn one(call: &mut Call) -> Answer {
    drone(call).map(|drone| respond::json(&Drone::from(&drone)))
}

/// `GET /api/drones/{drone_id}/status`
pub(super) fn status(call: &mut Call) -> Answer {
    drone(call).map(|drone| respond::json(&DroneStatus::from(&drone)))
}

/// `GET /api/drones/{drone_id}/type-info`
pub(super) fn type_info(call: &mut Call) -> Answer {
    drone(call).map(|drone| respond::json(&TypeInfo::from(&drone)))
}

/// `GET /api/drones/status`
pub(super) fn statuses(call: &mut Call) -> Answer {
    let drones = (call.app.drones()?.all)();
    Ok(respond::json(
        &drones.iter().map(DroneStatus::from).collect::<Vec<_>>(),
    ))
}

/// `POST /api/drones/{drone_id}/connect`
pub(super) fn connect(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        drone(&call)?;
        said(open(&call).await?)
    })
}

/// `POST /api/drones/{drone_id}/disconnect`
pub(super) fn disconnect(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        drone(&call)?;
        said(close(&call)?)
    })
}

/// A success in words.
pub(super) fn said(message: String) -> Answer {
    Ok(respond::json(&SuccessResponse::new(message)))
}

async fn open(call: &Call) -> Result<String, ApiError> {
    tell(call, "connect");
    call.app
        .fleet
        .connect(&call.param)
        .await
        .map_err(|error| match error {
            ConnectError::Unknown(_) => unknown(),
            ConnectError::Already(_) => ApiError::new(
                StatusCode::CONFLICT,
                "DRONE_ALREADY_CONNECTED",
                error.to_string(),
            ),
            ConnectError::Unreachable { .. } => ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "DRONE_CONNECTION_FAILED",
                error.to_string(),
            ),
        })?;
    Ok(format!("Drone {} connected", call.param))
}

fn close(call: &Call) -> Result<String, ApiError> {
    tell(call, "disconnect");
    call.app
        .fleet
        .disconnect(&call.param)
        .map_err(|_| unknown())?;
    Ok(format!("Drone {} disconnected", call.param))
}

/// Who did what, in the security log and the audit trail.
pub(super) fn tell(call: &Call, what: &str) {
    call.app.access.record_flight(
        call.actor(),
        call.client,
        &format!("{}: {what}", call.param),
    );
}

/// Gives the command; in words what came of it so far.
pub(super) async fn fly(call: &Call, command: Command, wait: bool) -> Result<String, ApiError> {
    tell(call, &command.to_string());
    let id = &call.param;
    let pending = call.app.fleet.command(id, command, &operator(call)).await;
    let mut pending = pending.map_err(|error| refused(command, error))?;
    let outcome = match wait {
        true => Some(pending.settled().await),
        false => pending.settled_within(REFUSED_WITHIN).await,
    };
    match outcome {
        None => Ok(format!("Drone {id}: {command} taken")),
        Some(Outcome::Done | Outcome::Sent | Outcome::Answer(_)) => {
            Ok(format!("Drone {id}: {command} done"))
        }
        Some(Outcome::Refused(words)) => {
            Err(failed(format!("Drone {id} refused {command}: {words}")))
        }
        Some(Outcome::NoReply) => Err(failed(format!(
            "Drone {id} did not reply to {command} in time; it may have been carried out all the same"
        ))),
        Some(Outcome::Superseded) => Err(failed(format!(
            "{command} was overtaken by stop, land or emergency"
        ))),
        Some(Outcome::Dropped) => Err(failed(format!(
            "{command} was dropped: a command before it failed"
        ))),
    }
}

/// 503 `DRONE_COMMAND_FAILED`.
pub(super) fn failed(message: String) -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "DRONE_COMMAND_FAILED",
        message,
    )
}

/// 400: what needs a connected drone and does not fly.
pub(super) fn not_connected() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "DRONE_NOT_CONNECTED",
        NOT_CONNECTED,
    )
}

/// Why a command was not taken, as the contract tells it.
pub(super) fn refused(command: Command, error: CommandError) -> ApiError {
    let refusal = match error {
        CommandError::Unknown(_) => return unknown(),
        CommandError::Refused(refusal) => refusal,
    };
    let bad = |code, message: String| ApiError::new(StatusCode::BAD_REQUEST, code, message);
    let flies = !matches!(
        command,
        Command::Emergency | Command::StreamOn | Command::StreamOff
    );
    match refusal {
        Refusal::NotConnected if flies => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "DRONE_NOT_CONNECTED",
            NOT_CONNECTED,
        ),
        Refusal::NotConnected => not_connected(),
        Refusal::Lost(_) if !flies => {
            bad("DRONE_NOT_CONNECTED", format!("{NOT_CONNECTED}: {refusal}"))
        }
        Refusal::BatteryLow { .. } => bad("BATTERY_LOW", refusal.to_string()),
        other => failed(other.to_string()),
    }
}

fn manoeuvre(mut call: Call, command: Command) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        drone(&call)?;
        let wait = call.inputs.flag(&WAIT).unwrap_or(false);
        call.inputs.finish()?;
        said(fly(&call, command, wait).await?)
    })
}

/// `POST /api/drones/{drone_id}/takeoff`
pub(super) fn takeoff(call: Call) -> BoxFuture<'static, Answer> {
    manoeuvre(call, Command::Takeoff)
}

/// `POST /api/drones/{drone_id}/land`
pub(super) fn land(call: Call) -> BoxFuture<'static, Answer> {
    manoeuvre(call, Command::Land)
}

/// `POST /api/drones/{drone_id}/stop`
pub(super) fn stop(call: Call) -> BoxFuture<'static, Answer> {
    manoeuvre(call, Command::Stop)
}

/// `POST /api/drones/{drone_id}/emergency`
pub(super) fn emergency(call: Call) -> BoxFuture<'static, Answer> {
    manoeuvre(call, Command::Emergency)
}

/// `POST /api/drones/{drone_id}/move`
pub(super) fn straight(mut call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        path_id("drone_id", &call.param)?;
        let direction = choice(&mut call, &MOVE_TO)?;
        let distance = call.inputs.int(&DISTANCE);
        let wait = call.inputs.flag(&WAIT).unwrap_or(false);
        call.inputs.finish()?;
        drone(&call)?;
        let (direction, distance_cm) = (
            direction_of(&direction),
            distance.unwrap_or_default() as u16,
        );
        let direction = direction.ok_or_else(|| invalid("direction"))?;
        said(
            fly(
                &call,
                Command::Move {
                    direction,
                    distance_cm,
                },
                wait,
            )
            .await?,
        )
    })
}

/// `POST /api/drones/{drone_id}/rotate`
pub(super) fn rotate(mut call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        path_id("drone_id", &call.param)?;
        let direction = choice(&mut call, &TURN_TO)?;
        let angle = call.inputs.int(&ANGLE);
        let wait = call.inputs.flag(&WAIT).unwrap_or(false);
        call.inputs.finish()?;
        drone(&call)?;
        let command = Command::Rotate {
            clockwise: direction == "clockwise",
            angle_deg: angle.unwrap_or(0) as u16,
        };
        said(fly(&call, command, wait).await?)
    })
}

/// One of the texts of a choice, or none of them; others are 422 here (contract 22.3).
pub(super) fn choice(call: &mut Call, param: &Param) -> Result<String, ApiError> {
    let text = call.inputs.text(param);
    let Kind::Choice(known) = param.kind else {
        return Err(ApiError::internal());
    };
    match text {
        Some(text) if !known.contains(&text.as_str()) => {
            let message = format!("Input should be one of {}", known.join(", "));
            Err(ApiError::validation(vec![Issue::new(
                "enum",
                param.place.name(),
                param.name,
                message,
                text.into(),
            )]))
        }
        text => Ok(text.unwrap_or_default()),
    }
}

pub(super) fn direction_of(word: &str) -> Option<Direction> {
    Some(match word {
        "up" => Direction::Up,
        "down" => Direction::Down,
        "left" => Direction::Left,
        "right" => Direction::Right,
        "forward" => Direction::Forward,
        "back" | "backward" => Direction::Back,
        _ => return None,
    })
}

/// 400 `INVALID_COMMAND`.
pub(super) fn invalid(what: &str) -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "INVALID_COMMAND",
        format!("Invalid command: {what}"),
    )
}

/// `connect`, `disconnect` and `get_status` as `/command` runs them.
pub(super) mod session {
    use super::{ApiError, Call, DroneStatus, close, drone, open};

    /// The drone exists.
    pub(in super::super) fn exists(call: &Call) -> Result<(), ApiError> {
        drone(call).map(drop)
    }

    /// Connects it.
    pub(in super::super) async fn connect(call: &Call) -> Result<String, ApiError> {
        open(call).await
    }

    /// Disconnects it.
    pub(in super::super) fn disconnect(call: &Call) -> Result<String, ApiError> {
        close(call)
    }

    /// Its status.
    pub(in super::super) fn status(call: &Call) -> Result<DroneStatus, ApiError> {
        drone(call).map(|drone| DroneStatus::from(&drone))
    }

    /// Its height in cm.
    pub(in super::super) fn height_cm(call: &Call) -> Result<i32, ApiError> {
        drone(call).map(|drone| drone.height_cm.unwrap_or(0))
    }

    /// Its yaw in degrees, clockwise.
    pub(in super::super) fn yaw_deg(call: &Call) -> Result<i32, ApiError> {
        drone(call).map(|drone| drone.attitude_deg.map_or(0, |[_, _, yaw]| yaw))
    }
}
