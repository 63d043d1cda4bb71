//! The signed audit trail: who did what, and what the gateway commanded by itself, in files
//! of the recordings' own format. Each is a chain of hashes that the device signs, so a
//! line that was changed, put in or left out afterwards is found.
//!
//! The trail that the API shows lies in the store and is durable at once; this one proves
//! it, and may lose the last minute in a power cut. It lies in a folder of its own, which
//! no route reads: who signed in is no matter of a flight. Must never cost a flight its
//! recording.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use readings::clock::{Mono, wall_now};
use readings::command::CommandState;
use readings::event::{Event, EventLog, Values};
use recording::{Kind, Library, Limits, Opening, Reason, Recording, RecordingError};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use super::{payload, since_start};

/// Its folder, in that of the recordings.
const FOLDER: &str = "audit";

/// What files are called, before their number.
const NAME: &str = "audit-";

/// What is kept: some forty thousand lines. Written is more, for each sync writes blocks
/// of the medium anew: a line a minute all day costs 13 MB.
const LIMITS: Limits = Limits {
    max_bytes: 16 << 20,
    max_bytes_a_day: 24 << 20,
    max_days: 0,
};

/// Most bytes of a file, and its longest time: then it is closed, and another begun.
const FILE_BYTES: usize = 1 << 20;
const FILE_TIME: Duration = Duration::from_secs(24 * 3600);

/// Longest that a line waits for its sync.
const SYNC_WITHIN: Duration = Duration::from_secs(60);

/// How long a medium that refused is left alone.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Why lines are missing.
const LOST: &str = "more came at once than is held, or the medium refused";

/// What the recorder's thread keeps of it.
pub(super) struct Trail {
    heard: Receiver<Arc<Event>>,
    library: Option<Arc<Library>>,
    file: Option<Open>,
    /// Lines that no file has yet a word of.
    lost: u64,
    again_at: Mono,
}

/// A file that is being written.
struct Open {
    recording: Recording,
    zero: Mono,
    bytes: usize,
    sync_at: Option<Mono>,
}

impl Trail {
    pub(super) fn new(events: &EventLog) -> Trail {
        Trail {
            heard: events.subscribe(),
            library: None,
            file: None,
            lost: 0,
            again_at: Mono::ZERO,
        }
    }

    /// Writes what came since the last look; `flights` has the device's key, `lost` counts
    /// what no file has.
    pub(super) fn look(
        &mut self,
        flights: &Library,
        events: &EventLog,
        now: Mono,
        lost: &AtomicU64,
    ) {
        let (mut lines, mut missed) = (Vec::new(), 0);
        loop {
            match self.heard.try_recv() {
                Ok(event) if is_kept(&event) => lines.push(payload::bytes(&*event)),
                Ok(_) => {}
                Err(TryRecvError::Lagged(count)) => missed += count,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let is_first = self.lost == 0;
        self.lost += missed;
        let written = match now < self.again_at {
            true => Ok(false),
            false => self.write(&lines, flights, events, now).map(|()| true),
        };
        if !matches!(written, Ok(true)) {
            self.lost += lines.len() as u64;
            missed += lines.len() as u64;
        }
        lost.fetch_add(missed, Relaxed);
        if let Err(error) = written {
            if is_first {
                tracing::warn!("the signed audit trail is not written: {error}");
            }
            self.again_at = now.plus(AGAIN_AFTER);
            if let Some(file) = self.file.take() {
                file.recording.abandon();
            }
        }
    }

    fn write(
        &mut self,
        lines: &[Vec<u8>],
        flights: &Library,
        events: &EventLog,
        now: Mono,
    ) -> Result<(), RecordingError> {
        let is_old = |file: &Open| {
            file.bytes >= FILE_BYTES || (file.bytes > 0 && now.since(file.zero) >= FILE_TIME)
        };
        if self.file.as_ref().is_some_and(is_old) {
            self.close()?;
        }
        if lines.is_empty() && self.file.is_none() {
            return Ok(());
        }
        if self.file.is_none() {
            self.file = Some(self.begin(flights, events, now)?);
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let at_us = now.since(file.zero).as_micros() as u64;
        if self.lost > 0 {
            let gap = payload::gap(self.lost, LOST);
            file.recording.append(Kind::Gap, at_us, &gap)?;
            self.lost = 0;
        }
        for line in lines {
            file.recording.append(Kind::Event, at_us, line)?;
            file.bytes += line.len();
            file.sync_at.get_or_insert(now.plus(SYNC_WITHIN));
        }
        // (A kill of the gateway is not to cost what a power cut may.)
        file.recording.hand_over()?;
        if file.sync_at.is_some_and(|at| now >= at) {
            file.sync_at = None;
            file.recording.sync(since_start())?;
        }
        Ok(())
    }

    /// A file with the number after the highest that there is: one that somebody takes
    /// away leaves a hole.
    fn begin(
        &mut self,
        flights: &Library,
        events: &EventLog,
        now: Mono,
    ) -> Result<Open, RecordingError> {
        let library = match &self.library {
            Some(library) => library.clone(),
            None => {
                let opened = flights.beside(Path::new(FOLDER), LIMITS, wall_now())?;
                self.library.insert(Arc::new(opened)).clone()
            }
        };
        let numbers = library.list();
        let numbers = numbers.iter().filter_map(|entry| number(entry.id()));
        let id = format!("{NAME}{:06}", numbers.max().unwrap_or(0) + 1);
        let opening = Opening {
            drone_name: "audit trail".to_owned(),
            ..payload::opening(events, id, FOLDER, wall_now())
        };
        Ok(Open {
            recording: library.begin(opening, since_start())?,
            zero: now,
            bytes: 0,
            sync_at: None,
        })
    }

    /// Ends the file, signed to its end.
    pub(super) fn close(&mut self) -> Result<(), RecordingError> {
        match self.file.take() {
            Some(file) => file
                .recording
                .close(Reason::Stopped, since_start())
                .map(drop),
            None => Ok(()),
        }
    }
}

/// The number in the name of a file.
pub(crate) fn number(id: &str) -> Option<u32> {
    id.strip_prefix(NAME)?.parse().ok()
}

/// What is kept: what the audit trail has, and of commands what was wished and what came of
/// it, without the steps between.
fn is_kept(event: &Event) -> bool {
    match &event.values {
        Values::Access { .. } | Values::Configuration { .. } => true,
        Values::Command { state, .. } => {
            !matches!(state, CommandState::Sent | CommandState::Answered)
        }
        // (Who started and ended a plan is in the audit trail; its commands are above.)
        Values::Alert { .. } | Values::Link { .. } | Values::Plan { .. } => false,
    }
}
