//! How long a drone may take to answer each command. Pure figures.

use std::time::Duration;

use tello::catalog::{Confirmed, Course, Effect};
use tello::command::{Command, Query};

/// How long a reply may take, and how often the command may be sent; 0: it is
/// never answered.
pub(super) struct Patience {
    pub(super) timeout: Duration,
    pub(super) tries: u8,
}

/// From captured flights, with room to spare: a time-out must not come before
/// the reply does (`command` 29 ms, take-off 3.9–8.7 s, landing 1.7–4.2 s,
/// 50 cm 1.9–2.3 s, a failed `go` to a pad 15.2 s).
pub(super) fn patience(command: Command) -> Patience {
    let once = |seconds| Patience {
        timeout: Duration::from_secs(seconds),
        tries: 1,
    };
    match command {
        Command::Takeoff => once(15),
        // 20 cm/s is the slowest seen when no speed was set.
        Command::Move { distance_cm, .. } => once(6 + u64::from(distance_cm) / 20),
        Command::Rotate { angle_deg, .. } => once(6 + u64::from(angle_deg) / 30),
        // It waits to be thrown, and then rises.
        _ if command.takes_off() => once(20),
        Command::Listed(listed) if command.is_manoeuvre() => {
            let speed_cm_s = listed.value("speed").and_then(|cm| u64::try_from(cm).ok());
            let length_cm = command.way().map_or(0, |way| u64::from(way.length_cm));
            // A pad is looked for; a failed search took 15.2 s.
            let found = if listed.entry().effect == Effect::Flies(Course::Flip) {
                8
            } else {
                18
            };
            once(found + length_cm / speed_cm_s.unwrap_or(20).max(1))
        }
        Command::Listed(listed)
            if listed.entry().effect.changes().confirmed == Confirmed::State =>
        {
            Patience {
                timeout: Duration::ZERO,
                tries: 0,
            }
        }
        Command::Rc(_) | Command::Emergency => Patience {
            timeout: Duration::ZERO,
            tries: 0,
        },
        // A text that scrolls would begin anew, so it is sent once.
        Command::Extension(_) => once(2),
        // Asked of a drone at rest, and in nobody's way: a take-off may be waiting.
        Command::Read(Query::SerialNumber | Query::Sdk | Query::Hardware) => Patience {
            timeout: Duration::from_millis(500),
            tries: 1,
        },
        Command::Read(_) => Patience {
            timeout: Duration::from_secs(1),
            tries: 3,
        },
        // Setting the same thing twice changes nothing.
        _ => Patience {
            timeout: Duration::from_secs(2),
            tries: 2,
        },
    }
}
