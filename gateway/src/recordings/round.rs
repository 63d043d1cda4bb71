//! One look: what is news is taken from the drones, the events and the alerts, and goes
//! into the recordings of the flights that it concerns.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use alerting::{AlertEvent, Filter};
use jiff::Timestamp;
use readings::clock::{Mono, wall_now};
use readings::event::EventKind;
use recording::{Kind, Library, Opening, Reason, RecordingError};
use tokio::sync::broadcast::error::TryRecvError;

use super::flight::{Flight, Note, Running};
use super::recorder::Recorder;
use super::track::{Look, Step, Track};
use super::video::VideoCapture;
use super::{payload, since_start};
use crate::sources::vehicles::DroneView;

/// How much of what was before a take-off belongs to the flight.
const BEFORE: Duration = Duration::from_secs(30);

/// Events and alerts kept for flights that may begin: two seconds of the most that a
/// slow look misses nothing of.
const MAX_BACKLOG: usize = 512;

/// How often a recording is synced; see `recorder::LOOK_EVERY`.
const SYNC_EVERY: Duration = Duration::from_secs(1);

impl Recorder {
    /// Looks once.
    pub(super) fn round(&mut self, library: &Arc<Library>, now: Mono) {
        let views = self.observed.vehicles.views();
        let (notes, missed) = self.new_notes(&views, now);
        self.look_at_rules();
        self.flights.resize_with(views.len(), || Flight {
            track: Track::default(),
            link: None,
            recording: None,
        });
        // (The drones and their order are of the configuration: they stay.)
        for (index, view) in views.iter().enumerate() {
            if let Err(error) = self.fly(library, index, view, (&notes, missed), now) {
                self.give_up(index, view, &error, now);
            }
        }
        let active = self
            .flights
            .iter()
            .filter(|flight| flight.recording.is_some());
        self.recordings
            .stats
            .active
            .store(active.count() as u64, Relaxed);
        self.backlog.extend(notes);
        let is_old = |note: &Note| now.since(note.at) > BEFORE;
        while self.backlog.len() > MAX_BACKLOG || self.backlog.front().is_some_and(is_old) {
            self.backlog.pop_front();
        }
    }

    /// What one drone has to say, written if it flies.
    fn fly(
        &mut self,
        library: &Arc<Library>,
        index: usize,
        view: &DroneView,
        (mut notes, missed): (&[Note], u64),
        now: Mono,
    ) -> Result<(), RecordingError> {
        let look = Look {
            flies: view.airborne,
            is_fresh: view.fresh,
            heard: view.last_seen_mono,
        };
        let step = self.flights[index].track.step(look, now);
        let link = (view.link, view.reason.clone());
        let mut has_link_changed = self.flights[index].link.replace(link.clone()) != Some(link);
        if step == Step::Begin {
            has_link_changed = false; // it is told at the beginning
            self.begin(library, index, view, notes, now)?;
            notes = &[];
        }
        let Some(running) = &mut self.flights[index].recording else {
            return Ok(());
        };
        let (states, lost) = self.tap.take(view.source);
        let mut items: Vec<(Mono, Kind, &[u8])> = Vec::with_capacity(states.len() + notes.len());
        items.extend(
            states
                .iter()
                .map(|(at, state)| (*at, Kind::State, &state[..])),
        );
        items.extend(
            notes
                .iter()
                .filter(|note| note.drone.as_ref().is_none_or(|drone| *drone == view.id))
                .map(|note| (note.at, note.kind, &note.payload[..])),
        );
        let link = payload::link(view);
        if has_link_changed {
            items.push((now, Kind::Link, &link));
        }
        items.sort_by_key(|(at, ..)| *at);
        for (at, kind, payload) in items {
            running.append(at, kind, payload)?;
        }
        let unseen = running.take_pictures()?;
        for (lost, why) in [(lost + unseen, SLOW_MEDIUM), (missed, TOO_MANY)] {
            if lost > 0 {
                self.recordings.stats.lost.fetch_add(lost, Relaxed);
                running.append(now, Kind::Gap, &payload::gap(lost, why))?;
            }
        }
        if running.judged_by != self.rules.1 {
            let judging = payload::judging(&self.rules.1, &self.observed.config, &view.id);
            running.append(now, Kind::Judging, &judging)?;
            running.judged_by.clone_from(&self.rules.1);
        }
        if let Step::End(reason) = step {
            self.end(index, view, reason)?;
        } else if now >= running.sync_at {
            running.sync_at = now.plus(SYNC_EVERY);
            running.writer.sync(since_start())?;
            self.available();
        }
        Ok(())
    }

    /// Begins a recording with what was before the take-off.
    fn begin(
        &mut self,
        library: &Arc<Library>,
        index: usize,
        view: &DroneView,
        new: &[Note],
        now: Mono,
    ) -> Result<(), RecordingError> {
        let oldest = Mono::from_millis(now.as_millis().saturating_sub(BEFORE.as_millis() as u64));
        let (mut states, _) = self.tap.take(view.source);
        states.retain(|(at, _)| *at >= oldest);
        let concerns = |note: &&Note| note.drone.as_ref().is_none_or(|drone| *drone == view.id);
        let notes = self.backlog.iter().chain(new).filter(concerns);
        let notes: Vec<&Note> = notes.collect();
        let first = states.first().map(|(at, _)| *at);
        let zero = first
            .unwrap_or(now)
            .min(notes.first().map_or(now, |note| note.at));
        let zero = zero.max(oldest);
        let started = wall_of(zero, now);
        let id = payload::id(&view.id, started);
        let opening = Opening {
            drone_name: view.name.to_string(),
            simulated: view.simulated,
            ..payload::opening(&self.observed.events, id, &view.id, started)
        };
        let mut running = Running {
            writer: library.begin(opening, since_start())?,
            zero,
            sync_at: now,
            video: VideoCapture::of(
                &self.observed.fleet,
                &view.id,
                self.observed.config.recording.video,
                &self.runtime,
            ),
            judged_by: self.rules.1.clone(),
        };
        let judging = payload::judging_first(
            (&self.rules.1, &self.observed.config),
            &view.id,
            &self.observed.alerts.list(&Filter::default()),
            started,
        );
        running.append(zero, Kind::Judging, &judging)?;
        let mut items: Vec<(Mono, Kind, &[u8])> = Vec::with_capacity(states.len() + notes.len());
        items.extend(
            states
                .iter()
                .map(|(at, state)| (*at, Kind::State, &state[..])),
        );
        items.extend(
            notes
                .iter()
                .map(|note| (note.at, note.kind, &note.payload[..])),
        );
        items.sort_by_key(|(at, ..)| *at);
        for (at, kind, payload) in items {
            running.append(at, kind, payload)?;
        }
        running.append(now, Kind::Link, &payload::link(view))?;
        self.tap.count_losses(view.source, true);
        tracing::info!(
            drone = &*view.id,
            recording = running.writer.id(),
            "flight recorded"
        );
        self.flights[index].recording = Some(running);
        Ok(())
    }

    fn end(
        &mut self,
        index: usize,
        view: &DroneView,
        reason: Reason,
    ) -> Result<(), RecordingError> {
        self.tap.count_losses(view.source, false);
        let Some(running) = self.flights[index].recording.take() else {
            return Ok(());
        };
        running.writer.close(reason, since_start())?;
        self.available();
        Ok(())
    }

    /// The flight goes on without its recording. What was written is ended as well as the
    /// medium lets it.
    fn give_up(&mut self, index: usize, view: &DroneView, error: &RecordingError, now: Mono) {
        self.tap.count_losses(view.source, false);
        self.flights[index].track.refused(now);
        if let Some(running) = self.flights[index].recording.take() {
            match error {
                RecordingError::Medium { .. } | RecordingError::Key(_) => running.writer.abandon(),
                RecordingError::Pinned(_) | RecordingError::Spent(_) | RecordingError::Full => {
                    if let Err(error) = running.writer.close(Reason::Refused, since_start()) {
                        tracing::warn!("a recording is ended at the next start: {error}");
                    }
                }
            }
        }
        self.refused(error);
    }

    /// Events and alerts since the last look, and how many were missed.
    fn new_notes(&mut self, views: &[DroneView], now: Mono) -> (Vec<Note>, u64) {
        let mut missed = 0;
        let mut notes = Vec::new();
        loop {
            match self.events.try_recv() {
                Ok(event) if is_recorded(event.kind) => notes.push(Note {
                    at: mono_of(event.time, now),
                    drone: event.drone.clone(),
                    kind: Kind::Event,
                    payload: payload::bytes(&*event),
                }),
                Ok(_) => {}
                Err(TryRecvError::Lagged(count)) => missed += count,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        loop {
            match self.heard.try_recv() {
                Ok(event) => notes.push(alert(&event, views, now)),
                Err(TryRecvError::Lagged(count)) => missed += count,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        (notes, missed)
    }

    fn look_at_rules(&mut self) {
        let version = self.observed.alerts.version();
        if version != self.rules.0 {
            let rules = self.observed.alerts.rules();
            let rules = rules.iter().map(|view| &*view.rule);
            self.rules = (version, payload::rules(rules));
        }
    }
}

/// Whether an event belongs to flights as it is. Alerts and links have records of their
/// own, and who signs in at the gateway is no matter of a flight.
fn is_recorded(kind: EventKind) -> bool {
    match kind {
        EventKind::Command | EventKind::Guard | EventKind::Configuration | EventKind::Plan => true,
        EventKind::Alert | EventKind::Link | EventKind::Access => false,
    }
}

/// Why datagrams are missing.
const SLOW_MEDIUM: &str = "the medium was slower than the drone";

/// Why events are missing.
const TOO_MANY: &str = "more events and alerts came at once than are held";

/// An alert concerns the drone that it is about; one about the board concerns all.
fn alert(event: &AlertEvent, views: &[DroneView], now: Mono) -> Note {
    let (AlertEvent::Raised(alert) | AlertEvent::Changed(alert, _)) = event;
    let about = views.iter().find(|view| view.id == alert.subject);
    // When it happened, which the commit and this look came after.
    let stamps = [&alert.acknowledged, &alert.resolved].map(|stamp| stamp.as_ref().map(|s| s.0));
    let last = stamps.into_iter().flatten().chain(alert.cleared).max();
    let time = match event {
        AlertEvent::Raised(_) => alert.created,
        AlertEvent::Changed(..) => last.unwrap_or(alert.created),
    };
    Note {
        at: mono_of(time, now),
        drone: about.map(|view| view.id.clone()),
        kind: Kind::Alert,
        payload: payload::alert(event),
    }
}

/// The monotonic time of a wall time of a moment ago. Not later than `now`: a wall clock
/// that was set meanwhile shows in nothing but this moment.
fn mono_of(time: Timestamp, now: Mono) -> Mono {
    let ago = wall_now().duration_since(time);
    let ago = Duration::try_from(ago).unwrap_or_default().min(BEFORE);
    Mono::from_millis(now.as_millis().saturating_sub(ago.as_millis() as u64))
}

/// The wall time of a monotonic one of a moment ago; in microseconds, as it is shown and
/// asked for.
fn wall_of(at: Mono, now: Mono) -> Timestamp {
    let ago = now.since(at).as_micros() as i64;
    let now_us = wall_now().as_microsecond();
    Timestamp::from_microsecond(now_us - ago).unwrap_or_else(|_| wall_now())
}
