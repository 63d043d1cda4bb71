//! The thread that records: looks four times a second, and writes what is news.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use alerting::{AlertEvent, AlertType, Alerts, Condition, Level};
use readings::clock::{self, Mono, wall_now};
use readings::event::{Event, EventLog};
use recording::{Library, Limits, RecordingError};
use tokio::runtime::Handle;
use tokio::sync::broadcast::Receiver;

use super::flight::{Flight, Note};
use super::tap::StateTap;
use super::trail::Trail;
use super::{Recordings, since_start};
use crate::config::Config;
use crate::sources::tello::Fleet;
use crate::sources::vehicles::Vehicles;
use crate::supervision::Supervisor;

/// How often it looks. What waits in the rings meanwhile is lost by a power cut, and so is
/// what was written since the last sync: 2 s in all, as promised.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a medium that refused to give up its recordings is left alone.
const OPEN_AGAIN: Duration = Duration::from_secs(30);

/// How often recordings are looked through for their age.
const EXPIRE_EVERY: Duration = Duration::from_secs(3600);

/// Name of the condition that stands while flights are not recorded.
const UNAVAILABLE: &str = "recording_unavailable";

/// What is recorded.
pub(crate) struct Observed {
    pub(crate) vehicles: Vehicles,
    /// Whose video is recorded, if any is.
    pub(crate) fleet: Fleet,
    pub(crate) events: EventLog,
    pub(crate) alerts: Alerts,
    /// Of the start: the drones' settings change by a restart only.
    pub(crate) config: Arc<Config>,
}

/// Starts the thread, unless recordings are off. It ends with [`Recordings::stop`].
pub(crate) fn spawn(
    observed: Observed,
    tap: Arc<StateTap>,
    supervisor: &Supervisor,
) -> std::io::Result<Arc<Recordings>> {
    let is_on = observed.config.recording.max_bytes > 0;
    let recordings = Recordings::new(is_on);
    if !is_on {
        return Ok(recordings);
    }
    let alive = supervisor.thread("flight recorder", None);
    let mut recorder = Recorder::new(observed, tap, recordings.clone());
    let body = move || {
        let ended = recorder.recordings.clone();
        recorder.run();
        ended.ended.send_replace(true);
        alive.release();
    };
    thread::Builder::new()
        .name("flight-recorder".to_owned())
        .spawn(body)?;
    Ok(recordings)
}

/// What the thread keeps.
pub(super) struct Recorder {
    pub(super) observed: Observed,
    pub(super) tap: Arc<StateTap>,
    /// Where the pictures of flights are waited for.
    pub(super) runtime: Handle,
    pub(super) recordings: Arc<Recordings>,
    pub(super) heard: Receiver<AlertEvent>,
    pub(super) events: Receiver<Arc<Event>>,
    /// Events and alerts of the last half minute.
    pub(super) backlog: VecDeque<Note>,
    /// One a drone, in the order of the drones.
    pub(super) flights: Vec<Flight>,
    /// The rules in effect, and the version of the alerts when they were looked at.
    pub(super) rules: (u64, serde_json::Value),
    trail: Trail,
    is_unavailable: bool,
    open_at: Mono,
    expire_at: Mono,
}

impl Recorder {
    fn new(observed: Observed, tap: Arc<StateTap>, recordings: Arc<Recordings>) -> Recorder {
        Recorder {
            trail: Trail::new(&observed.events),
            heard: observed.alerts.subscribe(),
            events: observed.events.subscribe(),
            observed,
            tap,
            runtime: Handle::current(),
            recordings,
            backlog: VecDeque::new(),
            flights: Vec::new(),
            rules: (0, serde_json::Value::Null),
            // What stood when the gateway ended may be over: it is ended by the first success.
            is_unavailable: true,
            open_at: Mono::ZERO,
            expire_at: Mono::ZERO,
        }
    }

    fn run(&mut self) {
        while !self.recordings.stop.load(Relaxed) {
            let now = Mono::now();
            if let Some(library) = self.library(now) {
                self.expire(&library, now);
                self.round(&library, now);
                self.write_trail(&library, now);
            }
            #[expect(clippy::disallowed_methods, reason = "the recorder's own thread")]
            thread::sleep(LOOK_EVERY);
        }
        self.end_all(Mono::now());
    }

    fn write_trail(&mut self, flights: &Library, now: Mono) {
        let lost = &self.recordings.stats.trail_lost;
        self.trail.look(flights, &self.observed.events, now, lost);
    }

    /// The recordings, opened now if they were not: those of before are ended here, while
    /// the gateway is up already.
    fn library(&mut self, now: Mono) -> Option<Arc<Library>> {
        if let Some(library) = self.recordings.library.get() {
            return Some(library.clone());
        }
        if now < self.open_at {
            return None;
        }
        self.open_at = now.plus(OPEN_AGAIN);
        let config = &self.observed.config;
        let limits = Limits {
            max_bytes: config.recording.max_bytes,
            max_bytes_a_day: config.recording.max_bytes_a_day,
            max_days: config.recording.max_days,
        };
        let dir = config.recording.dir_in(&config.storage.dir);
        match Library::open(&dir, limits, wall_now()) {
            Ok(library) => {
                self.available();
                Some(
                    self.recordings
                        .library
                        .get_or_init(|| Arc::new(library))
                        .clone(),
                )
            }
            Err(error) => {
                self.refused(&error);
                None
            }
        }
    }

    /// A clock that nobody has told the time says nothing of age.
    fn expire(&mut self, library: &Library, now: Mono) {
        if now >= self.expire_at && clock::is_confirmed() {
            self.expire_at = now.plus(EXPIRE_EVERY);
            library.expire(wall_now());
        }
    }

    /// Tells that a flight is not recorded, and why.
    pub(super) fn refused(&mut self, error: &RecordingError) {
        tracing::warn!("flights are not recorded: {error}");
        self.is_unavailable = true;
        self.recordings.stats.refused.fetch_add(1, Relaxed);
        self.observed.alerts.raise(Condition {
            key: UNAVAILABLE,
            subject: "board".into(),
            level: Level::Warning,
            alert_type: AlertType::System,
            title: "Flights Not Recorded",
            message: format!("flights are not recorded: {error}"),
            details: Some(
                "Drones, alerts and histories are not touched by it. It is tried again by itself."
                    .to_owned(),
            ),
        });
    }

    /// Tells that flights can be recorded.
    pub(super) fn available(&mut self) {
        if std::mem::replace(&mut self.is_unavailable, false) {
            self.observed.alerts.clear(UNAVAILABLE, "board");
        }
    }

    fn end_all(&mut self, now: Mono) {
        // (A gateway that is stopped at once has not opened it yet; its trail is kept all the same.)
        let Some(library) = self.library(now) else {
            return;
        };
        // What came since the last look belongs to the flights.
        self.round(&library, now);
        for flight in &mut self.flights {
            if let Some(recording) = flight.recording.take()
                && let Err(error) = recording
                    .writer
                    .close(recording::Reason::Stopped, since_start())
            {
                tracing::warn!("a recording is ended at the next start: {error}");
            }
        }
        self.write_trail(&library, now);
        if let Err(error) = self.trail.close() {
            tracing::warn!("the audit trail's file is ended at the next start: {error}");
        }
    }
}
