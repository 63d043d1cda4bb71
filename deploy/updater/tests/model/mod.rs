//! A board without hardware: what outlives a power cut, and what a start does.

use std::cmp::Ordering;

use mfg_update::bundle::{Offer, Request};
use mfg_update::machine::{
    Commit, DEADLINE_S, Deadline, Evidence, Install, Patience, Settle, Trial, deadline,
};
use mfg_update::slot::{BootChange, BootState, FULL_TRIES, Slot};
use mfg_update::status::Status;
use mfg_update::{Action, Answer, Board, Machine, Observed};

/// The version that runs at first.
pub(crate) const OLD: &str = "0.1.0";
/// The version of the bundle.
pub(crate) const NEW: &str = "0.2.0";

/// More actions than a board does between two starts here.
pub(crate) const LONGEST_LIFE: usize = 45;

/// Short, so that a trial is a few actions long.
const PATIENCE: Patience = Patience {
    hold_s: 4,
    patience_s: 6,
};

/// What is in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Content {
    /// Nothing whole.
    Nothing,
    /// A system that works.
    Good(&'static str),
    /// One whose gateway is not well.
    Unhealthy(&'static str),
    /// One that the boot script cannot start.
    NoKernel(&'static str),
}

impl Content {
    fn version(self) -> &'static str {
        match self {
            Content::Nothing => "",
            Content::Good(version) | Content::Unhealthy(version) | Content::NoKernel(version) => {
                version
            }
        }
    }

    fn starts(self) -> bool {
        matches!(self, Content::Good(_) | Content::Unhealthy(_))
    }
}

/// How long the power stays.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Power {
    /// As long as it is needed.
    On,
    /// For so many actions.
    For(usize),
}

/// The board.
#[derive(Clone, Debug)]
pub(crate) struct World {
    // What outlives a cut.
    pub(crate) boot: BootState,
    pub(crate) status: Status,
    pub(crate) trial: Option<Trial>,
    pub(crate) failure: Option<String>,
    versions: [Option<String>; 2],
    slots: [Content; 2],
    spool: Option<Content>,
    work: Option<Content>,
    // What does not.
    pub(crate) running: Slot,
    pub(crate) power: Power,
    restarting: bool,
    now_s: u64,
    /// The action that fails, counted from now.
    pub(crate) failing: Option<usize>,
}

impl World {
    /// A board that runs the version it was made with; the other slot is empty.
    pub(crate) fn new() -> World {
        World {
            boot: BootState::new(Some(Slot::A), FULL_TRIES, 0),
            status: Status::default(),
            trial: None,
            failure: None,
            versions: [Some(OLD.to_owned()), None],
            slots: [Content::Good(OLD), Content::Nothing],
            spool: None,
            work: None,
            running: Slot::A,
            power: Power::On,
            restarting: false,
            now_s: 0,
            failing: None,
        }
    }

    /// Lays a bundle into the spool.
    pub(crate) fn ask_for(&mut self, content: Content) {
        self.spool = Some(content);
    }

    pub(crate) fn content(&self, slot: Slot) -> Content {
        self.slots[slot as usize]
    }

    /// Whether the board wants to be started again.
    pub(crate) fn restarts(&self) -> bool {
        self.restarting
    }

    /// Forgets what does not outlive a cut.
    pub(crate) fn cut(&mut self) {
        self.restarting = true;
    }

    /// From one start to the next: what systemd runs, in its order.
    pub(crate) fn live(&mut self) {
        if self.restarting {
            self.start();
        }
        let _ = self.run(|seen| Box::new(Settle::new(&seen)))
            && self.run(|seen| Box::new(Commit::new(&seen, PATIENCE)))
            && (self.spool.is_none() || self.run(|seen| Box::new(Install::from_spool(seen))))
            && self.expire();
    }

    /// As `boot.cmd` does: counts the try down before it is made.
    fn start(&mut self) {
        (self.restarting, self.now_s) = (false, 0);
        for _ in 0..10 {
            let first = self.boot.first.unwrap_or(Slot::A);
            for slot in [first, first.other()] {
                let left = self.boot.left(slot);
                if left == 0 {
                    continue;
                }
                self.boot = self
                    .boot
                    .after(&BootChange::default().tries(slot, left - 1));
                if self.content(slot).starts() {
                    self.running = slot;
                    return;
                }
            }
            let again = BootChange::default()
                .tries(Slot::A, FULL_TRIES)
                .tries(Slot::B, FULL_TRIES);
            self.boot = self.boot.after(&again);
        }
        panic!("nothing starts: {self:?}");
    }

    /// The unit of the deadline.
    fn expire(&mut self) -> bool {
        self.now_s = self.now_s.max(DEADLINE_S);
        if deadline(self.running, &self.boot, self.now_s) == Deadline::Restart {
            self.restarting = true;
        }
        true
    }

    fn observe(&self) -> Observed {
        Observed {
            slot: self.running,
            version: self.content(self.running).version().to_owned(),
            compatible: "board".to_owned(),
            status: self.status.clone(),
            trial: self.trial.clone(),
            failure: self.failure.clone(),
            other_version: self.versions[self.running.other() as usize].clone(),
            boot: self.boot,
        }
    }

    /// Runs one unit; false when the power was cut or the board restarts.
    fn run(&mut self, machine: impl Fn(Observed) -> Box<dyn Machine>) -> bool {
        let mut machine = machine(self.observe());
        let mut answer = Answer::Done;
        loop {
            let action = machine.next(answer);
            if let Action::End(_) = action {
                return !self.restarting;
            }
            if let Power::For(actions) = &mut self.power {
                if *actions == 0 {
                    // Within the long one a cut is also possible.
                    if action == Action::Write {
                        self.begin_writing();
                    }
                    return false;
                }
                *actions -= 1;
            }
            if let Some(failing) = self.failing {
                self.failing = failing.checked_sub(1);
                if failing == 0 && action != Action::Gather && action != Action::AskAir {
                    answer = Answer::Failed("the medium refuses".to_owned());
                    continue;
                }
            }
            answer = self.perform(&action);
            self.check();
        }
    }

    /// What must hold after every action.
    fn check(&self) {
        let first = self.boot.first.expect("an order");
        let trusted = self.boot.left(first) == FULL_TRIES;
        assert!(
            !trusted || matches!(self.content(first), Content::Good(_)),
            "a system is trusted without evidence: {self:?}"
        );
    }

    /// RAUC makes the slot unbootable before the first block.
    fn begin_writing(&mut self) {
        let other = self.running.other();
        self.boot = self.boot.after(&BootChange::default().tries(other, 0));
        self.slots[other as usize] = Content::Nothing;
    }

    fn gather(&mut self) -> Answer {
        let well = matches!(self.content(self.running), Content::Good(_));
        Answer::Evidence(Evidence {
            now_s: self.now_s,
            gateway: if well { Ok(()) } else { Err("down".to_owned()) },
        })
    }
}

impl Board for World {
    fn perform(&mut self, action: &Action) -> Answer {
        match action {
            Action::Tell(status) => self.status = status.clone(),
            Action::Show | Action::Log(_) | Action::KeepStore => {}
            Action::RecordVersion(slot, version) => {
                self.versions[*slot as usize] = Some(version.clone());
            }
            Action::ForgetVersion(slot) => self.versions[*slot as usize] = None,
            Action::RecordTrial(trial) => self.trial = Some(trial.clone()),
            Action::ForgetTrial => self.trial = None,
            Action::RecordFailure(why) => self.failure = Some(why.clone()),
            Action::ForgetFailure => self.failure = None,
            Action::Switch(change) => self.boot = self.boot.after(change),
            Action::ClearWork => self.work = None,
            Action::TakeRequest => {
                self.work = self.spool.take();
                return Answer::Request(Request {
                    format: "1".to_owned(),
                    id: "7".to_owned(),
                    allow_downgrade: false,
                });
            }
            Action::OpenStick => return Answer::Failed("no stick".to_owned()),
            Action::Inspect => {
                let version = self.work.unwrap_or(Content::Nothing).version();
                return Answer::Offer(Offer {
                    version: version.to_owned(),
                    compatible: "board".to_owned(),
                    newer: Some(if version == NEW {
                        Ordering::Greater
                    } else {
                        Ordering::Equal
                    }),
                });
            }
            Action::Write => {
                self.begin_writing();
                self.slots[self.running.other() as usize] = self.work.unwrap_or(Content::Nothing);
            }
            Action::AskAir => {
                return Answer::Air {
                    flying: false,
                    now_s: self.now_s,
                };
            }
            Action::Gather => return self.gather(),
            Action::Pause(pause_s) => self.now_s += pause_s,
            Action::Reboot | Action::ForceReboot => self.restarting = true,
            Action::End(_) => {}
        }
        Answer::Done
    }
}
