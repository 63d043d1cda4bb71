//! The circuit breaker: after some failures in a row the upstream is left alone
//! for a while, then one request tries it. Pure: takes `now`.
//!
//! Without it every operator would wait a whole time-out for a service that is
//! known to be gone, and a service that is just coming up would be met by all
//! of them at once.

use std::time::Duration;

use readings::clock::Mono;

/// What the breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BreakerState {
    /// Everything: the upstream answers.
    Closed,
    /// Nothing for now.
    Open,
    /// One request, which tries the upstream.
    HalfOpen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// With that many failures in a row.
    Closed(u32),
    Open {
        until: Mono,
    },
    HalfOpen,
}

/// Permission to make one request; its outcome is owed to [`Breaker::settle`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BreakerPermit {
    probe: bool,
}

/// How a request went, as far as the upstream's health goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It answered.
    Well,
    /// It did not, or not sensibly.
    Ill,
    /// Nobody knows: the client left before.
    Unknown,
}

/// The breaker of one upstream.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    failures: u32,
    pause: Duration,
    opened: u64,
}

impl Breaker {
    /// Opens after `failures` in a row, for `pause`.
    pub(super) fn new(failures: u32, pause: Duration) -> Breaker {
        Breaker {
            state: State::Closed(0),
            failures: failures.max(1),
            pause,
            opened: 0,
        }
    }

    /// A permit for a request, or how long to wait.
    pub(super) fn ask(&mut self, now: Mono) -> Result<BreakerPermit, Duration> {
        match self.state {
            State::Closed(_) => Ok(BreakerPermit { probe: false }),
            State::Open { until } if now >= until => {
                self.state = State::HalfOpen;
                Ok(BreakerPermit { probe: true })
            }
            State::Open { until } => Err(until.since(now)),
            // Until the one under way has ended nobody can say when.
            State::HalfOpen => Err(Duration::from_secs(1)),
        }
    }

    /// How the request that `leave` was given for went.
    pub(super) fn settle(&mut self, leave: BreakerPermit, health: Health, now: Mono) {
        match (self.state, health) {
            (State::HalfOpen, Health::Well) if leave.probe => self.state = State::Closed(0),
            (State::HalfOpen, Health::Ill) if leave.probe => self.open(now),
            // The next request tries in its place.
            (State::HalfOpen, Health::Unknown) if leave.probe => {
                self.state = State::Open { until: now }
            }
            (State::Closed(_), Health::Well) => self.state = State::Closed(0),
            (State::Closed(_), Health::Ill) => self.fail(now),
            // Begun before it opened: what came of it is old news.
            _ => {}
        }
    }

    /// A failure after the answer had begun: it counts, as any other.
    pub(super) fn fail(&mut self, now: Mono) {
        if let State::Closed(failures) = self.state {
            match failures + 1 {
                failures if failures >= self.failures => self.open(now),
                failures => self.state = State::Closed(failures),
            }
        }
    }

    fn open(&mut self, now: Mono) {
        self.opened += 1;
        self.state = State::Open {
            until: now.plus(self.pause),
        };
    }

    /// What it lets through now.
    pub(super) fn state(&self) -> BreakerState {
        match self.state {
            State::Closed(_) => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen => BreakerState::HalfOpen,
        }
    }

    /// How often it has opened.
    pub(super) fn opened(&self) -> u64 {
        self.opened
    }

    /// How long until the upstream is tried again, while it is left alone.
    pub(super) fn wait(&self, now: Mono) -> Option<Duration> {
        match self.state {
            State::Open { until } => Some(until.since(now)),
            State::Closed(_) | State::HalfOpen => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAUSE: Duration = Duration::from_secs(30);

    fn at(seconds: u64) -> Mono {
        Mono::from_millis(seconds * 1_000)
    }

    fn run(breaker: &mut Breaker, health: Health, now: Mono) {
        let leave = breaker.ask(now).expect("leave");
        breaker.settle(leave, health, now);
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let mut breaker = Breaker::new(3, PAUSE);
        for health in [
            Health::Ill,
            Health::Ill,
            Health::Well,
            Health::Ill,
            Health::Ill,
            Health::Unknown,
        ] {
            run(&mut breaker, health, at(0));
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        run(&mut breaker, Health::Ill, at(1));
        assert_eq!((breaker.state(), breaker.opened()), (BreakerState::Open, 1));
        assert_eq!(breaker.ask(at(11)), Err(Duration::from_secs(20)));
    }

    #[test]
    fn one_request_tries_it_again_and_decides() {
        let mut breaker = Breaker::new(1, PAUSE);
        run(&mut breaker, Health::Ill, at(0));
        let probe = breaker.ask(at(30)).expect("leave");
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.ask(at(30)).is_err(), "one at a time");
        breaker.settle(probe, Health::Ill, at(31));
        assert_eq!(breaker.wait(at(31)), Some(PAUSE));
        let probe = breaker.ask(at(61)).expect("leave");
        breaker.settle(probe, Health::Well, at(62));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn who_leaves_while_trying_leaves_the_place_to_the_next() {
        let mut breaker = Breaker::new(1, PAUSE);
        run(&mut breaker, Health::Ill, at(0));
        let probe = breaker.ask(at(30)).expect("leave");
        breaker.settle(probe, Health::Unknown, at(30));
        assert!(breaker.ask(at(30)).is_ok());
    }

    #[test]
    fn what_began_before_it_opened_changes_nothing() {
        let mut breaker = Breaker::new(1, PAUSE);
        let (old, older) = (
            breaker.ask(at(0)).expect("leave"),
            breaker.ask(at(0)).expect("leave"),
        );
        run(&mut breaker, Health::Ill, at(1));
        breaker.settle(old, Health::Well, at(2));
        assert_eq!(breaker.state(), BreakerState::Open);
        let probe = breaker.ask(at(31)).expect("leave");
        breaker.settle(older, Health::Ill, at(31));
        assert_eq!(
            (breaker.state(), breaker.opened()),
            (BreakerState::HalfOpen, 1)
        );
        breaker.settle(probe, Health::Well, at(32));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    proptest! {
        /// Whatever happens: it opens only after the failures it was given, and
        /// is never shut for longer than its pause once what is under way ends.
        #[test]
        fn it_is_never_shut_for_ever(steps in proptest::collection::vec((0u8..3, 0u64..40), 1..200)) {
            let mut breaker = Breaker::new(3, PAUSE);
            let (mut now, mut in_a_row) = (0, 0);
            for (health, wait) in steps {
                now += wait;
                if let Ok(leave) = breaker.ask(at(now)) {
                    let was_probe = leave.probe;
                    let health = [Health::Well, Health::Ill, Health::Unknown][usize::from(health)];
                    in_a_row = match health { Health::Well => 0, Health::Ill => in_a_row + 1, Health::Unknown => in_a_row };
                    breaker.settle(leave, health, at(now));
                    let open = breaker.state() == BreakerState::Open;
                    prop_assert!(!open || was_probe || in_a_row >= 3);
                }
                prop_assert!(breaker.wait(at(now)).is_none_or(|wait| wait <= PAUSE));
            }
            prop_assert!(breaker.ask(at(now).plus(PAUSE)).is_ok());
        }
    }
}
