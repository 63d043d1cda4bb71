//! Log files, journal and their limits.
//!
//! Three files, as operators of the earlier system know them: `app.log` holds
//! everything, `security.log` the target [`SECURITY`], `performance.log` the
//! target [`PERFORMANCE`]. Each rotates by size and is bounded in number. A
//! line is dropped, and counted, rather than a request held up by a slow disk.
//! No line may hold a key.

mod measured;
mod recent;
mod rotate;
mod syslog;

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use thiserror::Error;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{Journal, LogFormat, Logging};
pub(crate) use measured::DroppedLogLines;
pub(crate) use recent::{Line, recent};
use rotate::RotatingFile;
use syslog::{Address, Rfc5424, Sender};

/// Target of events that belong in `security.log`.
pub(crate) const SECURITY: &str = "security";
/// Target of events that belong in `performance.log`.
pub(crate) const PERFORMANCE: &str = "performance";

/// Lines that may wait for a slow disk; then lines are dropped and counted.
const BUFFERED_LINES: usize = 4096;

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Keeps the writers alive; dropping it flushes them.
pub(crate) struct LogWriters {
    level: Handle<Targets, Registry>,
    workers: Vec<WorkerGuard>,
    dropped: Vec<ErrorCounter>,
    /// Lines that the syslog server did not get.
    unsent: Arc<AtomicU64>,
    /// Why there are no files, although some were asked for.
    pub degraded: Option<String>,
}

/// Why a level cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{text:?} is no log level: {reason}; use error, warn, info, debug or trace, or a list like info,mfg_drone_gateway::sources::tello=debug"
)]
pub(crate) struct LevelError {
    text: String,
    reason: String,
}

/// Whether `level` can be used.
///
/// # Errors
/// [`LevelError`].
pub(crate) fn check_level(level: &str) -> Result<(), LevelError> {
    targets(level).map(drop)
}

fn targets(level: &str) -> Result<Targets, LevelError> {
    let wrong = |reason: String| LevelError {
        text: level.to_owned(),
        reason,
    };
    for part in level.split(',') {
        let (target, word) = part.split_once('=').unwrap_or(("", part));
        // `Targets` takes a lone unknown word for the name of a target.
        if word.trim().is_empty() {
            return Err(wrong("it is empty".to_owned()));
        }
        word.trim()
            .parse::<LevelFilter>()
            .map_err(|_| wrong(format!("{:?} is none", word.trim())))?;
        if part.contains('=') && target.trim().is_empty() {
            return Err(wrong("a target is missing before `=`".to_owned()));
        }
    }
    let targets = level
        .parse::<Targets>()
        .map_err(|error| wrong(error.to_string()))?;
    // Security events are never filtered out by a general level.
    Ok(targets.with_target(SECURITY, LevelFilter::TRACE))
}

/// What is wrong with `logging.syslog`, if anything is.
pub(crate) fn syslog_problem(config: &Logging) -> Option<String> {
    Address::parse(config.syslog.as_deref()?).err()
}

/// Starts logging for this process.
///
/// # Errors
/// [`LevelError`]. A directory that cannot be written is no error: the gateway
/// runs on, and [`LogWriters::degraded`] says why there are no files.
pub(crate) fn init(config: &Logging) -> Result<LogWriters, LevelError> {
    let (filter, level) = reload::Layer::new(targets(&config.level)?);
    let mut guard = LogWriters {
        level,
        workers: Vec::new(),
        dropped: Vec::new(),
        unsent: Arc::default(),
        degraded: None,
    };
    let mut layers: Vec<BoxedLayer> = vec![guard.console(config), recent::Recent.boxed()];
    if let Some(dir) = &config.dir {
        match guard.files(config, dir) {
            Ok(files) => layers.extend(files),
            Err(reason) => guard.degraded = Some(reason),
        }
    }
    if let Some(server) = &config.syslog {
        match Address::parse(server) {
            Ok(address) => layers.push(guard.syslog(address)),
            Err(reason) => guard.degraded = Some(reason),
        }
    }
    // The filter is the outermost, so that a line of no interest costs nothing.
    let everything = layers.with_filter(filter);
    // A second call in one process (tests) keeps the first subscriber.
    drop(tracing_subscriber::registry().with(everything).try_init());
    if let Some(reason) = &guard.degraded {
        tracing::error!("no log files: {reason}");
    }
    Ok(guard)
}

impl LogWriters {
    /// Takes a new level.
    ///
    /// # Errors
    /// [`LevelError`]; the old level stays.
    pub(crate) fn set_level(&self, level: &str) -> Result<(), LevelError> {
        let targets = targets(level)?;
        self.level.reload(targets).map_err(|error| LevelError {
            text: level.to_owned(),
            reason: error.to_string(),
        })
    }

    /// Counters of dropped lines, for whoever outlives this borrow.
    #[must_use]
    pub(crate) fn dropped_counters(&self) -> DroppedLogLines {
        DroppedLogLines {
            dropped: self.dropped.clone(),
            unsent: self.unsent.clone(),
        }
    }

    fn syslog(&mut self, address: Address) -> BoxedLayer {
        let sender = Sender::new(address, self.unsent.clone());
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        fmt::layer()
            .event_format(Rfc5424 { host })
            .with_writer(self.non_blocking(sender))
            .boxed()
    }

    /// The journal when systemd reads our standard error anyway, else text there.
    fn console(&mut self, config: &Logging) -> BoxedLayer {
        let wanted = match config.journal {
            Journal::Always => true,
            Journal::Auto => std::env::var_os("JOURNAL_STREAM").is_some(),
            Journal::Never => false,
        };
        if wanted && let Ok(journal) = tracing_journald::layer() {
            return journal.boxed();
        }
        let writer = self.non_blocking(std::io::stderr());
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        formatted(config.format, writer, colour)
    }

    fn files(&mut self, config: &Logging, dir: &Path) -> Result<Vec<BoxedLayer>, String> {
        std::fs::create_dir_all(dir).map_err(|error| {
            format!(
                "{} cannot be made: {error}; make it or set logging.dir",
                dir.display()
            )
        })?;
        let mut open = |name: &str| -> Result<NonBlocking, String> {
            let path = dir.join(name);
            let file = RotatingFile::open(&path, config.max_file_bytes, config.max_files).map_err(
                |error| {
                    format!(
                        "{} cannot be written: {error}; set its owner or logging.dir",
                        path.display()
                    )
                },
            )?;
            Ok(self.non_blocking(file))
        };
        let only = |target: &str| Targets::new().with_target(target, LevelFilter::TRACE);
        Ok(vec![
            formatted(config.format, open("app.log")?, false),
            formatted(config.format, open("security.log")?, false)
                .with_filter(only(SECURITY))
                .boxed(),
            formatted(config.format, open("performance.log")?, false)
                .with_filter(only(PERFORMANCE))
                .boxed(),
        ])
    }

    fn non_blocking(&mut self, writer: impl std::io::Write + Send + 'static) -> NonBlocking {
        let (writer, worker) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(BUFFERED_LINES)
            .finish(writer);
        self.dropped.push(writer.error_counter());
        self.workers.push(worker);
        writer
    }
}

fn formatted<W>(format: LogFormat, writer: W, colour: bool) -> BoxedLayer
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer).with_ansi(colour);
    match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_checked() {
        for good in [
            "info",
            "warn,mfg_drone_gateway::sources::tello=debug",
            "OFF",
        ] {
            assert_eq!(check_level(good), Ok(()), "{good}");
        }
        for bad in ["loud", "info,loud", "x=loud", "=info", ""] {
            assert!(check_level(bad).is_err(), "{bad}");
        }
    }
}
