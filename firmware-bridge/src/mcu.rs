//! The board's side of the link, as pure state: what to measure when, what to
//! send next, what a command asks for.
//!
//! Firmware and simulated peer run this very code; a board file only reads
//! sensors, moves bytes and lights lamps. No clock is read here: the caller
//! passes `now` in ticks since boot. Nothing blocks and everything is bounded:
//! of each sensor only the newest value waits to be sent, events, answers and
//! log records wait in short queues whose losses are counted and told.

pub mod debounce;
pub mod signal;

use heapless::{Deque, Vec};

use crate::channel::{Receiver, Sender};
use crate::frame::FrameBuffer;
use crate::message::{
    Event, Greeting, IndicatorLevel, LogLevel, LogText, Outcome, ResetCause, Setting, ToHost, ToMcu,
};
use crate::sensor::{Fault, MAX_INTERVAL_MS, MAX_SENSORS, MIN_INTERVAL_MS, Sensor};
use crate::text::Text;
use crate::version;

/// Events waiting to be sent. A person presses a few times a second, a frame
/// takes a few milliseconds; at capacity the oldest goes, because the state
/// message repairs what it said.
const MAX_EVENTS: usize = 8;

/// Answers waiting; the host has one command under way at a time.
const MAX_ANSWERS: usize = 4;

/// Log records waiting; the oldest goes first.
const MAX_LOGS: usize = 4;

/// Time between two state messages.
const STATE_INTERVAL_MS: u32 = 1_000;

/// Time between two unasked greetings while no host is heard.
const GREETING_INTERVAL_MS: u32 = 2_000;

/// Without a frame from the host for so long it counts as gone: readings stop,
/// the indicator shows that nobody watches. Five of the host's pings.
pub(crate) const HOST_SILENCE_MS: u32 = 5_000;

/// What a board knows about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// Kind of board.
    pub board: Text<16>,
    /// Firmware version.
    pub firmware: Text<12>,
    /// Serial number, 0 when there is none.
    pub serial: u64,
    /// Differs from start to start.
    pub boot: u32,
    /// Why it started.
    pub reset: ResetCause,
    /// Ticks per second of every `now` passed in.
    pub ticks_hz: u32,
}

/// What a command asks of the board file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Go to the bootloader once everything is sent.
    Bootloader,
    /// The buzzer may sound, or not.
    Buzzer {
        /// Whether it may.
        allowed: bool,
    },
}

/// What the lamp and buzzer should show now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indication {
    /// No host is heard: nobody watches the alerts.
    HostSilent,
    /// What the host said last.
    Level(IndicatorLevel),
}

#[derive(Debug)]
struct Slot {
    sensor: Sensor,
    /// When it is measured next.
    due: u64,
    /// The newest unsent value.
    waiting: Option<(u64, Result<f32, Fault>)>,
}

/// The board's side of one link.
#[derive(Debug)]
pub struct Session {
    identity: Identity,
    slots: Vec<Slot, MAX_SENSORS>,
    receiver: Receiver<ToMcu>,
    sender: Sender<ToHost>,
    host_heard: Option<u64>,
    indicator: IndicatorLevel,
    emergency_stop: bool,
    least_log: LogLevel,
    can_boot_load: bool,
    greeting_asked: bool,
    greeting_due: u64,
    state_due: u64,
    /// Sensors whose description is still to be sent, one bit each.
    describe: u16,
    pong: Option<u32>,
    answers: Deque<(u16, Outcome), MAX_ANSWERS>,
    events: Deque<(u64, Event), MAX_EVENTS>,
    logs: Deque<(u64, LogLevel, LogText), MAX_LOGS>,
    dropped: u32,
}

impl Session {
    /// A session that greets at once. Sensors beyond [`MAX_SENSORS`] and those
    /// whose description makes no sense are left out.
    #[must_use]
    pub fn new(identity: Identity, sensors: impl IntoIterator<Item = Sensor>) -> Self {
        let slots = sensors
            .into_iter()
            .filter(Sensor::is_valid)
            .take(MAX_SENSORS)
            .map(|sensor| Slot {
                sensor,
                due: 0,
                waiting: None,
            })
            .collect();
        Self {
            identity,
            slots,
            receiver: Receiver::new(),
            sender: Sender::new(),
            host_heard: None,
            indicator: IndicatorLevel::Clear,
            emergency_stop: false,
            least_log: LogLevel::Info,
            can_boot_load: false,
            greeting_asked: false,
            greeting_due: 0,
            state_due: 0,
            describe: 0,
            pong: None,
            answers: Deque::new(),
            events: Deque::new(),
            logs: Deque::new(),
            dropped: 0,
        }
    }

    /// Says that the board file can go to a bootloader when asked.
    #[must_use]
    pub fn with_bootloader(mut self) -> Self {
        self.can_boot_load = true;
        self
    }

    /// Takes one byte from the host.
    pub fn receive(&mut self, byte: u8, now: u64) -> Option<Action> {
        let received = self.receiver.feed(byte)?;
        self.host_heard = Some(now);
        self.obey(received.sequence, &received.message, now)
    }

    /// The next sensor that is due, and schedules it again. The caller measures
    /// it and reports with [`Session::sampled`].
    pub fn sample_due(&mut self, now: u64) -> Option<u8> {
        if !self.host_present(now) {
            return None;
        }
        let ticks_hz = self.identity.ticks_hz;
        let index = self.slots.iter().position(|slot| slot.due <= now)?;
        let slot = &mut self.slots[index];
        let interval = ticks(slot.sensor.interval_ms, ticks_hz);
        // Keeps the rhythm when late by less than an interval; otherwise
        // starts a new one rather than catching up in a burst.
        slot.due = if slot.due + interval > now {
            slot.due + interval
        } else {
            now + interval
        };
        u8::try_from(index).ok()
    }

    /// Reports what measuring a sensor gave. A value outside the sensor's range
    /// becomes a fault here: a broken wire must not look like a reading.
    pub fn sampled(&mut self, sensor: u8, now: u64, value: Result<f32, Fault>) {
        if let Some(slot) = self.slots.get_mut(usize::from(sensor)) {
            let value = match value {
                Ok(value) if !slot.sensor.admits(value) => Err(Fault::OutOfRange),
                other => other,
            };
            slot.waiting = Some((now, value));
        }
    }

    /// Reports that something happened at the board.
    pub fn event(&mut self, now: u64, event: Event) {
        if let Event::EmergencyStop { engaged } = event {
            self.emergency_stop = engaged;
        }
        self.dropped += u32::from(push_newest(&mut self.events, (now, event)));
    }

    /// Records a log line for the host.
    pub fn log(&mut self, now: u64, level: LogLevel, text: LogText) {
        if level >= self.least_log {
            self.dropped += u32::from(push_newest(&mut self.logs, (now, level, text)));
        }
    }

    /// What lamp and buzzer should show.
    #[must_use]
    pub fn indication(&self, now: u64) -> Indication {
        if self.host_present(now) {
            Indication::Level(self.indicator)
        } else {
            Indication::HostSilent
        }
    }

    /// The descriptions, with the intervals in force.
    pub fn sensors(&self) -> impl Iterator<Item = &Sensor> {
        self.slots.iter().map(|slot| &slot.sensor)
    }

    /// The next frame to send, most urgent first; `None` when there is nothing
    /// to say now.
    pub fn next_frame<'b>(&mut self, now: u64, buffer: &'b mut FrameBuffer) -> Option<&'b [u8]> {
        let message = self.next_message(now)?;
        // Our own messages are valid by construction; one that were not would
        // be left out rather than stop the board.
        self.sender.encode(&message, buffer).ok()
    }

    /// When [`Session::sample_due`] or [`Session::next_frame`] may have
    /// something next, in ticks; never later than a tenth of a second.
    #[must_use]
    pub fn next_wake(&self, now: u64) -> u64 {
        let latest = now + ticks(100, self.identity.ticks_hz).max(1);
        if !self.host_present(now) {
            return self.greeting_due.clamp(now, latest);
        }
        let sensors = self.slots.iter().map(|slot| slot.due);
        let next = sensors.chain([self.state_due]).min().unwrap_or(latest);
        next.clamp(now, latest)
    }

    /// Whether a host was heard lately.
    #[must_use]
    pub(crate) fn host_present(&self, now: u64) -> bool {
        let silence = ticks(HOST_SILENCE_MS, self.identity.ticks_hz);
        self.host_heard
            .is_some_and(|heard| now.saturating_sub(heard) < silence)
    }

    fn obey(&mut self, sequence: u16, command: &ToMcu, now: u64) -> Option<Action> {
        match *command {
            ToMcu::Hello { min, current } => {
                let theirs = version::Range { min, current };
                if let Some(version) = version::OURS.common(theirs) {
                    self.sender.speak(version);
                }
                self.greeting_asked = true;
                self.describe = set_of_first(self.slots.len());
                // Whoever has just come must know at once whether somebody stopped it all.
                self.state_due = now;
                None
            }
            ToMcu::Describe { index } => {
                self.describe |= (1 << index) & set_of_first(self.slots.len());
                None
            }
            ToMcu::Rate {
                sensor,
                interval_ms,
            } => {
                let outcome = self.set_rate(sensor, interval_ms, now);
                self.answer(sequence, outcome);
                None
            }
            ToMcu::Indicator { level } => {
                if self.indicator != level {
                    self.indicator = level;
                    // Confirm at once, so that the host stops repeating.
                    self.state_due = now;
                }
                None
            }
            ToMcu::Ping { nonce } => {
                self.pong = Some(nonce);
                None
            }
            ToMcu::ResetToBootloader { .. } => {
                let outcome = if self.can_boot_load {
                    Outcome::Done
                } else {
                    Outcome::Unsupported
                };
                self.answer(sequence, outcome);
                self.can_boot_load.then_some(Action::Bootloader)
            }
            ToMcu::Configure { setting, value } => self.configure(sequence, setting, value),
        }
    }

    fn set_rate(&mut self, sensor: u8, interval_ms: u32, now: u64) -> Outcome {
        if !(MIN_INTERVAL_MS..=MAX_INTERVAL_MS).contains(&interval_ms) {
            return Outcome::Invalid;
        }
        let Some(slot) = self.slots.get_mut(usize::from(sensor)) else {
            return Outcome::Unknown;
        };
        slot.sensor.interval_ms = interval_ms;
        slot.due = now;
        Outcome::Done
    }

    fn configure(&mut self, sequence: u16, setting: Setting, value: u32) -> Option<Action> {
        let (outcome, action) = match (setting, value) {
            (Setting::LogLevel, value) => match log_level(value) {
                Some(level) => {
                    self.least_log = level;
                    (Outcome::Done, None)
                }
                None => (Outcome::Invalid, None),
            },
            (Setting::Buzzer, 0 | 1) => {
                let allowed = value == 1;
                (Outcome::Done, Some(Action::Buzzer { allowed }))
            }
            (Setting::Buzzer, _) => (Outcome::Invalid, None),
        };
        self.answer(sequence, outcome);
        action
    }

    fn answer(&mut self, sequence: u16, outcome: Outcome) {
        self.dropped += u32::from(push_newest(&mut self.answers, (sequence, outcome)));
    }

    fn next_message(&mut self, now: u64) -> Option<ToHost> {
        // The greeting first: nothing else means anything before it.
        let alone = !self.host_present(now);
        if self.greeting_asked || (alone && self.greeting_due <= now) {
            return Some(self.greet(now));
        }
        if alone {
            return None;
        }
        if let Some((ticks, event)) = self.events.pop_front() {
            return Some(ToHost::Event { ticks, event });
        }
        if let Some((sequence, outcome)) = self.answers.pop_front() {
            return Some(ToHost::Answer { sequence, outcome });
        }
        if let Some(nonce) = self.pong.take() {
            return Some(ToHost::Pong { nonce, ticks: now });
        }
        if self.describe != 0 {
            return self.describe_next();
        }
        if self.state_due <= now {
            return Some(self.state(now));
        }
        if let Some(reading) = self.next_reading() {
            return Some(reading);
        }
        let (ticks, level, text) = self.logs.pop_front()?;
        Some(ToHost::Log { ticks, level, text })
    }

    fn greet(&mut self, now: u64) -> ToHost {
        self.greeting_asked = false;
        self.greeting_due = now + ticks(GREETING_INTERVAL_MS, self.identity.ticks_hz);
        ToHost::Greeting(Greeting {
            min: version::MIN,
            current: version::CURRENT,
            board: self.identity.board.clone(),
            firmware: self.identity.firmware.clone(),
            serial: self.identity.serial,
            boot: self.identity.boot,
            reset: self.identity.reset,
            ticks_hz: self.identity.ticks_hz,
            sensors: self.slots.len() as u8,
        })
    }

    fn describe_next(&mut self) -> Option<ToHost> {
        let index = self.describe.trailing_zeros() as u8;
        self.describe &= self.describe - 1;
        let sensor = self.slots.get(usize::from(index))?.sensor.clone();
        Some(ToHost::Sensor { index, sensor })
    }

    fn state(&mut self, now: u64) -> ToHost {
        self.state_due = now + ticks(STATE_INTERVAL_MS, self.identity.ticks_hz);
        ToHost::State {
            ticks: now,
            emergency_stop: self.emergency_stop,
            indicator: self.indicator,
            dropped: self.dropped,
        }
    }

    fn next_reading(&mut self) -> Option<ToHost> {
        // The oldest waiting value first, so that no sensor starves another.
        let (index, slot) = self
            .slots
            .iter_mut()
            .enumerate()
            .filter(|(_, slot)| slot.waiting.is_some())
            .min_by_key(|(_, slot)| slot.waiting.map(|(ticks, _)| ticks))?;
        let (ticks, value) = slot.waiting.take()?;
        let sensor = index as u8;
        Some(match value {
            Ok(value) => ToHost::Reading {
                sensor,
                ticks,
                value,
            },
            Err(fault) => ToHost::Fault {
                sensor,
                ticks,
                fault,
            },
        })
    }
}

/// Appends, dropping the oldest at capacity; says whether one was dropped.
fn push_newest<T, const N: usize>(queue: &mut Deque<T, N>, item: T) -> bool {
    let dropped = queue.is_full() && queue.pop_front().is_some();
    // There is room now; N is not zero.
    let _ = queue.push_back(item);
    dropped
}

fn log_level(value: u32) -> Option<LogLevel> {
    Some(match value {
        0 => LogLevel::Debug,
        1 => LogLevel::Info,
        2 => LogLevel::Warning,
        3 => LogLevel::Error,
        _ => return None,
    })
}

fn ticks(ms: u32, ticks_hz: u32) -> u64 {
    u64::from(ms) * u64::from(ticks_hz) / 1_000
}

fn set_of_first(count: usize) -> u16 {
    // 16 sensors need all bits, which a plain shift of a u16 cannot say.
    ((1_u32 << count) - 1) as u16
}

#[cfg(test)]
mod tests;
