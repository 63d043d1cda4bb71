//! What a connection is doing, and for how long it may go on doing it.
//!
//! The stream and the service leave marks (four atomics); one supervisor a
//! connection looks at them now and then. So a request costs no timer: timers
//! are only re-armed every few seconds, however many requests pass.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::Limits;
use readings::clock::Mono;

/// Bytes of answers that one connection may leave lying; the next request waits. An
/// answer may be longer than that by itself.
const MOST_UNTAKEN_BYTES: usize = 512 * 1024;

/// Not set; the monotonic clock starts at 0, marks are kept one above.
const NEVER: u64 = 0;

/// Marks of one connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Requests being answered.
    in_flight: AtomicU32,
    /// When the last request ended, or the connection began.
    idle_since: AtomicU64,
    /// When the first byte of the next request arrived.
    first_byte: AtomicU64,
    /// Since when a write has been waiting for the peer.
    write_blocked_since: AtomicU64,
    /// Since when the next piece of each answer has been waiting for the peer; none
    /// of one that is being made. One a request in flight.
    answers: Mutex<Vec<Turn>>,
    /// Bytes of answers that are not written yet, counted whole.
    untaken: AtomicUsize,
    /// Told when there are fewer.
    room: Notify,
    /// Whether the kernel gave up a peer that acknowledged nothing of what was written.
    given_up: AtomicBool,
    /// Whether a request was ever answered.
    served: AtomicBool,
    /// Whether the last request was answered before all of its body was read.
    body_left: AtomicBool,
    /// Whether it is a WebSocket now.
    upgraded: AtomicBool,
    /// Whether bytes between requests may be something else than a header:
    /// HTTP/2 peers send pings and window updates at any time.
    multiplexed: bool,
}

/// What one answer is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// There is no such answer: the next request takes the entry.
    Vacant,
    /// The gateway is to make the next piece.
    Ours,
    /// The peer is to take pieces, and took the last one then.
    Peers { since: Mono, pieces: u32 },
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// A header is not complete, or the first request never came.
    Header,
    /// Nothing was asked for.
    Idle,
    /// The peer does not read.
    Write,
}

impl Activity {
    pub(super) fn started(now: Mono, multiplexed: bool) -> Arc<Activity> {
        let activity = Activity {
            multiplexed,
            ..Activity::default()
        };
        mark(&activity.idle_since, now);
        Arc::new(activity)
    }

    /// Counts a request; the guard ends it.
    pub(super) fn request(self: &Arc<Activity>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.first_byte.store(NEVER, Ordering::Relaxed);
        self.body_left.store(false, Ordering::Relaxed);
        let mut answers = self.answers();
        let vacant = answers.iter().position(|turn| *turn == Turn::Vacant);
        let entry = vacant.unwrap_or_else(|| {
            answers.push(Turn::Vacant);
            answers.len() - 1
        });
        answers[entry] = Turn::Ours;
        InFlight {
            activity: self.clone(),
            entry,
            bytes: AtomicUsize::new(0),
        }
    }

    /// Notes that a body was dropped before its end.
    pub(super) fn leave_body(&self) {
        self.body_left.store(true, Ordering::Relaxed);
    }

    /// Whether the peer of a connection with one request at a time may still be sending
    /// what nobody reads.
    pub(super) fn is_body_left(&self) -> bool {
        !self.multiplexed && self.body_left.load(Ordering::Relaxed)
    }

    /// Notes that what follows is a WebSocket.
    pub(super) fn upgrade(&self) {
        self.upgraded.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Ordering::Relaxed)
    }

    /// Waits until the peer has taken most of what it asked for: a request whose
    /// answer would lie behind others is not begun.
    pub(super) async fn room(&self) {
        loop {
            let room = self.room.notified();
            if self.untaken.load(Ordering::Relaxed) < MOST_UNTAKEN_BYTES {
                return;
            }
            room.await;
        }
    }

    fn answers(&self) -> MutexGuard<'_, Vec<Turn>> {
        // Marks stay sound even if a holder panicked.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when the slowest answer has been waiting for the peer.
    fn untaken_since(&self) -> Option<Mono> {
        let since = |turn: &Turn| match turn {
            Turn::Peers { since, .. } => Some(*since),
            Turn::Ours | Turn::Vacant => None,
        };
        self.answers().iter().filter_map(since).min()
    }

    /// What is overdue at `now`, or when to look again.
    pub(super) fn judge(&self, limits: &Limits, now: Mono) -> Result<Duration, Overdue> {
        let mut next = limits.header.min(limits.idle).min(limits.write);
        let mut within =
            |since: Option<Mono>, limit: Duration, overdue: Overdue| -> Result<(), Overdue> {
                let Some(since) = since else {
                    return Ok(());
                };
                let left = limit
                    .checked_sub(now.since(since))
                    .filter(|left| !left.is_zero())
                    .ok_or(overdue)?;
                next = next.min(left);
                Ok(())
            };
        let blocked = marked(&self.write_blocked_since);
        within(blocked, limits.write, Overdue::Write)?;
        within(self.untaken_since(), limits.write, Overdue::Write)?;
        if self.in_flight.load(Ordering::Relaxed) == 0 {
            within(marked(&self.first_byte), limits.header, Overdue::Header)?;
            let idle = marked(&self.idle_since);
            if self.served.load(Ordering::Relaxed) {
                within(idle, limits.idle, Overdue::Idle)?;
            } else {
                within(idle, limits.header, Overdue::Header)?;
            }
        }
        Ok(next)
    }

    /// Whether the kernel closed the connection because the peer did not read: its own
    /// limit, twice as long, is met first where this process is kept from looking.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    fn bytes_came(&self) {
        let expecting = !self.multiplexed && self.in_flight.load(Ordering::Relaxed) == 0;
        if expecting && self.first_byte.load(Ordering::Relaxed) == NEVER {
            mark(&self.first_byte, Mono::now());
        }
    }
}

/// A request being answered, until the last byte of its answer is written.
pub(super) struct InFlight {
    activity: Arc<Activity>,
    /// Its entry in [`Activity::answers`].
    entry: usize,
    /// Bytes of its answer.
    bytes: AtomicUsize,
}

impl InFlight {
    /// The answer is there, and so long.
    pub(super) fn answered(&self, bytes: usize) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.activity.untaken.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A piece of the answer is there for the peer to take.
    pub(super) fn handed_over(&self, now: Mono) {
        self.turn(|turn| match turn {
            Turn::Peers { since, pieces } => Turn::Peers {
                since,
                pieces: pieces + 1,
            },
            Turn::Ours | Turn::Vacant => Turn::Peers {
                since: now,
                pieces: 1,
            },
        });
    }

    /// A piece of the answer was written, or given up with its stream.
    pub(super) fn taken(&self, now: Mono) {
        self.turn(|turn| match turn {
            Turn::Peers { pieces, .. } if pieces > 1 => Turn::Peers {
                since: now,
                pieces: pieces - 1,
            },
            _ => Turn::Ours,
        });
    }

    fn turn(&self, next: impl FnOnce(Turn) -> Turn) {
        if let Some(turn) = self.activity.answers().get_mut(self.entry) {
            *turn = next(*turn);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.turn(|_| Turn::Vacant);
        let activity = &self.activity;
        let bytes = self.bytes.load(Ordering::Relaxed);
        activity.untaken.fetch_sub(bytes, Ordering::Relaxed);
        activity.room.notify_waiters();
        activity.served.store(true, Ordering::Relaxed);
        mark(&activity.idle_since, Mono::now());
        activity.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn mark(at: &AtomicU64, now: Mono) {
    at.store(now.as_millis() + 1, Ordering::Relaxed);
}

fn marked(at: &AtomicU64) -> Option<Mono> {
    let value = at.load(Ordering::Relaxed);
    (value != NEVER).then(|| Mono::from_millis(value - 1))
}

/// A stream that leaves marks.
pub(super) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    pub(super) const fn new(stream: S, activity: Arc<Activity>) -> Watched<S> {
        Watched { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes_came();
        }
        polled
    }
}

impl<S> Watched<S> {
    /// Marks a write that waits for the peer, and its end.
    fn wrote<T>(&self, polled: &Poll<io::Result<T>>) {
        if let Poll::Ready(Err(error)) = polled
            && error.kind() == io::ErrorKind::TimedOut
        {
            self.activity.given_up.store(true, Ordering::Relaxed);
        }
        let blocked = &self.activity.write_blocked_since;
        if polled.is_ready() {
            blocked.store(NEVER, Ordering::Relaxed);
        } else if blocked.load(Ordering::Relaxed) == NEVER {
            mark(blocked, Mono::now());
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.wrote(&polled);
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.wrote(&polled);
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        handshake: Duration::from_secs(1),
        header: Duration::from_secs(10),
        body: Duration::from_secs(30),
        idle: Duration::from_secs(60),
        write: Duration::from_secs(30),
        drain: Duration::from_secs(1),
    };

    fn at(seconds: u64) -> Mono {
        Mono::from_millis(seconds * 1000)
    }

    #[test]
    fn the_first_request_must_come_within_the_header_time_out() {
        let activity = Activity::started(at(0), false);
        assert!(activity.judge(&LIMITS, at(9)).is_ok());
        assert_eq!(activity.judge(&LIMITS, at(10)), Err(Overdue::Header));
    }

    #[test]
    fn between_requests_the_idle_time_out_counts_until_a_byte_comes() {
        let activity = Activity::started(at(0), false);
        drop(activity.request());
        mark(&activity.idle_since, at(5));
        assert!(activity.judge(&LIMITS, at(64)).is_ok());
        assert_eq!(activity.judge(&LIMITS, at(65)), Err(Overdue::Idle));
        mark(&activity.first_byte, at(20));
        assert!(activity.judge(&LIMITS, at(29)).is_ok());
        assert_eq!(activity.judge(&LIMITS, at(30)), Err(Overdue::Header));
    }

    #[test]
    fn a_write_that_the_kernel_gave_up_is_remembered() {
        let error = |kind: io::ErrorKind| Poll::Ready(Err::<usize, _>(kind.into()));
        let activity = Activity::started(at(0), false);
        let stream = Watched::new((), activity.clone());
        stream.wrote(&Poll::Pending::<io::Result<usize>>);
        stream.wrote(&error(io::ErrorKind::ConnectionReset));
        assert!(!activity.is_given_up(), "the peer's own end");
        stream.wrote(&error(io::ErrorKind::TimedOut));
        assert!(activity.is_given_up());
    }

    #[test]
    fn a_request_in_flight_is_only_bound_by_its_writes() {
        let activity = Activity::started(at(0), false);
        let _request = activity.request();
        assert!(activity.judge(&LIMITS, at(1000)).is_ok());
        mark(&activity.write_blocked_since, at(1000));
        assert!(activity.judge(&LIMITS, at(1029)).is_ok());
        assert_eq!(activity.judge(&LIMITS, at(1030)), Err(Overdue::Write));
    }

    #[test]
    fn every_answer_has_a_deadline_of_its_own() {
        let activity = Activity::started(at(0), true);
        let (making, taking, stuck) = (activity.request(), activity.request(), activity.request());
        stuck.handed_over(at(100));
        taking.handed_over(at(100));
        taking.handed_over(at(100));
        taking.taken(at(129));
        assert!(activity.judge(&LIMITS, at(129)).is_ok());
        assert_eq!(activity.judge(&LIMITS, at(130)), Err(Overdue::Write));
        drop(stuck);
        assert!(activity.judge(&LIMITS, at(158)).is_ok());
        assert_eq!(activity.judge(&LIMITS, at(159)), Err(Overdue::Write));
        taking.taken(at(159));
        assert!(activity.judge(&LIMITS, at(1000)).is_ok());
        // Entries are used again.
        let _next = activity.request();
        assert_eq!(activity.answers().len(), 3);
        drop((making, taking));
    }

    #[tokio::test]
    async fn requests_wait_while_too_much_is_untaken() {
        let activity = Activity::started(at(0), true);
        let (large, small) = (activity.request(), activity.request());
        small.answered(1);
        activity.room().await;
        large.answered(MOST_UNTAKEN_BYTES);
        let waiting = tokio::spawn({
            let activity = activity.clone();
            async move { activity.room().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(large);
        waiting.await.expect("room");
    }

    #[test]
    fn pings_of_a_multiplexed_peer_are_no_header() {
        let activity = Activity::started(at(0), true);
        drop(activity.request());
        mark(&activity.idle_since, at(5));
        activity.bytes_came();
        assert!(activity.judge(&LIMITS, at(64)).is_ok());
        assert_eq!(activity.judge(&LIMITS, at(65)), Err(Overdue::Idle));
    }

    #[test]
    fn the_next_look_is_never_later_than_the_next_deadline() {
        let activity = Activity::started(at(0), false);
        assert_eq!(activity.judge(&LIMITS, at(7)), Ok(Duration::from_secs(3)));
    }
}
