//! The state machine of one link. Pure: takes `now` and what was observed, says
//! what to do.
//!
//! It sends `command` for one purpose only: to make a silent drone stream. It is
//! never a keep-alive. Any command cancels an automatic landing in progress, so
//! a drone that streams is sent nothing, and one that went silent in the air is
//! left alone until its own landing (15 s after its last command) must be over;
//! so again after each attempt, or one whose answers are lost would never come down.

use std::net::IpAddr;
use std::time::Duration;

use readings::clock::Mono;

use super::reason::{Evidence, Reason};
use crate::sources::vehicles::LinkState;

/// How long is listened before the first `command`: a drone still in SDK mode
/// streams by itself at 10 Hz and needs none.
pub(crate) const LISTEN_FIRST: Duration = Duration::from_millis(250);

/// First and longest time between attempts.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// A drone never heard is reported after this: four attempts, enough to say why.
const REPORT_NEVER_HEARD: Duration = Duration::from_secs(5);

/// A drone lost on the ground is reported after this: two attempts.
const REPORT_LOST: Duration = Duration::from_secs(2);

/// A drone silent in the air lands by itself this long after its last command.
const LANDS_AFTER: Duration = Duration::from_secs(15);

/// The slowest descent, in cm/s: a landing from 0.8 m took 4.2 s (captured).
const SLOWEST_DESCENT_CM_S: u64 = 18;

/// Height of a flight whose height is not known: the highest there is, in cm.
const HIGHEST_CM: u32 = 1_000;

/// How long a drone silent in the air is sent nothing: any command would end the
/// landing that it makes by itself.
fn hands_off(height_cm: Option<u32>) -> Duration {
    let height_cm = u64::from(height_cm.unwrap_or(HIGHEST_CM));
    LANDS_AFTER + Duration::from_millis(height_cm * 1_000 / SLOWEST_DESCENT_CM_S)
}

/// A link that was lost again and again must be steady for this long, doubled with
/// each loss, before its notice ends: one notice tells of the whole of it. The
/// first loss ends as soon as the drone is back.
const STEADY: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));

/// Attempts in a row without evidence after which older evidence no longer counts.
const FORGET_AFTER: u32 = 3;

/// Longest sleep between looks while something is expected.
const LOOK_SOON: Duration = Duration::from_millis(200);

/// Longest sleep while connected or not wanted.
const LOOK_LATE: Duration = Duration::from_secs(1);

/// What is known at a look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs {
    pub(crate) now: Mono,
    /// Whether somebody wants it connected.
    pub(crate) wanted: bool,
    /// When a state last arrived in this run.
    pub(crate) heard: Option<Mono>,
    /// Whether it is, or may be, in the air.
    pub(crate) airborne: bool,
    /// How high over the floor it was at the most, by its last state.
    pub(crate) height_cm: Option<u32>,
    /// Whether another controller has it: its states are not taken back.
    pub(crate) rival: bool,
    /// When it was last sent a command, which is when its own rule began anew.
    pub(crate) last_sent: Mono,
    /// Whether our state port is bound.
    pub(crate) port_bound: bool,
    /// From where packets to it would leave, when known.
    pub(crate) route: Option<IpAddr>,
}

impl Inputs {
    /// Since when it is silent in the air, if it is. A flight of the run before of which
    /// nothing was heard since counts from the start on.
    fn silent_in_air(&self) -> Option<Mono> {
        self.airborne.then(|| self.heard.unwrap_or(Mono::ZERO))
    }
}

/// What to tell people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// It is not heard and should be.
    Silent {
        /// Why.
        reason: Reason,
        /// Whether it was ever connected.
        was_connected: bool,
        /// How often it was lost since it was last steady.
        losses: u32,
    },
    /// It was lost, is not heard, and nobody wants it any more: that it was lost stays true.
    LetGo,
    /// It is heard again; or it was never heard, and nobody wants it any more.
    Over,
}

/// What to do after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) state: LinkState,
    pub(crate) reason: Option<Reason>,
    /// Whether to send `command` now.
    pub(crate) send: bool,
    pub(crate) notice: Option<Notice>,
    /// Whether it was lost in this step.
    pub(crate) lost: bool,
    /// How long nothing needs a look.
    pub(crate) sleep: Duration,
}

/// The link to one drone.
pub(crate) struct Link {
    target: IpAddr,
    lost_after: Duration,
    state: LinkState,
    /// When `state` began.
    since: Mono,
    attempts: u32,
    /// When the last was made: it, too, begins the drone's own 15 s anew.
    last_attempt: Mono,
    /// Whether the last was answered, and no state came.
    is_elsewhere: bool,
    /// Whether an `ok` came to the first attempt of a loss on the ground.
    answered_at_once: bool,
    next_send: Mono,
    evidence: Evidence,
    without_evidence: u32,
    reported: bool,
    /// Whether what was reported is a loss.
    reported_lost: bool,
    /// Whether nobody wanted it any more after that: it is told anew when somebody does.
    was_let_go: bool,
    was_connected: bool,
    /// Losses since it was last steady for the longest time above.
    losses: u32,
}

impl Link {
    /// A link to a drone at `target` that counts as lost after `lost_after` of silence.
    pub(crate) fn new(target: IpAddr, lost_after: Duration) -> Link {
        Link {
            target,
            lost_after,
            state: LinkState::Disconnected,
            since: Mono::ZERO,
            attempts: 0,
            last_attempt: Mono::ZERO,
            is_elsewhere: false,
            answered_at_once: false,
            next_send: Mono::ZERO,
            evidence: Evidence::Silence,
            without_evidence: 0,
            reported: false,
            reported_lost: false,
            was_let_go: false,
            was_connected: false,
            losses: 0,
        }
    }

    /// It was connected when the gateway last ran, and in the air.
    pub(crate) fn recall(&mut self) {
        self.was_connected = true;
    }

    /// Looks for the drone at another address from now on.
    pub(crate) fn retarget(&mut self, target: IpAddr) {
        self.target = target;
    }

    /// Takes in what came back from an attempt.
    pub(crate) fn observe(&mut self, evidence: Evidence) {
        self.evidence = evidence;
        self.without_evidence = 0;
        self.is_elsewhere = evidence == Evidence::Ok;
        self.answered_at_once |=
            evidence == Evidence::Ok && self.state == LinkState::Lost && self.attempts == 1;
    }

    /// Whether a loss has just ended with the answer to its first `command`: the drone was
    /// there all the while, and its states went elsewhere.
    pub(crate) fn take_answered_at_once(&mut self) -> bool {
        self.state == LinkState::Connected && std::mem::take(&mut self.answered_at_once)
    }

    /// Takes in that there is a way to the drone: what said otherwise is over.
    pub(crate) fn observe_route(&mut self) {
        if matches!(self.evidence, Evidence::NoRoute | Evidence::NoInterface) {
            self.observe(Evidence::Silence);
        }
    }

    /// Looks at the link; to be called at the latest after [`Step::sleep`].
    pub(crate) fn look(&mut self, inputs: Inputs) -> Step {
        let before = self.state;
        let fresh = inputs
            .heard
            .is_some_and(|heard| inputs.now.since(heard) < self.lost_after);
        self.advance(inputs, fresh);
        let quiet = matches!(self.state, LinkState::Connecting | LinkState::Lost);
        let reason = quiet.then(|| self.reason(inputs));
        Step {
            state: self.state,
            reason: reason.filter(|reason| !self.is_premature(*reason)),
            send: quiet && self.take_attempt(inputs),
            notice: self.notice(inputs, reason, (before, fresh)),
            lost: self.state == LinkState::Lost && before == LinkState::Connected,
            sleep: self.sleep(inputs),
        }
    }

    /// That nothing comes back means nothing before something was sent.
    fn is_premature(&self, reason: Reason) -> bool {
        let from_silence = matches!(reason, Reason::NoAnswer | Reason::OtherNetwork(_));
        from_silence && self.attempts == 0 && self.state == LinkState::Connecting
    }

    fn advance(&mut self, inputs: Inputs, fresh: bool) {
        let next = match (self.state, inputs.wanted, fresh) {
            (_, false, _) => LinkState::Disconnected,
            (_, true, true) => LinkState::Connected,
            (LinkState::Disconnected, true, false) => LinkState::Connecting,
            (LinkState::Connected, true, false) => LinkState::Lost,
            (unchanged, true, false) => unchanged,
        };
        if next != self.state {
            self.enter(next, inputs);
        }
    }

    fn enter(&mut self, state: LinkState, inputs: Inputs) {
        if self.state == LinkState::Connected && inputs.now.since(self.since) >= STEADY.1 {
            self.losses = 0;
        }
        if state == LinkState::Lost {
            self.losses = self.losses.saturating_add(1);
        }
        self.answered_at_once &= state == LinkState::Connected;
        self.state = state;
        self.since = inputs.now;
        self.attempts = 0;
        self.observe(Evidence::Silence);
        self.was_connected |= state == LinkState::Connected;
        self.next_send = match (state, self.left_alone_until(inputs)) {
            // Also one that was let go in the air and is wanted again.
            (LinkState::Lost | LinkState::Connecting, Some(until)) => until,
            (LinkState::Connecting, _) => inputs.now.plus(LISTEN_FIRST),
            _ => inputs.now,
        };
        if state == LinkState::Disconnected {
            (self.was_connected, self.losses) = (false, 0);
        }
    }

    /// Until when it is sent nothing, so that it lands by itself. One of which nothing is
    /// known but that it answers streams to somebody else, who may fly it: asked each ten
    /// seconds, it would never come down when he is gone.
    fn left_alone_until(&self, inputs: Inputs) -> Option<Mono> {
        let (silent, height_cm) = match inputs.silent_in_air() {
            Some(silent) => (silent, inputs.height_cm),
            None if self.is_elsewhere => (Mono::ZERO, None),
            None => return None,
        };
        let last = silent.max(inputs.last_sent).max(self.last_attempt);
        Some(last.plus(hands_off(height_cm)))
    }

    /// Whether an attempt is due; if so, it counts as made. Without a state port
    /// of our own the drone would only be taken from whoever holds the port.
    fn take_attempt(&mut self, inputs: Inputs) -> bool {
        // Judged at each attempt: a `stop` given meanwhile begins the drone's own time anew.
        let lands_by_itself = self
            .left_alone_until(inputs)
            .is_some_and(|until| inputs.now < until);
        let is_taken = inputs.rival && self.state == LinkState::Lost;
        if !inputs.port_bound || lands_by_itself || is_taken || inputs.now < self.next_send {
            return false;
        }
        let wait = BACK_OFF
            .0
            .saturating_mul(1 << self.attempts.min(8))
            .min(BACK_OFF.1);
        self.next_send = inputs.now.plus(wait);
        (self.last_attempt, self.is_elsewhere) = (inputs.now, false);
        self.attempts = self.attempts.saturating_add(1);
        self.without_evidence = self.without_evidence.saturating_add(1);
        if self.without_evidence > FORGET_AFTER {
            self.evidence = Evidence::Silence;
        }
        true
    }

    fn hands_off(&self, inputs: Inputs) -> bool {
        matches!(self.state, LinkState::Lost | LinkState::Connecting)
            && inputs.airborne
            && self.attempts == 0
            && inputs.now < self.next_send
    }

    fn reason(&self, inputs: Inputs) -> Reason {
        // An absent interface also keeps the state port from being bound: it is the cause.
        if !inputs.port_bound && self.evidence != Evidence::NoInterface {
            Reason::StatePortUnavailable
        } else if self.hands_off(inputs) {
            Reason::SilentInFlight
        } else {
            Reason::choose(self.evidence, self.target, inputs.route)
        }
    }

    fn notice(
        &mut self,
        inputs: Inputs,
        reason: Option<Reason>,
        (before, fresh): (LinkState, bool),
    ) -> Option<Notice> {
        let Some(reason) = reason else {
            let is_over = match self.state {
                LinkState::Disconnected => !self.reported_lost || fresh,
                _ => inputs.now.since(self.since) >= self.must_be_steady(),
            };
            let ends = self.reported && is_over;
            let lets_go = self.reported && !ends && self.state != before;
            self.was_let_go |= lets_go && self.state == LinkState::Disconnected;
            self.reported &= !ends;
            self.reported_lost &= !ends;
            return match (ends, self.state) {
                (true, _) => Some(Notice::Over),
                (false, LinkState::Disconnected) => lets_go.then_some(Notice::LetGo),
                _ => None,
            };
        };
        let patience = match self.state {
            LinkState::Lost if inputs.airborne => Duration::ZERO,
            LinkState::Lost => REPORT_LOST,
            _ => REPORT_NEVER_HEARD,
        };
        let is_known = self.reported && !self.was_let_go;
        if is_known || inputs.now.since(self.since) < patience {
            return None;
        }
        (self.reported, self.was_let_go) = (true, false);
        self.reported_lost |= self.was_connected;
        Some(Notice::Silent {
            reason,
            was_connected: self.was_connected,
            losses: self.losses,
        })
    }

    fn must_be_steady(&self) -> Duration {
        match self.losses {
            0 | 1 => Duration::ZERO,
            losses => STEADY
                .0
                .saturating_mul(1 << (losses - 2).min(8))
                .min(STEADY.1),
        }
    }

    fn sleep(&self, inputs: Inputs) -> Duration {
        match (self.state, inputs.heard) {
            (LinkState::Connected, Some(heard)) => {
                let lost_at = heard.plus(self.lost_after);
                lost_at
                    .since(inputs.now)
                    .clamp(Duration::from_millis(10), LOOK_LATE)
            }
            (LinkState::Disconnected, _) => LOOK_LATE,
            _ => LOOK_SOON,
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
