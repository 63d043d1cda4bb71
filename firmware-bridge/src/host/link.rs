//! The thread around a [`HostSession`]: opens the port, moves bytes, waits.
//!
//! One thread per link, asleep in `poll` unless the port or the owner has
//! something. The owner's wishes go through a short queue behind a mutex of
//! this link alone: `critical-section`'s std lock would be one for the whole
//! process, and this thread must never wait for somebody else's.
#![expect(
    clippy::disallowed_methods,
    reason = "a thread of its own, in real time"
)]

use core::fmt;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::string::String;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::vec::Vec;

use heapless::Deque;

use super::backoff::Backoff;
use super::event::{LinkEvent, LostReason};
use super::port::{Gone, Port, wait_for};
use super::selector::PortSelector;
use super::session::HostSession;
use super::stats::LinkStats;
use crate::message::{BOOTLOADER_MAGIC, IndicatorLevel, Setting, ToMcu};

/// Requests waiting for the link's thread, which empties the queue at once
/// unless the sink holds it up. At capacity a request is refused.
const MAX_REQUESTS: usize = 16;

/// Bytes taken from the port at once: several of the largest frames.
const READ_BYTES: usize = 1024;

/// Longest sleep with an open port; everything due is due sooner.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How often another port is looked for while the open one is not ours.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Which port, how fast, and what time is counted from.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// The port, by a name that survives replugging.
    pub selector: PortSelector,
    /// Bits per second; without meaning on a USB port.
    pub baud: u32,
    /// Zero of every `host_ms` in the events.
    pub epoch: Instant,
}

impl LinkConfig {
    /// 115 200 baud, time counted from now.
    #[must_use]
    pub fn new(selector: PortSelector) -> Self {
        Self {
            selector,
            baud: 115_200,
            epoch: Instant::now(),
        }
    }
}

/// The link's queue of requests is full: the thread is held up by its sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull;

impl fmt::Display for QueueFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bridge's request queue is full; try again")
    }
}

impl core::error::Error for QueueFull {}

#[derive(Debug)]
enum Request {
    Rate { sensor: u8, interval_ms: u32 },
    Ping,
    Command(ToMcu),
}

#[derive(Debug, Default)]
struct Wishes {
    /// A level, not a queue entry: only the newest matters.
    indicator: IndicatorLevel,
    requests: Deque<Request, MAX_REQUESTS>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    wishes: Mutex<Wishes>,
    stats: Mutex<LinkStats>,
    /// Requests that found the queue full.
    refused: AtomicU64,
    /// One byte here wakes the thread.
    wake: UnixStream,
}

/// Starts links.
#[derive(Debug)]
pub struct HostLink;

impl HostLink {
    /// Starts a link in a thread of its own. `sink` is called on that thread;
    /// it must not block, since the port is not read meanwhile.
    ///
    /// # Errors
    ///
    /// Only when the system has no thread or socket to give. A missing port is
    /// not an error but [`LinkEvent::Lost`].
    pub fn spawn(
        config: LinkConfig,
        sink: impl FnMut(LinkEvent) + Send + 'static,
    ) -> io::Result<LinkHandle> {
        let selector = config.selector.clone();
        Self::spawn_among(config, move || selector.resolve_all(), sink)
    }

    /// As [`HostLink::spawn`], for ports that are found otherwise than by the selector:
    /// `ports` is asked before each round.
    ///
    /// # Errors
    ///
    /// As [`HostLink::spawn`].
    pub fn spawn_among(
        config: LinkConfig,
        ports: impl FnMut() -> Vec<PathBuf> + Send + 'static,
        sink: impl FnMut(LinkEvent) + Send + 'static,
    ) -> io::Result<LinkHandle> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            wishes: Mutex::default(),
            stats: Mutex::default(),
            refused: AtomicU64::new(0),
            wake,
        });
        let worker = Worker {
            config,
            shared: Arc::clone(&shared),
            woken,
            session: HostSession::new(),
            backoff: Backoff::default(),
            turn: 0,
            count: 1,
            path: None,
            looked: Instant::now(),
            ports,
            told: Vec::new(),
            sink,
        };
        let thread = thread::Builder::new()
            .name(String::from("bridge-link"))
            .spawn(move || worker.run())?;
        Ok(LinkHandle {
            shared,
            thread: Some(thread),
        })
    }
}

/// The owner's end of a link. Dropping it ends the link without waiting.
#[derive(Debug)]
pub struct LinkHandle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl LinkHandle {
    /// Shows a level on the board's indicator, now and after every
    /// reconnection. Never fails: only the newest level counts.
    pub fn set_indicator(&self, level: IndicatorLevel) {
        let mut wishes = lock(&self.shared.wishes);
        if wishes.indicator != level {
            wishes.indicator = level;
            drop(wishes);
            self.wake();
        }
    }

    /// Asks for a reading of `sensor` every `interval_ms`, now and after every
    /// reconnection.
    ///
    /// # Errors
    ///
    /// [`QueueFull`].
    pub fn set_rate(&self, sensor: u8, interval_ms: u32) -> Result<(), QueueFull> {
        self.request(Request::Rate {
            sensor,
            interval_ms,
        })
    }

    /// Pings the board now; the answer shows in the statistics.
    ///
    /// # Errors
    ///
    /// [`QueueFull`].
    pub fn ping(&self) -> Result<(), QueueFull> {
        self.request(Request::Ping)
    }

    /// Changes a setting of the firmware until its next start.
    ///
    /// # Errors
    ///
    /// [`QueueFull`].
    pub fn configure(&self, setting: Setting, value: u32) -> Result<(), QueueFull> {
        self.request(Request::Command(ToMcu::Configure { setting, value }))
    }

    /// Sends the board to its bootloader, to be flashed.
    ///
    /// # Errors
    ///
    /// [`QueueFull`].
    pub fn reset_to_bootloader(&self) -> Result<(), QueueFull> {
        let magic = BOOTLOADER_MAGIC;
        self.request(Request::Command(ToMcu::ResetToBootloader { magic }))
    }

    /// The link's counters and state.
    #[must_use]
    pub fn stats(&self) -> LinkStats {
        let mut stats = lock(&self.shared.stats).clone();
        stats.commands_dropped += self.shared.refused.load(Ordering::Relaxed);
        stats
    }

    /// Ends the link and waits for its thread. Must not be called from the
    /// link's own sink.
    pub fn stop(mut self) {
        self.signal_stop();
        if let Some(thread) = self.thread.take() {
            // A sink that panicked has printed its message already.
            let _ = thread.join();
        }
    }

    fn request(&self, request: Request) -> Result<(), QueueFull> {
        let queued = lock(&self.shared.wishes).requests.push_back(request);
        self.wake();
        queued.map_err(|_| {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
            QueueFull
        })
    }

    fn wake(&self) {
        // Full means that waking is under way already.
        let _ = (&self.shared.wake).write(&[1]);
    }

    fn signal_stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.wake();
    }
}

impl Drop for LinkHandle {
    fn drop(&mut self) {
        self.signal_stop();
    }
}

struct Worker<P, S> {
    config: LinkConfig,
    shared: Arc<Shared>,
    woken: UnixStream,
    session: HostSession,
    backoff: Backoff,
    /// Which of the ports that the selector names is tried; counts on with each failure.
    turn: usize,
    /// How many it named at the last look.
    count: usize,
    /// The one that is tried.
    path: Option<PathBuf>,
    /// When another one was looked for last.
    looked: Instant,
    ports: P,
    /// What the session told and the sink has not heard; its capacity is kept.
    told: Vec<LinkEvent>,
    sink: S,
}

/// Why a port is left.
enum Left {
    Gone,
    /// Nothing on it is ours, which the session has told, and the selector names another.
    Foreign,
}

impl From<Gone> for Left {
    fn from(_: Gone) -> Self {
        Left::Gone
    }
}

impl<P: FnMut() -> Vec<PathBuf>, S: FnMut(LinkEvent)> Worker<P, S> {
    fn run(mut self) {
        while !self.stopping() {
            let reason = match self.open() {
                Ok(mut port) => match self.serve(&mut port) {
                    Ok(()) => break,
                    Err(Left::Gone) => Some(LostReason::Unplugged),
                    Err(Left::Foreign) => None,
                },
                Err(reason) => Some(reason),
            };
            if let Some(reason) = reason {
                self.lost(reason);
            }
            self.turn = self.turn.wrapping_add(1);
            // Another port is tried at once, a rest comes after the last.
            if self.turn.is_multiple_of(self.count) {
                self.rest();
            }
        }
        self.lost(LostReason::Stopped);
    }

    fn open(&mut self) -> Result<Port, LostReason> {
        let paths = (self.ports)();
        self.count = paths.len().max(1);
        self.path = paths.get(self.turn % self.count).cloned();
        let path = self.path.as_deref();
        self.session
            .tries(path.map(|path| path.to_string_lossy().into()));
        Port::open(path.ok_or(LostReason::NotFound)?, self.config.baud)
    }

    /// Whether the selector names another port than the open one, which is not ours. The
    /// board may have been plugged in after it: then it is the next to be tried. Opening
    /// the same one again would only disturb whoever it belongs to.
    fn is_another(&mut self) -> bool {
        if self.count > 1 {
            return true;
        }
        if self.looked.elapsed() < LOOK_EVERY {
            return false;
        }
        self.looked = Instant::now();
        let paths = (self.ports)();
        self.count = paths.len().max(1);
        let open = paths
            .iter()
            .position(|path| Some(path) == self.path.as_ref());
        // With the open one gone from the list, whatever is first in it comes next.
        self.turn = open.unwrap_or(self.count - 1);
        self.count > 1 || (open.is_none() && !paths.is_empty())
    }

    /// Moves bytes until the owner stops the link (`Ok`) or the port goes.
    fn serve(&mut self, port: &mut Port) -> Result<(), Left> {
        self.session.opened(self.now_us());
        while !self.stopping() {
            self.take_wishes();
            let now_us = self.now_us();
            let told = &mut self.told;
            let due_us = self.session.tick(now_us, &mut |event| told.push(event));
            self.tell();
            self.write(port)?;
            self.publish();
            if self.session.is_foreign() && self.is_another() {
                return Err(Left::Foreign);
            }

            let to_write = !self.session.outgoing().is_empty();
            let at_most = Duration::from_micros(due_us.saturating_sub(now_us)).min(LONGEST_WAIT);
            let ready = port.wait(Some(self.woken.as_raw_fd()), to_write, at_most);
            self.drain_wake();
            if ready.readable {
                self.read(port)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, port: &mut Port) -> Result<(), Gone> {
        while !self.session.outgoing().is_empty() {
            match port.write(self.session.outgoing())? {
                // Full: the rest goes when the port is ready.
                0 => {
                    self.session.blocked();
                    break;
                }
                count => self.session.sent(count),
            }
        }
        Ok(())
    }

    fn read(&mut self, port: &mut Port) -> Result<(), Gone> {
        let mut buffer = [0; READ_BYTES];
        let count = port.read(&mut buffer)?;
        let connected = self.session.connected();
        let now_us = self.now_us();
        let told = &mut self.told;
        self.session
            .receive(&buffer[..count], now_us, &mut |event| told.push(event));
        self.tell();
        if self.session.connected() != connected {
            self.backoff.reset();
        }
        Ok(())
    }

    fn lost(&mut self, reason: LostReason) {
        let now_us = self.now_us();
        let told = &mut self.told;
        self.session
            .lost(reason, now_us, &mut |event| told.push(event));
        self.publish();
        self.tell();
    }

    /// Hands on what the session told, after the counters: whoever hears of something
    /// finds it counted.
    fn tell(&mut self) {
        if self.told.is_empty() {
            return;
        }
        self.publish();
        self.told.drain(..).for_each(&mut self.sink);
    }

    /// Waits before the next try; only a stop cuts it short.
    fn rest(&mut self) {
        let until = Instant::now() + self.backoff.wait();
        while !self.stopping() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            wait_for(self.woken.as_raw_fd(), left);
            self.drain_wake();
            self.take_wishes();
        }
    }

    fn take_wishes(&mut self) {
        let mut wishes = lock(&self.shared.wishes);
        self.session.set_indicator(wishes.indicator);
        while let Some(request) = wishes.requests.pop_front() {
            match request {
                Request::Rate {
                    sensor,
                    interval_ms,
                } => self.session.set_rate(sensor, interval_ms),
                Request::Ping => self.session.ping(),
                // A full queue is counted by the session.
                Request::Command(command) => {
                    self.session.command(command);
                }
            }
        }
    }

    fn publish(&self) {
        *lock(&self.shared.stats) = self.session.stats();
    }

    fn drain_wake(&mut self) {
        let mut bytes = [0; 64];
        // Level-triggered: what is left wakes us again.
        let _ = self.woken.read(&mut bytes);
    }

    fn stopping(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.config.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// The data behind these locks is valid at every moment; a panic elsewhere
/// while one was held changes nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
