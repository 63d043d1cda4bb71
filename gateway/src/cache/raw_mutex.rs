//! A mutex per cache instead of one for the whole process.
//!
//! embassy-sync's `CriticalSectionRawMutex` locks the critical section, which
//! under std is one lock shared by everything in the process that uses it: a
//! look-up here would wait for whatever holds it elsewhere. This one is an
//! ordinary lock of its own, behind embassy's trait.
//!
//! One of the gateway's two places with `unsafe` (`app/heap.rs`): the trait is unsafe to
//! implement, and embassy-sync has no implementation that is safe to share
//! between threads without the critical section.

use std::sync::{Mutex, PoisonError};

use embassy_sync::blocking_mutex::raw::RawMutex;

/// A [`RawMutex`] with a lock of its own.
#[derive(Debug)]
pub(super) struct InstanceRawMutex(Mutex<()>);

// SAFETY: the trait asks that while one thread is inside `lock`, no other can
// be. The guard of the inner `Mutex` is held for the whole call of `section`,
// and a standard mutex gives its guard to one thread at a time. It is dropped
// on return and on unwinding alike, both after `section` has ended. Poison
// says only that an earlier section panicked, not that it still runs, so
// taking the guard out of the error keeps the promise. Locking again on the
// same thread deadlocks or panics; it never enters `section` a second time.
#[expect(unsafe_code, reason = "the trait is unsafe to implement; argued above")]
unsafe impl RawMutex for InstanceRawMutex {
    const INIT: Self = InstanceRawMutex(Mutex::new(()));

    fn lock<R>(&self, section: impl FnOnce() -> R) -> R {
        let _guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        section()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use embassy_sync::blocking_mutex::Mutex as Blocking;

    use super::*;

    #[test]
    fn no_two_threads_are_inside_at_once() {
        let counter = Blocking::<InstanceRawMutex, Cell<u64>>::new(Cell::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    (0..10_000).for_each(|_| counter.lock(|cell| cell.set(cell.get() + 1)))
                });
            }
        });
        assert_eq!(counter.lock(Cell::get), 40_000);
    }

    #[test]
    fn another_instance_is_another_lock_and_a_panic_does_not_close_it() {
        let (first, second) = (InstanceRawMutex::INIT, InstanceRawMutex::INIT);
        assert_eq!(first.lock(|| second.lock(|| 7)), 7);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            first.lock(|| panic!("inside"))
        }));
        assert!(panicked.is_err());
        assert_eq!(first.lock(|| 8), 8);
    }
}
