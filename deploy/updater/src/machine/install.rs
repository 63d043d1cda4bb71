//! From a bundle to the restart into it.
//!
//! The slot that runs, and its place as the first to be tried, are untouched until
//! the last action but one. Everything before that may fail or be cut off at any
//! point and leaves the running system as it was.

use std::cmp::Ordering;

use super::{Action, Answer, Ended, Landing, Machine, Observed, Queue, Trial, tell};
use crate::bundle::{Offer, Request, Stick};
use crate::reach::Reach;
use crate::slot::{BootChange, FULL_TRIES, TRIAL_TRIES};
use crate::status::Status;
use update_status::State;

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
    landing: Landing,
    /// The bundle is in the slot.
    written: bool,
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
            landing: Landing::default(),
            written: false,
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
        // All of it, while the other slot still holds what the board could go back to.
        self.queue.push_back(Action::Verify);
        let installing = tell(&mut self.status, State::Installing, "");
        self.queue.push_back(installing);
        if self.seen.boot.left(self.seen.slot) != FULL_TRIES {
            // The start before could not write it. RAUC takes the other slot's tries: then
            // none would be left at all.
            let tries = BootChange::default().tries(self.seen.slot, FULL_TRIES);
            self.queue.push_back(Action::Switch(tries));
        }
        self.queue.extend([
            Action::ForgetVersion(other),
            Action::ForgetFailure,
            Action::LookAround,
        ]);
    }

    /// Notes who has to prove itself, and by what. Before it is there: the boot script
    /// starts any slot when nothing else does, and must not get an unproved one trusted.
    /// Then again before the restart, which may come much later.
    fn looked_around(&mut self, before: Option<Reach>) {
        let other = self.seen.slot.other();
        let version = self.status.version.clone();
        let trial = Trial {
            slot: other,
            version: version.clone(),
            before,
            lowers_floor: self.is_admins(),
        };
        self.queue.push_back(Action::RecordTrial(trial));
        if self.written {
            self.switch();
        } else {
            self.queue.extend([
                Action::Write,
                Action::RecordVersion(other, version),
                Action::KeepStore,
                Action::AskAir,
            ]);
        }
    }

    /// Whether somebody with an admin's key allowed an older version. A file on a stick,
    /// which whoever stands beside the board can make, is not that.
    fn is_admins(&self) -> bool {
        self.allow_downgrade && self.stick.is_none()
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
        if let Some(floor) = offer.floor.as_ref().filter(|_| !self.is_admins()) {
            return Some(format!(
                "version {wanted} is older than {floor}, which this board has kept; only an upload that allows a downgrade goes back further"
            ));
        }
        self.seen.is_on_trial().then(|| {
            "the running system is on trial itself; try again when it is confirmed, in a few minutes".to_owned()
        })
    }

    fn air(&mut self, flying: bool, now_s: u64) {
        if self.landing.waits(flying, now_s) {
            self.queue.extend(Landing::again());
        } else {
            self.written = true;
            self.queue.push_back(Action::LookAround);
        }
    }

    fn switch(&mut self) {
        let (slot, other) = (self.seen.slot, self.seen.slot.other());
        let rebooting = tell(&mut self.status, State::Rebooting, "");
        let switch = BootChange::prefer(other)
            .tries(other, TRIAL_TRIES)
            .tries(slot, FULL_TRIES);
        self.queue.extend([
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
            // Without a record the new system is judged by its gateway alone.
            Action::LookAround => {
                self.queue.push_back(Action::Log(why.to_owned()));
                self.looked_around(None);
            }
            Action::TakeRequest => self.refuse(why),
            Action::OpenStick => self.refuse(&format!(
                "the stick cannot be read, use one with FAT32 or ext4: {why}"
            )),
            Action::Inspect => self.refuse(&format!(
                "the bundle is damaged, or not signed by this board's authority: {why}"
            )),
            Action::Verify => self.refuse(&format!(
                "the bundle is damaged, the card is not: {why}; copy it again"
            )),
            Action::Write => self.refuse(&format!(
                "the bundle is whole and could not be written to the card: {why}"
            )),
            // What is asked for stands; somebody else has to restart the board.
            Action::Reboot => self.give_up(why),
            // Not even that can be told.
            Action::Tell(Status {
                state: State::Failed,
                ..
            }) => self.give_up(why),
            // It was told already; trying again would go round for ever.
            Action::ClearWork if self.status.state == State::Failed => self.give_up(why),
            // The medium refuses. Who is on trial stays noted: the switch may have been
            // written all the same, and then the new system has to prove itself.
            _ => self.refuse(&format!("the card cannot be written: {why}")),
        }
    }

    fn give_up(&mut self, why: &str) {
        let end = Action::End(Ended::Failed);
        self.queue.extend([Action::Log(why.to_owned()), end]);
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
            Answer::Reach(reach) => self.looked_around(Some(reach)),
            Answer::Evidence(_) => self.failed("evidence that nobody asked for"),
        }
        let next = self.queue.pop_front();
        self.last = next.unwrap_or(Action::End(Ended::Failed));
        self.last.clone()
    }
}

#[cfg(test)]
#[path = "install_tests.rs"]
mod tests;
