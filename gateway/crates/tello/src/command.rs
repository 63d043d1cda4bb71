//! Commands as typed values: parsed from and written as the SDK's text.
//!
//! The command client writes them, the simulator reads them; both share the
//! ranges of the manuals. Pure text, no socket. Sources: SDK 1.3, 2.0 and 3.0
//! user guides.

use std::fmt;

pub use crate::catalog::CommandError;
use crate::catalog::{self, Confirmed, Effect, Listed};
pub use crate::direction::Direction;
pub use crate::extension::{Extension, MAX_EXTENSION_BYTES};
use crate::path::{self, Way};
pub use crate::query::Query;

/// The word before text for the TT's own controller.
const EXTENSION: &str = "EXT";

/// A command to a drone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `command`: enter SDK mode.
    EnterSdk,
    /// Take off and hover.
    Takeoff,
    /// Land and stop the motors.
    Land,
    /// Start the video stream.
    StreamOn,
    /// Stop the video stream.
    StreamOff,
    /// Stop the motors at once, wherever the drone is.
    Emergency,
    /// Hover (SDK 2.0).
    Stop,
    /// Fly straight, 20–500 cm.
    Move {
        /// Where to.
        direction: Direction,
        /// How far.
        distance_cm: u16,
    },
    /// Turn, 1–360°.
    Rotate {
        /// `cw` or `ccw`.
        clockwise: bool,
        /// How far.
        angle_deg: u16,
    },
    /// Sticks: left/right, forward/back, up/down, yaw, each −100–100. Never answered.
    Rc([i8; 4]),
    /// Ports for state and video, 1025–65535 (SDK 3.0).
    Ports {
        /// State port.
        state: u16,
        /// Video port.
        video: u16,
    },
    /// Text for the controller on the TT's back (SDK 3.0).
    Extension(Extension),
    /// One of the table, with its values.
    Listed(Listed),
    /// A question.
    Read(Query),
}

impl Command {
    /// Parses a command's text.
    ///
    /// # Errors
    /// [`CommandError`], as firmware tells them apart.
    pub fn parse(text: &str) -> Result<Command, CommandError> {
        let mut words = text.split_ascii_whitespace();
        let name = words.next().ok_or(CommandError::Unknown)?;
        if name == EXTENSION {
            let rest = text.trim_start().get(EXTENSION.len()..);
            let extension = rest.and_then(Extension::new);
            return extension
                .map(Command::Extension)
                .ok_or(CommandError::Malformed);
        }
        let mut arguments = Arguments(words);
        if let Some(entry) = catalog::entry(name) {
            return entry.parse(arguments.0).map(Command::Listed);
        }
        let command = Command::from_words(name, &mut arguments)?;
        arguments.end()?;
        Ok(command)
    }

    fn from_words(name: &str, arguments: &mut Arguments<'_>) -> Result<Command, CommandError> {
        if let Some(direction) = Direction::ALL
            .into_iter()
            .find(|direction| direction.word() == name)
        {
            return Ok(Command::Move {
                direction,
                distance_cm: arguments.number(20, 500)? as u16,
            });
        }
        if let Some(query) = Query::ALL
            .iter()
            .copied()
            .find(|query| query.word() == name)
        {
            return Ok(Command::Read(query));
        }
        Ok(match name {
            "command" => Command::EnterSdk,
            "takeoff" => Command::Takeoff,
            "land" => Command::Land,
            "streamon" => Command::StreamOn,
            "streamoff" => Command::StreamOff,
            "emergency" => Command::Emergency,
            "stop" => Command::Stop,
            "cw" | "ccw" => Command::Rotate {
                clockwise: name == "cw",
                angle_deg: arguments.number(1, 360)? as u16,
            },
            "rc" => Command::Rc(arguments.numbers(-100, 100)?.map(|value| value as i8)),
            "port" => Command::Ports {
                state: arguments.number(1025, 65535)? as u16,
                video: arguments.number(1025, 65535)? as u16,
            },
            _ => return Err(CommandError::Unknown),
        })
    }

    /// Whether it leaves the ground by it.
    #[must_use]
    pub fn takes_off(self) -> bool {
        match self {
            Command::Takeoff => true,
            Command::Listed(listed) => listed.entry().effect == Effect::TakesOff,
            _ => false,
        }
    }

    /// Whether motors idle on the ground by it, or no more; none for anything else.
    #[must_use]
    pub fn idles(self) -> Option<bool> {
        match self {
            Command::Listed(listed) => match listed.entry().effect {
                Effect::Idles(on) => Some(on),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it is for a drone on the ground alone.
    #[must_use]
    pub fn needs_ground(self) -> bool {
        match self {
            Command::Listed(listed) => {
                matches!(listed.entry().effect, Effect::Idles(_) | Effect::Restarts)
            }
            _ => false,
        }
    }

    /// Whether it moves by it: sent once, and answered when it is over.
    #[must_use]
    pub fn is_manoeuvre(self) -> bool {
        match self {
            Command::Takeoff | Command::Move { .. } | Command::Rotate { .. } => true,
            Command::Listed(listed) => {
                listed.entry().effect.changes().confirmed == Confirmed::OkAfterIt
            }
            _ => false,
        }
    }

    /// The way it flies; none for what stays in its place, or is refused anyhow.
    #[must_use]
    pub fn way(self) -> Option<Way> {
        match self {
            Command::Move {
                direction,
                distance_cm,
            } => Some(Way::straight(direction, distance_cm)),
            Command::Listed(listed) => path::way(&listed).ok().flatten(),
            _ => None,
        }
    }

    /// Major SDK version that introduced it.
    #[must_use]
    pub fn since_sdk(self) -> u8 {
        match self {
            Command::Stop => 2,
            Command::Extension(_) | Command::Ports { .. } => 3,
            Command::Listed(listed) => listed.since_sdk(),
            Command::Read(query) => query.since_sdk(),
            _ => 1,
        }
    }
}

struct Arguments<'a>(std::str::SplitAsciiWhitespace<'a>);

impl Arguments<'_> {
    fn number(&mut self, low: i32, high: i32) -> Result<i32, CommandError> {
        let value: i32 = self
            .0
            .next()
            .and_then(|word| word.parse().ok())
            .ok_or(CommandError::Malformed)?;
        (low..=high)
            .contains(&value)
            .then_some(value)
            .ok_or(CommandError::OutOfRange)
    }

    fn numbers<const N: usize>(&mut self, low: i32, high: i32) -> Result<[i32; N], CommandError> {
        let mut values = [0; N];
        for value in &mut values {
            *value = self.number(low, high)?;
        }
        Ok(values)
    }

    fn end(&mut self) -> Result<(), CommandError> {
        self.0
            .next()
            .map_or(Ok(()), |_| Err(CommandError::Malformed))
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match *self {
            Command::Move {
                direction,
                distance_cm,
            } => return write!(f, "{} {distance_cm}", direction.word()),
            Command::Rotate {
                clockwise: true,
                angle_deg,
            } => return write!(f, "cw {angle_deg}"),
            Command::Rotate {
                clockwise: false,
                angle_deg,
            } => return write!(f, "ccw {angle_deg}"),
            Command::Listed(listed) => return listed.fmt(f),
            Command::Extension(text) => return write!(f, "{EXTENSION} {text}"),
            Command::Rc([a, b, c, d]) => return write!(f, "rc {a} {b} {c} {d}"),
            Command::Ports { state, video } => return write!(f, "port {state} {video}"),
            Command::EnterSdk => "command",
            Command::Takeoff => "takeoff",
            Command::Land => "land",
            Command::StreamOn => "streamon",
            Command::StreamOff => "streamoff",
            Command::Emergency => "emergency",
            Command::Stop => "stop",
            Command::Read(query) => query.word(),
        };
        f.write_str(word)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_are_written_as_they_are_read() {
        let mut texts = vec![
            "command",
            "takeoff",
            "land",
            "streamon",
            "streamoff",
            "emergency",
            "stop",
            "up 20",
            "down 500",
            "left 30",
            "right 40",
            "forward 50",
            "back 60",
            "cw 1",
            "ccw 360",
            "rc -100 0 100 5",
            "motoron",
            "motoroff",
            "port 1025 65535",
            "EXT led 0 255 0",
            "EXT mled l r 2.5 Hello  you",
        ];
        texts.extend(Query::ALL.iter().map(|query| query.word()));
        for text in texts {
            assert_eq!(
                Command::parse(text).map(|command| command.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn faults_are_told_apart() {
        for (text, error) in [
            ("", CommandError::Unknown),
            ("dance", CommandError::Unknown),
            ("Takeoff", CommandError::Unknown),
            ("up", CommandError::Malformed),
            ("up 20 20", CommandError::Malformed),
            ("up twenty", CommandError::Malformed),
            ("flip x", CommandError::Malformed),
            ("up 19", CommandError::OutOfRange),
            ("up 501", CommandError::OutOfRange),
            ("cw 0", CommandError::OutOfRange),
            ("rc 0 0 0 101", CommandError::OutOfRange),
            ("port 80 11111", CommandError::OutOfRange),
        ] {
            assert_eq!(Command::parse(text), Err(error), "{text:?}");
        }
    }

    /// Command, least and greatest value of its one number.
    const LIMITS: [(&str, i32, i32); 12] = [
        ("up N", 20, 500),
        ("cw N", 1, 360),
        ("ccw N", 1, 360),
        ("go N 0 0 10", -500, 500),
        ("go 0 N 0 10", -500, 500),
        ("go 0 0 N 10", -500, 500),
        ("go 0 0 0 N", 10, 100),
        ("speed N", 10, 100),
        ("rc N 0 0 0", -100, 100),
        ("rc 0 0 0 N", -100, 100),
        ("port N 11111", 1025, 65535),
        ("port 8890 N", 1025, 65535),
    ];

    #[test]
    fn limits_are_the_last_that_is_allowed() {
        for (text, least, most) in LIMITS {
            let with = |value: i32| Command::parse(&text.replace('N', &value.to_string()));
            for value in [least, most] {
                let written = with(value).map(|command| command.to_string());
                assert_eq!(written, Ok(text.replace('N', &value.to_string())));
            }
            for value in [least - 1, most + 1] {
                assert_eq!(
                    with(value),
                    Err(CommandError::OutOfRange),
                    "{text} of {value}"
                );
            }
        }
        for towards in ['l', 'r', 'f', 'b'] {
            let text = format!("flip {towards}");
            let flip = Command::parse(&text).map(|flip| flip.to_string());
            assert_eq!(flip, Ok(text));
        }
    }

    #[test]
    fn what_moves_what_idles_and_what_is_for_the_ground_is_known() {
        // takes off, moves, idles, on the ground alone
        for (text, is) in [
            ("takeoff", (true, true, None, false)),
            ("throwfly", (true, true, None, false)),
            ("up 20", (false, true, None, false)),
            ("cw 90", (false, true, None, false)),
            ("flip l", (false, true, None, false)),
            ("motoron", (false, false, Some(true), true)),
            ("motoroff", (false, false, Some(false), true)),
            ("reboot", (false, false, None, true)),
            ("land", (false, false, None, false)),
            ("emergency", (false, false, None, false)),
            ("rc 0 0 0 0", (false, false, None, false)),
            ("speed 10", (false, false, None, false)),
        ] {
            let told = Command::parse(text).expect("a command");
            let (moves, idles) = (told.is_manoeuvre(), told.idles());
            let told = (told.takes_off(), moves, idles, told.needs_ground());
            assert_eq!(told, is, "{text}");
        }
    }

    #[test]
    fn each_command_has_the_version_that_introduced_it() {
        for (texts, since) in [
            (["takeoff", "emergency", "rc 0 0 0 0", "wifi?", "tof?"], 1),
            (["stop", "mon", "moff", "mdirection 0", "sn?"], 2),
            (
                ["motoron", "motoroff", "reboot", "port 1025 1026", "ssid?"],
                3,
            ),
        ] {
            for text in texts {
                let command = Command::parse(text).expect("a command");
                assert_eq!(command.since_sdk(), since, "{text}");
            }
        }
        let of = |since| {
            let queries = Query::ALL.iter();
            queries.filter(|query| query.since_sdk() == since).count()
        };
        assert_eq!((of(1), of(2), of(3)), (10, 2, 4));
    }

    #[test]
    fn heights_count_from_the_floor_only_over_a_pad() {
        let way = |text: &str| Command::parse(text).expect(text).way().expect("a way");
        let up = way("up 50");
        assert_eq!((up.highest_from(100), up.end_from(100)), (150, 150));
        let down = way("down 50");
        assert_eq!((down.highest_from(100), down.end_from(100)), (100, 50));
        let over = way("go 0 0 120 20 m1");
        assert_eq!((over.highest_from(80), over.end_from(80)), (120, 120));
        assert_eq!((over.highest_from(300), over.end_from(300)), (300, 120));
        assert_eq!(Command::Takeoff.way(), None);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,60}") {
            if let Ok(command) = Command::parse(&text) {
                prop_assert_eq!(Command::parse(&command.to_string()), Ok(command));
            }
        }
    }
}
