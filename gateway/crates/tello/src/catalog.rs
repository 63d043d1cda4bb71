//! The SDK's commands as a table: an entry a command, and nothing else to write.
//!
//! What an entry says (parameters with units and ranges, what the command does to the
//! drone, the SDK that brought it) is what parses it, writes it, documents it and judges
//! it: routes, actions of the WebSocket, the command line and the API's document are made
//! from here. Commands that the gateway treats in a way of their own (take-off, straight
//! moves, what brings down) stand in [`crate::command`]. Pure text and numbers.
//!
//! Sources: Tello SDK 1.3, SDK 2.0 and SDK 3.0 user guides.

mod effect;
mod elsewhere;
mod table;

use std::fmt;

pub use self::effect::{Changes, Confirmed, Course, Effect};
pub use self::elsewhere::{ELSEWHERE, Elsewhere, Place, elsewhere};
pub use self::table::COMMANDS;

/// Why text is not a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// No such command.
    Unknown,
    /// Too few, too many or unreadable arguments.
    Malformed,
    /// A number outside its range.
    OutOfRange,
}

/// Most parameters of a command (`curve` with a pad has eight).
pub const MAX_PARAMETERS: usize = 8;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// cm
    Centimetres,
    /// cm/s
    CentimetresPerSecond,
    /// °
    Degrees,
    /// Mbit/s
    MegabitsPerSecond,
    /// Nothing: a level, a number of times.
    Plain,
}

impl Unit {
    /// As it is written; empty where nothing is counted.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Unit::Centimetres => "cm",
            Unit::CentimetresPerSecond => "cm/s",
            Unit::Degrees => "°",
            Unit::MegabitsPerSecond => "Mbit/s",
            Unit::Plain => "",
        }
    }

    /// As it stands behind what it is of: ` (cm)`, or nothing.
    #[must_use]
    pub fn behind(self) -> String {
        match self.symbol() {
            "" => String::new(),
            symbol => format!(" ({symbol})"),
        }
    }
}

/// What a parameter must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number in this inclusive range.
    Number {
        /// Least.
        low: i32,
        /// Greatest.
        high: i32,
        /// What it counts.
        unit: Unit,
    },
    /// One of these: the name that people use, and the word of the SDK.
    Choice(&'static [(&'static str, &'static str)]),
    /// A mission pad: 1–8; where any will do also −1 for the first that is seen, and −2 for
    /// the nearest (SDK 3.0).
    Pad {
        /// Whether any will do.
        any: bool,
    },
}

/// Numbers of pads: of those alone that have a name, or also −1 and −2.
#[must_use]
pub const fn pads(any: bool) -> std::ops::RangeInclusive<i32> {
    if any { -2..=8 } else { 1..=8 }
}

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it must be.
    pub kind: Kind,
    /// Whether it may be left out: the last one only.
    pub optional: bool,
    /// What it means.
    pub about: &'static str,
}

/// A command of the SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The SDK's word, which is its name everywhere.
    pub word: &'static str,
    /// Major SDK version that introduced it.
    pub since_sdk: u8,
    /// What it does to the drone.
    pub effect: Effect,
    /// In the order they are written.
    pub parameters: &'static [Parameter],
    /// One line for people.
    pub about: &'static str,
}

/// The entry of a word.
#[must_use]
pub fn entry(word: &str) -> Option<&'static Entry> {
    COMMANDS.iter().find(|entry| entry.word == word)
}

/// The value of a parameter that was left out.
const ABSENT: i32 = i32::MIN;

/// A command of the table with its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    entry: &'static Entry,
    /// Numbers as they are; choices by their place among the choices.
    values: [i32; MAX_PARAMETERS],
}

impl Entry {
    /// The command with the values that `given` knows by name.
    ///
    /// # Errors
    /// The name of the parameter that is missing, or out of its range.
    pub fn with(
        &'static self,
        given: impl Fn(&Parameter) -> Option<i32>,
    ) -> Result<Listed, &'static Parameter> {
        let mut values = [ABSENT; MAX_PARAMETERS];
        for (place, parameter) in values.iter_mut().zip(self.parameters) {
            match given(parameter) {
                Some(value) if parameter.kind.allows(value) => *place = value,
                None if parameter.optional => {}
                _ => return Err(parameter),
            }
        }
        Ok(Listed {
            entry: self,
            values,
        })
    }

    /// The command as its words stand in a datagram, after its name.
    pub(crate) fn parse<'a>(
        &'static self,
        mut words: impl Iterator<Item = &'a str>,
    ) -> Result<Listed, CommandError> {
        let mut values = [ABSENT; MAX_PARAMETERS];
        for (place, parameter) in values.iter_mut().zip(self.parameters) {
            let Some(word) = words.next() else {
                if parameter.optional {
                    break;
                }
                return Err(CommandError::Malformed);
            };
            let value = parameter.kind.read(word).ok_or(CommandError::Malformed)?;
            if !parameter.kind.allows(value) {
                return Err(CommandError::OutOfRange);
            }
            *place = value;
        }
        match words.next() {
            Some(_) => Err(CommandError::Malformed),
            None => Ok(Listed {
                entry: self,
                values,
            }),
        }
    }
}

impl Kind {
    /// Whether the value is within the range.
    #[must_use]
    pub fn allows(self, value: i32) -> bool {
        match self {
            Kind::Number { low, high, .. } => (low..=high).contains(&value),
            Kind::Choice(choices) => usize::try_from(value).is_ok_and(|at| at < choices.len()),
            Kind::Pad { any } => pads(any).contains(&value) && value != 0,
        }
    }

    /// The value of a word of the SDK.
    fn read(self, word: &str) -> Option<i32> {
        match self {
            Kind::Number { .. } => word.parse().ok(),
            Kind::Choice(choices) => {
                let at = choices.iter().position(|(_, sdk)| *sdk == word)?;
                Some(at as i32)
            }
            Kind::Pad { .. } => word.strip_prefix('m')?.parse().ok(),
        }
    }

    /// The value of a word that people use, or of the SDK's.
    #[must_use]
    pub fn of_name(self, name: &str) -> Option<i32> {
        match self {
            Kind::Choice(choices) => {
                let at = choices
                    .iter()
                    .position(|(people, sdk)| *people == name || *sdk == name)?;
                Some(at as i32)
            }
            Kind::Pad { .. } => name.strip_prefix('m').unwrap_or(name).parse().ok(),
            Kind::Number { .. } => name.parse().ok(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Kind::Number { low, high, unit } => {
                write!(f, "a whole number from {low} to {high}{}", unit.behind())
            }
            Kind::Choice(choices) => {
                f.write_str("one of ")?;
                for (place, (name, _)) in choices.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(f, "{comma}{name}")?;
                }
                Ok(())
            }
            Kind::Pad { any: true } => {
                f.write_str("a mission pad: 1 to 8, -1 for any, -2 for the nearest")
            }
            Kind::Pad { any: false } => f.write_str("a mission pad: 1 to 8"),
        }
    }
}

impl Listed {
    /// Its entry.
    #[must_use]
    pub fn entry(&self) -> &'static Entry {
        self.entry
    }

    /// The value of a parameter; a choice by its place.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<i32> {
        let at = self
            .entry
            .parameters
            .iter()
            .position(|parameter| parameter.name == name)?;
        Some(self.values[at]).filter(|value| *value != ABSENT)
    }

    /// Values of parameters that are there in any case.
    pub(crate) fn numbers<const N: usize>(&self, names: [&str; N]) -> [i32; N] {
        names.map(|name| self.value(name).unwrap_or_default())
    }

    /// Major SDK version that it needs: one that names a pad needs 2.0, one that takes any
    /// pad 3.0.
    #[must_use]
    pub fn since_sdk(&self) -> u8 {
        let needs = self.pad().map_or(1, |pad| if pad < 0 { 3 } else { 2 });
        self.entry.since_sdk.max(needs)
    }

    /// The pad that its coordinates count from, and not from where the drone is.
    #[must_use]
    pub fn pad(&self) -> Option<i32> {
        let mut parameters = self.entry.parameters.iter().zip(&self.values);
        let pad = parameters.find(|(parameter, value)| {
            matches!(parameter.kind, Kind::Pad { .. }) && **value != ABSENT
        });
        pad.map(|(_, value)| *value)
    }

    /// Whether its coordinates count from a pad.
    #[must_use]
    pub fn over_pad(&self) -> bool {
        self.pad().is_some()
    }

    /// Whether it is a curve over a pad. Its circle passes where the drone is, which its
    /// coordinates do not say.
    #[must_use]
    pub fn curves_over_pad(&self) -> bool {
        self.entry.effect == Effect::Flies(Course::Arc) && self.over_pad()
    }

    /// A curve over a pad as one from where the drone is: at `at_cm` in the pad's
    /// coordinates. (Which way the pad's arrow points changes no height, length or radius.)
    #[must_use]
    pub fn from_here(mut self, at_cm: [i32; 3]) -> Listed {
        if !self.curves_over_pad() {
            return self;
        }
        for (parameter, value) in self.entry.parameters.iter().zip(&mut self.values) {
            match (parameter.kind, parameter.name.as_bytes()) {
                (Kind::Pad { .. }, _) => *value = ABSENT,
                (_, [b'x', _]) => *value -= at_cm[0],
                (_, [b'y', _]) => *value -= at_cm[1],
                (_, [b'z', _]) => *value -= at_cm[2],
                _ => {}
            }
        }
        self
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry.word)?;
        for (parameter, value) in self.entry.parameters.iter().zip(&self.values) {
            match parameter.kind {
                _ if *value == ABSENT => {}
                Kind::Number { .. } => write!(f, " {value}")?,
                Kind::Pad { .. } => write!(f, " m{value}")?,
                Kind::Choice(choices) => {
                    write!(
                        f,
                        " {}",
                        choices.get(*value as usize).map_or("", |(_, sdk)| sdk)
                    )?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "catalog/document_tests.rs"]
mod document_tests;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Listed, CommandError> {
        let mut words = text.split_ascii_whitespace();
        let word = words.next().expect("a word");
        entry(word).expect("listed").parse(words)
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for text in [
            "flip l",
            "flip b",
            "go 10 -20 500 100",
            "go 10 -20 50 30 m8",
            "go 0 0 50 30 m-2",
            "curve 100 0 0 100 100 0 60",
            "curve 100 0 0 100 100 0 60 m-1",
            "jump 100 0 120 50 90 m1 m2",
            "speed 10",
            "mon",
            "moff",
            "mdirection 2",
            "throwfly",
            "reboot",
            "setfps middle",
            "setbitrate 5",
            "setresolution low",
        ] {
            assert_eq!(
                read(text).map(|command| command.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn faults_are_told_apart() {
        for (text, error) in [
            ("go 0 0 501 50", CommandError::OutOfRange),
            ("go 0 0 50 101", CommandError::OutOfRange),
            ("go 0 0 50 50 m9", CommandError::OutOfRange),
            ("go 0 0 50 50 m0", CommandError::OutOfRange),
            ("go 0 0 50 50 9", CommandError::Malformed),
            ("go 0 0 50", CommandError::Malformed),
            ("curve 100 0 0 100 100 0 61", CommandError::OutOfRange),
            ("jump 0 0 50 50 0 m1", CommandError::Malformed),
            ("jump 0 0 50 50 0 m-1 m2", CommandError::OutOfRange),
            ("mdirection 3", CommandError::Malformed),
            ("mon 1", CommandError::Malformed),
            ("setfps fast", CommandError::Malformed),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
    }

    #[test]
    fn values_by_name_make_the_same_command() {
        let go = entry("go").expect("listed");
        let given = |pad: Option<i32>| {
            move |parameter: &Parameter| match parameter.name {
                "x" => Some(100),
                "y" => Some(0),
                "z" => Some(-50),
                "speed" => Some(30),
                _ => pad,
            }
        };
        let plain = go.with(given(None)).expect("good");
        assert_eq!(
            (plain.to_string().as_str(), plain.since_sdk()),
            ("go 100 0 -50 30", 1)
        );
        let padded = go.with(given(Some(3))).expect("good");
        assert_eq!(
            (padded.to_string().as_str(), padded.since_sdk()),
            ("go 100 0 -50 30 m3", 2)
        );
        let any = go.with(given(Some(-2))).expect("good");
        assert_eq!((any.since_sdk(), any.pad()), (3, Some(-2)));
        assert_eq!(go.with(given(Some(0))).map_err(|at| at.name), Err("pad"));
        assert_eq!(go.with(|_| None).map_err(|at| at.name), Err("x"));
        assert_eq!(padded.value("z"), Some(-50));
        assert_eq!(plain.value("pad"), None);
    }

    #[test]
    fn choices_are_known_by_their_names() {
        let flip = entry("flip").expect("listed").parameters[0].kind;
        assert_eq!(
            (flip.of_name("forward"), flip.of_name("f")),
            (Some(2), Some(2))
        );
        assert_eq!(flip.of_name("up"), None);
        assert_eq!(Kind::Pad { any: true }.of_name("m-2"), Some(-2));
        assert!(flip.to_string().contains("left, right"));
    }

    #[test]
    fn the_table_is_sound() {
        for (index, entry) in COMMANDS.iter().enumerate() {
            assert!(entry.parameters.len() <= MAX_PARAMETERS, "{}", entry.word);
            let mandatory = entry.parameters.iter().rev().skip(1);
            assert!(
                mandatory.clone().all(|parameter| !parameter.optional),
                "{}",
                entry.word
            );
            assert!((1..=3).contains(&entry.since_sdk) && !entry.about.is_empty());
            assert!(
                COMMANDS[..index]
                    .iter()
                    .all(|other| other.word != entry.word)
            );
        }
    }
}
