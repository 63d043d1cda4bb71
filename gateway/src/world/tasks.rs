//! The tasks of one process, run by a clock that the world sets: no thread, no timer.
//!
//! A task is polled when something woke it, or when the time has come that it sleeps for;
//! in the order in which they began. Equal scenes are equal runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::BoxFuture;
use readings::virtual_time::{self, VirtualTime};

/// Polls of one moment after which something spins.
const MOST_POLLS: usize = 20_000;

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

struct Task {
    name: &'static str,
    future: BoxFuture<'static, ()>,
    woken: Arc<Woken>,
    waker: Waker,
    wake_ms: Option<u64>,
}

/// The tasks of one process.
#[derive(Default)]
pub(super) struct Tasks {
    tasks: Vec<Task>,
    /// Those of them that ended, by name: of what should run for ever, a fault.
    pub(super) ended: Vec<&'static str>,
}

impl Tasks {
    /// Begins a task; it is first polled at the next [`Tasks::run`].
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.tasks.push(Task {
            name,
            future: Box::pin(future),
            waker: woken.clone().into(),
            woken,
            wake_ms: None,
        });
    }

    /// When something sleeps no longer, in ms of the world.
    pub(super) fn wake_ms(&self) -> Option<u64> {
        self.tasks.iter().filter_map(|task| task.wake_ms).min()
    }

    /// Runs whatever is awake, until all wait.
    pub(super) fn run(&mut self, time: VirtualTime) {
        virtual_time::set(Some(time));
        let mut polls = 0;
        loop {
            let mut is_quiet = true;
            let mut place = 0;
            while place < self.tasks.len() {
                let task = &mut self.tasks[place];
                let is_due = task.wake_ms.is_some_and(|at| at <= time.now_ms);
                if !(task.woken.0.swap(false, Relaxed) || is_due) {
                    place += 1;
                    continue;
                }
                (is_quiet, polls) = (false, polls + 1);
                assert!(polls < MOST_POLLS, "{} does not come to rest", task.name);
                match task.poll() {
                    Poll::Pending => place += 1,
                    Poll::Ready(()) => {
                        let task = self.tasks.remove(place);
                        self.ended.push(task.name);
                    }
                }
            }
            if is_quiet {
                return;
            }
        }
    }
}

impl Task {
    fn poll(&mut self) -> Poll<()> {
        // What was asleep elsewhere is not this task's.
        let _ = virtual_time::take_wake_ms();
        let polled = self
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&self.waker));
        self.wake_ms = virtual_time::take_wake_ms();
        polled
    }
}
