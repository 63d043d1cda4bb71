//! Log lines dropped because a disk was slow, at `/metrics`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use readings::measured::{Measured, Page};
use tracing_appender::non_blocking::ErrorCounter;

/// The counters of the log writers.
pub(crate) struct DroppedLogLines {
    /// Of slow writers, one a file.
    pub(super) dropped: Vec<ErrorCounter>,
    /// Of the syslog server.
    pub(super) unsent: Arc<AtomicU64>,
}

impl Measured for DroppedLogLines {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let lines = self
            .dropped
            .iter()
            .map(|counter| counter.dropped_lines() as u64)
            .sum();
        page.counter(
            "log_lines_dropped",
            "Log lines dropped because a writer could not keep up",
            lines,
        )?;
        page.counter(
            "log_lines_unsent",
            "Log lines that the syslog server did not get",
            self.unsent.load(Ordering::Relaxed),
        )
    }
}
