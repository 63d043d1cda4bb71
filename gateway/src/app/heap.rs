//! Memory that was freed goes back to the system. glibc gives back what lies at a heap's end
//! alone: one block that is still used keeps all that was freed below it, and after a burst
//! of large answers that was 10 MB of a board's memory, for as long as the process ran.

use std::time::Duration;

/// How often its size is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// What lies above the least that was left is worth the walk through the heaps: that takes up
/// to a millisecond, in which nothing else is allocated.
const WORTH_BYTES: u64 = 1024 * 1024;
/// Looks between two walks of which the last found little: what is there is in use, and whether
/// it still is cannot be seen from outside. A minute.
const MOST_PAUSE: u32 = 12;

/// What walks through the heaps left.
#[derive(Debug, Default)]
pub(super) struct Heap {
    /// The least that was left; none before the first, at the start of the program.
    least: Option<u64>,
    pause: u32,
    passed: u32,
}

impl Heap {
    /// Gives back what is free, where there may be some.
    pub(super) fn look(&mut self) {
        let Some(now) = anonymous_bytes() else { return };
        self.passed += 1;
        let floor = self.least.unwrap_or(0);
        if now <= floor + WORTH_BYTES {
            (self.least, self.pause) = (self.least.map(|least| least.min(now)), 0);
            return;
        }
        if self.passed <= self.pause {
            return;
        }
        give_back();
        let left = anonymous_bytes().unwrap_or(now);
        let is_little = now.saturating_sub(left) < WORTH_BYTES / 4;
        self.pause = if is_little {
            (2 * self.pause + 1).min(MOST_PAUSE)
        } else {
            0
        };
        self.passed = 0;
        self.least = Some(self.least.map_or(left, |least| least.min(left)));
    }
}

/// Resident bytes that no file stands behind.
fn anonymous_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split(' ').skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "no safe crate has the call; argued below")]
fn give_back() {
    // SAFETY: it takes no pointer, and glibc guards its own heaps while it works on them.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
fn give_back() {}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn what_was_freed_below_a_block_that_stands_goes_back() {
        const BLOCK: usize = 16 * 1024;
        const HALF_BYTES: u64 = 32 * 1024 * 1024;
        let mut heap = Heap::default();
        // (As at the start of the program.)
        heap.look();
        let mut blocks: Vec<Vec<u8>> = (0..4096).map(|_| vec![1; BLOCK]).collect();
        // The last of them holds all the others down.
        let last = blocks.split_off(4095);
        let most = anonymous_bytes().expect("Linux tells it");
        // Looked at while all of it is in use, as in the middle of a burst.
        heap.look();
        drop(blocks);
        for _ in 0..=MOST_PAUSE {
            heap.look();
        }
        let left = anonymous_bytes().expect("Linux tells it");
        assert!(left + HALF_BYTES < most, "{left} of {most} bytes are left");
        drop(last);
    }
}
