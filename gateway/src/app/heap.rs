//! Memory that was freed goes back to the system. glibc gives back what lies at a heap's end
//! alone: one block that is still used keeps all that was freed below it, and after a burst
//! of large answers that was 10 MB of a board's memory, for as long as the process ran.

use std::time::Duration;

/// How often its size is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Growth since the last time that is worth the walk through the heaps: that takes up to a
/// millisecond, in which nothing else is allocated.
const WORTH_BYTES: u64 = 1024 * 1024;

/// What the process held when its heaps were last walked through.
#[derive(Debug, Default)]
pub(super) struct Heap {
    then: u64,
}

impl Heap {
    /// Gives back what is free, where the process has grown.
    pub(super) fn look(&mut self) {
        let Some(now) = anonymous_bytes() else { return };
        if now > self.then + WORTH_BYTES {
            give_back();
            self.then = anonymous_bytes().unwrap_or(now);
        } else {
            // What shrank by itself may grow again.
            self.then = self.then.min(now);
        }
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
        let mut blocks: Vec<Vec<u8>> = (0..4096).map(|_| vec![1; BLOCK]).collect();
        // The last of them holds all the others down.
        let last = blocks.split_off(4095);
        let most = anonymous_bytes().expect("Linux tells it");
        drop(blocks);
        heap.look();
        let left = anonymous_bytes().expect("Linux tells it");
        assert!(left + HALF_BYTES < most, "{left} of {most} bytes are left");
        drop(last);
    }
}
