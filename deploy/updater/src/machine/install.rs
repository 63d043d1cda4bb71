//! From a bundle to the restart into it.
//!
//! The slot that runs, and its place as the first to be tried, are untouched until
//! the last action but one. Everything before that may fail or be cut off at any
//! point and leaves the running system as it was.

use std::cmp::Ordering;

use super::{Action, Answer, Ended, Machine, Observed, PAUSE_S, Queue, Trial, tell};
use crate::bundle::{Offer, Request, Stick};
use crate::slot::{BootChange, FULL_TRIES, TRIAL_TRIES};
use crate::status::{State, Status};

/// Longest wait for flying drones before the restart, in seconds. A restart takes
/// the gateway away from under a drone. It would land by itself; better its operator
/// does that first. A Tello's battery lasts 13 minutes.
pub const LANDING_S: u64 = 900;

/// The format of a request that is known here.
const REQUEST_FORMAT: &str = "1";

/// Installs the bundle of the spool or of a stick.
#[derive(Debug)]
pub struct Install {
    seen: Observed,
    /// What is told next; it begins anew with each update.
    status: Status,
    queue: Queue,
    /// What was handed out last: a failure of it is judged by what it was.
    last: Action,
    stick: Option<Stick>,
    allow_downgrade: bool,
    /// When drones were first asked for, in seconds since the kernel's start.
    landing_since_s: Option<u64>,
}

impl Install {
    /// The bundle that the gateway laid into the spool.
    #[must_use]
    pub fn from_spool(seen: Observed) -> Install {
        let mut install = Install::new(seen, "upload");
        // Said before the request is taken away: it is never neither there nor told of.
        let verifying = tell(&mut install.status, State::Verifying, "");
        install
            .queue
            .extend([verifying, Action::ClearWork, Action::TakeRequest]);
        install
    }

    /// The one bundle on a stick.
    #[must_use]
    pub fn from_stick(seen: Observed) -> Install {
        let mut install = Install::new(seen, "stick");
        install.queue.push_back(Action::OpenStick);
        install
    }

    fn new(seen: Observed, source: &str) -> Install {
        Install {
            status: Status {
                source: source.to_owned(),
                ..Status::default()
            },
            seen,
            queue: Queue::new(),
            last: Action::Show,
            stick: None,
            allow_downgrade: false,
            landing_since_s: None,
        }
    }

    /// Nothing was written yet, or nothing that is ever started.
    fn refuse(&mut self, why: &str) {
        let failed = tell(&mut self.status, State::Failed, why);
        let end = Action::End(Ended::Failed);
        self.queue.extend([failed, Action::ClearWork, end]);
    }

    fn requested(&mut self, request: &Request) {
        self.status.id.clone_from(&request.id);
        self.allow_downgrade = request.allow_downgrade;
        if request.format == REQUEST_FORMAT {
            self.queue.push_back(Action::Inspect);
        } else {
            self.refuse(
                "the request is of a format this system does not know: update it by a stick",
            );
        }
    }

    fn opened(&mut self, stick: Stick) {
        self.stick = Some(stick);
        self.allow_downgrade = stick.allow_downgrade;
        if stick.bundles == 1 {
            self.queue.push_back(Action::Inspect);
        } else {
            let why = format!("the stick holds {} files *.raucb, not one", stick.bundles);
            self.refuse(&why);
        }
    }

    /// The stick is still there after the restart: what runs, and what was tried and
    /// left, is not installed over and over.
    fn is_known(&self, stick: Stick, offered: &str) -> Option<String> {
        let last = &self.seen.status;
        if offered == self.seen.version {
            Some(format!("the stick holds {offered}, which runs"))
        } else if last.state == State::RolledBack && last.version == offered && !stick.try_again {
            Some(format!(
                "the stick holds {offered}, which was tried and left; a file try-again on it tries once more"
            ))
        } else {
            None
        }
    }

    fn offered(&mut self, offer: Offer) {
        if let Some(stick) = self.stick {
            if let Some(why) = self.is_known(stick, &offer.version) {
                let end = Action::End(Ended::Well);
                self.queue.extend([Action::Log(why), end]);
                return;
            }
            let verifying = tell(&mut self.status, State::Verifying, "");
            self.queue.push_back(verifying);
        }
        let fault = self.fault(&offer);
        self.status.version = offer.version;
        if let Some(why) = fault {
            self.refuse(&why);
            return;
        }
        let other = self.seen.slot.other();
        let installing = tell(&mut self.status, State::Installing, "");
        self.queue.extend([
            installing,
            Action::ForgetVersion(other),
            Action::Write,
            Action::RecordVersion(other, self.status.version.clone()),
            Action::KeepStore,
            Action::AskAir,
        ]);
    }

    /// Why an offer is not installed, if there is a reason.
    fn fault(&self, offer: &Offer) -> Option<String> {
        let (wanted, running) = (&offer.version, &self.seen.version);
        if offer.compatible != self.seen.compatible {
            let (theirs, ours) = (&offer.compatible, &self.seen.compatible);
            return Some(format!("the bundle is for {theirs}, this board is {ours}"));
        }
        let Some(newer) = offer.newer else {
            return Some(format!("the bundle's version '{wanted}' is no version"));
        };
        if !self.allow_downgrade && wanted == running {
            return Some(format!(
                "version {wanted} runs already; allow a downgrade to install it again"
            ));
        }
        if !self.allow_downgrade && newer != Ordering::Greater {
            return Some(format!(
                "version {wanted} is older than the running {running}; allow a downgrade if that is wanted"
            ));
        }
        self.seen.trial.as_ref().map(|_| {
            "the running system is on trial itself; try again when it is confirmed, in a few minutes".to_owned()
        })
    }

    fn air(&mut self, flying: bool, now_s: u64) {
        let since_s = *self.landing_since_s.get_or_insert(now_s);
        if flying && now_s.saturating_sub(since_s) < LANDING_S {
            self.queue.extend([Action::Pause(PAUSE_S), Action::AskAir]);
        } else {
            self.switch();
        }
    }

    /// First who is on trial, then the switch: a cut between the two is told by the
    /// order, which still begins with this slot.
    fn switch(&mut self) {
        let (slot, other) = (self.seen.slot, self.seen.slot.other());
        let trial = Trial {
            slot: other,
            version: self.status.version.clone(),
        };
        let rebooting = tell(&mut self.status, State::Rebooting, "");
        let switch = BootChange::prefer(other)
            .tries(other, TRIAL_TRIES)
            .tries(slot, FULL_TRIES);
        self.queue.extend([
            Action::ForgetFailure,
            Action::RecordTrial(trial),
            rebooting,
            Action::ClearWork,
            Action::Switch(switch),
            Action::Reboot,
            Action::End(Ended::Well),
        ]);
    }

    fn failed(&mut self, why: &str) {
        if self.last == Action::KeepStore {
            // An update is worth more than a copy that is needed once in a while.
            self.queue.push_front(Action::Log(why.to_owned()));
            return;
        }
        self.queue.clear();
        match self.last {
            Action::TakeRequest => self.refuse(why),
            Action::OpenStick => self.refuse(&format!(
                "the stick cannot be read, use one with FAT32 or ext4: {why}"
            )),
            Action::Inspect => self.refuse(&format!(
                "the bundle is damaged, or not signed by this board's authority: {why}"
            )),
            Action::Write => self.refuse(&format!("the bundle could not be written: {why}")),
            // The medium refuses. What is there is a state after a power cut at this
            // point; the next start says so.
            _ => {
                let end = Action::End(Ended::Failed);
                self.queue.extend([Action::Log(why.to_owned()), end]);
            }
        }
    }
}

impl Machine for Install {
    fn next(&mut self, answer: Answer) -> Action {
        match answer {
            Answer::Done => {}
            Answer::Failed(why) => self.failed(&why),
            Answer::Request(request) => self.requested(&request),
            Answer::Stick(stick) => self.opened(stick),
            Answer::Offer(offer) => self.offered(offer),
            Answer::Air { flying, now_s } => self.air(flying, now_s),
            Answer::Evidence(_) => self.failed("evidence that nobody asked for"),
        }
        let next = self.queue.pop_front();
        self.last = next.unwrap_or(Action::End(Ended::Failed));
        self.last.clone()
    }
}
