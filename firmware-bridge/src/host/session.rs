//! The host's side of the link as pure state: bytes and time in, events and
//! bytes out. No port, no thread, no clock; [`super::link`] supplies those.
//!
//! It listens first: a board of ours talks by itself, and any byte may be an order to a
//! machine that is not ours. A port that says nothing is probed now and then with a frame
//! that no machine obeys; one that says anything else is sent nothing at all.
//!
//! What the host wants of a board (indicator level, rates) is a wish that is
//! repeated until the board confirms it, not a message that is hoped to
//! arrive; it survives replugging. One-shot commands are tried a few times.

mod asking;
mod hearing;

use std::sync::Arc;

use heapless::Vec;

use super::board::BoardDescription;
use super::clock::ClockMap;
use super::event::{LinkEvent, LostReason};
use super::foreign::FIRST_BYTES;
use super::refusal::{Refusal, Why};
use super::requests::{RETRY_US, Requests};
use super::stats::{LinkState, LinkStats};
use crate::channel::{Receiver, Sender};
use crate::frame::{MAX_FRAME_BYTES, MAX_MESSAGE_BYTES};
use crate::message::{Greeting, IndicatorLevel, ToHost, ToMcu};
use crate::sensor::{MAX_SENSORS, Sensor};
use crate::version;
use asking::probing;

/// Unsent bytes kept: a question for every sensor and some more. When full,
/// the session waits with what it wanted to say.
const OUT_BYTES: usize = 512;

/// How long a port is listened to before it counts as one without a board, and a board
/// that was asked as one that does not hear. A board that hears no host greets every two
/// seconds: one greeting may be lost.
const LISTEN_US: u64 = 4_500_000;

/// Time between two hellos to a board that does not answer.
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

/// Who are you, and which versions do you speak?
const HELLO: ToMcu = ToMcu::Hello {
    min: version::MIN,
    current: version::CURRENT,
};

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one of these per link; a box would allocate at every greeting"
)]
enum Phase {
    /// Listening, and asking who is there once something of ours was heard.
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
    /// When the board was first asked who it is, since something of it was heard.
    asked_us: Option<u64>,
    /// Whether a hello was made for the port, and whether it has left: only what follows
    /// it is an answer.
    hello_made: bool,
    hello_left: bool,
    /// When a silent port is probed next, and how long after that again.
    probe_due_us: u64,
    probe_wait_us: u64,
    /// The first bytes heard while nothing of ours was.
    first_bytes: Vec<u8, FIRST_BYTES>,
    /// The first description that was refused of this board.
    refusal: Option<Arc<Refusal>>,
    /// What is wrong with its greeting, if that was refused.
    ungreeted: Option<Why>,
    /// Whether any description arrived.
    is_describing: bool,
    /// Whether it was lost because it hears nothing: that it talks does not make it live.
    is_deaf: bool,
    /// The board met last and the number of its start; none of one that is over.
    started: Option<(u64, Option<u32>)>,
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
    /// The newest stamp that was made as it was sent: those come in their order.
    sent_ticks: u64,
    /// When the board answered last since it was asked: it hears the host.
    answered_us: Option<u64>,
    emergency_stop: Option<bool>,
    /// Whether it was told that this is not known.
    stop_unknown_told: bool,
    /// Whether nothing on the open port is a board's of ours.
    is_foreign: bool,
    /// Whether anything but ours was heard since the port was opened: then it is no more
    /// probed.
    is_disturbed: bool,
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
            asked_us: None,
            hello_made: false,
            hello_left: false,
            probe_due_us: 0,
            probe_wait_us: 0,
            first_bytes: Vec::new(),
            refusal: None,
            ungreeted: None,
            is_describing: false,
            is_deaf: false,
            started: None,
            ping_due_us: 0,
            ping_sent: None,
            unanswered: 0,
            nonce: 0,
            indicator: IndicatorLevel::Clear,
            indicator_due_us: 0,
            requests: Requests::default(),
            newest_ticks: 0,
            sent_ticks: 0,
            answered_us: None,
            emergency_stop: None,
            stop_unknown_told: false,
            is_foreign: false,
            is_disturbed: false,
            reported: None,
            stats: LinkStats::default(),
        }
    }

    /// The port that is tried from now on; none when the selector names none.
    pub fn tries(&mut self, port: Option<Arc<str>>) {
        self.stats.port = port;
    }

    /// The port was opened: whatever was known of the other end is void.
    pub fn opened(&mut self, now_us: u64) {
        self.receiver.resynchronise();
        self.sender.speak(version::HANDSHAKE);
        self.out.clear();
        self.stats.opened += 1;
        (self.is_foreign, self.is_disturbed, self.is_deaf) = (false, false, false);
        (self.probe_due_us, self.probe_wait_us) = probing(now_us);
        self.ask(now_us);
        if self.reported.is_none() {
            self.stats.state = LinkState::Greeting;
        }
    }

    /// There is no link; tells so unless this reason was told already.
    pub fn lost(&mut self, reason: LostReason, now_us: u64, sink: &mut impl FnMut(LinkEvent)) {
        self.ask(now_us);
        self.is_deaf |= reason == LostReason::Unheard;
        self.stats.state = LinkState::Down(reason.clone());
        if !self
            .reported
            .as_ref()
            .is_some_and(|told| told.repeats(&reason))
        {
            self.reported = Some(reason.clone());
            let port = self.stats.port.clone();
            sink(LinkEvent::Lost { reason, port });
        }
    }

    /// Takes bytes from the port. Allocates only when a board becomes known.
    pub fn receive(&mut self, bytes: &[u8], now_us: u64, sink: &mut impl FnMut(LinkEvent)) {
        self.stats.bytes_received += bytes.len() as u64;
        let is_listening = matches!(self.phase, Phase::Asking { .. }) && self.asked_us.is_none();
        if is_listening {
            let room = self.first_bytes.capacity() - self.first_bytes.len();
            // There is room for so many.
            let _ = self
                .first_bytes
                .extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        for byte in bytes {
            let mut refused: Vec<u8, MAX_MESSAGE_BYTES> = Vec::new();
            let heard = self.receiver.feed_or_refuse(*byte, |message| {
                // None is longer than a frame holds.
                let _ = refused.extend_from_slice(message);
            });
            if let Some(received) = heard {
                self.heard_us = now_us;
                self.hear(received.message, now_us, sink);
            } else if !refused.is_empty() {
                self.heard_us = now_us;
                self.refuse(&refused, now_us, sink);
            }
        }
    }

    /// Does what is due, and says when to be called again at the latest.
    pub fn tick(&mut self, now_us: u64, sink: &mut impl FnMut(LinkEvent)) -> u64 {
        let stop_due_us = self.miss_stop(now_us, sink);
        self.pursue_phase(now_us, sink).min(stop_due_us)
    }

    fn pursue_phase(&mut self, now_us: u64, sink: &mut impl FnMut(LinkEvent)) -> u64 {
        match &self.phase {
            Phase::Asking { since_us } => {
                let until_us = self.asked_us.unwrap_or(*since_us) + LISTEN_US;
                if now_us >= until_us {
                    self.met_nobody(now_us, sink);
                    return now_us + LISTEN_US;
                }
                if self.asked_us.is_none() {
                    return self.probe_when_due(now_us).min(until_us);
                }
                self.hello_when_due(now_us);
                self.ask_due_us.min(until_us)
            }
            Phase::Describing { .. } | Phase::Live { .. }
                if now_us.saturating_sub(self.heard_us) >= SILENCE_US =>
            {
                self.lost(LostReason::Silent, now_us, sink);
                now_us + LISTEN_US
            }
            Phase::Describing { since_us, .. }
                if now_us.saturating_sub(*since_us) >= DESCRIBED_US =>
            {
                let reason = self.undescribed();
                self.lost(reason, now_us, sink);
                now_us + LISTEN_US
            }
            Phase::Describing { .. } => {
                self.ask_for_missing(now_us);
                self.ask_due_us.min(self.heard_us + SILENCE_US)
            }
            Phase::Live { .. } if self.unanswered >= MAX_UNANSWERED => {
                self.lost(LostReason::Unheard, now_us, sink);
                now_us + LISTEN_US
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
        self.hello_left |= self.hello_made && self.out.is_empty();
    }

    /// The port took nothing of what is to be written.
    pub fn blocked(&mut self) {
        self.stats.writes_blocked += 1;
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

    /// Whether nothing on the open port is a board that this program can talk to.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.is_foreign
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
        self.asked_us = None;
        (self.hello_made, self.hello_left) = (false, false);
        self.first_bytes.clear();
        (self.refusal, self.ungreeted) = (None, None);
        self.is_describing = false;
        self.stop_unknown_told = false;
        self.requests.forsake();
        (self.newest_ticks, self.sent_ticks) = (0, 0);
        (self.ping_sent, self.answered_us) = (None, None);
        self.unanswered = 0;
        self.emergency_stop = None;
        self.stats.indicator = None;
        self.stats.round_trip_us = None;
    }

    fn hello(&mut self, now_us: u64) {
        self.asked_us.get_or_insert(now_us);
        self.hello_made = true;
        self.send(&HELLO);
    }

    fn hello_when_due(&mut self, now_us: u64) {
        if self.ask_due_us <= now_us {
            self.hello(now_us);
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
        if missing.is_empty() && self.is_deaf {
            self.ping_now(now_us);
            self.ask_due_us = now_us + PING_US;
        }
        for index in missing {
            self.send(&ToMcu::Describe { index });
        }
    }

    /// Sends a ping; false when it cannot even be written.
    fn ping_now(&mut self, now_us: u64) -> bool {
        self.nonce = self.nonce.wrapping_add(1);
        let nonce = self.nonce;
        let is_sent = self.send(&ToMcu::Ping { nonce }).is_some();
        if is_sent {
            self.ping_sent = Some((nonce, now_us));
        }
        is_sent
    }

    /// Keeps a live link alive and its wishes fulfilled.
    fn keep_alive(&mut self, now_us: u64) -> u64 {
        if self.ping_due_us <= now_us {
            let is_missed = self.ping_sent.is_some();
            let is_sent = self.ping_now(now_us);
            // A full buffer is a board that takes nothing.
            if is_missed || !is_sent {
                self.unanswered += 1;
                self.stats.round_trip_us = None;
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
