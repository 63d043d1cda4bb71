//! The two clocks: monotonic inside, wall clock outside.
//!
//! A Pi has no battery-backed clock: the wall clock may start in 1970 and jump
//! by decades when the network time arrives. So cool-downs, TTLs, lock-outs
//! and rates take a [`Mono`], and only time stamps shown to people take a
//! [`Timestamp`]. Pure code takes either as an argument; only tasks and
//! handlers call [`Mono::now`] and [`wall_now`].

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;

use tokio::time::Instant;

use crate::virtual_time::{self, VirtualTime};

pub use jiff::Timestamp;

/// Milliseconds on the monotonic clock since the process first asked for it.
///
/// Copyable, hashable and free of the platform's `Instant`, so that state
/// machines can be tested with plain numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(u64);

impl Mono {
    /// The start of the process.
    pub const ZERO: Mono = Mono(0);

    /// The monotonic time now; on a thread of a simulated world, that world's.
    #[must_use]
    pub fn now() -> Mono {
        if let Some(time) = virtual_time::here() {
            return Mono(time.mono_ms());
        }
        static EPOCH: OnceLock<Instant> = OnceLock::new();
        let epoch = *EPOCH.get_or_init(Instant::now);
        Mono(Instant::now().saturating_duration_since(epoch).as_millis() as u64)
    }

    /// A point `millis` milliseconds after the start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Mono {
        Mono(millis)
    }

    /// Milliseconds since the start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This point plus `duration`, saturating at the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Mono {
        Mono(self.0.saturating_add(duration.as_millis() as u64))
    }

    /// The time from `earlier` to this point; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Whether something said what time it is since the process began.
static CONFIRMED: AtomicBool = AtomicBool::new(false);

/// Something that knows said what time it is: a time server, or a person with a key. On a
/// board without a clock battery a plausible time may be that of years ago.
pub fn confirm() {
    CONFIRMED.store(true, Ordering::Relaxed);
}

/// Whether something did ([`confirm`]).
#[must_use]
pub fn is_confirmed() -> bool {
    CONFIRMED.load(Ordering::Relaxed)
}

/// Distance of the floor from the monotonic clock's zero, in microseconds since 1970.
static FLOOR_US: AtomicI64 = AtomicI64::new(i64::MIN);

/// It is `us` microseconds after 1970, or later: so late something happened that is on
/// record. The latest such time counts.
pub fn is_at_least(us: i64) {
    FLOOR_US.fetch_max(us.saturating_sub(mono_us()), Ordering::Relaxed);
}

/// The time by which terms are judged and begin: the wall clock's; and until something
/// said what time it is, no earlier than what is on record, with what has passed since.
/// Else a board that wakes in 1970 takes every key that has expired.
#[must_use]
pub fn term_now() -> Timestamp {
    let wall = wall_now();
    if is_confirmed() {
        return wall;
    }
    let floor = FLOOR_US.load(Ordering::Relaxed).saturating_add(mono_us());
    Timestamp::from_microsecond(floor).map_or(wall, |floor| floor.max(wall))
}

fn mono_us() -> i64 {
    (Mono::now().as_millis() as i64).saturating_mul(1000)
}

/// Finds steps of the wall clock: by how much it departs from the monotonic one.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    mono: Mono,
    wall: Timestamp,
}

/// Shorter ones are a time server's corrections, or a busy machine between two readings.
const STEP: SignedDuration = SignedDuration::from_secs(60);

impl Steps {
    /// From what the clocks say now.
    #[must_use]
    pub const fn new(mono: Mono, wall: Timestamp) -> Steps {
        Steps { mono, wall }
    }

    /// By how much the wall clock was put forward (or back) since this was last asked.
    pub fn stepped(&mut self, mono: Mono, wall: Timestamp) -> Option<SignedDuration> {
        let passed = SignedDuration::try_from(mono.since(self.mono)).unwrap_or_default();
        let step = wall.duration_since(self.wall) - passed;
        *self = Steps { mono, wall };
        (step.abs() >= STEP).then_some(step)
    }
}

/// The wall clock now, for time stamps only.
#[must_use]
pub fn wall_now() -> Timestamp {
    virtual_time::here().map_or_else(Timestamp::now, VirtualTime::wall)
}

/// Waits for `duration`; on a thread of a simulated world, of that world's time.
pub async fn sleep(duration: Duration) {
    match virtual_time::here() {
        None => tokio::time::sleep(duration).await,
        Some(time) => time.sleep(duration).await,
    }
}

/// Seconds since 1970 as the contract's `epoch` float.
#[must_use]
pub fn epoch_seconds(timestamp: Timestamp) -> f64 {
    timestamp.as_microsecond() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_and_the_passing_of_time_is_none() {
        let (mono, wall) = (Mono::from_millis, |s| {
            Timestamp::from_second(s).expect("in range")
        });
        let mut steps = Steps::new(mono(0), wall(10));
        assert_eq!(
            steps.stepped(mono(3_600_000), wall(3_610)),
            None,
            "an hour passed"
        );
        assert_eq!(
            steps.stepped(mono(3_601_000), wall(3_641)),
            None,
            "half a minute is corrected"
        );
        let forward = steps.stepped(mono(3_602_000), wall(1_800_000_000));
        assert!(
            forward.is_some_and(|by| by.as_secs() > 1_799_000_000),
            "{forward:?}"
        );
        assert_eq!(
            steps.stepped(mono(3_603_000), wall(1_800_000_001)),
            None,
            "once"
        );
        let back = steps.stepped(mono(3_604_000), wall(1_700_000_001));
        assert_eq!(back.map(|by| by.as_secs()), Some(-100_000_001));
    }

    /// Sets the time of this thread, whose process began after a second of its world.
    fn at(now_ms: u64) {
        let began_ms = 1_000;
        virtual_time::set(Some(VirtualTime { now_ms, began_ms }));
    }

    #[test]
    fn terms_are_judged_by_no_clock_older_than_what_is_on_record() {
        at(1_000);
        let later = wall_now() + SignedDuration::from_hours(1);
        is_at_least(later.as_microsecond());
        is_at_least(later.as_microsecond() - 10_000_000);
        assert_eq!(term_now(), later);
        at(61_000);
        let minute = SignedDuration::from_mins(1);
        assert_eq!(term_now(), later + minute, "it goes on from there");
        confirm();
        assert_eq!(term_now(), wall_now(), "until something knows better");
        virtual_time::set(None);
    }

    #[test]
    fn a_later_point_is_never_before_an_earlier_one() {
        let early = Mono::from_millis(10);
        assert_eq!(early.since(Mono::from_millis(30)), Duration::ZERO);
        assert_eq!(early.plus(Duration::MAX), Mono::from_millis(u64::MAX));
        let late = early.plus(Duration::from_millis(20));
        assert_eq!(late.as_millis(), 30);
        assert_eq!(late.since(early), Duration::from_millis(20));
    }

    #[test]
    fn a_thread_with_a_time_of_its_own_reads_that_and_sleeps_by_it() {
        use std::pin::pin;
        use std::task::{Context, Waker};

        use virtual_time::{set, take_wake_ms};

        at(3_500);
        assert_eq!(Mono::now(), Mono::from_millis(2_500));
        assert_eq!(wall_now().to_string(), "2026-01-01T00:00:03.5Z");
        let mut context = Context::from_waker(Waker::noop());
        let mut asleep = pin!(sleep(Duration::from_millis(200)));
        assert!(asleep.as_mut().poll(&mut context).is_pending());
        assert_eq!((take_wake_ms(), take_wake_ms()), (Some(3_700), None));
        at(3_699);
        assert!(asleep.as_mut().poll(&mut context).is_pending());
        at(3_700);
        assert!(asleep.as_mut().poll(&mut context).is_ready());
        set(None);
        assert_ne!(wall_now().to_string(), "2026-01-01T00:00:03.7Z");
    }

    #[test]
    fn both_clocks_go() {
        let before = Mono::now();
        assert!((0..100_000_000).any(|_| Mono::now() > before));
        let year = 365 * 24 * 3600;
        assert!(
            wall_now().as_second() > 50 * year,
            "this is no board without a clock"
        );
    }

    #[test]
    fn time_stamps_are_rfc_3339_utc_with_z() {
        let stamp = Timestamp::from_microsecond(1_738_314_902_123_456).expect("in range");
        assert_eq!(stamp.to_string(), "2025-01-31T09:15:02.123456Z");
        assert!((epoch_seconds(stamp) - 1_738_314_902.123_456).abs() < 1e-6);
    }
}
