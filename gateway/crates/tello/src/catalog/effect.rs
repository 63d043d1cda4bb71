//! What a command does to a drone: where it is, which way it looks, whether it flies, and
//! what says that it is done. One of these an entry, from which the rest follows.

/// The way a command flies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// In a line to `x`, `y`, `z`.
    Line,
    /// On the circle through here and two points.
    Arc,
    /// Over one pad, then over another.
    Jump,
    /// On the spot.
    Flip,
}

/// What a command does to the drone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It flies; needs the air.
    Flies(Course),
    /// It leaves the ground, or a hand.
    TakesOff,
    /// It sets something; the drone does not move.
    Sets,
    /// Its motors idle on the ground, or no more; needs the ground.
    Idles(bool),
    /// It starts anew; needs the ground.
    Restarts,
}

/// What says that a command is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The drone's `ok`, which comes when the motion is over.
    OkAfterIt,
    /// The drone's `ok`, which comes at once.
    OkAtOnce,
    /// Its states alone.
    State,
}

/// What a command leaves other than it found it, and what says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Where the drone is.
    pub position: bool,
    /// Which way it looks.
    pub heading: bool,
    /// Whether it lies, idles or flies: what it does then.
    pub phase: Option<&'static str>,
    /// What confirms it.
    pub confirmed: Confirmed,
}

impl Effect {
    /// What it changes.
    #[must_use]
    pub const fn changes(self) -> Changes {
        let (position, heading, phase, confirmed) = match self {
            Effect::Flies(Course::Line | Course::Arc) => (true, false, None, Confirmed::OkAfterIt),
            Effect::Flies(Course::Jump) => (true, true, None, Confirmed::OkAfterIt),
            Effect::Flies(Course::Flip) => (false, false, None, Confirmed::OkAfterIt),
            Effect::TakesOff => (true, false, Some("flies"), Confirmed::OkAfterIt),
            Effect::Sets => (false, false, None, Confirmed::OkAtOnce),
            Effect::Idles(true) => (false, false, Some("idles"), Confirmed::OkAtOnce),
            Effect::Idles(false) => (false, false, Some("rests"), Confirmed::OkAtOnce),
            Effect::Restarts => (false, false, Some("restarts"), Confirmed::State),
        };
        Changes {
            position,
            heading,
            phase,
            confirmed,
        }
    }
}
