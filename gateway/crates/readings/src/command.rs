//! A command as a wish: an id, and what has come of it so far.
//!
//! The id is given when somebody wishes, and stays the same in the answer, in every
//! event and in the subject of the audit's record. What a drone can be told is its protocol's to say: here a
//! command is its words. Pure; shared by every kind of vehicle.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Serialize, Serializer};

/// One run of the gateway: sequences and ids count within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BootId(pub u64);

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for BootId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Names one command for ever: the run it was given in, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommandId {
    boot: BootId,
    number: u64,
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.boot, self.number)
    }
}

impl Serialize for CommandId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is no command's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a command's id is 16 hexadecimal digits, a hyphen and a number")]
pub struct NotACommandId;

impl FromStr for CommandId {
    type Err = NotACommandId;

    fn from_str(text: &str) -> Result<CommandId, NotACommandId> {
        let parsed = || {
            let (boot, number) = text.split_once('-')?;
            let id = CommandId {
                boot: BootId(u64::from_str_radix(boot, 16).ok()?),
                number: number.parse().ok()?,
            };
            // One way to write each: `+1` and leading zeros are parsed, too.
            (id.to_string() == text).then_some(id)
        };
        parsed().ok_or(NotACommandId)
    }
}

/// Gives ids; clones share the count.
#[derive(Clone, Debug)]
pub struct CommandIds {
    boot: BootId,
    next: Arc<AtomicU64>,
}

impl CommandIds {
    /// Ids of this run.
    #[must_use]
    pub fn new(boot: BootId) -> CommandIds {
        CommandIds {
            boot,
            next: Arc::new(AtomicU64::new(1)),
        }
    }

    /// An id that no other command has.
    #[must_use]
    pub fn next(&self) -> CommandId {
        CommandId {
            boot: self.boot,
            number: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// How far a command has come. The last four are ends; so is `Sent` of a command that
/// is never answered, and `Answered` of one whose effect no state can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// Taken; it waits for its turn.
    Queued,
    /// On its way to the drone.
    Sent,
    /// The drone replied that it has done it, or what was asked.
    Answered,
    /// The drone's state shows that it is done.
    Confirmed,
    /// Sent, and neither a reply nor the state says in time whether it was done.
    Unconfirmed,
    /// Not done: the gateway or the drone said no, and why.
    Refused,
    /// Not done: another command came in between, or the drone was disconnected.
    Overtaken,
}

impl CommandState {
    /// Every one, in the order in which a command goes through them.
    pub const ALL: [CommandState; 7] = [
        CommandState::Queued,
        CommandState::Sent,
        CommandState::Answered,
        CommandState::Confirmed,
        CommandState::Unconfirmed,
        CommandState::Refused,
        CommandState::Overtaken,
    ];

    /// Its name in events and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CommandState::Queued => "queued",
            CommandState::Sent => "sent",
            CommandState::Answered => "answered",
            CommandState::Confirmed => "confirmed",
            CommandState::Unconfirmed => "unconfirmed",
            CommandState::Refused => "refused",
            CommandState::Overtaken => "overtaken",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_and_nothing_else_is_one() {
        let ids = CommandIds::new(BootId(0x3f9a));
        let (first, second) = (ids.next(), ids.clone().next());
        assert_eq!(first.to_string(), "0000000000003f9a-1");
        assert_ne!(first, second);
        assert_eq!(first.to_string().parse(), Ok(first));
        for text in [
            "",
            "1",
            "-",
            "3f9a-1",
            "0000000000003f9a-+1",
            "0000000000003F9A-1",
        ] {
            assert_eq!(text.parse::<CommandId>(), Err(NotACommandId), "{text}");
        }
    }

    #[test]
    fn names_are_what_is_serialised() {
        for state in CommandState::ALL {
            let text = serde_json::to_string(&state).expect("JSON");
            assert_eq!(text, format!("\"{}\"", state.name()));
        }
    }
}
