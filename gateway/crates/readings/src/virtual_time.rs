//! Time as a simulated world has it: set by whoever steps the world, for its thread alone.
//!
//! With it the very tasks that run on a board run in a world that makes a day of a second.
//! Nothing sets it in a gateway that serves: there [`here`] is none, and the clocks are the
//! machine's. Apart from `clock`, which asks it first.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;

/// The wall clock of a world at its beginning, in seconds since 1970: 2026-01-01.
const WORLD_BEGAN_S: i64 = 1_767_225_600;

/// The time of a world, as one process in it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualTime {
    /// Milliseconds since the world began.
    pub now_ms: u64,
    /// When the process began that is looked at: its monotonic clock counts from then.
    pub began_ms: u64,
}

thread_local! {
    static HERE: Cell<Option<VirtualTime>> = const { Cell::new(None) };
    /// The earliest time that something asleep waits for, since that was taken last.
    static WAKE_MS: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The virtual time of this thread, if it has one.
#[must_use]
pub fn here() -> Option<VirtualTime> {
    HERE.get()
}

/// Sets the time of this thread; none gives it back the machine's.
pub fn set(time: Option<VirtualTime>) {
    HERE.set(time);
}

/// The earliest time (in ms of the world) for which something slept when it was polled
/// since the last call.
#[must_use]
pub fn take_wake_ms() -> Option<u64> {
    WAKE_MS.take()
}

impl VirtualTime {
    /// Milliseconds on the monotonic clock of the process.
    #[must_use]
    pub const fn mono_ms(self) -> u64 {
        self.now_ms.saturating_sub(self.began_ms)
    }

    /// The wall clock.
    pub(crate) fn wall(self) -> Timestamp {
        let ms = i64::try_from(self.now_ms).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(WORLD_BEGAN_S * 1_000 + ms).unwrap_or(Timestamp::MAX)
    }

    /// Sleeps until `duration` of the world has passed. Whoever polls sees to it that it is
    /// polled again then: see [`take_wake_ms`].
    pub(crate) async fn sleep(self, duration: Duration) {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let due_ms = self.now_ms.saturating_add(ms);
        poll_fn(|_| {
            if here().is_none_or(|time| time.now_ms >= due_ms) {
                return Poll::Ready(());
            }
            let earliest = WAKE_MS.get().map_or(due_ms, |wake| wake.min(due_ms));
            WAKE_MS.set(Some(earliest));
            Poll::Pending
        })
        .await;
    }
}
