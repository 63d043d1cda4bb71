//! What the executor shows its guard, and what it does for it.

use readings::clock::Mono;
use tello::command::{Command, Query};

use super::super::belief::IDLES_FOR;
use super::super::guard::{Act, Flyer, Watched};
use super::super::outputs::Outputs;
use super::super::snapshot::Snapshot;
use super::ticket::Asker;
use super::{CommandExecutor, Intervention, Outgoing};
use crate::sources::vehicles::{Operator, Phase};

/// Why motors are stopped that nobody stops.
const IDLED_LONG: &str = "its motors have idled on the ground for a minute";

impl CommandExecutor {
    pub(super) fn stand_guard(&mut self, about: &Snapshot) -> Outgoing {
        let phase = self.flight(about).phase;
        // Control that was handed over in the air is whose flight it is.
        if let Some(control) = self.controls.of(&self.drone, about.now)
            && self.operator.as_ref().map(|by| by.session) != Some(control.by.session)
        {
            self.is_flown_by(control.by, about.now);
        }
        let watched = Watched {
            now: about.now,
            flying: matches!(phase, Phase::Flying | Phase::TakingOff),
            operator: self.operator.as_ref().map(|operator| Flyer {
                is_there: self.controls.presences().is_there(operator, about.now),
                said: self.controls.presences().said(operator),
                has_ended: self.controls.presences().has_ended(operator, about.now),
            }),
            may_keep_alive: about.is_fresh()
                && self.rival.sign().is_none()
                && self.mistaken.is_none()
                && self.takeoff.stopped().is_none()
                && self.queue.is_idle()
                && self.down.active().is_none()
                && !self.sinks_untold(about),
            last_sent: self.last_sent,
            battery_pct: about.battery_now_pct(),
        };
        let idled = self.belief.idles_for(about.now);
        if idled.is_some_and(|long| long >= IDLES_FOR) && self.queue.is_idle() {
            return self.stop_idling(about);
        }
        let (command, intervention) = match self.guard.look(watched) {
            None => return Outgoing::new(),
            Some(Act::KeepAlive) => return self.ask_unwished(Command::Read(Query::Battery), about),
            Some(Act::LandForBattery) => (Command::Land, Intervention::LandedForBattery),
            Some(Act::LandForOperator) => (Command::Land, Intervention::ActedForOperator),
            Some(Act::HoverForOperator) => (Command::Stop, Intervention::ActedForOperator),
        };
        self.intervention = Some(intervention);
        let mut outputs = Outputs::new();
        let wish = self.reports.own(command, intervention.why());
        self.submit(wish, Asker::default(), about, &mut outputs);
        self.carry_out(outputs, about)
    }

    /// When [`CommandExecutor::tick`] has something to do next, at the latest.
    pub(in super::super::super) fn wake_at(&self) -> Option<Mono> {
        let wake = [
            self.queue.wake_at(),
            self.down.wake_at(),
            self.sticks.wake_at(),
            // Else it looks when something else does, which may be a second later.
            Some(self.guard_at),
        ];
        wake.into_iter().flatten().min()
    }

    /// Stops motors that have idled for long enough.
    fn stop_idling(&mut self, about: &Snapshot) -> Outgoing {
        let Ok(command) = Command::parse("motoroff") else {
            return Outgoing::new();
        };
        let mut outputs = Outputs::new();
        let wish = self.reports.own(command, IDLED_LONG);
        self.submit(wish, Asker::default(), about, &mut outputs);
        self.carry_out(outputs, about)
    }

    /// What the guard did since the last call.
    pub(in super::super::super) fn take_intervention(
        &mut self,
    ) -> Option<(Intervention, Option<&Operator>)> {
        self.intervention
            .take()
            .map(|intervention| (intervention, self.operator.as_ref()))
    }

    /// Whether the battery of a flying drone is worth a warning.
    pub(in super::super::super) fn warns(&self) -> bool {
        self.guard.warns()
    }
}
