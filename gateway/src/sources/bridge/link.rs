//! One bridge: what its link tells, kept for handlers and turned into readings,
//! alerts and log lines.
//!
//! [`Link::take`] runs on the link's own thread: it must never block, and a
//! reading on its way allocates nothing. The lock is held only while values are
//! copied and places change hands, and while the emergency stop is told: what is older
//! must not be told last. What depends on time alone is done by [`Link::tick`], once a second.

mod buttons;
mod loss;
mod stop;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alerting::{BRIDGE_SENSOR_LOST as SENSOR_LOST, BRIDGE_STOP_UNKNOWN};
use firmware_bridge::host::{BoardDescription, LinkEvent, LostReason};
use firmware_bridge::message::{Event, LogLevel};
use firmware_bridge::sensor::Sensor;
use readings::clock::Mono;
use readings::event::LinkChange;
use readings::{Metric, SourceId};
use tokio::sync::Notify;

use super::conditions::{BUTTON, LEFT_OUT, LOST, RESTARTS, Wording};
use super::guard::{Restarts, Stop};
use super::sensor::SensorRecord;
use super::source_slots::SourceSlots;
use super::stop_inputs::StopInputs;
use super::{mapping, sensor_source};
use crate::config::Bridge;
use crate::sources::log_budget::Budget;
use crate::sources::loss::{LossChange, LossDetector};
use crate::sources::sink::{Pipeline, ReadingSink as _};
use jiff::Timestamp;

/// Buttons a board can have; events of others are counted and dropped.
const MAX_BUTTONS: usize = 8;
/// Least time between two alerts of one button: each is written to the medium.
const BUTTON_EVERY_MS: u64 = 5_000;
/// Log lines about one bridge in a minute: a firmware gone mad, a bouncing stop or a
/// board that restarts without end must not fill the card. Others are counted and
/// dropped.
const LINES_PER_MINUTE: u32 = 60;
/// How many of them the firmware's own lines may take: it must not silence what is
/// said of its stop and its cable.
const FIRMWARE_LINES_PER_MINUTE: u32 = 40;
/// How long an alert must have stood before a button acknowledges it: what comes up as
/// the button is pressed was not seen by whoever pressed it.
const STOOD_BEFORE: Duration = Duration::from_secs(1);
const MINUTE_MS: u64 = 60_000;

/// What was held back here, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Log lines beyond the budget.
    pub logs: u64,
    /// Presses of a button too soon after its last alert, or of one too many.
    pub buttons: u64,
}

/// What a rule can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    Metric(Metric),
    /// The board describes no such sensor.
    Nothing,
}

/// One bridge.
pub(super) struct Link {
    pub config: Bridge,
    /// `bridge/<name>`; also the source of what belongs to the whole board.
    pub subject: Arc<str>,
    source: Option<SourceId>,
    pipeline: Pipeline,
    source_slots: Arc<SourceSlots>,
    /// Tells the upkeep that a board was met or a button pressed.
    met: Arc<Notify>,
    /// Hears of its emergency stop.
    stops: Arc<dyn StopInputs>,
    /// No longer configured: events still under way mean nothing.
    retired: AtomicBool,
    state: Mutex<LinkRecord>,
}

/// What is known of a bridge.
#[derive(Clone, Default)]
pub(super) struct LinkRecord {
    pub board: Option<Arc<BoardDescription>>,
    pub live: bool,
    pub reason: Option<LostReason>,
    /// The port of the last loss.
    pub port: Option<Arc<str>>,
    pub slots: Vec<SensorRecord>,
    pub held: Held,
    pub stop: Stop,
    restarts: Restarts,
    /// How many sensors have no place, as was told.
    left_out: usize,
    /// A board was met whose rates are still to be told.
    pub rates_due: bool,
    guard: LossDetector,
    told: loss::Told,
    was_live: bool,
    /// When a button's last alert was raised, and whether it stands.
    buttons: [(Option<u64>, bool); MAX_BUTTONS],
    log_budget: Budget,
    /// When a button that acknowledges was pressed last.
    pressed_ms: Option<u64>,
    /// When a button was pressed that acknowledges, while nothing was done about it yet.
    acknowledge: Option<Timestamp>,
}

impl Link {
    pub(super) fn new(
        config: Bridge,
        pipeline: Pipeline,
        source_slots: Arc<SourceSlots>,
        met: Arc<Notify>,
        stops: Arc<dyn StopInputs>,
    ) -> Link {
        let subject: Arc<str> = super::source(&config.name).into();
        let source = source_slots.board(&config.name);
        let (retired, state) = (AtomicBool::default(), Mutex::default());
        Link {
            config,
            subject,
            source,
            pipeline,
            source_slots,
            met,
            stops,
            retired,
            state,
        }
    }

    /// What is known now.
    pub(super) fn state(&self) -> LinkRecord {
        self.lock().clone()
    }

    /// Takes an event of the link. Allocates nothing for a reading.
    pub(super) fn take(&self, event: LinkEvent) {
        if self.is_retired() {
            return;
        }
        let now_ms = Mono::now().as_millis();
        match event {
            LinkEvent::Reading {
                sensor,
                value,
                host_ms,
            } => self.reading(sensor, value, host_ms.min(now_ms)),
            LinkEvent::Refused { sensor, value } => {
                if let Some(slot) = self.lock().slots.get_mut(usize::from(sensor)) {
                    slot.refuse(value);
                }
            }
            LinkEvent::Fault { sensor, fault, .. } => {
                if let Some(slot) = self.lock().slots.get_mut(usize::from(sensor)) {
                    slot.fail(fault);
                }
            }
            LinkEvent::Connected { board } => self.connected(board, now_ms),
            LinkEvent::Lost { reason, port } => self.lost(reason, port, now_ms),
            LinkEvent::StopUnknown => self.stop_unknown(),
            LinkEvent::Restarted { cause } => self.restarted(cause, now_ms),
            LinkEvent::Event {
                event: Event::EmergencyStop { engaged },
                ..
            } => self.stop(engaged, now_ms),
            LinkEvent::Event {
                event: Event::Button { index, pressed },
                ..
            } => self.button(index, pressed, now_ms),
            LinkEvent::Log { level, text, .. } => self.log(level, text.as_str()),
        }
    }

    /// Whether it is no longer configured.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Lets time pass.
    pub(super) fn tick(&self, now_ms: u64) {
        if self.is_retired() {
            return;
        }
        self.judge(now_ms);
        self.settle(now_ms);
        let state = self.lock();
        if !state.live {
            // Again, so that nobody takes what it said last for what it says.
            self.tell_stop(&state);
            return;
        }
        drop(state);
        self.place_again();
        let mut state = self.lock();
        let change: Vec<(LossChange, SensorRecord)> = state
            .slots
            .iter_mut()
            .filter_map(|slot| Some((slot.change(now_ms)?, slot.clone())))
            .collect();
        // Again and again, so that its history has no holes and a hold time passes.
        let stop = state.stop.state(now_ms);
        self.tell_stop(&state);
        drop(state);
        for (change, slot) in change {
            match change {
                LossChange::Lost => {
                    let lost = self.wording().sensor_lost(&slot, now_ms);
                    match slot.is_news {
                        true => self.pipeline.raise_news(lost, Vec::new()),
                        false => self.pipeline.raise(lost),
                    }
                }
                LossChange::Back => self.pipeline.clear(SENSOR_LOST, &slot.what.source_name),
            }
        }
        self.publish_stop(stop);
    }

    /// The bridge is no longer configured: nothing of it stands any more.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        for key in [LOST, LEFT_OUT, RESTARTS, BRIDGE_STOP_UNKNOWN] {
            self.pipeline.clear(key, &self.subject);
        }
        // A reading under way is over, and none will follow: its place may go to another.
        let slots = std::mem::take(&mut self.lock().slots);
        for slot in &slots {
            self.pipeline.clear(SENSOR_LOST, &slot.what.source_name);
        }
        for index in 0..MAX_BUTTONS {
            self.pipeline
                .clear(BUTTON, &self.wording().button_subject(index));
        }
    }

    /// What is to be told the board it met last: sensors and milliseconds.
    pub(super) fn wanted_rates(&self) -> Vec<(u8, u32)> {
        let mut state = self.lock();
        if !std::mem::take(&mut state.rates_due) {
            return Vec::new();
        }
        let wanted = |slot: &SensorRecord| self.config.interval_ms.get(&slot.what.name).copied();
        let rates = state
            .slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| Some((index as u8, wanted(slot)?)));
        rates.collect()
    }

    /// Since when at the latest an alert must stand to be acknowledged by somebody at the
    /// board who wants that; told once.
    pub(super) fn wants_acknowledgement(&self) -> Option<Timestamp> {
        let pressed = self.lock().acknowledge.take()?;
        pressed.checked_sub(STOOD_BEFORE).ok()
    }

    /// What rules of this bridge, or of a sensor of its board, may look at. None while
    /// nobody knows what the board has.
    pub(super) fn gives(&self, sensor: Option<&str>) -> Option<Gives> {
        let Some(sensor) = sensor else {
            return Some(Gives::Metric(Metric::EmergencyStop));
        };
        let state = self.lock();
        let found = state.slots.iter().find(|slot| slot.what.name == sensor);
        state
            .live
            .then(|| found.map_or(Gives::Nothing, |slot| Gives::Metric(slot.what.metric)))
    }

    /// Counts a press that could not be acted on.
    pub(super) fn count_held_press(&self) {
        self.lock().held.buttons += 1;
    }

    /// Whether a line about this bridge is within its budget; counted if not.
    pub(super) fn may_log(&self) -> bool {
        self.may_log_up_to(LINES_PER_MINUTE)
    }

    fn may_log_up_to(&self, most: u32) -> bool {
        let now_ms = Mono::now().as_millis();
        let mut state = self.lock();
        let within = state.log_budget.spend(most, MINUTE_MS, now_ms);
        state.held.logs += u64::from(!within);
        within
    }

    fn reading(&self, sensor: u8, value: f32, at_ms: u64) {
        let mut state = self.lock();
        let slot = state.slots.get_mut(usize::from(sensor));
        // Published with the record locked: a place is not given to another meanwhile.
        if let Some((source, reading)) = slot.and_then(|slot| slot.read(value, at_ms)) {
            self.pipeline.publish(source, &[reading]);
        }
    }

    fn connected(&self, board: Arc<BoardDescription>, now_ms: u64) {
        if self.may_log() {
            tracing::info!(
                bridge = self.config.name,
                board = board.id(),
                firmware = board.greeting.firmware.as_str(),
                started_by = ?board.greeting.reset,
                sensors = board.sensors.len(),
                "bridge connected"
            );
            if !self.lock().live {
                let connected = LinkChange::Connected;
                self.pipeline.link_changed(&self.subject, connected, None);
            }
        }
        let names = mapping::names(&board.sensors);
        let sources: Vec<Arc<str>> = names
            .iter()
            .map(|name| sensor_source(&self.config.name, name).into())
            .collect();
        // Locked throughout: in between, the upkeep would look for places for sensors that
        // are gone, and keep them from those that are there.
        let mut state = self.lock();
        if self.is_retired() {
            return;
        }
        self.source_slots.describe(&self.config.name, &sources);
        let before = std::mem::take(&mut state.slots);
        state.slots = self.sensors_of(names, &board, &before, now_ms);
        let gone: Vec<Arc<str>> = before
            .iter()
            .filter(|old| {
                old.is_lost()
                    && !state
                        .slots
                        .iter()
                        .any(|slot| slot.what.name == old.what.name)
            })
            .map(|old| old.what.source_name.clone())
            .collect();
        (state.board, state.live, state.was_live, state.rates_due) =
            (Some(board), true, true, true);
        state.reason = None;
        let told = state.guard.is_lost();
        drop(state);
        if !told {
            // An alert of the last run, if there is one, is over.
            self.pipeline.clear(LOST, &self.subject);
        }
        // That it is no longer described does not say that it is well.
        for source_name in gone {
            self.pipeline.leave(SENSOR_LOST, &source_name);
        }
        self.source_slots.count_refused(self.tell_left_out());
        self.end_buttons();
        self.judge(now_ms);
        self.met.notify_one();
    }

    /// The sensors that a board described, with what is known of them from before.
    fn sensors_of(
        &self,
        names: Vec<String>,
        board: &BoardDescription,
        before: &[SensorRecord],
        now_ms: u64,
    ) -> Vec<SensorRecord> {
        let sensor = |(name, sensor): (String, &Sensor)| {
            let source_name: Arc<str> = sensor_source(&self.config.name, &name).into();
            let source = self.source_slots.sensor(&self.config.name, &source_name);
            let configured = self.config.interval_ms.get(&name).copied();
            let interval_ms = configured.unwrap_or(sensor.interval_ms);
            let before = before.iter().find(|slot| slot.what.name == name);
            SensorRecord::new(
                name,
                source_name,
                source,
                sensor,
                interval_ms,
                now_ms,
                before,
            )
        };
        names.into_iter().zip(&board.sensors).map(sensor).collect()
    }

    /// Tells which sensors have no place, or that all have one; how many have none.
    fn tell_left_out(&self) -> usize {
        let mut state = self.lock();
        let left_out: Vec<Arc<super::sensor::Described>> = state
            .slots
            .iter()
            .filter(|slot| slot.what.source.is_none())
            .map(|slot| slot.what.clone())
            .collect();
        let before = std::mem::replace(&mut state.left_out, left_out.len());
        drop(state);
        if left_out.is_empty() {
            self.pipeline.clear(LEFT_OUT, &self.subject);
            return 0;
        }
        let names: Vec<&str> = left_out.iter().map(|what| what.name.as_str()).collect();
        let condition = self.wording().left_out(&names);
        match before > 0 && left_out.len() > before {
            true => self.pipeline.raise_news(condition, Vec::new()),
            false => self.pipeline.raise(condition),
        }
        left_out.len()
    }

    /// Looks for a place again for sensors that have none.
    fn place_again(&self) {
        let mut state = self.lock();
        let mut placed = false;
        for slot in &mut state.slots {
            if slot.what.source.is_some() {
                continue;
            }
            if let Some(source) = self
                .source_slots
                .sensor(&self.config.name, &slot.what.source_name)
            {
                Arc::make_mut(&mut slot.what).source = Some(source);
                placed = true;
            }
        }
        drop(state);
        if placed {
            self.tell_left_out();
            self.met.notify_one();
        }
    }

    fn log(&self, level: LogLevel, text: &str) {
        if !self.may_log_up_to(FIRMWARE_LINES_PER_MINUTE) {
            return;
        }
        let bridge = &self.config.name;
        match level {
            LogLevel::Debug => tracing::debug!(bridge, "{text}"),
            LogLevel::Info => tracing::info!(bridge, "{text}"),
            LogLevel::Warning => tracing::warn!(bridge, "{text}"),
            LogLevel::Error => tracing::error!(bridge, "{text}"),
        }
    }

    fn wording(&self) -> Wording<'_> {
        Wording {
            config: &self.config,
            subject: &self.subject,
            port: self.lock().port.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, LinkRecord> {
        // Valid after every statement above.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
#[cfg(test)]
mod told_tests;
