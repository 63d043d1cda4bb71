//! The state machines of an update, one for each verb of the program.
//!
//! A [`Machine`] hands out one [`Action`] at a time and hears what came of it. The
//! order of actions is what makes an update safe: after each of them the power may
//! be cut, and [`settle()`] must then find a state from which the board recovers.

mod install;
mod landing;
mod settle;
mod trial;

use std::collections::VecDeque;

pub use install::Install;
pub use landing::{Landing, Restart};
pub use settle::{Settle, settle};
pub use trial::{Commit, DEADLINE_S, Deadline, Evidence, Judgement, Patience, Verdict, deadline};

use crate::bundle::{Offer, Request, Stick};
use crate::reach::Reach;
use crate::slot::{BootChange, BootState, Slot};
use crate::status::{Status, reason};
use update_status::State;

/// How long between two looks at something that is waited for, in seconds.
pub(crate) const PAUSE_S: u64 = 2;

/// What was found when the program started.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Observed {
    /// The slot that runs.
    pub slot: Slot,
    /// The version of the system in it.
    pub version: String,
    /// The kind of board that it is for.
    pub compatible: String,
    /// What is remembered of the last update.
    pub status: Status,
    /// The slot whose system has not proved itself: from before it is written until it
    /// is kept.
    pub trial: Option<Trial>,
    /// Why a system on trial went back, in its own words.
    pub failure: Option<String>,
    /// The version in the other slot; none when nothing whole is.
    pub other_version: Option<String>,
    /// What the boot script will read.
    pub boot: BootState,
    /// Whether what was remembered could be read at all: not when the data partition
    /// cannot be opened.
    pub remembers: bool,
}

impl Observed {
    /// Whether the system that runs has to prove itself.
    #[must_use]
    pub(crate) fn is_on_trial(&self) -> bool {
        self.trial
            .as_ref()
            .is_some_and(|trial| trial.slot == self.slot)
    }

    /// What is noted when the system that runs is kept. (It may be another one than was
    /// meant to come into this slot: what is there when nothing else starts is judged, too.)
    fn floor(&self) -> Action {
        let meant = self.trial.as_ref();
        let meant = meant.filter(|trial| trial.version == self.version);
        Action::SetFloor {
            version: self.version.clone(),
            lower: meant.is_some_and(|trial| trial.lowers_floor),
        }
    }
}

/// Whose system has to prove itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Trial {
    /// The slot that it is in.
    pub slot: Slot,
    /// The version in it.
    pub version: String,
    /// How the board could be reached before the restart; none when that is not known.
    pub before: Option<Reach>,
    /// An admin asked for it although it is older than what was kept before: when it is
    /// kept, nothing newer is insisted on any more.
    pub lowers_floor: bool,
}

impl Trial {
    /// Reads the file's lines `NAME=VALUE`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Trial> {
        let value = |name: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.find_map(|(found, value)| (found == name).then_some(value))
        };
        Some(Trial {
            slot: value("slot").and_then(Slot::parse)?,
            version: value("version").unwrap_or_default().to_owned(),
            before: value("reach").map(Reach::parse),
            lowers_floor: value("floor") == Some("lower"),
        })
    }

    /// The file's lines.
    #[must_use]
    pub fn lines(&self) -> String {
        let reach = self
            .before
            .map(|before| format!("reach={}\n", before.words()));
        format!(
            "slot={}\nversion={}\n{}{}",
            self.slot.name(),
            self.version,
            reach.unwrap_or_default(),
            if self.lowers_floor {
                "floor=lower\n"
            } else {
                ""
            },
        )
    }
}

/// One thing to do. What must outlive a power cut is on the medium, whole, before
/// the answer; of what a cut interrupts, either all or nothing is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Remember this, show it to the gateway and log it. (`changed` is filled in.)
    Tell(Status),
    /// Show the gateway what is remembered.
    Show,
    /// Write a line to the log.
    Log(String),
    /// Note which version is in a slot.
    RecordVersion(Slot, String),
    /// Note that nothing whole is in a slot.
    ForgetVersion(Slot),
    /// Note whose system has to prove itself.
    RecordTrial(Trial),
    /// It has.
    ForgetTrial,
    /// Note why the system on trial goes back.
    RecordFailure(String),
    /// The last failure is of no interest any more.
    ForgetFailure,
    /// Write to the boot state, at once.
    Switch(BootChange),
    /// Empty the working place.
    ClearWork,
    /// Move request and bundle from the spool to the working place; the answer is
    /// [`Answer::Request`].
    TakeRequest,
    /// Look at the stick; the answer is [`Answer::Stick`].
    OpenStick,
    /// Verify the bundle's signature; the answer is [`Answer::Offer`].
    Inspect,
    /// Compare all of the bundle with what was signed.
    Verify,
    /// Write the bundle into the slot that does not run.
    Write,
    /// Older versions than this are refused from now on; the newer one counts, of this and
    /// what was noted before, or with `lower` this one.
    SetFloor {
        /// The version that is kept.
        version: String,
        /// Whether it may be lower than what was noted.
        lower: bool,
    },
    /// Copy the gateway's store: a newer gateway may change its schema.
    KeepStore,
    /// Ask whether drones fly; the answer is [`Answer::Air`].
    AskAir,
    /// Look what there is of the site's network; the answer is [`Answer::Reach`].
    LookAround,
    /// Look whether this system works; the answer is [`Answer::Evidence`].
    Gather,
    /// Wait so many seconds.
    Pause(u64),
    /// Restart, orderly.
    Reboot,
    /// Restart, whatever still runs.
    ForceReboot,
    /// Nothing more is to be done.
    End(Ended),
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done. (Also the answer that starts a machine.)
    Done,
    /// It could not be done, and why.
    Failed(String),
    /// What was asked for.
    Request(Request),
    /// What is on the stick.
    Stick(Stick),
    /// What the bundle says of itself.
    Offer(Offer),
    /// Whether drones fly, and the seconds since the kernel's start.
    Air {
        /// At least one does.
        flying: bool,
        /// Seconds since the kernel's start.
        now_s: u64,
    },
    /// What there is of the site's network.
    Reach(Reach),
    /// Whether this system works.
    Evidence(Evidence),
}

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With what it was started for, or with nothing to do: exit code 0.
    Well,
    /// The update was refused, or an action failed: exit code 1.
    Failed,
}

/// Decides what is done next.
pub trait Machine {
    /// The next action, after the answer to the one before.
    fn next(&mut self, answer: Answer) -> Action;
}

/// Performs actions: the board itself, or a model of one in the tests.
pub trait Board {
    /// Does it and says what came of it.
    fn perform(&mut self, action: &Action) -> Answer;
}

/// Runs a machine to its end.
pub fn drive(machine: &mut dyn Machine, board: &mut dyn Board) -> Ended {
    let mut answer = Answer::Done;
    loop {
        match machine.next(answer) {
            Action::End(ended) => return ended,
            action => answer = board.perform(&action),
        }
    }
}

/// The actions that are decided already.
type Queue = VecDeque<Action>;

/// A change of what is remembered.
fn tell(status: &mut Status, state: State, why: &str) -> Action {
    status.state = state;
    status.reason = reason(why);
    Action::Tell(status.clone())
}
