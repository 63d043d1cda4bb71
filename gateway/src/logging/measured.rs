//! Log lines dropped because a disk was slow, at `/metrics`.

use std::fmt;

use readings::measured::{Measured, Page};
use tracing_appender::non_blocking::ErrorCounter;

/// The counters of the log writers, one a file.
pub(crate) struct DroppedLogLines(pub Vec<ErrorCounter>);

impl Measured for DroppedLogLines {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let lines = self
            .0
            .iter()
            .map(|counter| counter.dropped_lines() as u64)
            .sum();
        page.counter(
            "log_lines_dropped",
            "Log lines dropped because a writer could not keep up",
            lines,
        )
    }
}
