//! `POST /api/drones/{drone_id}/command` (contract 11.3): one path, two clients.
//!
//! `{"command", "params"}` counts in metres, `{"type", "parameters"}` and
//! `{"droneId", …}` in centimetres. The body becomes typed commands here;
//! flying them is [`crate::routes::flight`]'s. Pure but for the handler.

use std::ops::RangeInclusive;

use futures_util::future::BoxFuture;
use readings::command::CommandId;
use serde::Serialize;
use serde_json::{Map, Value};
use tello::command::{Command, Direction};
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome as Answer};
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{WRITE, later};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::routes::camera;
use crate::routes::drone_call;
use crate::routes::drone_command_params::COMMAND;
use crate::routes::drone_views::DroneStatus;
use crate::routes::drones::session;
use crate::routes::flight::{WAIT, direction_of, invalid};
use crate::routes::photos::{self, PhotoView};
use crate::routes::sdk_commands::{CM_PER_METRE, of_params};
use crate::sources::vehicles::Aim;

/// Heights that may be asked for, in m, and that of a take-off which names none, in cm
/// (contract 11.3).
const ALTITUDES_M: RangeInclusive<f64> = 0.2..=10.0;
const TAKEOFF_M: RangeInclusive<f64> = 0.5..=10.0;
const TAKEOFF_CM: i32 = 120;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[later(
    Verb::Post,
    "/api/drones/{drone_id}/command",
    WRITE,
    command,
    Gives::Json(of::<CommandResult>()),
)
.about(
    "drones",
    "Send a command by its name, in metres or centimetres",
)
.takes(COMMAND)
.may_conflict()];

/// Answer of `/command`.
#[derive(Serialize, ToSchema)]
pub(crate) struct CommandResult {
    /// Whether it was done or, where nobody waits for the end, sent.
    success: bool,
    /// What came of it, for people.
    message: String,
    timestamp: Ts,
    /// The command as it was asked for.
    command: String,
    /// Id of the command; of several the last one's. Null for what is none.
    #[schema(value_type = Option<String>)]
    command_id: Option<CommandId>,
    /// What the drone answered to `ask` or `ext`, in its own words; null of other commands.
    answer: Option<String>,
    /// The status for `get_status` and `health_check`, the photo for `take_photo`.
    data: Option<Data>,
}

/// What a command brings back.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Data {
    Status(Box<DroneStatus>),
    Photo(Box<TakenPhoto>),
}

/// A photo, and where it is under the name some clients show.
#[derive(Serialize, ToSchema)]
struct TakenPhoto {
    #[serde(flatten)]
    photo: PhotoView,
    /// The same path under an older name.
    filepath: String,
}

/// What a body asks for.
#[derive(Debug, PartialEq)]
enum Requested {
    Connect,
    Disconnect,
    Status,
    Photo,
    /// The stream on, off, or the other way round.
    Stream(Option<bool>),
    Fly(Command),
    /// Several straight moves, one after another.
    Moves(Vec<Command>),
    /// Off the ground, and to this height in cm.
    TakeOff(i32),
    /// There, from wherever it is when its turn comes.
    Aim(Aim),
}

/// What came of a command so far: its id, and the drone's answer where it is more than yes.
#[derive(Default)]
struct Last {
    id: Option<CommandId>,
    answer: Option<String>,
}

/// `POST /api/drones/{drone_id}/command`
pub(crate) fn command(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async { Ok(respond::json(&obey(call).await?)) })
}

/// Whether a command of that name brings a drone down, which whoever may respond may do.
pub(crate) fn brings_down(name: &str) -> bool {
    ["land", "stop", "emergency", "emergency_stop"].contains(&name)
}

/// Does what the body of `call` asks for.
///
/// # Errors
/// As the route answers.
pub(crate) async fn obey(mut call: Call) -> Result<CommandResult, ApiError> {
    crate::http::inputs::path_id("drone_id", &call.param)?;
    let wait = call.inputs.flag(&WAIT).unwrap_or(false);
    call.inputs.finish()?;
    let (name, requested) = parse(call.inputs.body())?;
    session::exists(&call)?;
    let mut data = None;
    let mut last = Last::default();
    let message = match requested {
        Requested::Connect => session::connect(&call).await?,
        Requested::Disconnect => session::disconnect(&call)?,
        Requested::Status => {
            data = Some(Data::Status(Box::new(session::status(&call)?)));
            format!("Status of {}", call.param)
        }
        Requested::Photo => {
            let photo = photos::take(&call).await?;
            let filepath = photo.path().to_owned();
            let mut message = format!("Photo of {}: {filepath}", call.param);
            if let Some(note) = photo.note() {
                message.push_str(&format!("; {note}"));
            }
            data = Some(Data::Photo(Box::new(TakenPhoto { photo, filepath })));
            message
        }
        Requested::Stream(on) => {
            let on = on.unwrap_or(!camera::streams(&call));
            let stream = camera::stream(&call, on, wait).await?;
            last.id = Some(stream.id);
            stream.message
        }
        Requested::Fly(command) => all(&call, vec![command], wait, &mut last).await?,
        Requested::Moves(moves) => all(&call, moves, wait, &mut last).await?,
        Requested::TakeOff(to_cm) => take_off(&call, to_cm, wait, &mut last).await?,
        Requested::Aim(aim) => {
            let to = drone_call::fly_to(&call, aim, wait).await?;
            last.id = Some(to.id);
            to.message
        }
    };
    Ok(CommandResult {
        success: true,
        message,
        timestamp: Ts::now(),
        command: name,
        command_id: last.id,
        answer: last.answer,
        data,
    })
}

/// Gives the commands, one after another, each when the one before is over if somebody
/// waits; `last` becomes what came of the last one.
async fn all(
    call: &Call,
    commands: Vec<Command>,
    wait: bool,
    last: &mut Last,
) -> Result<String, ApiError> {
    let mut message = format!("Drone {} is there", call.param);
    for command in commands {
        // What is asked of the drone, or of the TT's own controller, is worth its answer.
        let wait = wait || matches!(command, Command::Extension(_) | Command::Read(_));
        let given = drone_call::fly(call, command, wait).await?;
        message = given.message;
        *last = Last {
            id: Some(given.id),
            answer: given.answer,
        };
    }
    Ok(message)
}

/// Takes off, then goes to that height: less than a drone can move is as good as there.
/// The answer is the take-off's; what keeps it from the height is said in it.
async fn take_off(
    call: &Call,
    to_cm: i32,
    wait: bool,
    last: &mut Last,
) -> Result<String, ApiError> {
    let mut message = all(call, vec![Command::Takeoff], wait, last).await?;
    match drone_call::fly_to(call, Aim::Altitude(to_cm), wait).await {
        Ok(to) => message.push_str(&format!("; then {to_cm} cm high, command {}", to.id)),
        Err(error) => message.push_str(&format!("; not {to_cm} cm high: {}", error.message())),
    }
    Ok(message)
}

fn parse(body: &Map<String, Value>) -> Result<(String, Requested), ApiError> {
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let empty = Map::new();
    // (Passed over, what is no object would be a command without its values.)
    let object = |key: &str| match body.get(key) {
        None | Some(Value::Null) => Ok(&empty),
        Some(Value::Object(params)) => Ok(params),
        Some(_) => Err(invalid(&format!("{key} must be an object"))),
    };
    let centimetres = body.contains_key("type")
        || body.contains_key("parameters")
        || body.contains_key("droneId");
    let name = text("command")
        .or_else(|| text("type"))
        .ok_or_else(|| invalid("no command given"))?;
    let requested = if centimetres {
        in_centimetres(name, object("parameters")?)?
    } else {
        in_metres(name, object("params")?)?
    };
    Ok((name.to_owned(), requested))
}

fn number(params: &Map<String, Value>, key: &str) -> Result<Option<f64>, ApiError> {
    match params.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_f64()
            .filter(|value| value.is_finite())
            .map(Some)
            .ok_or_else(|| invalid(key)),
    }
}

fn in_centimetres(name: &str, params: &Map<String, Value>) -> Result<Requested, ApiError> {
    let direction = params
        .get("direction")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(match name {
        "takeoff" => Requested::Fly(Command::Takeoff),
        "land" => Requested::Fly(Command::Land),
        "emergency" => Requested::Fly(Command::Emergency),
        "stop" => Requested::Fly(Command::Stop),
        "move" => {
            let distance = number(params, "distance")?.ok_or_else(|| invalid("distance"))?;
            Requested::Fly(moved(
                direction_of(direction).ok_or_else(|| invalid("direction"))?,
                distance,
            )?)
        }
        "rotate" => {
            let angle = number(params, "angle")?.ok_or_else(|| invalid("angle"))?;
            Requested::Fly(turned_towards(direction, angle)?)
        }
        "set_speed" => {
            // (Its clients may say more than that.)
            let speed = params.get("speed").cloned().unwrap_or_default();
            let alone = Map::from_iter([("speed".to_owned(), speed)]);
            Requested::Fly(of_params("speed", &alone, 1.0)?)
        }
        "connect" => Requested::Connect,
        "disconnect" => Requested::Disconnect,
        _ => Requested::Fly(of_params(name, params, 1.0)?),
    })
}

fn in_metres(name: &str, params: &Map<String, Value>) -> Result<Requested, ApiError> {
    Ok(match name {
        "connect" => Requested::Connect,
        "disconnect" => Requested::Disconnect,
        "takeoff" => Requested::TakeOff(altitude_cm(params, TAKEOFF_M)?.unwrap_or(TAKEOFF_CM)),
        "land" => Requested::Fly(Command::Land),
        "emergency_stop" => Requested::Fly(Command::Emergency),
        "stop" => Requested::Fly(Command::Stop),
        "move" => moves(params)?,
        "rotate" => rotation(params)?,
        "change_altitude" => {
            let target_cm = altitude_cm(params, ALTITUDES_M)?;
            Requested::Aim(Aim::Altitude(target_cm.ok_or_else(|| invalid("altitude"))?))
        }
        "take_photo" => Requested::Photo,
        "start_streaming" => Requested::Stream(Some(true)),
        "stop_streaming" => Requested::Stream(Some(false)),
        "toggle_streaming" => Requested::Stream(None),
        "get_status" | "health_check" => Requested::Status,
        _ => Requested::Fly(of_params(name, params, CM_PER_METRE)?),
    })
}

/// The altitude among `params`, in cm, if there is one.
fn altitude_cm(
    params: &Map<String, Value>,
    within_m: RangeInclusive<f64>,
) -> Result<Option<i32>, ApiError> {
    let given = number(params, "altitude")?;
    if given.is_some_and(|metres| !within_m.contains(&metres)) {
        return Err(invalid("altitude"));
    }
    Ok(given.map(|metres| (metres * 100.0).round() as i32))
}

/// Axes win over direction and distance: x right, y forward, z up.
fn moves(params: &Map<String, Value>) -> Result<Requested, ApiError> {
    let axes = [
        number(params, "x")?,
        number(params, "y")?,
        number(params, "z")?,
    ];
    if axes.iter().any(Option::is_some) {
        let by_cm = axes.map(|metres| (metres.unwrap_or(0.0) * 100.0).round() as i32);
        return Ok(Requested::Moves(straight(by_cm)?));
    }
    let direction = params
        .get("direction")
        .and_then(Value::as_str)
        .and_then(direction_of);
    let distance = number(params, "distance")?.ok_or_else(|| invalid("distance"))?;
    Ok(Requested::Fly(moved(
        direction.ok_or_else(|| invalid("direction"))?,
        distance * 100.0,
    )?))
}

/// Straight moves that make up what is given in cm; one at the least.
fn straight([x, y, z]: [i32; 3]) -> Result<Vec<Command>, ApiError> {
    let pairs = [
        (z, Direction::Up, Direction::Down),
        (y, Direction::Forward, Direction::Back),
        (x, Direction::Right, Direction::Left),
    ];
    let mut moves = Vec::new();
    for (cm, there, back) in pairs {
        match cm.unsigned_abs() {
            0 => {}
            distance => moves.push(moved(
                if cm > 0 { there } else { back },
                f64::from(distance),
            )?),
        }
    }
    if moves.is_empty() {
        Err(invalid("no movement given"))
    } else {
        Ok(moves)
    }
}

fn moved(direction: Direction, cm: f64) -> Result<Command, ApiError> {
    let distance_cm = cm.round();
    if !(20.0..=500.0).contains(&distance_cm) {
        return Err(invalid("movements are 0.2 to 5 m"));
    }
    Ok(Command::Move {
        direction,
        distance_cm: distance_cm as u16,
    })
}

fn rotation(params: &Map<String, Value>) -> Result<Requested, ApiError> {
    if let Some(heading) = number(params, "absoluteHeading")? {
        if !(0.0..360.0).contains(&heading) {
            return Err(invalid("absoluteHeading"));
        }
        return Ok(Requested::Aim(Aim::Heading(heading.round() as i32)));
    }
    if let Some(signed) = number(params, "rotationAngle")? {
        return Ok(Requested::Fly(turned(signed.round() as i32)?));
    }
    let direction = params
        .get("direction")
        .and_then(Value::as_str)
        .unwrap_or("clockwise");
    let angle = number(params, "angle")?.ok_or_else(|| invalid("angle"))?;
    Ok(Requested::Fly(turned_towards(direction, angle)?))
}

fn turned_towards(direction: &str, angle: f64) -> Result<Command, ApiError> {
    let angle = angle.round() as i32;
    match direction {
        _ if angle <= 0 => Err(invalid("angle")),
        "clockwise" => turned(angle),
        "counterclockwise" | "counter_clockwise" => turned(-angle),
        _ => Err(invalid("direction")),
    }
}

/// A turn by signed degrees, clockwise positive.
fn turned(deg: i32) -> Result<Command, ApiError> {
    match deg.unsigned_abs() {
        angle @ 1..=360 => Ok(Command::Rotate {
            clockwise: deg > 0,
            angle_deg: angle as u16,
        }),
        _ => Err(invalid("turns are 1 to 360 degrees")),
    }
}

#[cfg(test)]
#[path = "drone_command_tests.rs"]
mod tests;
