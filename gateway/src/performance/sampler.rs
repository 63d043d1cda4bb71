//! The background sampler: a thread of its own that keeps the newest snapshot.
//!
//! A thread rather than a task: a file system on a failing card can hold a call
//! for seconds, and a worker of the runtime held that long holds requests.
//! Nothing is allocated from one sample to the next while nobody keeps an old
//! snapshot.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Machine, Performance, SystemSnapshot};
use readings::clock::wall_now;

/// Time between samples of what changes slowly or costs more.
const RARE_INTERVAL: Duration = Duration::from_secs(10);
/// Enough for reading a few files and publishing readings.
const STACK_BYTES: usize = 256 * 1024;

/// The running sampler; sampling ends when it is dropped.
#[must_use = "sampling ends when this is dropped"]
pub struct Sampler {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Stops sampling and waits until the sample under way is done.
    pub fn stop(mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Its panics were caught and logged one by one.
            drop(thread.join());
        }
    }
}

/// Samples the machine under `root`, on which `state_dir` is written to, every
/// `interval` into `performance`, and hands each new snapshot to `on_sample` (to
/// publish its readings).
///
/// The first snapshot is there on return, and not handed on: its processor use
/// is the mean since boot. `on_sample` runs on the sampler's thread, inside the
/// runtime this was called from, if any.
///
/// # Errors
/// When the thread cannot be started.
pub fn spawn_sampler(
    performance: Arc<Performance>,
    root: &Path,
    state_dir: &Path,
    interval: Duration,
    on_sample: impl FnMut(&SystemSnapshot) + Send + 'static,
) -> io::Result<Sampler> {
    let mut worker = Worker {
        machine: Machine::open(root, state_dir),
        spare: None,
        performance,
        on_sample,
    };
    worker.sample(true);
    let (stop, stopped) = channel();
    let runtime = tokio::runtime::Handle::try_current().ok();
    let thread = std::thread::Builder::new()
        .name("sampler".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let _inside = runtime.as_ref().map(tokio::runtime::Handle::enter);
            worker.run(interval, &stopped);
        })?;
    Ok(Sampler {
        stop: Some(stop),
        thread: Some(thread),
    })
}

struct Worker<F> {
    machine: Machine,
    /// The snapshot before the newest, to be filled again.
    spare: Option<Arc<SystemSnapshot>>,
    performance: Arc<Performance>,
    on_sample: F,
}

impl<F: FnMut(&SystemSnapshot)> Worker<F> {
    fn run(&mut self, interval: Duration, stopped: &Receiver<()>) {
        let (mut next, mut next_rare) = (Instant::now() + interval, Instant::now() + RARE_INTERVAL);
        while let Err(RecvTimeoutError::Timeout) =
            stopped.recv_timeout(next.saturating_duration_since(Instant::now()))
        {
            let now = Instant::now();
            let rarely = now >= next_rare;
            if rarely {
                next_rare = now + RARE_INTERVAL;
            }
            // After a stall the missed samples are skipped, not made up for.
            next = (next + interval).max(now);
            let work = AssertUnwindSafe(|| {
                self.sample(rarely);
                (self.on_sample)(&self.performance.system());
            });
            if catch_unwind(work).is_err() {
                tracing::error!("a sample of the machine panicked; the next one goes on");
            }
        }
    }

    /// Fills the spare snapshot from the newest and puts it in its place.
    fn sample(&mut self, rarely: bool) {
        let newest = self.performance.system();
        let mut next = self.spare.take().unwrap_or_default();
        if Arc::get_mut(&mut next).is_none() {
            // A reader still holds it: leave it to them.
            next = Arc::default();
        }
        if let Some(snapshot) = Arc::get_mut(&mut next) {
            let mut cores = std::mem::take(&mut snapshot.cpu_per_core_pct);
            cores.clone_from(&newest.cpu_per_core_pct);
            *snapshot = SystemSnapshot {
                cpu_per_core_pct: cores,
                ..*newest
            };
            snapshot.at = wall_now();
            snapshot.temperature_c = self.performance.board_temperature();
            self.machine.sample_often(snapshot);
            if rarely {
                self.machine.sample_rarely(snapshot);
            }
        }
        drop(newest);
        self.spare = Some(self.performance.replace_system(next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_there_at_once_and_renewed_until_the_sampler_stops() {
        let performance = Arc::new(Performance::new(Vec::new()));
        let (sender, samples) = channel();
        let mut panicked = false;
        let (root, interval) = (Path::new("/"), Duration::from_millis(1));
        let sampler = spawn_sampler(performance.clone(), root, root, interval, move |snapshot| {
            if !std::mem::replace(&mut panicked, true) {
                panic!("the first sample is refused");
            }
            sender.send(snapshot.at).expect("the test listens");
        })
        .expect("started");
        let first = performance.system();
        assert!(first.memory_total > 0 && first.processes > 0);
        performance.set_board_temperature(Some(51.5));
        let later: Vec<_> = samples.iter().take(3).collect();
        assert!(later.iter().all(|at| *at >= first.at));
        sampler.stop();
        // The closure, and with it the sender, is gone: the thread has ended.
        while samples.recv().is_ok() {}
        assert_eq!(performance.system().temperature_c, Some(51.5));
        assert_eq!(performance.system().memory_total, first.memory_total);
    }
}
