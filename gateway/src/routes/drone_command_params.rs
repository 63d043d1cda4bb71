//! What `POST /api/drones/{drone_id}/command` takes, for the API's document: its names and
//! what each of them takes. Which of it belongs together is the handler's to judge
//! ([`crate::routes::drone_command`]).

use tello::catalog::COMMANDS;

use crate::http::params::{Kind, Location, Param};
use crate::routes::drone_call::ID;
use crate::routes::flight::WAIT;
use crate::routes::sdk_commands::{ASK, EXTENSION};

/// Parameters of `/command`.
pub(crate) const COMMAND: &[Param] = &[
    ID,
    WAIT,
    Param::optional(
        Location::Body,
        "command",
        Kind::Choice(&NAMES),
        "What to do. Lengths among `params` are metres",
    ),
    Param::optional(
        Location::Body,
        "params",
        Kind::Fields(PARAMS),
        "Of `takeoff`, `move`, `rotate` and `change_altitude`; other commands take what the route of their name \
         takes, lengths and speeds in m and m/s",
    ),
    Param::optional(
        Location::Body,
        "type",
        Kind::Text,
        "In place of `command`; lengths among `parameters` are centimetres",
    ),
    Param::optional(
        Location::Body,
        "parameters",
        Kind::Fields(PARAMETERS),
        "Of `move`, `rotate` and `set_speed`; other commands take what the route of their name takes",
    ),
];

/// What the gateway does by names of its own; `emergency` and `set_speed` are those of the
/// client that counts in centimetres.
pub(super) const OWN: [&str; 19] = [
    "takeoff",
    "land",
    "stop",
    "emergency_stop",
    "emergency",
    "move",
    "rotate",
    "change_altitude",
    "set_speed",
    "connect",
    "disconnect",
    "take_photo",
    "start_streaming",
    "stop_streaming",
    "toggle_streaming",
    "get_status",
    "health_check",
    EXTENSION,
    ASK,
];

/// Those, and the commands of the SDK's table.
pub(crate) const NAMES: [&str; OWN.len() + COMMANDS.len()] = {
    let mut names = [""; OWN.len() + COMMANDS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = match at < OWN.len() {
            true => OWN[at],
            false => COMMANDS[at - OWN.len()].word,
        };
        at += 1;
    }
    names
};

const fn number_of(name: &'static str, (min, max): (f64, f64), about: &'static str) -> Param {
    let kind = Kind::Range {
        min,
        max,
        default: None,
    };
    Param::optional(Location::Body, name, kind, about)
}

const WAYS: &[&str] = &[
    "forward",
    "back",
    "left",
    "right",
    "up",
    "down",
    "clockwise",
    "counter_clockwise",
];
const DIRECTION: Param = Param::optional(
    Location::Body,
    "direction",
    Kind::Choice(WAYS),
    "Where a `move` goes, or a `rotate` turns",
);
const ANGLE: Param = number_of("angle", (1.0, 360.0), "Degrees of a `rotate`");

/// `params`, in metres and degrees.
pub(crate) const PARAMS: &[Param] = &[
    DIRECTION,
    number_of("distance", (0.2, 5.0), "Metres of a `move`"),
    number_of(
        "x",
        (-5.0, 5.0),
        "Metres of a `move` to the right; wins over `direction`",
    ),
    number_of(
        "y",
        (-5.0, 5.0),
        "Metres of a `move` forward; wins over `direction`",
    ),
    number_of(
        "z",
        (-5.0, 5.0),
        "Metres of a `move` up; wins over `direction`",
    ),
    ANGLE,
    number_of(
        "rotationAngle",
        (-360.0, 360.0),
        "Degrees of a `rotate`, clockwise positive; wins over `angle`",
    ),
    number_of(
        "absoluteHeading",
        (0.0, 359.0),
        "Heading that a `rotate` ends at, in degrees; wins over both",
    ),
    number_of(
        "altitude",
        (0.2, 10.0),
        "Metres that a `takeoff` (0.5 and more) or `change_altitude` ends at",
    ),
];

/// `parameters`, in centimetres and degrees.
const PARAMETERS: &[Param] = &[
    DIRECTION,
    number_of("distance", (20.0, 500.0), "Centimetres of a `move`"),
    ANGLE,
    number_of("speed", (10.0, 100.0), "cm/s that `set_speed` sets"),
];
