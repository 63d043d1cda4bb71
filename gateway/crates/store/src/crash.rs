//! Named points at which a test build can be made to die.
//!
//! Only where debug assertions are: `MFG_DRONE_CRASH_AT=<point>:<n>` aborts the process
//! when it passes that point for the n-th time. In a released gateway the points are
//! empty, so it cannot be killed this way; `deploy/check-binary` looks for that. (A
//! feature would have the gateway compiled twice for the tests.)

/// Every point, in the order a commit and a snapshot pass them.
pub const POINTS: &[&str] = &[
    "open.created",
    "open.rebuilt",
    "open.set_aside",
    "open.opened",
    "commit.before",
    "commit.planned",
    "commit.before_sync",
    "commit.synced",
    "commit.journaled",
    "commit.answered",
    "batch.before",
    "batch.synced",
    "snapshot.before",
    "snapshot.written",
    "snapshot.renamed",
    "snapshot.pruned",
    "close.before",
];

/// Dies here if the environment says so.
#[cfg(not(debug_assertions))]
#[inline]
pub(super) fn point(_name: &str) {}

/// Dies here if the environment says so.
#[cfg(debug_assertions)]
pub(super) fn point(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static TARGET: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let target = TARGET.get_or_init(|| {
        let setting = std::env::var("MFG_DRONE_CRASH_AT").ok()?;
        let (point, count) = setting.split_once(':').unwrap_or((&setting, "1"));
        Some((point.to_owned(), count.parse().unwrap_or(1)))
    });
    if let Some((point, count)) = target
        && point == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        std::process::abort();
    }
}
