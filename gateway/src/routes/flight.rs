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

use crate::http::envelope::{ApiError, Issue};
use crate::http::gate::Call;
use crate::http::respond::{self, SuccessResponse};
use crate::http::route::Outcome as Answer;
use crate::http::validate::{Kind, Param, Place, path_id};
use crate::routes::drone_views::{Drone, DroneStatus, TypeInfo};
use crate::sources::tello::{CommandError, ConnectError, DroneView, Operator, Outcome, Refusal};

/// How long an answer waits for the drone to refuse. Firmware refuses within
/// some 30 ms; the contract wants a take-off answered within about 0.1 s.
pub(super) const REFUSED_WITHIN: Duration = Duration::from_millis(120);

/// Asserted by clients (contract 1.7).
const UNKNOWN: &str = "指定されたドローンが見つかりません";
/// Asserted by clients (contract 1.7).
const NOT_CONNECTED: &str = "ドローンが接続されていません";

/// The drone in the path.
pub(crate) const ID: Param = Param::required(Place::Path, "drone_id", Kind::Id, "Id of the drone");
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
pub(crate) const ONE: &[Param] = &[ID];
/// Parameters of manoeuvres.
pub(crate) const MANOEUVRE: &[Param] = &[ID, WAIT];
/// Parameters of `move`.
pub(crate) const MOVE: &[Param] = &[ID, WAIT, MOVE_TO, DISTANCE];
/// Parameters of `rotate`.
pub(crate) const ROTATE: &[Param] = &[ID, WAIT, TURN_TO, ANGLE];

/// The drone named in the path.
pub(crate) fn drone(call: &Call) -> Result<DroneView, ApiError> {
    path_id("drone_id", &call.param)?;
    (call.app.drones().one)(&call.param).ok_or_else(unknown)
}

/// 404 `DRONE_NOT_FOUND`.
pub(crate) fn unknown() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "DRONE_NOT_FOUND", UNKNOWN)
}

/// The operator behind a request.
pub(crate) fn operator(call: &Call) -> Operator {
    match &call.session {
        Some(session) => Operator {
            id: session
                .key()
                .0
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                .into(),
            name: session.name().clone(),
        },
        None => Operator {
            id: "anonymous".into(),
            name: "anonymous".into(),
        },
    }
}

/// `GET /api/drones`
pub(crate) fn list(call: &mut Call) -> Answer {
    let drones = (call.app.drones().all)();
    Ok(respond::json(
        &drones.iter().map(Drone::from).collect::<Vec<_>>(),
    ))
}

/// `GET /api/drones/{drone_id}`
pub(crate) fn one(call: &mut Call) -> Answer {
    drone(call).map(|drone| respond::json(&Drone::from(&drone)))
}

/// `GET /api/drones/{drone_id}/status`
pub(crate) fn status(call: &mut Call) -> Answer {
    drone(call).map(|drone| respond::json(&DroneStatus::from(&drone)))
}

/// `GET /api/drones/{drone_id}/type-info`
pub(crate) fn type_info(call: &mut Call) -> Answer {
    drone(call).map(|drone| respond::json(&TypeInfo::from(&drone)))
}

/// `GET /api/drones/status`
pub(crate) fn statuses(call: &mut Call) -> Answer {
    let drones = (call.app.drones().all)();
    Ok(respond::json(
        &drones.iter().map(DroneStatus::from).collect::<Vec<_>>(),
    ))
}

/// `POST /api/drones/{drone_id}/connect`
pub(crate) fn connect(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        drone(&call)?;
        said(open(&call).await?)
    })
}

/// `POST /api/drones/{drone_id}/disconnect`
pub(crate) fn disconnect(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        drone(&call)?;
        said(close(&call)?)
    })
}

/// A success in words.
pub(crate) fn said(message: String) -> Answer {
    Ok(respond::json(&SuccessResponse::new(message)))
}

async fn open(call: &Call) -> Result<String, ApiError> {
    tell(call, "connect");
    call.app
        .vehicles
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
        .vehicles
        .disconnect(&call.param)
        .map_err(|_| unknown())?;
    Ok(format!("Drone {} disconnected", call.param))
}

/// Who did what, in the security log and the audit trail.
pub(crate) fn tell(call: &Call, what: &str) {
    call.app.access.record_flight(
        call.actor(),
        call.client,
        &format!("{}: {what}", call.param),
    );
}

/// Gives the command; in words what came of it so far.
pub(crate) async fn fly(call: &Call, command: Command, wait: bool) -> Result<String, ApiError> {
    tell(call, &command.to_string());
    let id = &call.param;
    let pending = call
        .app
        .vehicles
        .command(id, command, &operator(call))
        .await;
    let mut pending = pending.map_err(|error| refused(command, error))?;
    let outcome = match wait {
        true => Some(pending.settled().await),
        false => pending.settled_within(REFUSED_WITHIN).await,
    };
    match outcome {
        None => Ok(taken(id, command)),
        Some(outcome) => ended(id, command, outcome).map_err(failed),
    }
}

/// That a command is under way, in words.
pub(super) fn taken(id: &str, command: Command) -> String {
    match command {
        Command::Emergency => format!(
            "Drone {id}: emergency sent, not confirmed: nothing is believed from it until its state shows it"
        ),
        _ => format!("Drone {id}: {command} taken"),
    }
}

/// What came of a command, in words; an error when it was not what was asked for.
pub(super) fn ended(id: &str, command: Command, outcome: Outcome) -> Result<String, String> {
    Err(match outcome {
        Outcome::Done | Outcome::Sent | Outcome::Answer(_) => {
            return Ok(format!("Drone {id}: {command} done"));
        }
        Outcome::Refused(words) => format!("Drone {id} refused {command}: {words}"),
        Outcome::NoReply => format!(
            "Drone {id} did not reply to {command} in time; it may have been carried out all the same"
        ),
        Outcome::Unconfirmed => format!(
            "{command} was sent to drone {id} and is not confirmed: its state does not show it; \
             look at the drone"
        ),
        Outcome::CannotStop => format!(
            "Drone {id} knows no `stop` (SDK 1.3): the move under way is flown to its end; \
             `emergency` cuts its motors"
        ),
        Outcome::Superseded => format!("{command} was overtaken by stop, land or emergency"),
        Outcome::Dropped => format!("{command} was dropped: a command before it failed"),
        Outcome::Stale => format!(
            "{command} was dropped unsent: its turn did not come within seconds, and nothing old is flown"
        ),
        Outcome::Forbidden(refusal) => format!("{command} was not sent: {refusal}"),
    })
}

/// 503 `DRONE_COMMAND_FAILED`.
pub(crate) fn failed(message: String) -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "DRONE_COMMAND_FAILED",
        message,
    )
}

/// 400: what needs a connected drone and does not fly.
pub(crate) fn not_connected() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "DRONE_NOT_CONNECTED",
        NOT_CONNECTED,
    )
}

/// Why a command was not taken, as the contract tells it.
pub(crate) fn refused(command: Command, error: CommandError) -> ApiError {
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
pub(crate) fn takeoff(call: Call) -> BoxFuture<'static, Answer> {
    manoeuvre(call, Command::Takeoff)
}

/// `POST /api/drones/{drone_id}/land`
pub(crate) fn land(call: Call) -> BoxFuture<'static, Answer> {
    manoeuvre(call, Command::Land)
}

/// `POST /api/drones/{drone_id}/stop`
pub(crate) fn stop(call: Call) -> BoxFuture<'static, Answer> {
    manoeuvre(call, Command::Stop)
}

/// `POST /api/drones/{drone_id}/emergency`
pub(crate) fn emergency(call: Call) -> BoxFuture<'static, Answer> {
    manoeuvre(call, Command::Emergency)
}

/// `POST /api/drones/{drone_id}/move`
pub(crate) fn straight(mut call: Call) -> BoxFuture<'static, Answer> {
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
pub(crate) fn rotate(mut call: Call) -> BoxFuture<'static, Answer> {
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
pub(crate) fn choice(call: &mut Call, param: &Param) -> Result<String, ApiError> {
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

pub(crate) fn direction_of(word: &str) -> Option<Direction> {
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
pub(crate) fn invalid(what: &str) -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "INVALID_COMMAND",
        format!("Invalid command: {what}"),
    )
}

/// `connect`, `disconnect` and `get_status` as `/command` runs them.
pub(crate) mod session {
    use super::{ApiError, Call, DroneStatus, close, drone, open};

    /// The drone exists.
    pub(crate) fn exists(call: &Call) -> Result<(), ApiError> {
        drone(call).map(drop)
    }

    /// Connects it.
    pub(crate) async fn connect(call: &Call) -> Result<String, ApiError> {
        open(call).await
    }

    /// Disconnects it.
    pub(crate) fn disconnect(call: &Call) -> Result<String, ApiError> {
        close(call)
    }

    /// Its status.
    pub(crate) fn status(call: &Call) -> Result<DroneStatus, ApiError> {
        drone(call).map(|drone| DroneStatus::from(&drone))
    }

    /// Its height in cm.
    pub(crate) fn height_cm(call: &Call) -> Result<i32, ApiError> {
        drone(call).map(|drone| drone.height_cm.unwrap_or(0))
    }

    /// Its yaw in degrees, clockwise.
    pub(crate) fn yaw_deg(call: &Call) -> Result<i32, ApiError> {
        drone(call).map(|drone| drone.attitude_deg.map_or(0, |[_, _, yaw]| yaw))
    }
}
