//! What the board says: from its greeting to its readings.

use std::sync::Arc;

use heapless::Vec;

use super::super::board::BoardDescription;
use super::super::clock::ClockMap;
use super::super::event::{LinkEvent, LostReason};
use super::super::refusal::{self, Why};
use super::super::requests::RETRY_US;
use super::super::stats::LinkState;
use super::{HostSession, Phase};
use crate::message::{Event, Greeting, ToHost};
use crate::sensor::{MAX_SENSORS, Sensor};
use crate::version;

/// How long after an answer a board that greets unasked has begun anew: it greets by
/// itself only after five seconds without a host, of which the line may take a half.
const HEARS_US: u64 = 2_500_000;

impl HostSession {
    pub(super) fn hear(&mut self, message: ToHost, now_us: u64, sink: &mut impl FnMut(LinkEvent)) {
        match message {
            // The first sign of a board of ours: now it is asked. What it says before the
            // question has left may have waited in a buffer since another program.
            _ if matches!(self.phase, Phase::Asking { .. }) && !self.hello_left => {
                self.asked_us.get_or_insert(now_us);
            }
            ToHost::Greeting(greeting) => self.greeted(greeting, now_us, sink),
            ToHost::Sensor { index, sensor } => self.described(index, sensor, now_us, sink),
            ToHost::State {
                emergency_stop,
                ticks,
                ..
            } if matches!(self.phase, Phase::Describing { .. }) => {
                self.stop_is(emergency_stop, ticks, now_us, sink);
            }
            ToHost::Pong { nonce, .. } if matches!(self.phase, Phase::Describing { .. }) => {
                self.answered(nonce, now_us);
                self.live_when_complete(now_us, sink);
            }
            message => {
                // Nothing means anything before the board is known.
                if let Phase::Live { board } = &self.phase {
                    let board = Arc::clone(board);
                    if self.went_back(&message, board.greeting.ticks_hz) {
                        self.restarted_unseen(now_us);
                        return;
                    }
                    self.hear_live(&board, message, now_us, sink);
                } else if matches!(message, ToHost::Reading { .. }) {
                    self.stats.readings_refused += 1;
                }
            }
        }
    }

    fn hear_live(
        &mut self,
        board: &BoardDescription,
        message: ToHost,
        now_us: u64,
        sink: &mut impl FnMut(LinkEvent),
    ) {
        match message {
            ToHost::Reading {
                sensor,
                ticks,
                value,
            } => self.measured(board, (sensor, ticks, value), now_us, sink),
            ToHost::Fault {
                sensor,
                ticks,
                fault,
            } if usize::from(sensor) < board.sensors.len() => {
                let host_ms = self.host_ms(ticks, now_us);
                sink(LinkEvent::Fault {
                    sensor,
                    fault,
                    host_ms,
                });
            }
            // It waited for somebody else: what it led to is in the state to come.
            ToHost::Event { .. } if self.emergency_stop.is_none() => {}
            ToHost::Event { ticks, event } => {
                if let Event::EmergencyStop { engaged } = event {
                    self.emergency_stop = Some(engaged);
                }
                let host_ms = self.host_ms(ticks, now_us);
                sink(LinkEvent::Event { event, host_ms });
            }
            ToHost::State {
                ticks,
                emergency_stop,
                indicator,
                dropped,
            } => {
                self.clock.observe(ticks, now_us);
                self.stats.indicator = Some(indicator);
                self.stats.board_dropped = dropped;
                self.stop_is(emergency_stop, ticks, now_us, sink);
            }
            ToHost::Log { ticks, level, text } => {
                let host_ms = self.host_ms(ticks, now_us);
                sink(LinkEvent::Log {
                    level,
                    text,
                    host_ms,
                });
            }
            ToHost::Pong { nonce, ticks } => {
                self.clock.observe(ticks, now_us);
                self.answered(nonce, now_us);
            }
            ToHost::Answer { sequence, outcome } => self.requests.answered(sequence, outcome),
            // Handled before, or for a sensor that does not exist.
            ToHost::Fault { .. } | ToHost::Greeting(_) | ToHost::Sensor { .. } => {}
        }
    }

    /// The content of a good frame that is no valid message: a greeting or a description
    /// that cannot be right, or a value that is no number.
    pub(super) fn refuse(&mut self, message: &[u8], now_us: u64, sink: &mut impl FnMut(LinkEvent)) {
        if let Some(why) = refusal::of_greeting(message) {
            self.refuse_greeting(why, now_us, sink);
            return;
        }
        let is_asking = matches!(self.phase, Phase::Asking { .. });
        match (&self.phase, postcard::take_from_bytes::<ToHost>(message)) {
            (Phase::Live { board }, Ok((ToHost::Reading { sensor, value, .. }, _)))
                if usize::from(sensor) < board.sensors.len() =>
            {
                self.stats.readings_refused += 1;
                sink(LinkEvent::Refused { sensor, value });
            }
            (Phase::Describing { .. }, _) if self.refusal.is_none() => {
                self.refusal = refusal::of(message).map(Arc::new);
            }
            _ if is_asking => {
                self.asked_us.get_or_insert(now_us);
            }
            _ => {}
        }
    }

    /// Whoever greets like this now is not the board that was known until now.
    fn refuse_greeting(&mut self, why: Why, now_us: u64, sink: &mut impl FnMut(LinkEvent)) {
        if !matches!(self.phase, Phase::Asking { .. }) {
            let reason = LostReason::Ungreeted { why: why.clone() };
            self.lost(reason, now_us, sink);
        }
        self.asked_us.get_or_insert(now_us);
        self.ungreeted = Some(why);
    }

    /// A value of a sensor, measured at `ticks` on the board's clock.
    fn measured(
        &mut self,
        board: &BoardDescription,
        (sensor, ticks, value): (u8, u64, f32),
        now_us: u64,
        sink: &mut impl FnMut(LinkEvent),
    ) {
        self.clock.observe(ticks, now_us);
        let known = board.sensors.get(usize::from(sensor));
        if known.is_some_and(|known| known.admits(value)) {
            self.stats.readings += 1;
            let host_ms = self.host_ms(ticks, now_us);
            sink(LinkEvent::Reading {
                sensor,
                value,
                host_ms,
            });
        } else {
            self.stats.readings_refused += 1;
            if known.is_some() {
                sink(LinkEvent::Refused { sensor, value });
            }
        }
    }

    /// The answer to a ping; to an older one it says nothing.
    fn answered(&mut self, nonce: u32, now_us: u64) {
        if let Some((sent, at_us)) = self.ping_sent
            && sent == nonce
        {
            self.ping_sent = None;
            self.unanswered = 0;
            self.is_deaf = false;
            self.answered_us = Some(now_us);
            self.stats.round_trip_us = Some(now_us.saturating_sub(at_us));
        }
    }

    /// What a state message says of the emergency stop: news if the event was lost.
    fn stop_is(
        &mut self,
        engaged: bool,
        ticks: u64,
        now_us: u64,
        sink: &mut impl FnMut(LinkEvent),
    ) {
        if self.emergency_stop != Some(engaged) {
            self.emergency_stop = Some(engaged);
            let host_ms = self.host_ms(ticks, now_us);
            sink(LinkEvent::Event {
                event: Event::EmergencyStop { engaged },
                host_ms,
            });
        }
    }

    /// Whether the board's clock went back. Stamps may wait their turn on the
    /// board, so a second of disorder is none; events and log records may have
    /// waited for a host, and say nothing. Those of states and answers are made as they
    /// are sent: a board that never runs for a second is found by them.
    fn went_back(&mut self, message: &ToHost, ticks_hz: u32) -> bool {
        let (ToHost::Reading { ticks, .. }
        | ToHost::Fault { ticks, .. }
        | ToHost::State { ticks, .. }
        | ToHost::Pong { ticks, .. }) = *message
        else {
            return false;
        };
        let mut back = ticks.saturating_add(u64::from(ticks_hz)) < self.newest_ticks;
        self.newest_ticks = self.newest_ticks.max(ticks);
        if matches!(message, ToHost::State { .. } | ToHost::Pong { .. }) {
            back |= ticks < self.sent_ticks;
            self.sent_ticks = ticks;
        }
        back
    }

    fn host_ms(&self, ticks: u64, now_us: u64) -> u64 {
        self.clock.map(ticks, now_us) / 1_000
    }

    fn greeted(&mut self, greeting: Greeting, now_us: u64, sink: &mut impl FnMut(LinkEvent)) {
        let same = match &self.phase {
            Phase::Asking { .. } => false,
            Phase::Describing { greeting: old, .. } => *old == greeting,
            Phase::Live { board } => board.greeting == greeting,
        };
        if same && !self.greets_unasked(now_us) {
            return;
        }
        if same {
            // Its start has the number of the one before: it counts its starts wrongly.
            self.started = self.started.map(|(serial, _)| (serial, None));
        }
        let Some(version) = version::OURS.common(greeting.versions()) else {
            let theirs = greeting.versions();
            self.lost(LostReason::Incompatible { theirs }, now_us, sink);
            self.is_foreign = true;
            return;
        };
        let restarted = !matches!(self.phase, Phase::Asking { .. });
        let asked_us = self.asked_us.unwrap_or(now_us);
        self.ask(now_us);
        // It was asked: its second runs from the first question.
        self.asked_us = (!restarted).then_some(asked_us);
        let started = (greeting.serial, Some(greeting.boot));
        let before = self.started.replace(started);
        // Through a cable that was not pulled nobody else speaks, whatever it calls itself.
        let is_the_same = |before: (u64, _)| restarted || before.0 == started.0;
        if before.is_some_and(|before| before != started && is_the_same(before)) {
            self.stats.restarts += 1;
            let cause = greeting.reset;
            sink(LinkEvent::Restarted { cause });
        }
        self.sender.speak(version);
        self.clock = ClockMap::new(greeting.ticks_hz);
        self.phase = Phase::Describing {
            greeting,
            version,
            sensors: [const { None }; MAX_SENSORS],
            since_us: now_us,
        };
        // The descriptions follow the answer to a hello by themselves. A board
        // that restarted unseen greets unasked: say hello to it.
        if restarted {
            self.hello(now_us);
        }
        self.ask_due_us = now_us + RETRY_US;
        self.live_when_complete(now_us, sink);
    }

    /// Whether a greeting now answers no hello. The answers to all of them came before that
    /// to a ping, and a board that hears the host does not greet by itself.
    fn greets_unasked(&self, now_us: u64) -> bool {
        let hears = |answered_us| now_us.saturating_sub(answered_us) < HEARS_US;
        self.answered_us.is_some_and(hears)
    }

    fn described(
        &mut self,
        index: u8,
        sensor: Sensor,
        now_us: u64,
        sink: &mut impl FnMut(LinkEvent),
    ) {
        match &mut self.phase {
            Phase::Describing {
                greeting, sensors, ..
            } if index < greeting.sensors => {
                if let Some(place) = sensors.get_mut(usize::from(index)) {
                    *place = Some(sensor);
                    self.is_describing = true;
                    self.live_when_complete(now_us, sink);
                }
            }
            // Its values mean something else now: none counts until it was asked for all.
            Phase::Live { board } => {
                let known = board.sensors.get(usize::from(index));
                // (How often it is read may be changed while it runs.)
                let is_another = |known: &Sensor| {
                    let interval_ms = known.interval_ms;
                    *known
                        != Sensor {
                            interval_ms,
                            ..sensor.clone()
                        }
                };
                if known.is_some_and(is_another) {
                    self.restarted_unseen(now_us);
                }
            }
            _ => {}
        }
    }

    /// It restarted, unseen by the line, or is another board by now, and knows nothing of
    /// what it was told.
    fn restarted_unseen(&mut self, now_us: u64) {
        self.stats.state = LinkState::Greeting;
        self.started = self.started.map(|(serial, _)| (serial, None));
        self.ask(now_us);
    }

    fn live_when_complete(&mut self, now_us: u64, sink: &mut impl FnMut(LinkEvent)) {
        let Phase::Describing {
            greeting,
            version,
            sensors,
            ..
        } = &self.phase
        else {
            return;
        };
        let wanted = usize::from(greeting.sensors);
        let known: Vec<Sensor, MAX_SENSORS> =
            sensors.iter().take(wanted).flatten().cloned().collect();
        if known.len() < wanted {
            return;
        }
        if self.is_deaf {
            // It was lost because it answers nothing: an answer makes it live again.
            if self.ping_sent.is_none() {
                self.ask_due_us = now_us;
            }
            return;
        }
        let board = Arc::new(BoardDescription {
            greeting: greeting.clone(),
            version: *version,
            sensors: known,
        });
        self.requests.meet(&board.sensors);
        self.phase = Phase::Live {
            board: Arc::clone(&board),
        };
        self.ping_due_us = now_us;
        self.indicator_due_us = now_us;
        self.reported = None;
        self.stats.connected += 1;
        self.stats.state = LinkState::Live;
        sink(LinkEvent::Connected { board });
    }
}
