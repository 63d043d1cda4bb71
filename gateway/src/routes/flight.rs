//! Contract 11: manoeuvres.
//!
//! Translates requests into commands; what may be sent when is decided in the
//! drones' room.

use futures_util::future::BoxFuture;
use http::StatusCode;
use tello::command::{Command, Direction};

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Issue, Outcome as Answer};
use crate::http::inputs::path_id;
use crate::http::params::{Kind, Location, Param};
use crate::http::route::{Route, Verb};
use crate::http::rows::{RESPOND, SUCCESS, WRITE, later};
use crate::routes::drone_call::{ID, drone, fly, given};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    later(
        Verb::Post,
        "/api/drones/{drone_id}/takeoff",
        WRITE,
        takeoff,
        SUCCESS,
    )
    .about("drones", "Take off and hover")
    .takes(MANOEUVRE)
    .may_conflict(),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/land",
        RESPOND,
        land,
        SUCCESS,
    )
    .about("drones", "Land; waiting commands are dropped")
    .takes(MANOEUVRE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/stop",
        RESPOND,
        stop,
        SUCCESS,
    )
    .about("drones", "Stop and hover; waiting commands are dropped")
    .takes(MANOEUVRE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/emergency",
        RESPOND,
        emergency,
        SUCCESS,
    )
    .about("drones", "Stop the motors at once, wherever the drone is")
    .takes(MANOEUVRE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/move",
        WRITE,
        straight,
        SUCCESS,
    )
    .about("drones", "Fly in a straight line")
    .takes(MOVE)
    .may_conflict(),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/rotate",
        WRITE,
        rotate,
        SUCCESS,
    )
    .about("drones", "Rotate")
    .takes(ROTATE)
    .may_conflict(),
];

/// Whether the answer waits for the end of the manoeuvre.
pub(crate) const WAIT: Param = Param::optional(
    Location::Query,
    "wait",
    Kind::Flag,
    "Answer when the command is over instead of when it is taken",
);
const MOVE_TO: Param = Param::required(
    Location::Body,
    "direction",
    Kind::Choice(&["up", "down", "left", "right", "forward", "back"]),
    "Where to",
);
const DISTANCE: Param = Param::required(
    Location::Body,
    "distance",
    Kind::Int {
        min: 20,
        max: 500,
        default: None,
    },
    "Centimetres",
);
const TURN_TO: Param = Param::required(
    Location::Body,
    "direction",
    Kind::Choice(&["clockwise", "counter_clockwise"]),
    "Where to",
);
const ANGLE: Param = Param::required(
    Location::Body,
    "angle",
    Kind::Int {
        min: 1,
        max: 360,
        default: None,
    },
    "Degrees",
);

/// Parameters of manoeuvres.
pub(crate) const MANOEUVRE: &[Param] = &[ID, WAIT];
/// Parameters of `move`.
pub(crate) const MOVE: &[Param] = &[ID, WAIT, MOVE_TO, DISTANCE];
/// Parameters of `rotate`.
pub(crate) const ROTATE: &[Param] = &[ID, WAIT, TURN_TO, ANGLE];

fn manoeuvre(mut call: Call, command: Command) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        drone(&call)?;
        let wait = call.inputs.flag(&WAIT).unwrap_or(false);
        call.inputs.finish()?;
        given(fly(&call, command, wait).await?)
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
        let command = moved(&mut call);
        let wait = call.inputs.flag(&WAIT).unwrap_or(false);
        call.inputs.finish()?;
        drone(&call)?;
        given(fly(&call, command?, wait).await?)
    })
}

/// The move that a body stands for; what is wrong with single values the inputs say first.
pub(super) fn moved(call: &mut Call) -> Result<Command, ApiError> {
    let direction = choice(call, &MOVE_TO)?;
    let distance_cm = call.inputs.int(&DISTANCE).unwrap_or_default() as u16;
    let direction = direction_of(&direction).ok_or_else(|| invalid("direction"))?;
    Ok(Command::Move {
        direction,
        distance_cm,
    })
}

/// `POST /api/drones/{drone_id}/rotate`
pub(crate) fn rotate(mut call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        path_id("drone_id", &call.param)?;
        let command = rotated(&mut call)?;
        let wait = call.inputs.flag(&WAIT).unwrap_or(false);
        call.inputs.finish()?;
        drone(&call)?;
        given(fly(&call, command, wait).await?)
    })
}

/// The turn that a body stands for.
pub(super) fn rotated(call: &mut Call) -> Result<Command, ApiError> {
    let direction = choice(call, &TURN_TO)?;
    let angle = call.inputs.int(&ANGLE);
    Ok(Command::Rotate {
        clockwise: direction == "clockwise",
        angle_deg: angle.unwrap_or(0) as u16,
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
                param.location.name(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_direction_is_one() {
        let Kind::Choice(words) = MOVE_TO.kind else {
            panic!("a choice");
        };
        let known: Vec<Direction> = words.iter().filter_map(|word| direction_of(word)).collect();
        use Direction::{Back, Down, Forward, Left, Right, Up};
        assert_eq!(known, [Up, Down, Left, Right, Forward, Back]);
        assert_eq!(direction_of("backward"), Some(Back));
        assert_eq!(direction_of("UP"), None);
    }
}
