//! What routes on one drone share: the drone in the path, who orders, and how the
//! outcome of a command is said.
//!
//! What may be sent when is decided in the drones' room, not here. A manoeuvre is
//! answered when the drone has taken it, not when it is over: clients wait ten
//! seconds at most, and a landing may take longer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use access::{Permission, Session, SessionId};
use http::StatusCode;
use readings::clock::Mono;
use readings::command::CommandId;
use tello::command::Command;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome as Answer};
use crate::http::inputs::path_id;
use crate::http::params::{Kind, Location, Param};
use crate::http::respond::{self, SuccessResponse};
use crate::http::route::Policy;
use crate::sources::vehicles::{
    Aim, CommandError, DroneView, DroneWords, Operator, Outcome, Pending, Refusal, explained,
};

/// How long an answer waits for the drone to refuse. Firmware refuses within
/// some 30 ms; the contract wants a take-off answered within about 0.1 s.
pub(super) const REFUSED_WITHIN: Duration = Duration::from_millis(120);

/// Asserted by clients (contract 1.7).
const UNKNOWN: &str = "指定されたドローンが見つかりません";
/// Asserted by clients (contract 1.7).
const NOT_CONNECTED: &str = "ドローンが接続されていません";

/// The drone in the path.
pub(crate) const ID: Param =
    Param::required(Location::Path, "drone_id", Kind::Id, "Id of the drone");
/// Parameters of routes on one drone.
pub(crate) const ONE: &[Param] = &[ID];
/// The drone named in the path.
pub(crate) fn drone(call: &Call) -> Result<DroneView, ApiError> {
    path_id("drone_id", &call.param)?;
    call.app.vehicles.view(&call.param).ok_or_else(unknown)
}

/// 404 `DRONE_NOT_FOUND`.
pub(crate) fn unknown() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "DRONE_NOT_FOUND", UNKNOWN)
}

/// 404 `NO_CAMERA`: the drone is there, and of a kind whose video is not known here.
pub(crate) fn no_camera(id: &str) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "NO_CAMERA",
        format!("Drone {id} has no camera"),
    )
}

/// Names the session that a request belongs to: the one that a socket's greeting says.
pub(crate) const SESSION: &str = "x-session";

/// The operator behind a request.
pub(crate) fn operator(call: &Call) -> Operator {
    let (id, name): (Arc<str>, Arc<str>) = match &call.session {
        Some(session) => (
            data_encoding::HEXLOWER.encode(&session.key().0).into(),
            session.name().clone(),
        ),
        None => ("anonymous".into(), "anonymous".into()),
    };
    let told = call.parts.headers.get(SESSION);
    let told = told.and_then(|told| told.to_str().ok()?.parse::<SessionId>().ok());
    let presences = call.app.vehicles.controls().presences();
    let session = told.and_then(|told| presences.of_request(told, &id));
    Operator { id, name, session }
}

/// Whether who asks may fly, and ask unknown addresses for drones.
pub(crate) fn may_write(call: &Call) -> bool {
    let session = call.session.as_ref();
    match Policy::Strict(Permission::Write).needs(call.config.access.profile) {
        None => true,
        Some(needed) => session.is_some_and(|session| session.may(needed)),
    }
}

/// What is said of a flight that nobody is there to keep up.
const NOBODY_THERE: &str =
    "; no session keeps it in the air: it lands by itself 15 s after its last command";

/// A success in words.
pub(crate) fn said(message: String) -> Answer {
    Ok(respond::json(&SuccessResponse::new(message)))
}

/// Who did what, in the security log and the audit trail.
pub(crate) fn audit(call: &Call, what: &str) {
    audit_of(call, &call.param, what);
}

fn audit_of(call: &Call, drone: &str, what: &str) {
    call.app.access.record_flight(
        call.actor(),
        call.session.as_ref().map(Session::id),
        call.client,
        &format!("{drone}: {what}"),
    );
}

/// Gives `drone` the command. Who did, and under which id, goes into the security log and
/// the audit trail, also of one that is not taken.
pub(super) async fn order(
    call: &Call,
    drone: &str,
    command: Command,
    by: &Operator,
) -> Result<Pending, CommandError> {
    let pending = call.app.vehicles.command(drone, command, by).await;
    audit_given(call, drone, command, &pending);
    pending
}

fn audit_given(
    call: &Call,
    drone: &str,
    command: impl fmt::Display,
    pending: &Result<Pending, CommandError>,
) {
    match pending {
        Ok(pending) => audit_of(call, drone, &format!("{command}, command {}", pending.id())),
        Err(CommandError::Refused { id, why }) => {
            audit_of(
                call,
                drone,
                &format!("{command}, command {id}, not taken: {why}"),
            );
        }
        Err(CommandError::Unknown(_)) => {}
    }
}

/// A command that was given.
pub(crate) struct Receipt {
    /// What came of it so far, in words.
    pub(crate) message: String,
    /// Its id.
    pub(crate) id: CommandId,
    /// What the drone answered, where that is more than yes or no.
    pub(crate) answer: Option<String>,
}

/// The answer to a command.
pub(crate) fn given(command: Receipt) -> Answer {
    let answer = SuccessResponse::of_command(command.message, command.id);
    Ok(respond::json(&answer))
}

/// Gives the command; what came of it so far.
pub(crate) async fn fly(call: &Call, command: Command, wait: bool) -> Result<Receipt, ApiError> {
    let id = &call.param;
    let by = operator(call);
    let pending = order(call, id, command, &by).await;
    let pending = pending.map_err(|error| why_not(call, command, error))?;
    let mut given = answered(id, command, pending, wait, || taken(id, command)).await?;
    if command.is_manoeuvre() {
        say_who_is_there(call, &by, &mut given);
    }
    Ok(given)
}

/// Sends the drone to `aim`; what came of it so far.
pub(crate) async fn fly_to(call: &Call, aim: Aim, wait: bool) -> Result<Receipt, ApiError> {
    let id = &call.param;
    let by = operator(call);
    let pending = call.app.vehicles.aim(id, aim, &by).await;
    audit_given(call, id, aim, &pending);
    // Refused as any other manoeuvre is.
    let pending = pending.map_err(|error| refused(Command::Takeoff, error))?;
    let mut given = answered(id, aim, pending, wait, || {
        format!("Drone {id}: {aim} taken")
    })
    .await?;
    say_who_is_there(call, &by, &mut given);
    Ok(given)
}

/// A drone that was told to fly is in the air afterwards: who is not there keeps it up no
/// longer than its own 15 s.
fn say_who_is_there(call: &Call, by: &Operator, given: &mut Receipt) {
    let presences = call.app.vehicles.controls().presences();
    if !presences.is_there(by, Mono::now()) {
        given.message.push_str(NOBODY_THERE);
    }
}

/// What came of a command so far; `taken` while it is under way.
async fn answered(
    id: &str,
    command: impl fmt::Display,
    mut pending: Pending,
    wait: bool,
    taken: impl FnOnce() -> String,
) -> Result<Receipt, ApiError> {
    let command_id = pending.id();
    let outcome = match wait {
        true => Some(pending.settled().await),
        false => pending.settled_within(REFUSED_WITHIN).await,
    };
    let answer = match &outcome {
        Some(Outcome::Answer(text)) => Some(text.clone()),
        _ => None,
    };
    let message = match outcome {
        None => taken(),
        Some(outcome) => {
            let reason = match &outcome {
                Outcome::Refused(words) => DroneWords::of(words).map(|known| known.code),
                _ => None,
            };
            ended(id, command, outcome).map_err(|message| match reason {
                None => of_command(failed(message), command_id),
                Some(reason) => {
                    failed(message).details(format!("command_id: {command_id}, reason: {reason}"))
                }
            })?
        }
    };
    Ok(Receipt {
        message,
        id: command_id,
        answer,
    })
}

/// Why a command was not taken; of a take-off everything that kept it, not the first alone.
fn why_not(call: &Call, command: Command, error: CommandError) -> ApiError {
    let first = match &error {
        CommandError::Refused { why, .. } if command.takes_off() => why.clone(),
        _ => return refused(command, error),
    };
    let checks = call.app.vehicles.takeoff_checks(&call.param);
    let refusals = checks
        .into_iter()
        .flatten()
        .filter_map(|check| check.refusal);
    let others = refusals.filter(|other| *other != first);
    let also: String = others.map(|other| format!("; and {other}")).collect();
    refused_and(command, error, &also)
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
pub(super) fn ended(
    id: &str,
    command: impl fmt::Display,
    outcome: Outcome,
) -> Result<String, String> {
    Err(match outcome {
        Outcome::Done | Outcome::Sent => return Ok(format!("Drone {id}: {command} done")),
        Outcome::Answer(text) => return Ok(format!("Drone {id}: {command} answered: {text}")),
        Outcome::Refused(words) => {
            format!("Drone {id} refused {command}: {}", explained(&words))
        }
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
        Outcome::Superseded => {
            format!("{command} was overtaken by another command, or the drone was disconnected")
        }
        Outcome::Dropped => format!("{command} was dropped: a command before it failed"),
        Outcome::Stale => format!(
            "{command} was dropped unsent: its turn did not come within seconds, and nothing old is flown"
        ),
        Outcome::Forbidden(refusal) => format!("{command} was not sent: {refusal}"),
        Outcome::Unsent(error) => format!(
            "{command} was not sent to drone {id}: {error}; look at the network of the drone"
        ),
    })
}

/// 503 `DRONE_UNAVAILABLE` (contract 1.6).
pub(crate) fn failed(message: String) -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "DRONE_UNAVAILABLE",
        message,
    )
}

/// `error`, with the id of the command that it is about among its details.
pub(crate) fn of_command(error: ApiError, id: CommandId) -> ApiError {
    error.details(format!("command_id: {id}"))
}

/// 400: what needs a connected drone and does not fly.
pub(crate) fn not_connected() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "DRONE_NOT_READY", NOT_CONNECTED)
}

/// Why a command was not taken, as the contract tells it.
pub(crate) fn refused(command: Command, error: CommandError) -> ApiError {
    refused_and(command, error, "")
}

/// The same of a command to several drones, in `words` of all of them.
pub(super) fn refused_of(command: Command, first: CommandError, words: String) -> ApiError {
    refused(command, first).worded(words)
}

/// The same; `also` is what else kept it.
fn refused_and(command: Command, error: CommandError, also: &str) -> ApiError {
    let (id, refusal) = match error {
        CommandError::Unknown(_) => return unknown(),
        CommandError::Refused { id, why } => (id, why),
    };
    let bad = |code, message: String| ApiError::new(StatusCode::BAD_REQUEST, code, message);
    let flies = !matches!(
        command,
        Command::Emergency | Command::StreamOn | Command::StreamOff
    );
    let error = match refusal {
        Refusal::NotConnected if flies => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "DRONE_UNAVAILABLE",
            NOT_CONNECTED,
        ),
        Refusal::NotConnected => not_connected(),
        Refusal::Lost(_) if !flies => bad("DRONE_NOT_READY", format!("{NOT_CONNECTED}: {refusal}")),
        Refusal::Controlled(_) | Refusal::NoControl | Refusal::ControlAnew => ApiError::new(
            StatusCode::CONFLICT,
            "DRONE_CONTROLLED",
            refusal.to_string(),
        ),
        Refusal::Mistaken(_) => {
            ApiError::new(StatusCode::CONFLICT, "DRONE_MISTAKEN", refusal.to_string())
        }
        Refusal::NotInSdk { .. } | Refusal::NotInFirmware => {
            bad("NOT_SUPPORTED", refusal.to_string())
        }
        Refusal::BatteryLow { .. } => bad("DRONE_NOT_READY", format!("{refusal}{also}")),
        Refusal::TooFar { .. } | Refusal::NoPath(_) => bad("INVALID_COMMAND", refusal.to_string()),
        other => failed(format!("{other}{also}")),
    };
    of_command(error, id)
}

#[cfg(test)]
mod tests {
    use readings::command::{BootId, CommandIds};

    use super::*;

    #[test]
    fn a_refusal_has_the_documented_status() {
        let status = |command, refusal| {
            let id = CommandIds::new(BootId(1)).next();
            let error = refused(command, CommandError::Refused { id, why: refusal });
            error.status().as_u16()
        };
        let low = || Refusal::BatteryLow {
            battery_pct: 9,
            least_pct: 20,
        };
        let lost = || Refusal::Lost("silent".to_owned());
        for (command, refusal, expected) in [
            (Command::Takeoff, Refusal::NotConnected, 503),
            (Command::StreamOn, Refusal::NotConnected, 400),
            (Command::Emergency, Refusal::NotConnected, 400),
            (Command::Takeoff, lost(), 503),
            (Command::StreamOff, lost(), 400),
            (Command::Takeoff, low(), 400),
            (Command::Takeoff, Refusal::Controlled("ann".into()), 409),
            (Command::Land, Refusal::Full, 503),
        ] {
            let text = format!("{command} {refusal}");
            assert_eq!(status(command, refusal), expected, "{text}");
        }
    }

    #[test]
    fn only_what_was_done_is_a_success() {
        let said = |outcome| ended("d1", Command::Land, outcome);
        assert_eq!(said(Outcome::Done), Ok("Drone d1: land done".to_owned()));
        assert!(said(Outcome::Sent).is_ok());
        for outcome in [
            Outcome::Refused("error".into()),
            Outcome::NoReply,
            Outcome::Unconfirmed,
            Outcome::CannotStop,
            Outcome::Superseded,
            Outcome::Dropped,
            Outcome::Stale,
            Outcome::Forbidden(Refusal::NotSeen),
        ] {
            let words = said(outcome).expect_err("not done");
            assert!(words.contains("land") || words.contains("stop"), "{words}");
        }
        // The one order whose effect is not believed before it is seen.
        assert!(taken("d1", Command::Emergency).contains("not confirmed"));
        assert!(!taken("d1", Command::Land).contains("not confirmed"));
    }
}
