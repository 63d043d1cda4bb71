//! The newest lines, in memory, for an administrator who has no shell on the board.
//!
//! A window on the same events as the files, under the same level: what is not logged is not
//! here, and no line holds a key. The oldest line goes for the newest, and a long one is cut.

use std::collections::VecDeque;
use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use readings::clock::wall_now;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines that are kept: some minutes of a gateway that is unwell, hours of one that is well.
const LINES: usize = 300;

/// Longest text of a line in bytes; with [`LINES`] 150 kB at most.
const TEXT_BYTES: usize = 500;

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// When, by the wall clock.
    pub(crate) at: Timestamp,
    /// How serious.
    pub(crate) level: Level,
    /// Part of the program, or `security`, `performance`.
    pub(crate) target: &'static str,
    /// Message and fields.
    pub(crate) text: String,
}

static RECENT: Mutex<VecDeque<Line>> = Mutex::new(VecDeque::new());

/// The newest `most` lines that are at least as serious as `level`, newest first.
pub(crate) fn recent(level: Level, most: usize) -> Vec<Line> {
    let lines = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    // (Of two levels the more serious is the smaller.)
    let wanted = lines.iter().rev().filter(|line| line.level <= level);
    wanted.take(most).cloned().collect()
}

/// Keeps each line.
pub(super) struct Recent;

impl<S: Subscriber> Layer<S> for Recent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut words = Words(String::new());
        event.record(&mut words);
        let about = event.metadata();
        keep(Line {
            at: wall_now(),
            level: *about.level(),
            target: about.target(),
            text: words.0,
        });
    }
}

fn keep(line: Line) {
    let mut lines = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    if lines.len() == LINES {
        lines.pop_front();
    }
    lines.push_back(line);
}

/// Message and fields as text; nothing beyond [`TEXT_BYTES`].
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.0.len() >= TEXT_BYTES {
            return;
        }
        let gap = if self.0.is_empty() { "" } else { " " };
        // (Writing to a string does not fail.)
        let _ = match field.name() {
            "message" => write!(self.0, "{gap}{value:?}"),
            name => write!(self.0, "{gap}{name}={value:?}"),
        };
        self.0.truncate(self.0.floor_char_boundary(TEXT_BYTES));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[test]
    fn the_newest_are_kept_cut_and_found_by_level() {
        let subscriber = tracing_subscriber::registry().with(Recent);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(drone = "d1", "the oldest");
            for n in 0..LINES - 1 {
                tracing::info!(n, "{}", "あ".repeat(TEXT_BYTES));
            }
            let warnings = recent(Level::WARN, LINES);
            assert_eq!(warnings.last().unwrap().text, "the oldest drone=\"d1\"");
            tracing::error!("one more");
        });
        assert_eq!(recent(Level::WARN, LINES).len(), 1, "the oldest went");
        let all = recent(Level::INFO, LINES);
        assert_eq!((all.len(), &*all[0].text), (LINES, "one more"));
        assert!(all.iter().all(|line| line.text.len() <= TEXT_BYTES));
        assert_eq!(recent(Level::INFO, 7).len(), 7);
    }
}
