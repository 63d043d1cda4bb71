//! Down-commands: land, stop and emergency. Sent at once, whatever waits, and
//! repeated until the drone's state shows what they ask for.
//!
//! A drone's replies carry no number, and one that is told to land in the middle
//! of a move answers for the move. So no reply ends a down-command well; state
//! does. Replies say only what to try next. Pure: takes `now`, says what to send.
//!
//! What must never happen: that a down-command waits behind another, that one
//! outlives a later take-off, or that `stop` ends a landing that is under way.

use std::time::Duration;

use heapless::Vec;
use readings::clock::Mono;
use tello::command::Command;
use tello::reply::Reply;

use super::outputs::{MAX_JOINED, Output, Outputs, put};
use super::replies::is_busy;
use super::snapshot::Snapshot;
use crate::sources::vehicles::Outcome;

/// How often an active down-command looks at the drone: once a state.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Between landings that are neither refused nor seen to sink. A captured one
/// began within a second.
const LAND_APART: Duration = Duration::from_secs(2);

/// Until a landing that was refused is tried again where `stop` does not help.
const LAND_AGAIN: Duration = Duration::from_secs(1);

/// A landing asked of a drone that is busy was perhaps taken already, and the
/// refusal is that of its copy: this long it may take to be seen to sink.
const SINKING_SHOWS: Duration = Duration::from_millis(500);

/// Between the `stop` and the landing that follows it.
const STOP_SETTLES: Duration = Duration::from_millis(300);

/// Within this a landing is answered, done or not; it goes on all the same.
const LAND_ANSWERED: Duration = Duration::from_secs(30);

/// `stop` is repeated this often, until the drone stands still or this is over.
const STOP_APART: Duration = Duration::from_millis(500);
const STOP_FOR: Duration = Duration::from_secs(3);

/// Stillness takes three states; a drone that is not still after those moves.
const STILL_SHOWS: Duration = Duration::from_millis(400);
/// By then a manoeuvre that was sent just before the `stop` is seen to move (captured:
/// 0.3 to 0.46 s after a move, 0.74 s after a take-off).
const MOVE_SHOWS: Duration = Duration::from_millis(1_500);

/// `emergency` is never answered, so it is sent this often within a second.
const EMERGENCY_SENDS: u32 = 5;
const EMERGENCY_APART: Duration = Duration::from_millis(200);

/// Within this an emergency is confirmed by standing motors, or is not.
const EMERGENCY_SHOWS: Duration = Duration::from_secs(5);

/// What brings a drone down or to a halt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Down {
    Land,
    Stop,
    Emergency,
}

impl Down {
    /// The down-command that `command` is, if it is one.
    pub(super) fn of(command: Command) -> Option<Down> {
        match command {
            Command::Land => Some(Down::Land),
            Command::Stop => Some(Down::Stop),
            Command::Emergency => Some(Down::Emergency),
            _ => None,
        }
    }

    const fn answered_within(self) -> Duration {
        match self {
            Down::Land => LAND_ANSWERED,
            Down::Stop => STOP_FOR,
            Down::Emergency => EMERGENCY_SHOWS,
        }
    }
}

/// What is believed of the drone, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Fresh states prove the ground.
    pub(super) grounded: bool,
    /// It is, or may be, in the air.
    pub(super) may_fly: bool,
}

/// One down-command under way.
#[derive(Debug)]
struct Active<T> {
    what: Down,
    began: Mono,
    /// Whom to tell.
    waiting: Vec<T, MAX_JOINED>,
    sends: u32,
    last_send: Mono,
    next_send: Mono,
    /// When `stop` goes out because the drone is busy and does not sink.
    stop_at: Option<Mono>,
    /// Whether a manoeuvre was under way when it was asked.
    in_manoeuvre: bool,
    /// Whether the drone was seen to move since.
    moved: bool,
    /// Whether its time for an answer is over.
    overdue: bool,
}

/// The down-commands of one drone: at most one is under way.
#[derive(Debug)]
pub(super) struct DownCommands<T> {
    active: Option<Active<T>>,
    looked: Mono,
    /// Whether the firmware said that it knows no `stop` (before SDK 2.0).
    stop_unknown: bool,
}

impl<T> DownCommands<T> {
    pub(super) fn new() -> DownCommands<T> {
        DownCommands {
            active: None,
            looked: Mono::ZERO,
            stop_unknown: false,
        }
    }

    /// The one under way.
    pub(super) fn active(&self) -> Option<Down> {
        self.active.as_ref().map(|active| active.what)
    }

    /// Whom the one under way is for; it was sent.
    pub(super) fn waiting(&mut self) -> impl Iterator<Item = &mut T> {
        let sent = self.active.as_mut().filter(|active| active.sends > 0);
        sent.into_iter()
            .flat_map(|active| active.waiting.iter_mut())
    }

    /// The system did not take what was just sent: it is tried again soon, and a drone that
    /// sinks for another reason holds nobody's wish back.
    pub(super) fn not_sent(&mut self) {
        if let Some(active) = &mut self.active
            && active.what == Down::Land
        {
            active.sends = active.sends.saturating_sub(1);
            active.retry_soon();
        }
    }

    /// Whether a landing was neither confirmed nor ended in its time.
    pub(super) fn is_overdue(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.overdue)
    }

    /// When [`DownCommands::look`] has something to do next.
    pub(super) fn wake_at(&self) -> Option<Mono> {
        self.active.as_ref().map(|_| self.looked.plus(LOOK_EVERY))
    }

    /// Takes a wish, and sends it.
    pub(super) fn begin(
        &mut self,
        what: Down,
        ticket: Option<T>,
        in_manoeuvre: bool,
        about: &Snapshot,
        outputs: &mut Outputs<T>,
    ) {
        let now = about.now;
        let cuts =
            |active: &Active<T>| active.what == Down::Emergency && active.sends < EMERGENCY_SENDS;
        if what != Down::Emergency && self.active.as_ref().is_some_and(cuts) {
            // The motors are being cut; nothing milder comes in between.
            if let Some(ticket) = ticket {
                put(outputs, Output::Finish(ticket, Outcome::Superseded));
            }
            return;
        }
        if self.active() != Some(what) {
            self.cancel(&Outcome::Superseded, outputs);
        }
        let mut active = self.active.take().unwrap_or_else(|| Active {
            what,
            began: now,
            waiting: Vec::new(),
            sends: 0,
            last_send: Mono::ZERO,
            next_send: now,
            stop_at: None,
            in_manoeuvre,
            moved: false,
            overdue: false,
        });
        active.join(ticket, outputs);
        if what != Down::Land {
            (active.began, active.sends) = (now, 0);
        }
        let sinks = what == Down::Land && active.sends > 0 && about.motion.sinks(now);
        if !sinks {
            active.next_send = now;
        }
        self.active = Some(active);
        self.send_due(about, outputs);
    }

    /// Takes what the drone says meanwhile: never the end of it, but a hint.
    pub(super) fn reply(
        &mut self,
        reply: &Reply<'_>,
        known: Known,
        about: &Snapshot,
        outputs: &mut Outputs<T>,
    ) {
        let Some(active) = &mut self.active else {
            return;
        };
        match (active.what, *reply) {
            (what, Reply::Text(text)) if text.starts_with("unknown command") => {
                self.stop_unknown = true;
                if what == Down::Stop {
                    active.next_send = about.now;
                    self.send_due(about, outputs);
                }
            }
            (Down::Land, Reply::Error(words)) if !known.may_fly && !is_busy(words) => {
                // It stands, says the drone; its states would have said otherwise.
                let words = if words.is_empty() { "error" } else { words };
                self.cancel(&Outcome::Refused(words.to_owned()), outputs);
            }
            (Down::Land, Reply::Error(words)) if words.is_empty() || is_busy(words) => {
                let wait = if active.in_manoeuvre && active.sends == 1 {
                    Duration::ZERO
                } else {
                    SINKING_SHOWS
                };
                active.stop_at.get_or_insert(about.now.plus(wait));
                active.retry_soon();
                self.send_due(about, outputs);
            }
            (Down::Land, Reply::Error(_)) => active.retry_soon(),
            _ => {}
        }
    }

    /// Lets time pass: ends what the state shows to be done, repeats the rest.
    pub(super) fn look(&mut self, known: Known, about: &Snapshot, outputs: &mut Outputs<T>) {
        self.looked = about.now;
        let Some(active) = &mut self.active else {
            return;
        };
        let is_done = match active.what {
            Down::Land => known.grounded,
            Down::Stop => {
                // A move that was just sent shows after some 0.4 s, a take-off after 0.8:
                // until then stillness is that of before.
                let moves = !about.motion.stands_still(active.began);
                active.moved |= moves && about.now.since(active.began) >= STILL_SHOWS;
                let has_begun = !active.in_manoeuvre
                    || active.moved
                    || about.now.since(active.began) >= MOVE_SHOWS;
                about.is_fresh() && !moves && has_begun
            }
            Down::Emergency => about.is_fresh() && about.motion.proves_ground(active.began),
        };
        if is_done {
            return self.cancel(&Outcome::Done, outputs);
        }
        if about.now.since(active.began) >= active.what.answered_within() {
            active.tell(&Outcome::Unconfirmed, outputs);
            active.overdue = true;
            // A landing goes on for as long as the drone may be in the air.
            if active.what != Down::Land || !known.may_fly {
                self.active = None;
                return;
            }
        }
        self.send_due(about, outputs);
    }

    /// Ends the one under way with that outcome.
    pub(super) fn cancel(&mut self, outcome: &Outcome, outputs: &mut Outputs<T>) {
        if let Some(mut active) = self.active.take() {
            active.tell(outcome, outputs);
        }
    }

    fn send_due(&mut self, about: &Snapshot, outputs: &mut Outputs<T>) {
        let Some(active) = &mut self.active else {
            return;
        };
        match active.what {
            Down::Land => active.land(self.stop_unknown, about, outputs),
            Down::Stop => active.stop(self.stop_unknown, about, outputs),
            Down::Emergency => active.cut_motors(about, outputs),
        }
    }
}

impl<T> Active<T> {
    fn join(&mut self, ticket: Option<T>, outputs: &mut Outputs<T>) {
        let Some(ticket) = ticket else { return };
        if self.waiting.is_full() {
            put(
                outputs,
                Output::Finish(self.waiting.remove(0), Outcome::Unconfirmed),
            );
        }
        // There is room, as was just seen to.
        let _ = self.waiting.push(ticket);
    }

    fn tell(&mut self, outcome: &Outcome, outputs: &mut Outputs<T>) {
        while let Some(ticket) = self.waiting.pop() {
            put(outputs, Output::Finish(ticket, outcome.clone()));
        }
    }

    fn send(&mut self, command: Command, again: Duration, now: Mono, outputs: &mut Outputs<T>) {
        put(outputs, Output::Send(command));
        self.sends = self.sends.saturating_add(1);
        (self.last_send, self.next_send) = (now, now.plus(again));
    }

    /// A refused landing is tried again sooner than one that was not answered; by
    /// its own time, so that replies in a row cannot put it off.
    fn retry_soon(&mut self) {
        self.next_send = self.next_send.min(self.last_send.plus(LAND_AGAIN));
    }

    fn land(&mut self, stop_unknown: bool, about: &Snapshot, outputs: &mut Outputs<T>) {
        let now = about.now;
        let comes_down = about.is_fresh() && (about.motion.sinks(now) || about.motion.is_low());
        if self.stop_at.is_some_and(|at| now >= at) {
            self.stop_at = None;
            // Once down, `stop` would only keep it from the ground.
            if !comes_down && !stop_unknown {
                put(outputs, Output::Send(Command::Stop));
                self.next_send = now.plus(STOP_SETTLES);
            }
        }
        if now < self.next_send {
            return;
        }
        // (`h` drifts: what is taken for sinking must not hold a lost landing back for long.)
        let is_new = now.since(self.last_send) < 2 * LAND_APART;
        if about.is_fresh() && about.motion.sinks(now) && self.sends > 0 && is_new {
            self.next_send = now.plus(LAND_AGAIN);
        } else {
            self.send(Command::Land, LAND_APART, now, outputs);
        }
    }

    /// Firmware before SDK 2.0 knows no `stop`: letting go of the sticks also
    /// hovers, but does not end a move that is under way.
    fn stop(&mut self, stop_unknown: bool, about: &Snapshot, outputs: &mut Outputs<T>) {
        if stop_unknown && self.in_manoeuvre {
            self.tell(&Outcome::CannotStop, outputs);
        }
        if about.now >= self.next_send {
            let command = if stop_unknown {
                Command::Rc([0; 4])
            } else {
                Command::Stop
            };
            self.send(command, STOP_APART, about.now, outputs);
        }
    }

    fn cut_motors(&mut self, about: &Snapshot, outputs: &mut Outputs<T>) {
        if about.now >= self.next_send && self.sends < EMERGENCY_SENDS {
            self.send(Command::Emergency, EMERGENCY_APART, about.now, outputs);
        }
    }
}
