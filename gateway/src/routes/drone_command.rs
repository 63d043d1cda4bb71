//! `POST /api/drones/{drone_id}/command` (contract 11.3): one path, two clients.
//!
//! `{"command", "params"}` counts in metres, `{"type", "parameters"}` and
//! `{"droneId", …}` in centimetres. The body becomes typed commands here;
//! flying them is [`crate::routes::flight`]'s. Pure but for the handler.

use futures_util::future::BoxFuture;
use readings::command::CommandId;
use serde::Serialize;
use serde_json::{Map, Value};
use tello::command::{Command, Direction};
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome as Answer};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{WRITE, later};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::routes::camera;
use crate::routes::drone_call;
use crate::routes::drone_views::DroneStatus;
use crate::routes::drones::session;
use crate::routes::flight::{direction_of, invalid};
use crate::routes::photos::{self, PhotoView};
use crate::routes::sdk_commands::{CM_PER_METRE, of_params};

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
.takes(COMMAND)];

/// Parameters of `/command`.
pub(crate) const COMMAND: &[Param] = &[
    Param::required(Location::Path, "drone_id", Kind::Id, "Id of the drone"),
    Param::optional(
        Location::Body,
        "command",
        Kind::Text,
        "Command, with `params` in metres",
    ),
    Param::optional(
        Location::Body,
        "type",
        Kind::Text,
        "Command, with `parameters` in centimetres",
    ),
];

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
enum Wish {
    Connect,
    Disconnect,
    Status,
    Photo,
    /// The stream on, off, or the other way round.
    Stream(Option<bool>),
    Fly(Command),
    /// Several straight moves, one after another.
    Moves(Vec<Command>),
    /// To this height in cm.
    Altitude(i32),
    /// To this heading in degrees.
    Heading(i32),
}

/// `POST /api/drones/{drone_id}/command`
pub(crate) fn command(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(run(call))
}

async fn run(call: Call) -> Answer {
    crate::http::inputs::path_id("drone_id", &call.param)?;
    let (name, wish) = parse(call.inputs.body())?;
    session::exists(&call)?;
    let mut data = None;
    let mut given = None;
    let message = match wish {
        Wish::Connect => session::connect(&call).await?,
        Wish::Disconnect => session::disconnect(&call)?,
        Wish::Status => {
            data = Some(Data::Status(Box::new(session::status(&call)?)));
            format!("Status of {}", call.param)
        }
        Wish::Photo => {
            let photo = photos::take(&call).await?;
            let filepath = photo.path().to_owned();
            let message = format!("Photo of {}: {filepath}", call.param);
            data = Some(Data::Photo(Box::new(TakenPhoto { photo, filepath })));
            message
        }
        Wish::Stream(on) => {
            let on = on.unwrap_or(!camera::streams(&call));
            let stream = camera::stream(&call, on).await?;
            given = Some(stream.id);
            stream.message
        }
        Wish::Fly(command) => all(&call, vec![command], &mut given).await?,
        Wish::Moves(moves) => all(&call, moves, &mut given).await?,
        Wish::Altitude(cm) => {
            let by = cm - session::height_cm(&call)?;
            // Less than a drone can move is as good as there.
            all(&call, straight([0, 0, by], 0)?, &mut given).await?
        }
        Wish::Heading(deg) => {
            let turn = (deg - session::yaw_deg(&call)?).rem_euclid(360);
            match turn {
                0 => format!("Drone {} has that heading", call.param),
                1..=180 => all(&call, vec![turned(turn)?], &mut given).await?,
                _ => all(&call, vec![turned(turn - 360)?], &mut given).await?,
            }
        }
    };
    Ok(respond::json(&CommandResult {
        success: true,
        message,
        timestamp: Ts::now(),
        command: name,
        command_id: given,
        data,
    }))
}

/// Gives the commands, one after another; `last` becomes the id of the last one.
async fn all(
    call: &Call,
    commands: Vec<Command>,
    last: &mut Option<CommandId>,
) -> Result<String, ApiError> {
    let mut message = format!("Drone {} is there", call.param);
    for command in commands {
        let given = drone_call::fly(call, command, false).await?;
        (message, *last) = (given.message, Some(given.id));
    }
    Ok(message)
}

fn parse(body: &Map<String, Value>) -> Result<(String, Wish), ApiError> {
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let empty = Map::new();
    let object = |key: &str| body.get(key).and_then(Value::as_object).unwrap_or(&empty);
    let centimetres = body.contains_key("type")
        || body.contains_key("parameters")
        || body.contains_key("droneId");
    let name = text("command")
        .or_else(|| text("type"))
        .ok_or_else(|| invalid("no command given"))?;
    let wish = if centimetres {
        in_centimetres(name, object("parameters"))?
    } else {
        in_metres(name, object("params"))?
    };
    Ok((name.to_owned(), wish))
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

fn in_centimetres(name: &str, params: &Map<String, Value>) -> Result<Wish, ApiError> {
    let direction = params
        .get("direction")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(match name {
        "takeoff" => Wish::Fly(Command::Takeoff),
        "land" => Wish::Fly(Command::Land),
        "emergency" => Wish::Fly(Command::Emergency),
        "move" => {
            let distance = number(params, "distance")?.ok_or_else(|| invalid("distance"))?;
            Wish::Fly(moved(
                direction_of(direction).ok_or_else(|| invalid("direction"))?,
                distance,
            )?)
        }
        "rotate" => {
            let angle = number(params, "angle")?.ok_or_else(|| invalid("angle"))?;
            Wish::Fly(turned_towards(direction, angle)?)
        }
        "set_speed" => Wish::Fly(of_params("speed", params, 1.0)?),
        "connect" => Wish::Connect,
        "disconnect" => Wish::Disconnect,
        _ => Wish::Fly(of_params(name, params, 1.0)?),
    })
}

fn in_metres(name: &str, params: &Map<String, Value>) -> Result<Wish, ApiError> {
    Ok(match name {
        "connect" => Wish::Connect,
        "disconnect" => Wish::Disconnect,
        "takeoff" => Wish::Fly(Command::Takeoff),
        "land" => Wish::Fly(Command::Land),
        "emergency_stop" => Wish::Fly(Command::Emergency),
        "move" => moves(params)?,
        "rotate" => rotation(params)?,
        "change_altitude" => {
            let metres = number(params, "altitude")?.filter(|metres| (0.2..=10.0).contains(metres));
            Wish::Altitude((metres.ok_or_else(|| invalid("altitude"))? * 100.0).round() as i32)
        }
        "take_photo" => Wish::Photo,
        "start_streaming" => Wish::Stream(Some(true)),
        "stop_streaming" => Wish::Stream(Some(false)),
        "toggle_streaming" => Wish::Stream(None),
        "get_status" | "health_check" => Wish::Status,
        _ => Wish::Fly(of_params(name, params, CM_PER_METRE)?),
    })
}

/// Axes win over direction and distance: x right, y forward, z up.
fn moves(params: &Map<String, Value>) -> Result<Wish, ApiError> {
    let axes = [
        number(params, "x")?,
        number(params, "y")?,
        number(params, "z")?,
    ];
    if axes.iter().any(Option::is_some) {
        let by_cm = axes.map(|metres| (metres.unwrap_or(0.0) * 100.0).round() as i32);
        return Ok(Wish::Moves(straight(by_cm, 1)?));
    }
    let direction = params
        .get("direction")
        .and_then(Value::as_str)
        .and_then(direction_of);
    let distance = number(params, "distance")?.ok_or_else(|| invalid("distance"))?;
    Ok(Wish::Fly(moved(
        direction.ok_or_else(|| invalid("direction"))?,
        distance * 100.0,
    )?))
}

/// Straight moves that make up `by_cm`; `least` of them at the least.
fn straight([x, y, z]: [i32; 3], least: usize) -> Result<Vec<Command>, ApiError> {
    let pairs = [
        (z, Direction::Up, Direction::Down),
        (y, Direction::Forward, Direction::Back),
        (x, Direction::Right, Direction::Left),
    ];
    let mut moves = Vec::new();
    for (cm, there, back) in pairs {
        match cm.unsigned_abs() {
            0 => {}
            // Too short for a drone, unless it was derived from a height.
            1..20 if least == 0 => {}
            distance => moves.push(moved(
                if cm > 0 { there } else { back },
                f64::from(distance),
            )?),
        }
    }
    if moves.len() < least {
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

fn rotation(params: &Map<String, Value>) -> Result<Wish, ApiError> {
    if let Some(heading) = number(params, "absoluteHeading")? {
        if !(0.0..360.0).contains(&heading) {
            return Err(invalid("absoluteHeading"));
        }
        return Ok(Wish::Heading(heading.round() as i32));
    }
    if let Some(signed) = number(params, "rotationAngle")? {
        return Ok(Wish::Fly(turned(signed.round() as i32)?));
    }
    let direction = params
        .get("direction")
        .and_then(Value::as_str)
        .unwrap_or("clockwise");
    let angle = number(params, "angle")?.ok_or_else(|| invalid("angle"))?;
    Ok(Wish::Fly(turned_towards(direction, angle)?))
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
mod tests {
    use serde_json::json;

    use super::*;

    fn wish(body: Value) -> Option<Wish> {
        parse(body.as_object().expect("an object"))
            .map(|(_, wish)| wish)
            .ok()
    }

    fn up(direction: Direction, distance_cm: u16) -> Command {
        Command::Move {
            direction,
            distance_cm,
        }
    }

    #[test]
    fn the_two_clients_count_in_their_units() {
        let metres =
            wish(json!({"command": "move", "params": {"direction": "backward", "distance": 1.5}}));
        assert_eq!(metres, Some(Wish::Fly(up(Direction::Back, 150))));
        let centimetres =
            wish(json!({"type": "move", "parameters": {"direction": "up", "distance": 50}}));
        assert_eq!(centimetres, Some(Wish::Fly(up(Direction::Up, 50))));
        let other = wish(
            json!({"droneId": "d", "command": "rotate", "parameters": {"direction": "clockwise", "angle": 90}}),
        );
        assert_eq!(
            other,
            Some(Wish::Fly(Command::Rotate {
                clockwise: true,
                angle_deg: 90
            }))
        );
    }

    #[test]
    fn axes_win_and_turns_are_signed() {
        let body = json!({"command": "move", "params": {"x": -1, "y": 0, "z": 0.5, "direction": "up", "distance": 5}});
        assert_eq!(
            wish(body),
            Some(Wish::Moves(vec![
                up(Direction::Up, 50),
                up(Direction::Left, 100)
            ]))
        );
        let body = json!({"command": "rotate", "params": {"mode": "relative", "angle": 30, "rotationAngle": -30}});
        assert_eq!(
            wish(body),
            Some(Wish::Fly(Command::Rotate {
                clockwise: false,
                angle_deg: 30
            }))
        );
        let body =
            json!({"command": "rotate", "params": {"mode": "absolute", "absoluteHeading": 270}});
        assert_eq!(wish(body), Some(Wish::Heading(270)));
    }

    #[test]
    fn commands_of_the_table_are_known_in_both_units() {
        for (body, text) in [
            (
                json!({"command": "go", "params": {"x": 1.5, "y": 0, "z": -0.5, "speed": 0.3}}),
                "go 150 0 -50 30",
            ),
            (
                json!({"type": "go", "parameters": {"x": 150, "y": 0, "z": -50, "speed": 30, "pad": 2}}),
                "go 150 0 -50 30 m2",
            ),
            (
                json!({"command": "flip", "params": {"direction": "left"}}),
                "flip l",
            ),
            (
                json!({"type": "set_speed", "parameters": {"speed": 50}}),
                "speed 50",
            ),
            (json!({"command": "mon"}), "mon"),
            (
                json!({"command": "setbitrate", "params": {"bitrate": 3}}),
                "setbitrate 3",
            ),
        ] {
            let Some(Wish::Fly(command)) = wish(body.clone()) else {
                panic!("{body} is refused");
            };
            assert_eq!(command.to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for body in [
            json!({}),
            json!({"command": "dance"}),
            json!({"command": "move", "params": {"direction": "up", "distance": 0.1}}),
            json!({"command": "move", "params": {"x": 9}}),
            json!({"command": "move", "params": {"x": 0}}),
            json!({"command": "move", "params": {"x": "far"}}),
            json!({"command": "rotate", "params": {"angle": 0}}),
            json!({"command": "change_altitude", "params": {}}),
            json!({"type": "set_speed", "parameters": {"speed": 500}}),
            json!({"type": "go", "parameters": {"x": 100, "y": 0, "z": 0}}),
            json!({"command": "go", "params": {"x": 9, "y": 0, "z": 0, "speed": 0.5}}),
            json!({"type": "curve", "parameters": {"x1": 100, "y1": 0, "z1": 0, "x2": 200, "y2": 0, "z2": 0, "speed": 20}}),
        ] {
            assert_eq!(wish(body.clone()), None, "{body}");
        }
    }
}
