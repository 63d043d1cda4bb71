//! What is read by whom: each bus for itself, none of which may take the time of the others.
//!
//! Work goes to a reader and is waited for; a bus that does not answer in time hangs and
//! is left alone until the kernel comes back from it. A device that answers slowly (1-wire
//! takes 0.75 s a conversion, an I²C driver a second to give up) is read alone, because
//! several together would take longer than is waited for; then the slow ones of its bus
//! rest for nine times as long as it took, so that they have a tenth of the time at most.
//! Quick ones beside them are read as ever.
//!
//! Knows nothing of what is read: that is the probe's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::detect::Detected;
use crate::discover::{Discovery, discover};
use crate::probe::Probe;
use crate::readers::{Handed, MAX_HUNG, Readers, Ticket, Work};
use crate::sensor::Sample;
use crate::source::{Attempt, BUFFER_BYTES};
use crate::tree::Tree;

/// How long a read may take. Longer than a driver that gives up on a chip by itself
/// (1 s), or a conversion on 1-wire (0.75 s).
const READ_PATIENCE: Duration = Duration::from_secs(2);

/// How long a search through all classes may take: some hundred files.
const SEARCH_PATIENCE: Duration = Duration::from_secs(3);

/// Readers that no search may take: without one, every bus would look as if it hung.
const READS_ONLY: usize = 2;

/// A read that took so long makes its device a slow one. A register takes a millisecond.
const SLOW: Duration = Duration::from_millis(100);

/// How many times as long as it took the slow devices of a bus rest.
const REST_FACTOR: u32 = 9;

/// Probes of one bus that are handed over together: a hand-over costs more than a read.
pub(crate) const MAX_BATCH: usize = 16;

/// Busses that rest at once; the slow devices of one more are read alone without a rest.
const MAX_SLOW: usize = 16;

/// The readers, and what is known of the busses.
#[derive(Debug)]
pub(crate) struct Lanes {
    readers: Readers<Job>,
    /// Go with the attempts; those that hang keep theirs.
    buffers: Vec<Box<[u8; BUFFER_BYTES]>>,
    attempts: Vec<Attempt>,
    stuck: Vec<(Ticket, Arc<str>)>,
    slow: Vec<(Arc<str>, u64)>,
}

#[derive(Debug)]
enum Job {
    Read(Vec<Attempt>),
    Search(Box<Search>),
}

#[derive(Debug)]
struct Search {
    tree: Tree,
    detected: Detected,
    found: Option<Box<Discovery>>,
}

/// What came of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Reads that were tried: not those of what is gone, or whose bus hangs.
    pub(crate) tried: u64,
    /// They did not end in time.
    pub(crate) is_late: bool,
}

/// Places of probes of one bus.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    places: [usize; MAX_BATCH],
    len: usize,
}

impl Batch {
    pub(crate) fn first(&self) -> Option<usize> {
        self.iter().next()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len == MAX_BATCH
    }

    /// Adds a place; whoever does has looked whether there is room.
    pub(crate) fn push(&mut self, at: usize) {
        if let Some(place) = self.places.get_mut(self.len) {
            *place = at;
            self.len += 1;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.places[..self.len].iter().copied()
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }
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
    /// Reads of this bus.
    Sources(Arc<str>, Vec<Attempt>),
    Search,
}

impl Work for Job {
    fn run(&mut self) {
        match self {
            Job::Read(attempts) => attempts.iter_mut().for_each(Work::run),
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
            buffers: (0..MAX_BATCH)
                .map(|_| Box::new([0; BUFFER_BYTES]))
                .collect(),
            attempts: Vec::with_capacity(MAX_BATCH),
            stuck: Vec::with_capacity(MAX_HUNG),
            slow: Vec::with_capacity(MAX_SLOW),
        }
    }

    pub(crate) fn set_inline(&mut self) {
        self.readers.set_inline();
    }

    /// Reads probes of one bus, unless they are gone or it hangs, and gives their channels
    /// their samples.
    pub(crate) fn attempt(
        &mut self,
        now_ms: u64,
        probes: &mut [Probe],
        batch: &Batch,
        emit: &mut dyn FnMut(u16, Sample),
    ) -> Outcome {
        let mut attempts = std::mem::take(&mut self.attempts);
        let mut bus = None;
        for at in batch.iter() {
            let probe = &mut probes[at];
            if probe.is_gone() {
                probe.say_gone(now_ms, &mut *emit);
                continue;
            }
            let is_stuck = self.stuck.iter().any(|(_, bus)| *bus == probe.bus);
            let Some(source) = probe.source.take_if(|_| !is_stuck) else {
                probe.say_stuck(now_ms, &mut *emit);
                continue;
            };
            let buffer = self.buffers.pop();
            let buffer = buffer.unwrap_or_else(|| Box::new([0; BUFFER_BYTES]));
            attempts.push(Attempt::new(probe.id, source, buffer));
            bus.get_or_insert_with(|| probe.bus.clone());
        }
        let Some(bus) = bus else {
            self.attempts = attempts;
            return Outcome::default();
        };
        let tried = attempts.len() as u64;
        #[expect(
            clippy::disallowed_methods,
            reason = "how long a device takes is real time"
        )]
        let start = Instant::now();
        let handed = self.readers.run(Job::Read(attempts), READ_PATIENCE);
        // Whoever reads on its own thread has no device that could be slow: how long it took
        // is only how busy the machine is.
        let is_slow = !self.readers.is_inline() && self.note_time(now_ms, &bus, start.elapsed());
        let mut of_batch = Places { probes, batch };
        // Which of several took so long is not known: each is tried alone.
        of_batch.mark(is_slow);
        match handed {
            Handed::Done(Job::Read(attempts)) => {
                self.put_back(attempts, &mut of_batch, |probe, attempt| {
                    probe.take(now_ms, attempt, &mut *emit);
                });
                Outcome {
                    tried,
                    is_late: false,
                }
            }
            Handed::Hangs(ticket) => {
                self.attempts = Vec::with_capacity(MAX_BATCH);
                self.stuck.push((ticket, bus));
                of_batch.without_source(|probe| probe.say_stuck(now_ms, &mut *emit));
                Outcome {
                    tried,
                    is_late: true,
                }
            }
            Handed::NoReader(Job::Read(attempts)) => {
                self.put_back(attempts, &mut of_batch, |probe, _| {
                    probe.say_stuck(now_ms, &mut *emit);
                });
                Outcome::default()
            }
            // What comes back is what was handed over.
            Handed::Done(_) | Handed::NoReader(_) => Outcome::default(),
        }
    }

    /// Looks for sensors, if a reader may be lost over it.
    pub(crate) fn search(&mut self, tree: Tree, detected: Detected) -> Searched {
        if self.hung() + READS_ONLY >= MAX_HUNG {
            return Searched::NoReader;
        }
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
            Job::Read(attempts) => {
                let at = self.stuck.iter().position(|(of, _)| *of == ticket)?;
                let (_, bus) = self.stuck.swap_remove(at);
                // They may be quick, each alone. One that hung alone rests as any slow one.
                if attempts.len() > 1 {
                    self.slow.retain(|(of, _)| *of != bus);
                }
                Returned::Sources(bus, attempts)
            }
        };
        Some((ticket, returned))
    }

    /// Until when the slow probes of a bus rest.
    pub(crate) fn rests_until(&self, bus: &str) -> Option<u64> {
        let mut slow = self.slow.iter();
        slow.find(|(of, _)| **of == *bus)
            .map(|(_, until_ms)| *until_ms)
    }

    pub(crate) fn stuck(&self) -> impl Iterator<Item = &str> {
        self.stuck.iter().map(|(_, bus)| &**bus)
    }

    pub(crate) fn hung(&self) -> usize {
        self.readers.hung()
    }

    /// Gives the sources back to their probes, and what `with` each attempt is to be done.
    fn put_back(
        &mut self,
        mut attempts: Vec<Attempt>,
        of_batch: &mut Places<'_>,
        mut with: impl FnMut(&mut Probe, &Attempt),
    ) {
        for attempt in attempts.drain(..) {
            let Some(probe) = of_batch.of(attempt.probe) else {
                continue;
            };
            with(probe, &attempt);
            probe.source = Some(attempt.source);
            self.buffers.push(attempt.buffer);
        }
        self.attempts = attempts;
    }

    /// Says whether a read was slow; then the bus rests. A quick one ends no rest: it may
    /// have been of a healthy device beside a dead one.
    fn note_time(&mut self, now_ms: u64, bus: &Arc<str>, took: Duration) -> bool {
        if took < SLOW {
            return false;
        }
        self.slow.retain(|(_, until_ms)| *until_ms > now_ms);
        let known = self.slow.iter().position(|(of, _)| of == bus);
        let rest = u64::try_from((took * (REST_FACTOR + 1)).as_millis()).unwrap_or(u64::MAX);
        let until_ms = now_ms.saturating_add(rest);
        match known {
            Some(known) => self.slow[known].1 = until_ms,
            None if self.slow.len() < MAX_SLOW => self.slow.push((bus.clone(), until_ms)),
            None => {}
        }
        true
    }
}

/// The probes of a batch.
struct Places<'a> {
    probes: &'a mut [Probe],
    batch: &'a Batch,
}

impl Places<'_> {
    fn of(&mut self, id: u32) -> Option<&mut Probe> {
        let at = self.batch.iter().find(|at| self.probes[*at].id == id)?;
        self.probes.get_mut(at)
    }

    fn mark(&mut self, is_slow: bool) {
        for at in self.batch.iter() {
            self.probes[at].is_slow = is_slow;
        }
    }

    /// Those whose source a reader has.
    fn without_source(&mut self, mut with: impl FnMut(&mut Probe)) {
        for at in self.batch.iter() {
            let probe = &mut self.probes[at];
            if probe.source.is_none() && !probe.is_gone() {
                with(probe);
            }
        }
    }
}
