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
use crate::status::{State, Status};

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
mod tests {
    use super::*;
    use crate::slot::{BootState, Slot};

    fn seen() -> Observed {
        Observed {
            slot: Slot::A,
            version: "0.2.0".to_owned(),
            compatible: "board".to_owned(),
            status: Status::default(),
            trial: None,
            failure: None,
            other_version: None,
            boot: BootState::new(Some(Slot::A), FULL_TRIES, 0),
            remembers: true,
        }
    }

    fn offer(version: &str, newer: Ordering) -> Offer {
        Offer {
            version: version.to_owned(),
            compatible: "board".to_owned(),
            newer: Some(newer),
            floor: None,
        }
    }

    /// All that follows an answer when everything goes well.
    fn follow(machine: &mut Install, answer: Answer) -> Vec<Action> {
        let mut actions = vec![machine.next(answer)];
        while !matches!(
            actions.last(),
            Some(Action::End(_) | Action::Inspect | Action::AskAir)
        ) {
            actions.push(machine.next(Answer::Done));
        }
        actions
    }

    fn refusal(seen: Observed, allow_downgrade: bool, offer: Offer) -> Option<String> {
        let mut machine = Install::from_spool(seen);
        let format = REQUEST_FORMAT.to_owned();
        let request = Request {
            format,
            allow_downgrade,
            ..Request::default()
        };
        follow(&mut machine, Answer::Done);
        follow(&mut machine, Answer::Request(request));
        let actions = follow(&mut machine, Answer::Offer(offer));
        match &actions[..] {
            [
                Action::Tell(told),
                Action::ClearWork,
                Action::End(Ended::Failed),
            ] => {
                assert_eq!(told.state, State::Failed);
                Some(told.reason.clone())
            }
            _ => {
                assert!(actions.contains(&Action::LookAround));
                None
            }
        }
    }

    #[test]
    fn a_working_place_that_cannot_be_cleared_ends_it_and_is_not_tried_for_ever() {
        let mut machine = Install::from_spool(seen());
        let mut action = machine.next(Answer::Done);
        let mut told = 0;
        // Whatever clears is refused, from the first time on.
        for _ in 0..20 {
            told += usize::from(matches!(action, Action::Tell(_)));
            let answer = match &action {
                Action::End(ended) => {
                    assert_eq!(*ended, Ended::Failed);
                    assert_eq!(told, 2, "verifying, and failed");
                    return;
                }
                Action::ClearWork => Answer::Failed("input/output error".to_owned()),
                _ => Answer::Done,
            };
            action = machine.next(answer);
        }
        panic!("it goes round: {action:?}");
    }

    #[test]
    fn what_is_not_newer_has_to_be_asked_for() {
        use Ordering::{Equal, Greater, Less};
        for (version, newer, allowed, refused) in [
            ("0.3.0", Greater, false, None),
            ("0.2.0", Equal, false, Some("runs already")),
            (
                "0.1.0",
                Less,
                false,
                Some("is older than the running 0.2.0"),
            ),
            ("0.2.0", Equal, true, None),
            ("0.1.0", Less, true, None),
        ] {
            let why = refusal(seen(), allowed, offer(version, newer));
            assert_eq!(why.is_some(), refused.is_some(), "{version} {allowed}");
            assert!(
                why.unwrap_or_default()
                    .contains(refused.unwrap_or_default())
            );
        }
    }

    #[test]
    fn only_an_admin_goes_back_behind_what_was_kept() {
        let old = || Offer {
            floor: Some("0.4.0".to_owned()),
            ..offer("0.3.0", Ordering::Greater)
        };
        let why = refusal(seen(), false, old()).expect("refused");
        assert!(
            why.starts_with("version 0.3.0 is older than 0.4.0"),
            "{why}"
        );
        assert_eq!(refusal(seen(), true, old()), None);

        let mut machine = Install::from_stick(seen());
        follow(&mut machine, Answer::Done);
        let stick = Stick {
            bundles: 1,
            allow_downgrade: true,
            try_again: false,
        };
        assert_eq!(machine.next(Answer::Stick(stick)), Action::Inspect);
        let verifying = machine.next(Answer::Offer(old()));
        assert!(matches!(verifying, Action::Tell(told) if told.state == State::Verifying));
        let refused = machine.next(Answer::Done);
        assert!(matches!(refused, Action::Tell(told) if told.reason == why));
    }

    #[test]
    fn a_damaged_bundle_is_told_from_a_card_before_anything_is_touched() {
        let mut machine = Install::from_spool(seen());
        follow(&mut machine, Answer::Done);
        let request = Request {
            format: REQUEST_FORMAT.to_owned(),
            ..Request::default()
        };
        follow(&mut machine, Answer::Request(request));
        let verify = machine.next(Answer::Offer(offer("0.3.0", Ordering::Greater)));
        assert_eq!(verify, Action::Verify);
        let damaged = Answer::Failed("its content is not what was signed".to_owned());
        let Action::Tell(told) = machine.next(damaged) else {
            panic!("not told");
        };
        assert_eq!(told.state, State::Failed);
        assert!(
            told.reason
                .starts_with("the bundle is damaged, the card is not")
        );
        assert_eq!(machine.next(Answer::Done), Action::ClearWork);
        assert_eq!(machine.next(Answer::Done), Action::End(Ended::Failed));
    }

    #[test]
    fn another_board_no_version_and_a_trial_are_refused() {
        let mut other = offer("0.3.0", Ordering::Greater);
        other.compatible = "kite".to_owned();
        assert_eq!(
            refusal(seen(), true, other).as_deref(),
            Some("the bundle is for kite, this board is board")
        );
        let none = Offer {
            newer: None,
            ..offer("", Ordering::Less)
        };
        assert_eq!(
            refusal(seen(), true, none).as_deref(),
            Some("the bundle's version '' is no version")
        );
        let trial = |slot| {
            Some(Trial {
                slot,
                version: "0.2.0".to_owned(),
                before: None,
                lowers_floor: false,
            })
        };
        let on_trial = Observed {
            trial: trial(Slot::A),
            ..seen()
        };
        let why = refusal(on_trial, true, offer("0.3.0", Ordering::Greater));
        assert!(why.is_some_and(|why| why.contains("on trial itself")));
        let rolled_back = Observed {
            trial: trial(Slot::B),
            ..seen()
        };
        assert_eq!(
            refusal(rolled_back, false, offer("0.3.0", Ordering::Greater)),
            None
        );
    }

    #[test]
    fn a_stick_left_in_is_not_installed_over_and_over() {
        let tried = Status {
            state: State::RolledBack,
            version: "0.3.0".to_owned(),
            ..Status::default()
        };
        for (version, try_again, installs) in [
            ("0.2.0", true, false),
            ("0.3.0", false, false),
            ("0.3.0", true, true),
            ("0.4.0", false, true),
        ] {
            let mut machine = Install::from_stick(Observed {
                status: tried.clone(),
                ..seen()
            });
            assert_eq!(machine.next(Answer::Done), Action::OpenStick);
            let stick = Stick {
                bundles: 1,
                allow_downgrade: true,
                try_again,
            };
            assert_eq!(machine.next(Answer::Stick(stick)), Action::Inspect);
            let actions = follow(
                &mut machine,
                Answer::Offer(offer(version, Ordering::Greater)),
            );
            assert_eq!(
                actions.contains(&Action::LookAround),
                installs,
                "{version} {try_again}"
            );
            let silent = !actions
                .iter()
                .any(|action| matches!(action, Action::Tell(_)));
            assert_eq!(silent, !installs, "{version} {try_again}");
        }
    }
}
