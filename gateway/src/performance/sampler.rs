//! The background sampler: a thread of its own that keeps the newest snapshot.
//!
//! A thread rather than a task: a file system on a failing card can hold a call
//! for seconds, and a worker of the runtime held that long holds requests. The
//! first sample is taken there, too: who starts the sampler waits for it, but
//! not for ever.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
#[cfg(test)]
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Host, Performance, SystemSnapshot};
use readings::clock::wall_now;

/// Enough for reading a few files and publishing readings.
const STACK_BYTES: usize = 256 * 1024;
/// Longest wait for the first sample; a healthy machine takes some milliseconds.
const FIRST_SAMPLE_WAIT: Duration = Duration::from_secs(1);

/// The running sampler; sampling ends when it is dropped.
#[must_use = "sampling ends when this is dropped"]
pub struct Sampler {
    _stop: SyncSender<()>,
    #[cfg(test)]
    thread: JoinHandle<()>,
    first: Option<oneshot::Receiver<()>>,
}

impl Sampler {
    /// Waits until the first snapshot is there. On a machine that holds the
    /// sampler up, it comes later, and its figures are absent until then.
    pub async fn first_sample(&mut self) {
        let Some(first) = self.first.take() else {
            return;
        };
        if tokio::time::timeout(FIRST_SAMPLE_WAIT, first)
            .await
            .is_err()
        {
            tracing::warn!("the host's figures are not read yet: a file system may be stuck");
        }
    }

    /// Stops sampling and waits until the sample under way is done.
    #[cfg(test)]
    fn stop(self) {
        drop(self._stop);
        // Its panics were caught and logged one by one.
        drop(self.thread.join());
    }
}

/// Samples the machine under `root`, on which `state_dir` is written to, every
/// `interval` into `performance`, and hands each new snapshot to `on_sample` (to
/// publish its readings).
///
/// The first snapshot is not handed on: its processor use is the mean since boot.
/// `on_sample` runs on the sampler's thread, inside the runtime this was called
/// from, if any.
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
    let (root, state_dir) = (root.to_owned(), state_dir.to_owned());
    let (stop, stopped) = sync_channel(1);
    let (taken, first) = oneshot::channel();
    let runtime = tokio::runtime::Handle::try_current().ok();
    let _thread = std::thread::Builder::new()
        .name("sampler".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let _inside = runtime.as_ref().map(tokio::runtime::Handle::enter);
            let host = match Host::open(&root, &state_dir) {
                Ok(host) => host,
                Err(error) => {
                    tracing::error!("no figures of the host: {error}");
                    return;
                }
            };
            let mut worker = Worker {
                host,
                performance,
                on_sample,
            };
            worker.guarded(Worker::sample);
            // Nobody may be waiting any longer.
            let _ = taken.send(());
            worker.run(interval, &stopped);
        })?;
    Ok(Sampler {
        _stop: stop,
        #[cfg(test)]
        thread: _thread,
        first: Some(first),
    })
}

struct Worker<F> {
    host: Host,
    performance: Arc<Performance>,
    on_sample: F,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread of its own, in real time"
)]
impl<F: FnMut(&SystemSnapshot)> Worker<F> {
    fn run(&mut self, interval: Duration, stopped: &Receiver<()>) {
        let mut next = Instant::now() + interval;
        while let Err(RecvTimeoutError::Timeout) =
            stopped.recv_timeout(next.saturating_duration_since(Instant::now()))
        {
            // After a stall the missed samples are skipped, not made up for.
            next = (next + interval).max(Instant::now());
            self.guarded(|worker| {
                worker.sample();
                (worker.on_sample)(&worker.performance.system());
            });
        }
    }

    /// One bad sample, or one that cannot be published, must not be the last.
    fn guarded(&mut self, work: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            tracing::error!("a sample of the machine panicked; the next one goes on");
        }
    }

    fn sample(&mut self) {
        let snapshot = SystemSnapshot {
            host: self.host.sample(Instant::now()).clone(),
            at: wall_now(),
            temperature_c: self.performance.board_temperature(),
        };
        self.performance.replace_system(Arc::new(snapshot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "more samples may come than the test reads"
    )]
    #[tokio::test]
    async fn a_snapshot_is_there_at_once_and_renewed_until_the_sampler_stops() {
        let performance = Arc::new(Performance::new(Vec::new()));
        let (sender, samples) = std::sync::mpsc::channel();
        let mut panicked = false;
        let (root, interval) = (Path::new("/"), Duration::from_millis(1));
        let mut sampler =
            spawn_sampler(performance.clone(), root, root, interval, move |snapshot| {
                if !std::mem::replace(&mut panicked, true) {
                    panic!("the first sample is refused");
                }
                sender.send(snapshot.at).expect("the test listens");
            })
            .expect("started");
        sampler.first_sample().await;
        let first = performance.system();
        assert!(first.host.memory.is_some() && first.host.uptime_s.is_some());
        performance.set_board_temperature(Some(51.5));
        let later: Vec<_> = samples.iter().take(3).collect();
        assert!(later.iter().all(|at| *at >= first.at));
        sampler.stop();
        // The closure, and with it the sender, is gone: the thread has ended.
        while samples.recv().is_ok() {}
        assert_eq!(performance.system().temperature_c, Some(51.5));
        let total = |snapshot: &SystemSnapshot| snapshot.host.memory.map(|m| m.total_bytes);
        assert_eq!(total(&performance.system()), total(&first));
    }
}
