//! What is wished of a drone, by whom, and what comes of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use access::SessionId;
use readings::command::CommandId;
use tello::path::PathError;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::drone_words::explained;

/// Highest point a drone is sent to, in cm over its take-off point.
pub(crate) const CEILING_CM: i32 = 1_000;

/// A target that is the same wherever the drone is when its turn comes: what leads there
/// is worked out when the command leaves, from the state of then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// So many cm over the take-off point.
    Altitude(i32),
    /// That heading, in degrees clockwise.
    Heading(i32),
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Aim::Altitude(cm) => write!(f, "altitude {cm}"),
            Aim::Heading(deg) => write!(f, "heading {deg}"),
        }
    }
}

/// Shortest and longest way of one move, in cm: what the SDK takes.
pub(crate) const MIN_MOVE_CM: i32 = 20;
pub(crate) const MAX_MOVE_CM: i32 = 500;

/// Why a command is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Nobody connected it, or it was never heard.
    #[error("the drone is not connected")]
    NotConnected,
    /// It should be heard and is not.
    #[error("the drone is lost: {0}")]
    Lost(String),
    /// It is not on the ground.
    #[error(
        "the drone is not on the ground at rest, or nothing proves it: land it (`motoroff` stops motors that idle), and wait \
         until it is shown as landed"
    )]
    NotOnGround,
    /// It may be in the air, and its state does not arrive.
    #[error(
        "the drone's state does not arrive: only land, stop and emergency are sent to a drone that may be in the air"
    )]
    NotSeen,
    /// It refused a move because it is busy, and will go on doing so.
    #[error("the drone is busy with an earlier move; try again when that is over")]
    Busy,
    /// Another has control of it.
    #[error("{0} has control of the drone: take control first; land, stop and emergency need none")]
    Controlled(Arc<str>),
    /// Nobody has control of it, which this needs.
    #[error("this needs control of the drone, which nobody has: take control first")]
    NoControl,
    /// It was told down since control was taken.
    #[error("the drone was told down, or came down: take control anew to fly it by sticks again")]
    ControlAnew,
    /// It is another drone than the one that is meant.
    #[error("{0}")]
    Mistaken(Arc<str>),
    /// It was told to restart, and was not heard again since.
    #[error("the drone restarts, as it was told: wait until it is heard again")]
    Restarts,
    /// It is not in the air.
    #[error("the drone is not airborne")]
    NotAirborne,
    /// Its SDK does not know the command.
    #[error(
        "this needs SDK {needs}.0, and the drone said that it has {}: update it in the maker's app; \
         a plain Tello stays at SDK 1.3, an EDU at 2.0",
        sdk(*.found)
    )]
    NotInSdk {
        /// Major version that knows it.
        needs: u8,
        /// Major version that was found.
        found: u8,
    },
    /// It said that it knows no such command.
    #[error(
        "the drone said before that its firmware does not know this command; it is asked again \
         after it was switched off and on"
    )]
    NotInFirmware,
    /// It lies on its back or its side.
    #[error("the drone lies on its back: set it upright, look at its propellers, then take off")]
    UpsideDown,
    /// Its state does not say what the command needs.
    #[error("the drone does not say its {0}, so that this cannot be judged")]
    NotSaid(&'static str),
    /// One move does not lead there.
    #[error(
        "the target is {distance_cm} cm away: one move is {MAX_MOVE_CM} cm at most; \
         go there in several"
    )]
    TooFar {
        /// How far it is.
        distance_cm: i32,
    },
    /// Its battery is under the limit for a take-off.
    #[error(
        "battery too low for a take-off: {battery_pct} %, at least {least_pct} % is required; \
         charge it, or change drones.takeoff_battery_pct"
    )]
    BatteryLow {
        /// Its charge.
        battery_pct: u8,
        /// The configured limit.
        least_pct: u8,
    },
    /// The move would leave the space drones may fly in.
    #[error(
        "target out of bounds: {height_cm} cm is outside 0 to {CEILING_CM} cm over the \
         take-off point, which is fixed; ask for less"
    )]
    OutOfBounds {
        /// Where it would end.
        height_cm: i32,
    },
    /// The move would end above a limit that was set.
    #[error(
        "over the height limit: up {asked_cm} cm would end at {height_cm} cm, and \
         drones.limits.land_height_cm is {limit_cm} cm; ask for less, or have the limit changed \
         in the configuration"
    )]
    OverHeight {
        /// How far up it would go.
        asked_cm: i32,
        /// Where it would end.
        height_cm: i32,
        /// The limit.
        limit_cm: u16,
    },
    /// The battery would not last for the whole way.
    #[error(
        "the battery does not last for this way: {battery_pct} %, and it is landed at {least_pct} %; \
         ask for less, or fly it faster"
    )]
    BatteryShort {
        /// Its charge.
        battery_pct: u8,
        /// At which it is landed.
        least_pct: u8,
    },
    /// Its circle passes where the drone is over the pad, which it does not say.
    #[error(
        "a curve over a mission pad can be judged only while that pad is seen{}: fly over it first \
         (`go` with its number), and look for pads (`mon`)",
        pad_words(*.0)
    )]
    PadUnseen(i32),
    /// It is no path that the drone flies.
    #[error("{0}")]
    NoPath(PathError),
    /// The way would lead farther from the pad than was set.
    #[error(
        "too far from the mission pad: it would lead {reach_cm} cm away, and \
         drones.limits.pad_distance_cm is {limit_cm} cm; ask for less, or go to a point over the pad"
    )]
    FarFromPad {
        /// How far it may lead.
        reach_cm: u32,
        /// The limit.
        limit_cm: u16,
    },
    /// Something that is not the drone's own keeps it on the ground.
    #[error("no take-off: {0}")]
    Held(Arc<str>),
    /// The gateway did nothing for so long: who asked may have given up since.
    #[error(
        "the gateway stood still for {:.1} s, and this may have been asked before that: ask again; \
         land, stop and emergency are taken at any time",
        *.for_ms as f64 / 1_000.0
    )]
    StoodStill {
        /// How long it stood still.
        for_ms: u64,
    },
    /// An emergency stop is engaged, and it is in the air.
    #[error("the drone is not flown on, only land, stop and emergency are sent: {0}")]
    Stopped(Arc<str>),
    /// Too many commands wait already.
    #[error("too many commands wait for this drone; try again when some are done")]
    Full,
    /// The drone's task has ended: the gateway stops, or that task failed and is begun again.
    #[error(
        "the task of this drone has ended; unless the gateway stops it is begun again in a moment, and the log says why"
    )]
    Stopping,
}

/// A major version of the SDK, as people know it.
/// ` (pad 3)`; nothing where any pad will do.
fn pad_words(pad: i32) -> String {
    match pad {
        1.. => format!(" (pad {pad})"),
        _ => String::new(),
    }
}

fn sdk(major: u8) -> String {
    match major {
        // The first that was published, and the last of that line.
        0 | 1 => "SDK 1.3".to_owned(),
        major => format!("SDK {major}.0"),
    }
}

/// Who commands a drone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Tells operators apart; never shown. The digest of a key, or a fixed word.
    pub id: Arc<str>,
    /// Name for people.
    pub name: Arc<str>,
    /// The session on a socket that the wish belongs to; none: nobody can say when who
    /// wished it is gone.
    pub session: Option<SessionId>,
}

/// Who gives what the gateway does by itself.
pub(crate) const GATEWAY: &str = "gateway";

impl Operator {
    /// The gateway itself.
    #[must_use]
    pub fn gateway() -> Operator {
        Operator {
            id: GATEWAY.into(),
            name: GATEWAY.into(),
            session: None,
        }
    }
}

/// A command that the gateway gives by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnWish {
    /// Why, in words.
    pub why: Arc<str>,
    /// The id under which it was announced, if it was.
    pub announced: Option<CommandId>,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The drone said `ok`, and a manoeuvre is over; or its state shows that a
    /// down-command did what it should.
    Done,
    /// It answered the question.
    Answer(String),
    /// Sent; this command is never answered.
    Sent,
    /// It refused, in its words.
    Refused(String),
    /// No reply in time. A movement may have been carried out all the same.
    NoReply,
    /// Sent, and the drone's state does not show it in time.
    Unconfirmed,
    /// Its firmware knows no `stop`: a move under way is flown to its end.
    CannotStop,
    /// Another command came in between, or the drone was disconnected.
    Superseded,
    /// A command before it failed, so that this one would start elsewhere.
    Dropped,
    /// Its turn did not come in time; it was not sent.
    Stale,
    /// It was not sent: when its turn came, it made no sense any more.
    Forbidden(Refusal),
    /// It was not sent: the system did not take it, for the reason given.
    Unsent(String),
}

impl Outcome {
    /// Why it is not what was wished, in words; none where it is.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        Some(match self {
            Outcome::Done | Outcome::Answer(_) | Outcome::Sent => return None,
            Outcome::Refused(words) => format!("the drone refused: {}", explained(words)),
            Outcome::NoReply => {
                "no reply in time; it may have been carried out all the same".to_owned()
            }
            Outcome::Unconfirmed => "the drone's state does not show it".to_owned(),
            Outcome::CannotStop => "the drone knows no `stop`".to_owned(),
            Outcome::Superseded => {
                "another command came in between, or the drone was disconnected".to_owned()
            }
            Outcome::Dropped => "a command before it failed".to_owned(),
            Outcome::Stale => "its turn did not come in time; it was not sent".to_owned(),
            Outcome::Forbidden(why) => format!("it was not sent: {why}"),
            Outcome::Unsent(error) => {
                format!("the gateway could not send it: {error}; look at the network of the drone")
            }
        })
    }
}

/// A command that was taken; what comes of it is told later.
#[derive(Debug)]
pub struct Pending {
    id: CommandId,
    outcome: oneshot::Receiver<Outcome>,
}

impl Pending {
    /// The command `id`, whose outcome comes by `outcome`.
    #[must_use]
    pub fn new(id: CommandId, outcome: oneshot::Receiver<Outcome>) -> Pending {
        Pending { id, outcome }
    }

    /// Its id, in events and the list of commands.
    #[must_use]
    pub fn id(&self) -> CommandId {
        self.id
    }

    /// What came of it within `patience`; `None` while it is under way.
    pub async fn settled_within(&mut self, patience: Duration) -> Option<Outcome> {
        match timeout(patience, &mut self.outcome).await {
            Ok(outcome) => Some(outcome.unwrap_or(Outcome::Superseded)),
            Err(_) => None,
        }
    }

    /// What came of it. Every command has a time-out, so this ends.
    pub async fn settled(self) -> Outcome {
        self.outcome.await.unwrap_or(Outcome::Superseded)
    }
}

/// There is no drone of that id.
#[derive(Debug, Error)]
#[error("Drone not found: {0}")]
pub struct UnknownDrone(pub String);

/// Why a drone could not be connected.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// There is none of that id.
    #[error(transparent)]
    Unknown(#[from] UnknownDrone),
    /// It is connected.
    #[error("Drone is already connected: {0}")]
    Already(String),
    /// Its state did not arrive in time.
    #[error("Drone {id} cannot be reached: {reason}")]
    Unreachable {
        /// The drone.
        id: String,
        /// Why, in words.
        reason: String,
    },
}

/// Why a command was not taken.
#[derive(Debug, Error)]
pub enum CommandError {
    /// There is no such drone.
    #[error(transparent)]
    Unknown(#[from] UnknownDrone),
    /// It makes no sense now.
    #[error("{why}")]
    Refused {
        /// Its id all the same, in events and the list of commands.
        id: CommandId,
        /// Why not.
        why: Refusal,
    },
}
