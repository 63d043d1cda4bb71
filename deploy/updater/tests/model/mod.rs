//! A board without hardware: what outlives a power cut, and what a start does.

use std::cmp::Ordering;

use mfg_update::bundle::{Offer, Request};
use mfg_update::machine::{
    Commit, DEADLINE_S, Deadline, Evidence, Install, Patience, Settle, Trial, deadline,
};
use mfg_update::slot::{BootChange, BootState, FULL_TRIES, Slot};
use mfg_update::status::Status;
use mfg_update::{Action, Answer, Board, Machine, Observed, Reach};

/// The version that runs at first.
pub(crate) const OLD: &str = "0.1.0";
/// The version of the bundle.
pub(crate) const NEW: &str = "0.2.0";
/// What may be in the other slot before.
pub(crate) const OLDER: &str = "0.0.9";

/// More actions than a board does between two starts here.
const LONGEST_LIFE: usize = 32;

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
    /// One that works, and brings up no network.
    Unreachable(&'static str),
    /// One that works, and cannot open the data partition: it remembers nothing.
    Forgetful(&'static str),
    /// One that the boot script cannot start.
    NoKernel(&'static str),
}

impl Content {
    pub(crate) fn version(self) -> &'static str {
        match self {
            Content::Nothing => "",
            Content::Good(version)
            | Content::Unhealthy(version)
            | Content::Unreachable(version)
            | Content::Forgetful(version)
            | Content::NoKernel(version) => version,
        }
    }

    fn starts(self) -> bool {
        !matches!(self, Content::Nothing | Content::NoKernel(_))
    }
}

/// What outlives a power cut.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Card {
    pub(crate) boot: BootState,
    pub(crate) status: Status,
    pub(crate) trial: Option<Trial>,
    failure: Option<String>,
    /// Older versions are refused.
    pub(crate) floor: Option<String>,
    versions: [Option<String>; 2],
    slots: [Content; 2],
    spool: Option<Content>,
    work: Option<Content>,
    /// Which slots hold a system that was seen at work. Nobody on the board knows this.
    proved: [bool; 2],
    /// The boot script had to give both slots their tries back. (Nor this.)
    pub(crate) last_resort: bool,
}

/// What happens to a board between two starts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// Nothing.
    Undisturbed,
    /// The power is cut after so many actions.
    Cut(usize),
    /// The medium refuses the action after so many.
    Refused(usize),
}

/// A board between two starts.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) card: Card,
    pub(crate) running: Slot,
    fate: Fate,
    /// What the medium refused.
    pub(crate) refused: Option<Action>,
    /// How many actions were handed out.
    pub(crate) done: usize,
    restarting: bool,
    now_s: u64,
}

impl Card {
    /// Of a board that runs `OLD`, with `other` in the slot that does not run.
    pub(crate) fn new(other: Content) -> Card {
        let (version, left) = match other {
            Content::Nothing => (None, 0),
            known => (Some(known.version().to_owned()), FULL_TRIES),
        };
        Card {
            boot: BootState::new(Some(Slot::A), FULL_TRIES, left),
            status: Status::default(),
            trial: None,
            failure: None,
            floor: None,
            versions: [Some(OLD.to_owned()), version],
            slots: [Content::Good(OLD), other],
            spool: None,
            work: None,
            proved: [true, other != Content::Nothing],
            last_resort: false,
        }
    }

    /// Lays a bundle into the spool.
    pub(crate) fn asked_for(mut self, content: Content) -> Card {
        self.spool = Some(content);
        self
    }

    pub(crate) fn content(&self, slot: Slot) -> Content {
        self.slots[slot as usize]
    }
}

impl World {
    /// Starts a board and lets it run, with what happens to it.
    pub(crate) fn live(card: &Card, fate: Fate) -> World {
        let mut world = World {
            card: card.clone(),
            running: Slot::A,
            fate,
            refused: None,
            done: 0,
            restarting: false,
            now_s: 0,
        };
        world.start();
        world.run_units();
        assert!(world.done <= LONGEST_LIFE, "{} actions", world.done);
        world
    }

    /// Whether the board wants to be started again.
    pub(crate) fn restarts(&self) -> bool {
        self.restarting
    }

    /// What systemd runs, in its order.
    fn run_units(&mut self) {
        let _ = self.run(|seen| Box::new(Settle::new(&seen)))
            && self.run(|seen| Box::new(Commit::new(&seen, PATIENCE)))
            && (self.forgets()
                || self.card.spool.is_none()
                || self.run(|seen| Box::new(Install::from_spool(seen))))
            && self.expire();
    }

    /// As `boot.cmd` does: counts the try down before it is made.
    fn start(&mut self) {
        for _ in 0..10 {
            let first = self.card.boot.first.unwrap_or(Slot::A);
            for slot in [first, first.other()] {
                let left = self.card.boot.left(slot);
                if left == 0 {
                    continue;
                }
                self.card.boot = self
                    .card
                    .boot
                    .after(&BootChange::default().tries(slot, left - 1));
                if self.card.content(slot).starts() {
                    self.running = slot;
                    return;
                }
            }
            self.card.last_resort = true;
            let again = BootChange::default()
                .tries(Slot::A, FULL_TRIES)
                .tries(Slot::B, FULL_TRIES);
            self.card.boot = self.card.boot.after(&again);
        }
        panic!("nothing starts: {self:?}");
    }

    /// The unit of the deadline.
    fn expire(&mut self) -> bool {
        self.now_s = self.now_s.max(DEADLINE_S);
        if deadline(self.running, &self.card.boot, self.now_s) == Deadline::Restart {
            self.restarting = true;
        }
        true
    }

    fn forgets(&self) -> bool {
        matches!(self.card.content(self.running), Content::Forgetful(_))
    }

    fn observe(&self) -> Observed {
        if self.forgets() {
            return Observed {
                status: Status::default(),
                trial: None,
                failure: None,
                other_version: None,
                remembers: false,
                ..self.observe_all()
            };
        }
        self.observe_all()
    }

    fn observe_all(&self) -> Observed {
        Observed {
            remembers: true,
            slot: self.running,
            version: self.card.content(self.running).version().to_owned(),
            compatible: "board".to_owned(),
            status: self.card.status.clone(),
            trial: self.card.trial.clone(),
            failure: self.card.failure.clone(),
            other_version: self.card.versions[self.running.other() as usize].clone(),
            boot: self.card.boot,
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
            let now = self.done;
            self.done += 1;
            match self.fate {
                Fate::Cut(at) if at == now => {
                    // Within the long one a cut is possible, too.
                    if action == Action::Write {
                        self.begin_writing();
                    }
                    return false;
                }
                // (To questions a medium gives no answer that it could refuse.)
                Fate::Refused(at) if at == now && !asks(&action) => {
                    answer = Answer::Failed("the medium refuses".to_owned());
                    self.refused = Some(action);
                    continue;
                }
                _ => {}
            }
            answer = self.perform(&action);
            self.check(&action);
        }
    }

    /// What must hold after every action. (Only the boot script counts the last try of
    /// the last slot down, and gives both theirs back when nothing starts.)
    fn check(&self, action: &Action) {
        if matches!(action, Action::Switch(_) | Action::Write) {
            let left = Slot::BOTH.map(|slot| self.card.boot.left(slot));
            assert_ne!(left, [0, 0], "{action:?} leaves nothing to start: {self:?}");
        }
        let first = self.card.boot.first.expect("an order");
        let excused = self.forgets() && self.card.last_resort;
        assert!(
            self.card.boot.left(first) < FULL_TRIES || self.card.proved[first as usize] || excused,
            "{action:?} trusts a system without evidence: {self:?}"
        );
    }

    /// RAUC makes the slot unbootable before the first block.
    fn begin_writing(&mut self) {
        let other = self.running.other();
        self.card.boot = self.card.boot.after(&BootChange::default().tries(other, 0));
        self.card.slots[other as usize] = Content::Nothing;
        self.card.proved[other as usize] = false;
    }

    fn reach(&self) -> Reach {
        match self.card.content(self.running) {
            Content::Unreachable(_) => Reach::default(),
            _ => Reach::parse("link address neighbour"),
        }
    }

    fn gather(&mut self) -> Answer {
        let running = self.card.content(self.running);
        self.card.proved[self.running as usize] |= matches!(running, Content::Good(_));
        let gateway = match running {
            Content::Good(_) | Content::Unreachable(_) | Content::Forgetful(_) => Ok(()),
            _ => Err("down".to_owned()),
        };
        Answer::Evidence(Evidence {
            now_s: self.now_s,
            gateway,
            asked: false,
            reach: self.reach(),
        })
    }
}

fn asks(action: &Action) -> bool {
    matches!(
        action,
        Action::Gather | Action::AskAir | Action::LookAround | Action::Pause(_)
    )
}

impl Board for World {
    fn perform(&mut self, action: &Action) -> Answer {
        match action {
            Action::Tell(_)
            | Action::RecordVersion(..)
            | Action::RecordTrial(_)
            | Action::ForgetTrial
            | Action::SetFloor { .. }
            | Action::RecordFailure(_)
                if self.forgets() => {}
            Action::Tell(status) => self.card.status = status.clone(),
            Action::Show | Action::Log(_) | Action::KeepStore | Action::Verify => {}
            Action::RecordVersion(slot, version) => {
                self.card.versions[*slot as usize] = Some(version.clone());
            }
            Action::ForgetVersion(slot) => self.card.versions[*slot as usize] = None,
            Action::RecordTrial(trial) => self.card.trial = Some(trial.clone()),
            Action::ForgetTrial => self.card.trial = None,
            Action::SetFloor { version, .. } => {
                // (Versions here compare as their texts do.)
                let floor = self.card.floor.take().max(Some(version.clone()));
                self.card.floor = floor;
            }
            Action::RecordFailure(why) => self.card.failure = Some(why.clone()),
            Action::ForgetFailure => self.card.failure = None,
            Action::Switch(change) => self.card.boot = self.card.boot.after(change),
            Action::ClearWork => self.card.work = None,
            Action::TakeRequest => {
                self.card.work = self.card.spool.take();
                return Answer::Request(Request {
                    format: "1".to_owned(),
                    id: "7".to_owned(),
                    allow_downgrade: false,
                });
            }
            Action::OpenStick => return Answer::Failed("no stick".to_owned()),
            Action::Inspect => {
                let version = self.card.work.unwrap_or(Content::Nothing).version();
                return Answer::Offer(Offer {
                    version: version.to_owned(),
                    compatible: "board".to_owned(),
                    floor: None,
                    newer: Some(if version == NEW {
                        Ordering::Greater
                    } else {
                        Ordering::Equal
                    }),
                });
            }
            Action::Write => {
                self.begin_writing();
                self.card.slots[self.running.other() as usize] =
                    self.card.work.unwrap_or(Content::Nothing);
            }
            Action::AskAir => {
                return Answer::Air {
                    flying: false,
                    now_s: self.now_s,
                };
            }
            Action::LookAround => return Answer::Reach(self.reach()),
            Action::Gather => return self.gather(),
            Action::Pause(pause_s) => self.now_s += pause_s,
            Action::Reboot | Action::ForceReboot => self.restarting = true,
            Action::End(_) => {}
        }
        Answer::Done
    }
}
