//! Which way a command flies: straight moves, paths, and what is counted from a pad.

use tello::catalog::{Course, Effect, Listed};
use tello::command::{Command, Direction};
use tello::path;

use super::Firmware;
use crate::body::Manoeuvre;
use crate::floor;

impl Firmware {
    /// Has it refuse the next manoeuvre that it would begin, as firmware does now and then.
    pub(crate) fn refuse_next(&mut self) {
        self.refuses_next = true;
    }

    /// Whether the firmware refuses the path: one that is no path, or over a pad that it
    /// does not see.
    pub(super) fn refuses(&self, listed: &Listed) -> bool {
        match self.pad_for(listed.pad()) {
            None if listed.over_pad() => true,
            Some(seen) => path::way(&listed.from_here(seen.position_cm.map(i32::from))).is_err(),
            None => path::way(listed).is_err(),
        }
    }

    /// The pad in sight that `wanted` names; −1 and −2 name whichever is.
    fn pad_for(&self, wanted: Option<i32>) -> Option<floor::Seen> {
        let seen = self.pads.then(|| floor::seen(&self.body)).flatten()?;
        wanted
            .is_none_or(|number| number < 0 || number == i32::from(seen.pad))
            .then_some(seen)
    }

    /// The manoeuvre of a path: its coordinates count from here, or from a pad.
    pub(super) fn towards(&self, listed: Listed) -> Manoeuvre {
        let over = listed.over_pad();
        let Some(seen) = over.then(|| self.pad_for(None)).flatten() else {
            return Manoeuvre::Path(listed);
        };
        if listed.curves_over_pad() {
            return Manoeuvre::Path(listed.from_here(seen.position_cm.map(i32::from)));
        }
        let value = |name| f64::from(listed.value(name).unwrap_or_default()) / 100.0;
        // The pads' arrows point where the drone looked when it started; the room's axes
        // are right, forward, up. A jump ends over the middle of its second pad.
        let (target, offset) = match listed.value("pad2").and_then(floor::place) {
            Some(second) => (second, [0.0, 0.0]),
            None => (seen.place_m, [-value("y"), value("x")]),
        };
        let here = self.body.position_m;
        Manoeuvre::To {
            by_m: [
                target[0] + offset[0] - here[0],
                target[1] + offset[1] - here[1],
                value("z") - here[2],
            ],
            speed_m_s: value("speed"),
        }
    }
}

/// The manoeuvre a command asks for, if it asks for one.
pub(super) fn manoeuvre(command: Command) -> Option<Manoeuvre> {
    let straight = |by_m| {
        Some(Manoeuvre::Move {
            by_m,
            speed_m_s: None,
        })
    };
    match command {
        Command::Takeoff => Some(Manoeuvre::Takeoff),
        Command::Land => Some(Manoeuvre::Land),
        Command::Listed(listed) => match listed.entry().effect {
            Effect::Flies(Course::Flip) => Some(Manoeuvre::Flip),
            Effect::Flies(_) => Some(Manoeuvre::Path(listed)),
            // Whoever throws it is not simulated: it rises by itself.
            Effect::TakesOff => Some(Manoeuvre::Takeoff),
            Effect::Sets | Effect::Idles(_) | Effect::Restarts => None,
        },
        Command::Rotate {
            clockwise,
            angle_deg,
        } => Some(Manoeuvre::Turn {
            by_deg: f64::from(angle_deg) * if clockwise { 1.0 } else { -1.0 },
        }),
        Command::Move {
            direction,
            distance_cm,
        } => {
            let by = f64::from(distance_cm) / 100.0;
            straight(match direction {
                Direction::Up => [0.0, 0.0, by],
                Direction::Down => [0.0, 0.0, -by],
                Direction::Left => [-by, 0.0, 0.0],
                Direction::Right => [by, 0.0, 0.0],
                Direction::Forward => [0.0, by, 0.0],
                Direction::Back => [0.0, -by, 0.0],
            })
        }
        _ => None,
    }
}
