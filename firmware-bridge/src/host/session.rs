//! The host's side of the link as pure state: bytes and time in, events and
//! bytes out. No port, no thread, no clock; [`super::link`] supplies those.
//!
//! What the host wants of a board (indicator level, rates) is a wish that is
//! repeated until the board confirms it, not a message that is hoped to
//! arrive; it survives replugging. One-shot commands are tried a few times.

mod hearing;

use std::sync::Arc;

use heapless::Vec;

use super::board::BoardDescription;
use super::clock::ClockMap;
use super::event::{LinkEvent, LostReason};
use super::requests::{RETRY_US, Requests};
use super::stats::{LinkState, LinkStats};
use crate::channel::{Receiver, Sender};
use crate::frame::MAX_FRAME_BYTES;
use crate::message::{Greeting, IndicatorLevel, ToHost, ToMcu};
use crate::sensor::{MAX_SENSORS, Sensor};
use crate::version;

/// Unsent bytes kept: a question for every sensor and some more. When full,
/// the session waits with what it wanted to say.
const OUT_BYTES: usize = 512;

/// Time between two hellos to a port that does not answer.
const HELLO_US: u64 = 500_000;

/// Time between two pings. The board takes five missed ones for our absence.
const PING_US: u64 = 1_000_000;

/// Without a good frame for so long (three of the board's state messages) the
/// board counts as silent.
const SILENCE_US: u64 = 3_000_000;

/// How long the descriptions may take to be complete. A bad line loses some, and each
/// is asked for several times a second.
const DESCRIBED_US: u64 = 4_000_000;

/// Pings in a row without an answer after which the board does not hear the host.
/// Twice what the board allows: a line that loses a third of its frames each way
/// loses ten in a row about once a day.
const MAX_UNANSWERED: u32 = 10;

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one of these per link; a box would allocate at every greeting"
)]
enum Phase {
    /// Asking who is there.
    Asking { since_us: u64 },
    /// The greeting came, some descriptions are missing.
    Describing {
        greeting: Greeting,
        version: u8,
        sensors: [Option<Sensor>; MAX_SENSORS],
        since_us: u64,
    },
    /// Everything is known.
    Live { board: Arc<BoardDescription> },
}

/// The host's side of one link.
#[derive(Debug)]
pub struct HostSession {
    receiver: Receiver<ToHost>,
    sender: Sender<ToMcu>,
    out: Vec<u8, OUT_BYTES>,
    phase: Phase,
    clock: ClockMap,
    heard_us: u64,
    ask_due_us: u64,
    ping_due_us: u64,
    ping_sent: Option<(u32, u64)>,
    /// Pings in a row that got no answer, or could not even be sent.
    unanswered: u32,
    nonce: u32,
    indicator: IndicatorLevel,
    indicator_due_us: u64,
    requests: Requests,
    /// The board's newest stamp; one well before it is a board that restarted.
    newest_ticks: u64,
    emergency_stop: Option<bool>,
    reported: Option<LostReason>,
    stats: LinkStats,
}

impl Default for HostSession {
    fn default() -> Self {
        Self::new()
    }
}

impl HostSession {
    /// A session without a port.
    #[must_use]
    pub fn new() -> Self {
        Self {
            receiver: Receiver::new(),
            sender: Sender::new(),
            out: Vec::new(),
            phase: Phase::Asking { since_us: 0 },
            clock: ClockMap::new(1),
            heard_us: 0,
            ask_due_us: 0,
            ping_due_us: 0,
            ping_sent: None,
            unanswered: 0,
            nonce: 0,
            indicator: IndicatorLevel::Clear,
            indicator_due_us: 0,
            requests: Requests::default(),
            newest_ticks: 0,
            emergency_stop: None,
            reported: None,
            stats: LinkStats::default(),
        }
    }

    /// The port was opened: whatever was known of the other end is void.
    pub fn opened(&mut self, now_us: u64) {
        self.receiver.resynchronise();
        self.sender.speak(version::HANDSHAKE);
        self.out.clear();
        self.stats.opened += 1;
        self.ask(now_us);
        if self.reported.is_none() {
            self.stats.state = LinkState::Greeting;
        }
    }

    /// There is no link; tells so unless this reason was told already.
    pub fn lost(&mut self, reason: LostReason, now_us: u64, sink: &mut impl FnMut(LinkEvent)) {
        self.ask(now_us);
        self.stats.state = LinkState::Down(reason.clone());
        if self.reported.as_ref() != Some(&reason) {
            self.reported = Some(reason.clone());
            sink(LinkEvent::Lost { reason });
        }
    }

    /// Takes bytes from the port. Allocates only when a board becomes known.
    pub fn receive(&mut self, bytes: &[u8], now_us: u64, sink: &mut impl FnMut(LinkEvent)) {
        self.stats.bytes_received += bytes.len() as u64;
        for byte in bytes {
            if let Some(received) = self.receiver.feed(*byte) {
                self.heard_us = now_us;
                self.hear(received.message, now_us, sink);
            }
        }
    }

    /// Does what is due, and says when to be called again at the latest.
    pub fn tick(&mut self, now_us: u64, sink: &mut impl FnMut(LinkEvent)) -> u64 {
        match &self.phase {
            Phase::Asking { since_us } => {
                if now_us.saturating_sub(*since_us) >= SILENCE_US {
                    // What was heard of it is the better reason, and stays.
                    let better = matches!(
                        self.reported,
                        Some(
                            LostReason::Incompatible { .. }
                                | LostReason::Undescribed { .. }
                                | LostReason::Unheard
                        )
                    );
                    if !better {
                        self.lost(LostReason::NoGreeting, now_us, sink);
                    }
                    self.phase = Phase::Asking { since_us: now_us };
                }
                self.hello_when_due(now_us);
                self.ask_due_us
            }
            Phase::Describing { .. } | Phase::Live { .. }
                if now_us.saturating_sub(self.heard_us) >= SILENCE_US =>
            {
                self.lost(LostReason::Silent, now_us, sink);
                self.hello_when_due(now_us);
                self.ask_due_us
            }
            Phase::Describing {
                since_us,
                greeting,
                sensors,
                ..
            } if now_us.saturating_sub(*since_us) >= DESCRIBED_US => {
                let missing = (0..greeting.sensors)
                    .find(|index| matches!(sensors.get(usize::from(*index)), Some(None)));
                let sensor = missing.unwrap_or_default();
                self.lost(LostReason::Undescribed { sensor }, now_us, sink);
                self.hello_when_due(now_us);
                self.ask_due_us
            }
            Phase::Describing { .. } => {
                self.ask_for_missing(now_us);
                self.ask_due_us.min(self.heard_us + SILENCE_US)
            }
            Phase::Live { .. } if self.unanswered >= MAX_UNANSWERED => {
                self.lost(LostReason::Unheard, now_us, sink);
                self.hello_when_due(now_us);
                self.ask_due_us
            }
            Phase::Live { .. } => self.keep_alive(now_us),
        }
    }

    /// Bytes to be written to the port.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        &self.out
    }

    /// The first `count` of [`HostSession::outgoing`] were written.
    pub fn sent(&mut self, count: usize) {
        let count = count.min(self.out.len());
        self.stats.bytes_sent += count as u64;
        self.out.copy_within(count.., 0);
        self.out.truncate(self.out.len() - count);
    }

    /// Wishes for an indicator level.
    pub fn set_indicator(&mut self, level: IndicatorLevel) {
        if self.indicator != level {
            self.indicator = level;
            self.indicator_due_us = 0;
        }
    }

    /// Wishes for a time between two readings of a sensor, now and after every
    /// reconnection.
    pub fn set_rate(&mut self, sensor: u8, interval_ms: u32) {
        self.requests.set_rate(sensor, interval_ms);
    }

    /// Pings at the next tick.
    pub fn ping(&mut self) {
        self.ping_due_us = 0;
    }

    /// Queues a one-shot command; false when the queue is full.
    pub fn command(&mut self, command: ToMcu) -> bool {
        self.requests.push(command)
    }

    /// The counters so far.
    #[must_use]
    pub fn stats(&self) -> LinkStats {
        let (commands_done, commands_failed, commands_dropped) = self.requests.counts();
        LinkStats {
            commands_done,
            commands_failed,
            commands_dropped,
            receive: self.receiver.stats(),
            ..self.stats.clone()
        }
    }

    /// Whether nothing on this port speaks the protocol.
    #[must_use]
    pub(crate) fn is_unanswered(&self) -> bool {
        self.stats.state == LinkState::Down(LostReason::NoGreeting)
    }

    /// How often a board became fully known.
    #[must_use]
    pub fn connected(&self) -> u64 {
        self.stats.connected
    }

    /// The board, once known.
    #[must_use]
    pub fn board(&self) -> Option<&Arc<BoardDescription>> {
        match &self.phase {
            Phase::Live { board } => Some(board),
            _ => None,
        }
    }

    fn ask(&mut self, now_us: u64) {
        self.phase = Phase::Asking { since_us: now_us };
        self.ask_due_us = now_us;
        self.requests.forsake();
        self.newest_ticks = 0;
        self.ping_sent = None;
        self.unanswered = 0;
        self.emergency_stop = None;
        self.stats.indicator = None;
        self.stats.round_trip_us = None;
    }

    fn hello(&mut self) {
        self.send(&ToMcu::Hello {
            min: version::MIN,
            current: version::CURRENT,
        });
    }

    fn hello_when_due(&mut self, now_us: u64) {
        if self.ask_due_us <= now_us {
            self.hello();
            self.ask_due_us = now_us + HELLO_US;
        }
    }

    fn ask_for_missing(&mut self, now_us: u64) {
        if self.ask_due_us > now_us {
            return;
        }
        self.ask_due_us = now_us + RETRY_US;
        let Phase::Describing {
            greeting, sensors, ..
        } = &self.phase
        else {
            return;
        };
        let missing: Vec<u8, MAX_SENSORS> = (0..greeting.sensors)
            .filter(|index| matches!(sensors.get(usize::from(*index)), Some(None)))
            .collect();
        for index in missing {
            self.send(&ToMcu::Describe { index });
        }
    }

    /// Keeps a live link alive and its wishes fulfilled.
    fn keep_alive(&mut self, now_us: u64) -> u64 {
        if self.ping_due_us <= now_us {
            self.nonce = self.nonce.wrapping_add(1);
            let nonce = self.nonce;
            let is_sent = self.send(&ToMcu::Ping { nonce }).is_some();
            // A full buffer is a board that takes nothing.
            if self.ping_sent.is_some() || !is_sent {
                self.unanswered += 1;
                self.stats.round_trip_us = None;
            }
            if is_sent {
                self.ping_sent = Some((nonce, now_us));
            }
            self.ping_due_us = now_us + PING_US;
        }
        let unconfirmed = self.stats.indicator != Some(self.indicator);
        if unconfirmed && self.indicator_due_us <= now_us {
            let level = self.indicator;
            self.send(&ToMcu::Indicator { level });
            self.indicator_due_us = now_us + RETRY_US;
        }
        let mut next_us = self.ping_due_us.min(self.heard_us + SILENCE_US);
        if unconfirmed {
            next_us = next_us.min(self.indicator_due_us);
        }
        let out = &mut self.out;
        let sender = &mut self.sender;
        let command_us = self
            .requests
            .pursue(now_us, |command| send(out, sender, command));
        command_us.map_or(next_us, |due_us| next_us.min(due_us))
    }

    fn send(&mut self, message: &ToMcu) -> Option<u16> {
        send(&mut self.out, &mut self.sender, message)
    }
}

/// Frames a message if there is room; its sequence number when there was.
fn send(out: &mut Vec<u8, OUT_BYTES>, sender: &mut Sender<ToMcu>, message: &ToMcu) -> Option<u16> {
    if out.capacity() - out.len() < MAX_FRAME_BYTES {
        return None;
    }
    let sequence = sender.next_sequence();
    let mut buffer = [0; MAX_FRAME_BYTES];
    let frame = sender.encode(message, &mut buffer).ok()?;
    out.extend_from_slice(frame).ok()?;
    Some(sequence)
}
