//! What is read by whom: each bus for itself, none of which may take the time of the others.
//!
//! Work goes to a reader and is waited for; a bus that does not answer in time hangs and
//! is left alone until the kernel comes back from it. A bus that answers slowly (1-wire
//! takes 0.75 s a conversion, an I²C driver a second to give up) rests for nine times as
//! long as it took, so that it has a tenth of the time at most.
//!
//! Knows nothing of what is read: that is the probe's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::detect::Detected;
use crate::discover::{Discovery, discover};
use crate::probe::Probe;
use crate::readers::{Handed, MAX_HUNG, Readers, Ticket, Work};
use crate::sensor::Sample;
use crate::source::{Attempt, BUFFER_BYTES, Source};
use crate::tree::Tree;

/// How long a read may take. Longer than a driver that gives up on a chip by itself
/// (1 s), or a conversion on 1-wire (0.75 s).
const READ_PATIENCE: Duration = Duration::from_secs(2);

/// How long a search through all classes may take: some hundred files.
const SEARCH_PATIENCE: Duration = Duration::from_secs(3);

/// A read that took so long makes its bus a slow one. A register takes a millisecond.
const SLOW: Duration = Duration::from_millis(100);

/// How many times as long as it took a slow bus rests.
const REST_FACTOR: u32 = 9;

/// Slow busses that are remembered; one more is read as if it were quick.
const MAX_SLOW: usize = 16;

/// The readers, and what is known of the busses.
#[derive(Debug)]
pub(crate) struct Lanes {
    readers: Readers<Job>,
    /// Goes with each attempt; none while it hangs with one.
    buffer: Option<Box<[u8; BUFFER_BYTES]>>,
    stuck: Vec<(Ticket, Arc<str>)>,
    slow: Vec<(Arc<str>, u64)>,
}

#[derive(Debug)]
enum Job {
    Read(Attempt),
    Search(Box<Search>),
}

#[derive(Debug)]
struct Search {
    tree: Tree,
    detected: Detected,
    found: Option<Box<Discovery>>,
}

/// What came of an attempt to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ended, however.
    Read,
    /// It did not end in time.
    Late,
    /// Nobody tried: the device is gone, or its bus hangs.
    NotTried,
}

/// What came of a search.
#[derive(Debug)]
pub(crate) enum Searched {
    Found(Box<Discovery>),
    Hangs(Ticket),
    NoReader,
}

/// What hung and has ended.
#[derive(Debug)]
pub(crate) enum Returned {
    /// A read of this bus.
    Source(Arc<str>, Source),
    Search,
}

impl Work for Job {
    fn run(&mut self) {
        match self {
            Job::Read(attempt) => attempt.run(),
            Job::Search(search) => {
                search.found = Some(Box::new(discover(&search.tree, &search.detected)));
            }
        }
    }
}

impl Lanes {
    pub(crate) fn new() -> Self {
        Lanes {
            readers: Readers::new(),
            buffer: Some(Box::new([0; BUFFER_BYTES])),
            stuck: Vec::with_capacity(MAX_HUNG),
            slow: Vec::with_capacity(MAX_SLOW),
        }
    }

    pub(crate) fn set_inline(&mut self) {
        self.readers.set_inline();
    }

    /// Reads a probe, unless it is gone or its bus hangs, and gives its channels their
    /// samples.
    pub(crate) fn attempt(
        &mut self,
        now_ms: u64,
        probe: &mut Probe,
        emit: impl FnMut(u16, Sample),
    ) -> Outcome {
        if probe.is_gone() {
            probe.say_gone(now_ms, emit);
            return Outcome::NotTried;
        }
        let is_stuck = self.stuck.iter().any(|(_, bus)| *bus == probe.bus);
        let Some(source) = probe.source.take_if(|_| !is_stuck) else {
            probe.say_stuck(now_ms, emit);
            return Outcome::NotTried;
        };
        let new = || Box::new([0; BUFFER_BYTES]);
        let attempt = Attempt::new(source, self.buffer.take().unwrap_or_else(new));
        #[expect(
            clippy::disallowed_methods,
            reason = "how long a device takes is real time"
        )]
        let start = Instant::now();
        let handed = self.readers.run(Job::Read(attempt), READ_PATIENCE);
        self.note_time(now_ms, &probe.bus, start.elapsed());
        match handed {
            Handed::Done(Job::Read(attempt)) => {
                probe.take(now_ms, &attempt, emit);
                self.keep(probe, attempt);
                Outcome::Read
            }
            Handed::Hangs(ticket) => {
                probe.hangs = Some(ticket);
                self.stuck.push((ticket, probe.bus.clone()));
                probe.say_stuck(now_ms, emit);
                Outcome::Late
            }
            Handed::NoReader(Job::Read(attempt)) => {
                self.keep(probe, attempt);
                probe.say_stuck(now_ms, emit);
                Outcome::NotTried
            }
            // What comes back is what was handed over.
            Handed::Done(_) | Handed::NoReader(_) => Outcome::NotTried,
        }
    }

    /// Looks for sensors.
    pub(crate) fn search(&mut self, tree: Tree, detected: Detected) -> Searched {
        let search = Box::new(Search {
            tree,
            detected,
            found: None,
        });
        match self.readers.run(Job::Search(search), SEARCH_PATIENCE) {
            Handed::Done(Job::Search(search)) => match search.found {
                Some(found) => Searched::Found(found),
                None => Searched::NoReader,
            },
            Handed::Hangs(ticket) => Searched::Hangs(ticket),
            Handed::Done(_) | Handed::NoReader(_) => Searched::NoReader,
        }
    }

    /// What hung and has ended since.
    pub(crate) fn returned(&mut self) -> Option<(Ticket, Returned)> {
        let (ticket, job) = self.readers.returned()?;
        let returned = match job {
            Job::Search(_) => Returned::Search,
            Job::Read(attempt) => {
                let at = self.stuck.iter().position(|(of, _)| *of == ticket)?;
                let (_, bus) = self.stuck.swap_remove(at);
                self.slow.retain(|(of, _)| *of != bus);
                self.buffer.get_or_insert(attempt.buffer);
                Returned::Source(bus, attempt.source)
            }
        };
        Some((ticket, returned))
    }

    /// Until when a slow bus rests.
    pub(crate) fn rests_until(&self, bus: &str) -> Option<u64> {
        let mut slow = self.slow.iter();
        slow.find(|(of, _)| **of == *bus)
            .map(|(_, until_ms)| *until_ms)
    }

    pub(crate) fn hung(&self) -> usize {
        self.readers.hung()
    }

    fn keep(&mut self, probe: &mut Probe, attempt: Attempt) {
        self.buffer = Some(attempt.buffer);
        probe.source = Some(attempt.source);
    }

    /// A bus is slow from a slow read until a quick one.
    fn note_time(&mut self, now_ms: u64, bus: &Arc<str>, took: Duration) {
        let known = self.slow.iter().position(|(of, _)| of == bus);
        if took < SLOW {
            if let Some(known) = known {
                self.slow.swap_remove(known);
            }
            return;
        }
        let rest = u64::try_from((took * (REST_FACTOR + 1)).as_millis()).unwrap_or(u64::MAX);
        let until_ms = now_ms.saturating_add(rest);
        match known {
            Some(known) => self.slow[known].1 = until_ms,
            None if self.slow.len() < MAX_SLOW => self.slow.push((bus.clone(), until_ms)),
            None => {}
        }
    }
}
