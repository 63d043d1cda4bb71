//! Sticks: what a thumb asks for, as long as it is fresh, and that a drone stands still after.
//!
//! `rc` is never answered, and a drone goes on with the last one it heard: a zero that is
//! lost is a drone that flies away. So a frame counts for a moment only; after it zero is
//! sent until the drone is seen to stand still, for a second at most, and then nothing:
//! nothing is sent into the dark. Limits scale what is asked: near a ceiling up fades to
//! nothing, above it down is sent; what leads down is never made less. The newest frame
//! counts, none waits. Pure: takes `now`, says what to send, allocates nothing.

use std::time::Duration;

use readings::clock::Mono;

use super::super::motion::Motion;

/// Sticks as the SDK has them: roll, pitch, throttle, yaw, each −100 to 100.
pub(super) type Axes = [i8; 4];

/// Sticks that ask for nothing.
pub(super) const CENTRED: Axes = [0; 4];

/// Which of the axes is up and down.
const THROTTLE: usize = 2;

/// Age of a frame from which on it is a lifted thumb: nine frames of 30 Hz.
const FRAME_COUNTS_FOR: Duration = Duration::from_millis(300);

/// Age of a state from which on nothing but zero is sent: what is not seen is not steered.
const STATE_COUNTS_FOR: Duration = Duration::from_millis(500);

/// Between two zeros, and between two sends of one frame: any of them may be lost.
const AGAIN: Duration = Duration::from_millis(100);

/// Least time between two sends, 30 Hz: who sends more has the newest of them flown.
const LEAST_GAP: Duration = Duration::from_millis(33);

/// How long zero is sent at most.
const BRAKES_FOR: Duration = Duration::from_secs(1);

/// Time without a frame that ends the mode.
const ENDS_AFTER: Duration = Duration::from_secs(1);

/// How far below a ceiling up begins to fade, in cm: what a drone climbs by within a state
/// and the time that it takes to stop.
const FADES_OVER_CM: i32 = 100;

/// How hard a drone above its ceiling is brought down again, and what more each metre
/// over it makes of that; gentle, since a sensor may jump.
const BACK_DOWN: i32 = 20;
const BACK_DOWN_AT_MOST: i32 = 50;

/// What is seen of the drone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) now: Mono,
    pub(super) motion: &'a Motion,
    /// How high it is over its take-off point; none: it does not say.
    pub(super) height_cm: Option<i32>,
    /// How high it may be.
    pub(super) ceiling_cm: i32,
}

impl Seen<'_> {
    fn is_dark(&self) -> bool {
        !self.motion.is_fresh(self.now, STATE_COUNTS_FOR)
    }
}

/// The newest frame.
#[derive(Clone, Copy, Debug)]
struct Held {
    axes: Axes,
    at: Mono,
}

/// Zeros that are sent.
#[derive(Clone, Copy, Debug)]
struct Brake {
    since: Mono,
    next: Mono,
    /// How it went, once it stands or the time for it is over.
    over: Option<Ended>,
}

/// How a mode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The drone was seen to stand.
    Stood,
    /// It was not, in the time for it.
    Unseen,
    /// Something else flies it.
    Replaced,
}

/// The sticks of one drone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sticks {
    held: Option<Held>,
    brake: Option<Brake>,
    /// When anything was last sent, and whether the newest frame was.
    sent_at: Option<Mono>,
    is_sent: bool,
    /// Since when nobody flies by sticks before control is taken anew.
    blocked_at: Option<Mono>,
    /// How the mode ended, until that is asked.
    ended: Option<Ended>,
}

impl Sticks {
    /// Whether somebody flies by sticks.
    pub(super) fn is_on(&self) -> bool {
        self.held.is_some()
    }

    /// Whether the drone may move by them still: somebody holds them, or they are being centred.
    pub(super) fn moves(&self) -> bool {
        self.held.is_some() || self.brake.is_some_and(|brake| brake.over.is_none())
    }

    /// Takes the newest frame, which came in at `at`; who sent it was admitted.
    pub(super) fn take(&mut self, axes: Axes, at: Mono) {
        self.held = Some(Held { axes, at });
        self.is_sent = false;
    }

    /// Whether control that was taken at `begun` may fly by sticks: not if the drone was
    /// told down since.
    pub(super) fn may_fly(&self, begun: Mono) -> bool {
        self.blocked_at.is_none_or(|blocked| begun > blocked)
    }

    /// The drone is told down, or comes down: what the thumbs say does not count before a
    /// person takes control anew.
    pub(super) fn block(&mut self, now: Mono) {
        self.blocked_at = Some(now);
        self.end();
    }

    /// Something else flies it now.
    pub(super) fn end(&mut self) {
        let brakes = self.brake.take().is_some_and(|brake| brake.over.is_none());
        if self.held.take().is_some() || brakes {
            self.ended = Some(Ended::Replaced);
        }
    }

    /// It is to stop where it is: zeros go beside the order to, which old firmware does
    /// not know.
    pub(super) fn stop(&mut self, now: Mono) {
        let moves = self.held.is_some() || self.brake.is_some();
        self.block(now);
        self.brake = moves.then_some(Brake {
            since: now,
            next: now.plus(AGAIN),
            over: None,
        });
    }

    /// Whoever holds them may not any more: zeros go, as after a thumb is lifted.
    pub(super) fn let_go(&mut self, now: Mono) {
        self.end();
        self.brake = Some(Brake {
            since: now,
            next: now,
            over: None,
        });
    }

    /// How the mode ended, if it did since the last call.
    pub(super) fn take_ended(&mut self) -> Option<Ended> {
        self.ended.take()
    }

    /// When there is something to send next, at the latest.
    pub(super) fn wake_at(&self) -> Option<Mono> {
        let brake = self.brake.filter(|brake| brake.over.is_none());
        let braking = brake.map(|brake| brake.next);
        let held = self.held.map(|held| {
            let stale = held.at.plus(FRAME_COUNTS_FOR);
            let again = self.sent_at.map_or(held.at, |sent| {
                sent.plus(if self.is_sent { AGAIN } else { LEAST_GAP })
            });
            match self.brake {
                // It brakes: what is left is the end of the mode.
                Some(_) => held.at.plus(ENDS_AFTER),
                None => again.min(stale),
            }
        });
        [braking, held].into_iter().flatten().min()
    }

    /// What is to be sent now.
    pub(super) fn due(&mut self, seen: &Seen<'_>) -> Option<Axes> {
        let now = seen.now;
        let age = self.held.map(|held| now.since(held.at));
        if age.is_some_and(|age| age >= ENDS_AFTER) {
            self.held = None;
            // One that still brakes ends with that.
            self.ended = match self.brake {
                None => Some(Ended::Unseen),
                Some(brake) => brake.over,
            };
        }
        match self.held {
            Some(held) if now.since(held.at) < FRAME_COUNTS_FOR && !seen.is_dark() => {
                self.brake = None;
                let gap = if self.is_sent { AGAIN } else { LEAST_GAP };
                if self.sent_at.is_some_and(|sent| now.since(sent) < gap) {
                    return None;
                }
                (self.is_sent, self.sent_at) = (true, Some(now));
                Some(within(held.axes, seen))
            }
            Some(_) => {
                self.brake.get_or_insert(Brake {
                    since: now,
                    next: now,
                    over: None,
                });
                self.zero(seen)
            }
            None => self.zero(seen),
        }
    }

    /// The next zero, while it brakes.
    fn zero(&mut self, seen: &Seen<'_>) -> Option<Axes> {
        let now = seen.now;
        let brake = self.brake.as_mut().filter(|brake| brake.over.is_none())?;
        // One that stands before it could have heard a zero was seen too early.
        let stands = now > brake.since && seen.motion.stands_still(brake.since);
        if stands || now.since(brake.since) >= BRAKES_FOR {
            let how = if stands { Ended::Stood } else { Ended::Unseen };
            brake.over = Some(how);
            if self.held.is_none() {
                self.ended = Some(how);
            }
            return None;
        }
        if now < brake.next {
            return None;
        }
        brake.next = now.plus(AGAIN);
        self.sent_at = Some(now);
        Some(CENTRED)
    }
}

/// What of the axes the limits leave.
fn within(mut axes: Axes, seen: &Seen<'_>) -> Axes {
    let asked = i32::from(axes[THROTTLE]);
    let below_cm = seen.height_cm.map(|height_cm| seen.ceiling_cm - height_cm);
    let allowed = match below_cm {
        // A drone that does not say how high it is goes no higher.
        None => asked.min(0),
        Some(below_cm) if below_cm < 0 => {
            let back = (BACK_DOWN - below_cm * BACK_DOWN / 100).min(BACK_DOWN_AT_MOST);
            asked.min(-back)
        }
        Some(below_cm) if asked > 0 => asked * below_cm.min(FADES_OVER_CM) / FADES_OVER_CM,
        Some(_) => asked,
    };
    // Never more than was asked upwards, never beyond what the SDK takes.
    axes[THROTTLE] = allowed.clamp(-100, 100) as i8;
    axes
}

#[cfg(test)]
#[path = "sticks_tests.rs"]
mod tests;
