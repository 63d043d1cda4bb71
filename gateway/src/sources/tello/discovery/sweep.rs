//! One search: which address is asked when, and what its answers mean.
//!
//! Pure: times come in, datagrams to send come out. At most [`PARALLEL`]
//! addresses wait for an answer at any time, and every address is asked a few
//! times at most, so a search of any size has a known length.
//!
//! A drone is proved by its assent to `command`; the battery is then asked for.
//! Nothing else is ever sent: both are harmless to a drone at rest, and drones
//! that fly are not among the targets (see [`super::targets`]).

use std::net::Ipv4Addr;
use std::time::Duration;

use tello::reply::Reply;

use readings::clock::Mono;

/// Most addresses waiting for an answer. An unanswered address costs the kernel
/// an entry of its neighbour table (1024 by default) until it gives up on it.
pub(super) const PARALLEL: usize = 128;

/// Most datagrams sent at once, so that a search does not crowd the air.
const BURST: usize = 16;

/// Between bursts.
const BETWEEN_BURSTS: Duration = Duration::from_millis(5);

/// Wait for an answer; a Tello takes some 30 ms (captured).
const ANSWER_WITHIN: Duration = Duration::from_millis(200);

/// Times an address is asked: the answer to one of three arrives with nine in
/// ten at 30 % loss each way.
const TRIES: u32 = 3;

/// An address to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Which of the search's sockets reaches it.
    pub(super) socket: usize,
    /// Where.
    pub(super) address: Ipv4Addr,
}

/// A drone that answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hit {
    pub(super) target: Target,
    pub(super) response: Duration,
    pub(super) battery_pct: Option<u8>,
    /// Why it cannot be used, if it cannot.
    pub(super) hindrance: Option<Hindrance>,
}

/// Why a drone that answers cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hindrance {
    Unactive,
    Refused,
    /// It sends packets of the maker's app, and no word.
    Binary,
}

impl Hindrance {
    /// In words, with what to do.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Hindrance::Unactive => "It was never activated; activate it once with the vendor's app",
            Hindrance::Refused => {
                "It refuses SDK mode; restart it, and close other programs that fly it"
            }
            Hindrance::Binary => {
                "It speaks the binary protocol of the maker's app only; close the app, restart the drone, and \
                 update its firmware if that does not help"
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Enter,
    Battery,
}

impl Ask {
    const fn word(self) -> &'static str {
        match self {
            Ask::Enter => "command",
            Ask::Battery => "battery?",
        }
    }
}

struct Open {
    target: Target,
    ask: Ask,
    tries: u32,
    sent: Mono,
    response: Duration,
    /// Whether it sent packets of the maker's app.
    is_binary: bool,
}

/// A search under way.
pub(super) struct Sweep {
    waiting: std::vec::IntoIter<Target>,
    open: Vec<Open>,
    hits: Vec<Hit>,
    tries: u32,
    most_hits: usize,
    sent: u64,
}

impl Sweep {
    /// A search of `targets` that should end within `patience` and finds at
    /// most `most_hits` drones.
    pub(super) fn new(targets: Vec<Target>, patience: Duration, most_hits: usize) -> Sweep {
        let waves = targets.len().div_ceil(PARALLEL).max(1) as u32;
        // In a hurry everybody is asked once rather than the first ones thrice.
        let tries = (patience.as_millis() / (ANSWER_WITHIN.as_millis() * u128::from(waves)))
            .clamp(1, TRIES.into());
        Sweep {
            waiting: targets.into_iter(),
            open: Vec::with_capacity(PARALLEL),
            hits: Vec::new(),
            tries: tries as u32,
            most_hits,
            sent: 0,
        }
    }

    /// What is to be sent now, and when to look again; none when it is over.
    pub(super) fn look(
        &mut self,
        now: Mono,
        mut send: impl FnMut(Target, &'static str),
    ) -> Option<Duration> {
        let mut sends = 0;
        let (tries, hits) = (self.tries, &mut self.hits);
        self.open.retain_mut(|open| {
            if now.since(open.sent) < ANSWER_WITHIN {
                return true;
            }
            if open.tries >= tries {
                let is_there = matches!(open.ask, Ask::Battery);
                if is_there || open.is_binary {
                    hits.push(Hit {
                        target: open.target,
                        response: open.response,
                        battery_pct: None,
                        hindrance: (!is_there).then_some(Hindrance::Binary),
                    });
                }
                return false;
            }
            if sends < BURST {
                sends += 1;
                (open.tries, open.sent) = (open.tries + 1, now);
                send(open.target, open.ask.word());
            }
            true
        });
        while sends < BURST && self.open.len() < PARALLEL && self.hits.len() < self.most_hits {
            let Some(target) = self.waiting.next() else {
                break;
            };
            sends += 1;
            self.open.push(Open {
                target,
                ask: Ask::Enter,
                tries: 1,
                sent: now,
                response: Duration::ZERO,
                is_binary: false,
            });
            send(target, Ask::Enter.word());
        }
        self.sent += sends as u64;
        if sends == BURST {
            return Some(BETWEEN_BURSTS);
        }
        let due = self
            .open
            .iter()
            .map(|open| open.sent.plus(ANSWER_WITHIN))
            .min()?;
        Some(due.since(now).max(BETWEEN_BURSTS))
    }

    /// Takes a datagram that came in by `socket`; what there is to ask next.
    pub(super) fn take(
        &mut self,
        from: Target,
        reply: &Reply<'_>,
        now: Mono,
    ) -> Option<&'static str> {
        let index = self.open.iter().position(|open| open.target == from)?;
        let open = &mut self.open[index];
        if *reply == Reply::Binary {
            // Firmware sends such packets ahead of its word, too: no more is known yet.
            open.is_binary = true;
            open.response = now.since(open.sent);
            return None;
        }
        let hindrance = match (open.ask, reply) {
            (Ask::Enter, Reply::Ok) => {
                open.response = now.since(open.sent);
                (open.ask, open.tries, open.sent) = (Ask::Battery, 1, now);
                self.sent += 1;
                return Some(Ask::Battery.word());
            }
            (Ask::Enter, Reply::Unactive) => Some(Hindrance::Unactive),
            (Ask::Enter, Reply::Error(_)) => Some(Hindrance::Refused),
            // Anything may listen on that port: other text proves nothing.
            (Ask::Enter, _)
            | (Ask::Battery, Reply::Ok | Reply::Binary | Reply::Noise | Reply::Unactive) => {
                return None;
            }
            (Ask::Battery, Reply::Text(_) | Reply::Error(_)) => None,
        };
        let battery_pct = match reply {
            Reply::Text(text) => text.parse().ok().filter(|percent| *percent <= 100),
            _ => None,
        };
        let response = if open.response.is_zero() {
            now.since(open.sent)
        } else {
            open.response
        };
        self.hits.push(Hit {
            target: open.target,
            response,
            battery_pct,
            hindrance,
        });
        self.open.swap_remove(index);
        None
    }

    /// The drones found so far, those whose battery is still asked for included;
    /// how much was sent; whether everybody was asked.
    pub(super) fn end(mut self) -> (Vec<Hit>, u64, bool) {
        let complete = self.open.is_empty() && self.waiting.len() == 0;
        let proved = self
            .open
            .iter()
            .filter(|open| matches!(open.ask, Ask::Battery));
        self.hits.extend(proved.map(|open| Hit {
            target: open.target,
            response: open.response,
            battery_pct: None,
            hindrance: None,
        }));
        (self.hits, self.sent, complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(count: u16) -> Vec<Target> {
        (0..count)
            .map(|n| Target {
                socket: 0,
                address: Ipv4Addr::from(0x0A00_0001 + u32::from(n)),
            })
            .collect()
    }

    /// Runs a search against a network whose hosts answer by `answer`; its hits,
    /// datagrams sent, most that waited at once, and length in ms.
    fn run(
        count: u16,
        patience_ms: u64,
        mut answer: impl FnMut(Target, &'static str) -> Option<&'static str>,
    ) -> (Vec<Hit>, usize, usize, u64) {
        let mut sweep = Sweep::new(targets(count), Duration::from_millis(patience_ms), 64);
        let (mut now, mut sent, mut most) = (Mono::ZERO, 0, 0);
        loop {
            let mut replies = Vec::new();
            let pause = sweep.look(now, |target, word| {
                sent += 1;
                replies.push((target, word));
            });
            most = most.max(sweep.open.len());
            let Some(pause) = pause else { break };
            while let Some((target, word)) = replies.pop() {
                if let Some(text) = answer(target, word)
                    && let Some(next) = sweep.take(target, &Reply::parse(text.as_bytes()), now)
                {
                    sent += 1;
                    replies.push((target, next));
                }
            }
            now = now.plus(pause);
            if now > Mono::from_millis(60_000) {
                panic!("endless");
            }
        }
        let (hits, counted, complete) = sweep.end();
        assert!(complete && counted as usize == sent);
        (hits, sent, most, now.as_millis())
    }

    #[test]
    fn a_silent_network_is_asked_thrice_and_left_alone() {
        let (hits, sent, most, took_ms) = run(254, 5_000, |_, _| None);
        assert_eq!((hits, sent, most), (vec![], 3 * 254, PARALLEL));
        assert!(took_ms <= 1_700, "{took_ms}");
        let (_, sent, _, _) = run(254, 400, |_, _| None);
        assert_eq!(sent, 254, "once in a hurry");
    }

    #[test]
    fn a_drone_is_proved_by_its_assent_and_says_its_battery() {
        let drone = |word| if word == "command" { "ok" } else { "87\r\n" };
        let (hits, sent, _, _) = run(3, 5_000, |target, word| {
            (target == targets(3)[1]).then(|| drone(word))
        });
        assert_eq!(hits.len(), 1);
        assert_eq!(
            (hits[0].target, hits[0].battery_pct, hits[0].hindrance),
            (targets(3)[1], Some(87), None)
        );
        assert_eq!(sent, 3 + 2 + 3, "the others are asked thrice");
    }

    #[test]
    fn what_is_no_drone_is_not_taken_for_one() {
        // An echo server, and a Tello's binary packet alone.
        assert_eq!(run(1, 5_000, |_, word| Some(word)).0, vec![]);
        assert_eq!(run(1, 5_000, |_, _| Some("87")).0, vec![]);
    }

    #[test]
    fn drones_that_cannot_be_used_say_why() {
        assert_eq!(
            run(1, 5_000, |_, _| Some("unactive")).0[0].hindrance,
            Some(Hindrance::Unactive)
        );
        assert_eq!(
            run(1, 5_000, |_, _| Some("error")).0[0].hindrance,
            Some(Hindrance::Refused)
        );
    }

    #[test]
    fn a_drone_that_speaks_the_app_s_protocol_only_is_told_as_such() {
        let mut sweep = Sweep::new(targets(1), Duration::from_secs(5), 64);
        let mut now = Mono::ZERO;
        while let Some(pause) = sweep.look(now, |_, _| {}) {
            sweep.take(targets(1)[0], &Reply::Binary, now);
            now = now.plus(pause);
        }
        assert_eq!(sweep.end().0[0].hindrance, Some(Hindrance::Binary));
    }

    #[test]
    fn a_drone_silent_about_its_battery_is_found_all_the_same() {
        let (hits, ..) = run(1, 5_000, |_, word| (word == "command").then_some("ok"));
        assert_eq!((hits.len(), hits[0].battery_pct), (1, None));
    }
}
