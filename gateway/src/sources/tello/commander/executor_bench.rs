//! The command executor with a scripted drone, in virtual time: for its tests.

use readings::command::BootId;
use tello::command::Query;
use tello::state::parse;
use tokio::sync::oneshot;

use super::super::super::motion::Motion;
use super::*;
use crate::config::OnOperatorLoss;
use crate::sources::vehicles::{Aim, Presence, Refusal, TakeoffGate};

/// A drone whose states arrive every 100 ms while it is heard, and what it was sent.
pub(super) struct Bench {
    pub(super) executor: CommandExecutor,
    pub(super) motion: Motion,
    pub(super) now: Mono,
    pub(super) link: LinkState,
    pub(super) controls: Controls,
    /// The session that says each 100 ms that somebody is there.
    pub(super) attending: Option<Presence>,
    /// What its states say; none while it is not heard.
    pub(super) state: Option<State>,
    pub(super) sent: Vec<(u64, Command)>,
    pub(super) yaw_deg: i32,
}

/// What a state says.
#[derive(Clone, Copy)]
pub(super) struct State {
    pub(super) motors_run: bool,
    motor_ms: u64,
    pub(super) height_cm: i32,
    pub(super) battery_pct: u8,
}

const BEGAN: Mono = Mono::from_millis(100_000);

impl Bench {
    /// A drone on the ground, proven to be there.
    pub(super) fn new() -> Bench {
        let policy = Policy {
            on_operator_loss: OnOperatorLoss::Land,
            operator_grace: Duration::from_secs(3),
            warn_battery_pct: 15,
            takeoff_battery_pct: 10,
            land_battery_pct: 5,
            height_limit_cm: None,
            pad_limit_cm: None,
        };
        let controls = Controls::default();
        let mut bench = Bench {
            executor: CommandExecutor::new(
                policy,
                ("d".into(), controls.clone()),
                CommandIds::new(BootId(1)),
                TakeoffGate::default(),
            ),
            motion: Motion::default(),
            now: BEGAN,
            link: LinkState::Connected,
            controls,
            attending: None,
            state: Some(State {
                motors_run: false,
                motor_ms: 40_000,
                height_cm: 0,
                battery_pct: 80,
            }),
            sent: vec![],
            yaw_deg: 0,
        };
        bench.pass(2_500);
        bench
    }

    /// The same in the air, at that height.
    pub(super) fn flying(height_cm: i32) -> Bench {
        let mut bench = Bench::new();
        // Told to before the test begins: no sign of another controller.
        bench.executor.rival.takeoff_sent(bench.now);
        bench.set(true, height_cm);
        bench.pass(2_500);
        assert_eq!(bench.phase(), Phase::Flying);
        bench
    }

    pub(super) fn set(&mut self, motors_run: bool, height_cm: i32) {
        if let Some(state) = &mut self.state {
            (state.motors_run, state.height_cm) = (motors_run, height_cm);
        }
    }

    pub(super) fn about(&self) -> Snapshot {
        Snapshot {
            now: self.now,
            link: self.link,
            reason: None,
            motion: self.motion,
            battery_pct: self.state.map(|state| state.battery_pct).or(Some(80)),
            height_cm: self.state.map(|state| state.height_cm).or(Some(80)),
            yaw_deg: Some(self.yaw_deg),
            pad: None,
        }
    }

    /// Notes what was sent. Who it is the drone does not know, as before SDK 2.0.
    pub(super) fn note(&mut self, out: Outgoing) {
        self.executor.tell_ends();
        let at = self.now.since(BEGAN).as_millis() as u64;
        for command in out {
            if command == Command::Read(Query::SerialNumber) {
                self.hear("unknown command: sn?");
            } else {
                self.sent.push((at, command));
            }
        }
    }

    /// Lets time pass in steps of 100 ms.
    pub(super) fn pass(&mut self, ms: u64) {
        for _ in 0..ms / 100 {
            self.now = self.now.plus(Duration::from_millis(100));
            if let Some(presence) = &self.attending {
                presence.say(self.now);
            }
            if let Some(state) = &mut self.state {
                state.motor_ms += if state.motors_run { 100 } else { 0 };
                let text = format!(
                    "vgx:0;vgy:0;vgz:0;tof:{};h:{};bat:{};time:{};",
                    state.height_cm + 10,
                    state.height_cm,
                    state.battery_pct,
                    state.motor_ms / 1_000
                );
                self.motion.take(&parse(text.as_bytes()).state, self.now);
            }
            let out = self.executor.tick(&self.about());
            self.note(out);
        }
    }

    /// Lets it sink to the ground and its motors stop.
    pub(super) fn touch_down(&mut self) {
        while self.state.is_some_and(|state| state.height_cm > 0) {
            let height_cm = self.state.map_or(0, |state| state.height_cm);
            self.set(true, (height_cm - 10).max(0));
            self.pass(300);
        }
        self.set(false, 0);
    }

    pub(super) fn ask(&mut self, command: Command) -> Result<oneshot::Receiver<Outcome>, Refusal> {
        self.ask_as("a", command)
    }

    pub(super) fn aim(&mut self, aim: Aim) -> Result<oneshot::Receiver<Outcome>, Refusal> {
        self.wish_as("a", Wished::Aim(aim))
    }

    pub(super) fn ask_as(
        &mut self,
        who: &str,
        command: Command,
    ) -> Result<oneshot::Receiver<Outcome>, Refusal> {
        self.wish_as(who, Wished::Command(command))
    }

    pub(super) fn wish_as(
        &mut self,
        who: &str,
        wish: Wished,
    ) -> Result<oneshot::Receiver<Outcome>, Refusal> {
        let by = Operator {
            id: who.into(),
            name: who.into(),
            session: None,
        };
        self.wish_by(by, wish)
    }

    /// A session of that name, at which somebody is and stays.
    pub(super) fn attend(&mut self, who: &str) -> Operator {
        let presence = self.controls.presences().open(&who.into(), None, self.now);
        presence.say(self.now);
        let session = Some(presence.id());
        self.attending = Some(presence);
        Operator {
            id: who.into(),
            name: who.into(),
            session,
        }
    }

    pub(super) fn ask_by(
        &mut self,
        by: Operator,
        command: Command,
    ) -> Result<oneshot::Receiver<Outcome>, Refusal> {
        self.wish_by(by, Wished::Command(command))
    }

    fn wish_by(
        &mut self,
        by: Operator,
        wish: Wished,
    ) -> Result<oneshot::Receiver<Outcome>, Refusal> {
        let (admitted, mut verdict) = oneshot::channel();
        let (outcome, told) = oneshot::channel();
        let request = Request {
            own: None,
            wish,
            by,
            admitted,
            outcome,
        };
        let (out, admission) = self.executor.take(request, &self.about());
        self.note(out);
        admission.tell();
        match verdict.try_recv().expect("told at once") {
            Ok(_) => Ok(told),
            Err(CommandError::Refused { why, .. }) => Err(why),
            Err(unknown) => panic!("{unknown}"),
        }
    }

    pub(super) fn hear(&mut self, text: &str) {
        let out = self
            .executor
            .reply(&Reply::parse(text.as_bytes()), &self.about());
        self.note(out);
    }

    pub(super) fn phase(&self) -> Phase {
        self.executor.flight(&self.about()).phase
    }

    /// What was sent since the last call.
    pub(super) fn sent(&mut self) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent);
        sent.into_iter()
            .map(|(_, command)| command.to_string())
            .collect()
    }

    pub(super) fn count(&self, command: Command) -> usize {
        self.sent
            .iter()
            .filter(|(_, sent)| *sent == command)
            .count()
    }
}
