//! What every request passes through allocates nothing once it is warm: counted
//! by an allocator, for the thread of the test alone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use mfg_drone_gateway::{CAPACITY, Cache, MAX_VALUE_BYTES, Performance, RouteId};
use readings::clock::{Mono, Timestamp};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed on unchanged to the system's allocator, whose
// promises are therefore ours; the counter is a plain thread-local number that
// neither allocates nor is dropped.
#[expect(unsafe_code, reason = "the trait is unsafe to implement; argued above")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(
        allocations(|| drop(std::hint::black_box(vec![0_u8; 32]))),
        1
    );
}

#[test]
fn the_cache_allocates_nothing_after_construction() {
    let keys: Vec<String> = (0..3 * CAPACITY).map(|n| format!("key {n}")).collect();
    let value = vec![7; MAX_VALUE_BYTES];
    let cache = Cache::new(Duration::from_secs(300));
    let count = allocations(|| {
        for (n, key) in keys.iter().enumerate() {
            let now = Mono::from_millis(n as u64);
            assert!(cache.put(key, &value, None, now));
            assert_eq!(cache.with(key, now, <[u8]>::len), Some(MAX_VALUE_BYTES));
        }
        cache.purge_expired(Mono::from_millis(u64::MAX), false);
        cache.clear();
        assert_eq!(cache.stats(Mono::ZERO).total_entries, 0);
    });
    assert_eq!(count, 0);
}

#[test]
fn recording_a_request_allocates_nothing_after_the_first_of_its_route() {
    let performance = Performance::new(vec!["/"]);
    let record = |n: u64| {
        // 30,000 calls over a day: past the ring, and through the generations.
        let now = Mono::from_millis(n * 2880);
        performance.record(
            RouteId(0),
            200,
            Duration::from_micros(n * n),
            now,
            Timestamp::UNIX_EPOCH,
        );
    };
    record(0);
    assert_eq!(allocations(|| (1..30_000).for_each(record)), 0);
    let forgotten = || assert!(performance.optimise(Mono::from_millis(u64::MAX), false) > 0);
    assert_eq!(allocations(forgotten), 0);
}
