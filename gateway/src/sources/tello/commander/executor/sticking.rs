//! Who may fly by sticks, and what leaves for them.
//!
//! A mode, from the first frame that is taken to a second without one, is reported as one
//! command: thirty a second would be no record of anything.

use std::time::Duration;

use tello::command::Command;

use super::super::StickFrame;
use super::super::down::Down;
use super::super::outputs::Outputs;
use super::super::snapshot::Snapshot;
use super::super::sticks::{CENTRED, Ended, Seen};
use super::{CommandExecutor, Outgoing, SINKING_TOLD_FOR};
use crate::sources::vehicles::{CEILING_CM, Operator, Outcome, Phase, Refusal, linked};
use readings::clock::Mono;

/// Between two of the last that is sent: long enough for another moment of the radio, and
/// too short for anybody to wait for.
const PARTING_GAP: Duration = Duration::from_millis(20);

impl CommandExecutor {
    /// Takes the newest frame, or not; why not is told once for as long as it stays so.
    pub(in super::super::super) fn take_sticks(
        &mut self,
        frame: StickFrame,
        about: &Snapshot,
    ) -> (Outgoing, Option<Refusal>) {
        let mut outputs = Outputs::new();
        self.see(about, &mut outputs);
        let mut out = self.carry_out(outputs, about);
        let told = match self.admit_sticks(&frame, about) {
            Ok(()) => {
                self.sticks_refused = None;
                self.begin_sticks(&frame, about);
                self.sticks.take(frame.axes, frame.at);
                None
            }
            Err(why) => (self.sticks_refused.as_ref() != Some(&why)).then(|| {
                let wish = self.reports.wish(Command::Rc(frame.axes), &frame.by);
                self.reports.refused(&wish, &why);
                self.sticks_refused = Some(why.clone());
                why
            }),
        };
        out.extend(self.move_sticks(about));
        (out, told)
    }

    fn admit_sticks(&self, frame: &StickFrame, about: &Snapshot) -> Result<(), Refusal> {
        self.is_of_now()?;
        linked(about.link, about.reason.as_deref())?;
        self.may_hold_sticks(&frame.by, about.now)?;
        match self.flight(about).phase {
            Phase::Flying => {}
            // Sticks would end it; they are for afterwards.
            Phase::TakingOff => return Err(Refusal::Busy),
            Phase::Landed | Phase::Idling | Phase::Landing => return Err(Refusal::NotAirborne),
        }
        if !about.is_fresh() {
            return Err(Refusal::NotSeen);
        }
        let is_busy =
            self.queue.in_manoeuvre(about.now) || self.queue.commands().any(Command::is_manoeuvre);
        (!is_busy).then_some(()).ok_or(Refusal::Busy)
    }

    /// Whether `by` is who flies this drone by sticks, and it is the one that is meant.
    fn may_hold_sticks(&self, by: &Operator, now: Mono) -> Result<(), Refusal> {
        if let Some(why) = &self.mistaken {
            return Err(Refusal::Mistaken(why.clone()));
        }
        if let Some(why) = self.takeoff.stopped() {
            return Err(Refusal::Stopped(why));
        }
        let control = self.controls.of(&self.drone, now);
        let control = control.ok_or(Refusal::NoControl)?;
        if control.by.session != by.session {
            return Err(Refusal::Controlled(control.by.name));
        }
        let is_anew = self.sticks.may_fly(control.begun);
        is_anew.then_some(()).ok_or(Refusal::ControlAnew)
    }

    fn begin_sticks(&mut self, frame: &StickFrame, about: &Snapshot) {
        let is_his = |by: &Operator| by.session == frame.by.session;
        if self.sticks_wish.is_some() && self.sticks_by.as_ref().is_some_and(is_his) {
            return;
        }
        if let Some(before) = self.sticks_wish.take() {
            self.reports.ended(before, &Outcome::Superseded);
        }
        let mut wish = self.reports.wish(Command::Rc(frame.axes), &frame.by);
        self.reports.queued(&wish, None);
        self.reports.sent(&mut wish);
        self.sticks_wish = Some(wish);
        self.sticks_by = Some(frame.by.clone());
        self.is_flown_by(frame.by.clone(), about.now);
        self.rival.taken_over();
    }

    /// `command` comes in place of the sticks.
    pub(super) fn sticks_give_way(&mut self, command: Command, now: Mono) {
        match Down::of(command) {
            Some(Down::Stop) => self.sticks.stop(now),
            Some(Down::Land | Down::Emergency) => self.sticks.block(now),
            None if command.is_manoeuvre() => self.sticks.end(),
            None => {}
        }
    }

    /// What is sent as the gateway ends, each after so long: centred sticks, where somebody
    /// flies by them. The drone would go on by the last frame that it heard; nothing answers,
    /// so there are several, in case one is lost.
    pub(in super::super::super) fn parting(
        &self,
    ) -> impl Iterator<Item = (Duration, Command)> + use<> {
        let times = if self.sticks.moves() { 3 } else { 0 };
        (0..times).map(|again| (PARTING_GAP * again.min(1), Command::Rc(CENTRED)))
    }

    /// What the sticks ask for now, as far as the limits let it.
    pub(super) fn move_sticks(&mut self, about: &Snapshot) -> Outgoing {
        let mut out = Outgoing::new();
        // A frame counts for a moment, and in that moment control may change hands.
        if self.sticks.is_on()
            && let Some(by) = &self.sticks_by
            && self.may_hold_sticks(by, about.now).is_err()
        {
            self.sticks.let_go(about.now);
        }
        if self.sticks.is_on() && self.sinks_untold(about) {
            // It comes down by itself, and any command would end that.
            self.sticks.block(about.now);
        }
        let limit_cm = self
            .guard
            .policy()
            .height_limit_cm
            .map_or(CEILING_CM, i32::from);
        let seen = Seen {
            now: about.now,
            motion: &about.motion,
            height_cm: about.height_under_ceiling_cm(),
            ceiling_cm: limit_cm.min(CEILING_CM),
        };
        if let Some(axes) = self.sticks.due(&seen) {
            let command = Command::Rc(axes);
            self.note_for_rival(command, about);
            (self.last_sent, self.last_held_up) = (about.now, about.now);
            if axes != CENTRED {
                // Whoever flies forward sinks a little, too.
                self.told_to_sink_until = about.now.plus(SINKING_TOLD_FOR);
            }
            self.queue.count_sent();
            // The only one of this call.
            let _ = out.push(command);
        }
        if let Some(how) = self.sticks.take_ended()
            && let Some(wish) = self.sticks_wish.take()
        {
            let outcome = match how {
                Ended::Stood => Outcome::Done,
                Ended::Unseen => Outcome::Unconfirmed,
                Ended::Replaced => Outcome::Superseded,
            };
            self.reports.ended(wish, &outcome);
        }
        out
    }
}
