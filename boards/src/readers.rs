//! Threads that do what may hang, so that nobody hangs with them.
//!
//! A read of a chip on a stuck bus ends when its driver gives up, or never: no signal
//! ends it. So work is handed to a reader, and who waits for it waits for a limited
//! time. A reader that does not come back in time is left where it is and another takes
//! its place; its work is taken back when it ends. Their number is bounded: a system on
//! which that many busses hang is past reading.
//!
//! Handing over and taking back allocates nothing; a thread more does.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Readers that may hang at once, each with a stack of its own. A board has fewer
/// busses than that.
pub(crate) const MAX_HUNG: usize = 12;

/// What a reader's stack must hold: a path, an answer, a search through a tree.
const STACK_BYTES: usize = 256 * 1024;

/// Something that may take for ever.
pub(crate) trait Work: Send + 'static {
    fn run(&mut self);
}

/// What is known of work that did not end in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// How handing work over ended.
#[derive(Debug)]
pub(crate) enum Handed<W> {
    /// It was done.
    Done(W),
    /// It was not, so far.
    Hangs(Ticket),
    /// All readers hang; nothing was begun.
    NoReader(W),
}

/// One reader at work, and those that hang.
pub(crate) struct Readers<W: Work> {
    idle: Option<Reader<W>>,
    hung: Vec<(Ticket, Reader<W>)>,
    handed: u64,
    /// Work is done by who brings it.
    inline: bool,
}

struct Reader<W>(Arc<Mailbox<W>>);

struct Mailbox<W> {
    state: Mutex<State<W>>,
    changed: Condvar,
}

enum State<W> {
    Idle,
    Todo(W),
    Busy,
    Done(W),
    /// Nobody waits any more.
    Dismissed,
}

impl<W: Work> Readers<W> {
    /// With a first reader, where the system allows a thread.
    pub(crate) fn new() -> Self {
        Readers {
            idle: Reader::start(),
            hung: Vec::with_capacity(MAX_HUNG),
            handed: 0,
            inline: false,
        }
    }

    /// Whoever brings work does it and waits for ever: for counting what it allocates.
    pub(crate) fn set_inline(&mut self) {
        self.inline = true;
    }

    pub(crate) fn is_inline(&self) -> bool {
        self.inline
    }

    /// Has the work done and waits for it so long.
    pub(crate) fn run(&mut self, mut work: W, patience: Duration) -> Handed<W> {
        if self.inline {
            work.run();
            return Handed::Done(work);
        }
        let Some(reader) = self.idle.take() else {
            if self.hung.len() >= MAX_HUNG {
                return Handed::NoReader(work);
            }
            match Reader::start() {
                Some(reader) => self.idle = Some(reader),
                // A system without a thread to spare still has its sensors read.
                None => {
                    work.run();
                    return Handed::Done(work);
                }
            }
            return self.run(work, patience);
        };
        self.handed += 1;
        match reader.hand(work, patience) {
            Some(work) => {
                self.idle = Some(reader);
                Handed::Done(work)
            }
            None => {
                let ticket = Ticket(self.handed);
                self.hung.push((ticket, reader));
                Handed::Hangs(ticket)
            }
        }
    }

    /// Work that hung and has ended since.
    pub(crate) fn returned(&mut self) -> Option<(Ticket, W)> {
        let ended = self.hung.iter().position(|(_, reader)| reader.is_done())?;
        let (ticket, reader) = self.hung.swap_remove(ended);
        let work = reader.take();
        // It may serve on, unless another does.
        self.idle.get_or_insert(reader);
        Some((ticket, work?))
    }

    /// How many hang.
    pub(crate) fn hung(&self) -> usize {
        self.hung.len()
    }
}

impl<W: Work> Reader<W> {
    fn start() -> Option<Self> {
        let mailbox = Arc::new(Mailbox {
            state: Mutex::new(State::Idle),
            changed: Condvar::new(),
        });
        let own = mailbox.clone();
        thread::Builder::new()
            .name("sensor-reader".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || own.serve())
            .ok()?;
        Some(Reader(mailbox))
    }

    fn hand(&self, work: W, patience: Duration) -> Option<W> {
        // Told with the lock free: who is told would wake up only to wait for it, and spin.
        *self.0.lock() = State::Todo(work);
        self.0.changed.notify_all();
        let state = self.0.lock();
        let waiting = |state: &mut State<W>| !matches!(state, State::Done(_));
        let (mut state, _) = self
            .0
            .changed
            .wait_timeout_while(state, patience, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        State::take_done(&mut state)
    }

    fn is_done(&self) -> bool {
        matches!(*self.0.lock(), State::Done(_))
    }

    fn take(&self) -> Option<W> {
        State::take_done(&mut self.0.lock())
    }
}

impl<W> Drop for Reader<W> {
    fn drop(&mut self) {
        // One that hangs sees it when it ends.
        *self.0.lock() = State::Dismissed;
        self.0.changed.notify_all();
    }
}

impl<W> State<W> {
    fn take_done(state: &mut State<W>) -> Option<W> {
        match std::mem::replace(state, State::Idle) {
            State::Done(work) => Some(work),
            other => {
                *state = other;
                None
            }
        }
    }
}

impl<W> Mailbox<W> {
    fn lock(&self) -> MutexGuard<'_, State<W>> {
        // Each state is whole after every statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Work> Mailbox<W> {
    fn serve(&self) {
        loop {
            let nothing = |state: &mut State<W>| matches!(state, State::Idle | State::Done(_));
            let mut state = self
                .changed
                .wait_while(self.lock(), nothing)
                .unwrap_or_else(PoisonError::into_inner);
            let State::Todo(mut work) = std::mem::replace(&mut *state, State::Busy) else {
                return;
            };
            drop(state);
            // A panic ends this work, not the reader: nobody would ever take back what it
            // had. It is told by the panic's own message.
            let _ = catch_unwind(AssertUnwindSafe(|| work.run()));
            let mut state = self.lock();
            if matches!(*state, State::Dismissed) {
                return;
            }
            *state = State::Done(work);
            drop(state);
            self.changed.notify_all();
        }
    }
}

impl<W: Work> fmt::Debug for Readers<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers")
            .field("hung", &self.hung.len())
            .field("handed", &self.handed)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// Ends when it is told to.
    struct Wait(Receiver<()>, u32);

    impl Work for Wait {
        fn run(&mut self) {
            self.0.recv().expect("told");
            self.1 += 1;
        }
    }

    fn wait() -> (SyncSender<()>, Wait) {
        let (end, told) = sync_channel(1);
        (end, Wait(told, 0))
    }

    const SOON: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(60);

    fn returned(readers: &mut Readers<Wait>) -> (Ticket, Wait) {
        loop {
            if let Some(returned) = readers.returned() {
                return returned;
            }
            thread::yield_now();
        }
    }

    #[test]
    fn work_that_hangs_is_left_and_other_work_is_done() {
        let mut readers = Readers::new();
        let (end, hanging) = wait();
        let Handed::Hangs(ticket) = readers.run(hanging, SOON) else {
            panic!("nobody ended it");
        };
        let (now, other) = wait();
        now.send(()).expect("sent");
        assert!(matches!(readers.run(other, LONG), Handed::Done(Wait(_, 1))));
        assert_eq!((readers.hung(), readers.returned().is_none()), (1, true));
        end.send(()).expect("sent");
        let (of, Wait(_, runs)) = returned(&mut readers);
        assert_eq!((of, runs, readers.hung()), (ticket, 1, 0));
    }

    #[test]
    fn work_that_panics_is_over_and_its_reader_serves_on() {
        let mut readers = Readers::new();
        let (end, panics) = wait();
        drop(end);
        assert!(matches!(
            readers.run(panics, LONG),
            Handed::Done(Wait(_, 0))
        ));
        let (now, other) = wait();
        now.send(()).expect("sent");
        assert!(matches!(readers.run(other, LONG), Handed::Done(Wait(_, 1))));
    }

    #[test]
    fn no_more_than_so_many_hang() {
        let mut readers = Readers::new();
        let mut ends = Vec::new();
        for _ in 0..MAX_HUNG {
            let (end, hanging) = wait();
            assert!(matches!(readers.run(hanging, SOON), Handed::Hangs(_)));
            ends.push(end);
        }
        let (_end, one_more) = wait();
        assert!(matches!(readers.run(one_more, LONG), Handed::NoReader(_)));
        ends.pop().expect("one").send(()).expect("sent");
        returned(&mut readers);
        let (now, other) = wait();
        now.send(()).expect("sent");
        assert!(matches!(readers.run(other, LONG), Handed::Done(_)));
    }
}
