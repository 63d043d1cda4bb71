//! No restart from under a flying drone.
//!
//! A restart takes the gateway away. The drone would land by itself; better its
//! operator does that first.

use super::{Action, Answer, Ended, Machine, PAUSE_S, Queue};

/// Longest wait for flying drones, in seconds: a Tello's battery lasts 13 minutes.
pub(crate) const LANDING_S: u64 = 900;

/// A wait for the ground, which does not go on for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Landing {
    since_s: Option<u64>,
}

impl Landing {
    /// Whether to wait on, at `now_s` seconds from the kernel's start.
    pub fn waits(&mut self, flying: bool, now_s: u64) -> bool {
        let since_s = *self.since_s.get_or_insert(now_s);
        flying && now_s.saturating_sub(since_s) < LANDING_S
    }

    /// The actions of a wait.
    #[must_use]
    pub fn again() -> [Action; 2] {
        [Action::Pause(PAUSE_S), Action::AskAir]
    }
}

/// Restarts a system that had its time, whatever of it still runs, once nothing flies.
/// A system that gets nowhere has no gateway, and so nothing that flies.
#[derive(Debug)]
pub struct Restart {
    queue: Queue,
    landing: Landing,
}

impl Restart {
    /// Saying why.
    #[must_use]
    pub fn new(why: &str) -> Restart {
        Restart {
            queue: Queue::from([Action::Log(why.to_owned()), Action::AskAir]),
            landing: Landing::default(),
        }
    }
}

impl Machine for Restart {
    fn next(&mut self, answer: Answer) -> Action {
        match answer {
            Answer::Air { flying, now_s } if self.landing.waits(flying, now_s) => {
                self.queue.extend(Landing::again());
            }
            Answer::Air { .. } => {
                let end = Action::End(Ended::Well);
                self.queue.extend([Action::ForceReboot, end]);
            }
            Answer::Failed(why) => {
                let end = Action::End(Ended::Failed);
                self.queue = Queue::from([Action::Log(why), end]);
            }
            _ => {}
        }
        let end = Action::End(Ended::Failed);
        self.queue.pop_front().unwrap_or(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_on_the_ground_or_with_its_time() {
        let mut landing = Landing::default();
        assert!(landing.waits(true, 1000));
        assert!(landing.waits(true, 1000 + LANDING_S - 1));
        assert!(!landing.waits(true, 1000 + LANDING_S));
        assert!(!Landing::default().waits(false, 1000));
    }

    #[test]
    fn a_restart_asks_first() {
        let mut restart = Restart::new("why");
        let air = |flying| Answer::Air {
            flying,
            now_s: 1000,
        };
        assert_eq!(restart.next(Answer::Done), Action::Log("why".to_owned()));
        assert_eq!(restart.next(Answer::Done), Action::AskAir);
        assert_eq!(restart.next(air(true)), Action::Pause(PAUSE_S));
        assert_eq!(restart.next(Answer::Done), Action::AskAir);
        assert_eq!(restart.next(air(false)), Action::ForceReboot);
        assert_eq!(restart.next(Answer::Done), Action::End(Ended::Well));
    }
}
