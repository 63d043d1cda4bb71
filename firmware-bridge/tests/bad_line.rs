//! A port at 115 200 and at 2 million bits per second on which one byte in a
//! hundred breaks: through the real link on a real pseudo-terminal.
//!
//! A pseudo-terminal has no speed, so the board's end is written at the pace of
//! one. Which frames arrived whole is known here, where the bytes are broken:
//! all of those must come out, and nothing that was not sent.
#![cfg(feature = "host")]
#![expect(
    clippy::disallowed_methods,
    reason = "real time, on threads of its own"
)]

use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use firmware_bridge::channel::Sender;
use firmware_bridge::frame::MAX_FRAME_BYTES;
use firmware_bridge::host::{HostLink, LinkConfig, LinkEvent, LinkHandle, PortSelector};
use firmware_bridge::message::{Greeting, ResetCause, ToHost};
use firmware_bridge::sensor::{Sensor, SensorKind, Unit};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serialport::{SerialPort, TTYPort};

/// Only a broken link is ever this slow.
const LIMIT: Duration = Duration::from_secs(60);

/// Frames sent at each speed: four seconds at 115 200 baud.
const FRAMES: u32 = 2_000;

/// One byte in so many breaks.
const BREAKS: u32 = 100;

/// Bits of a byte on the line: start, eight, stop.
const BITS: f64 = 10.0;

fn value(number: u32) -> f32 {
    // Exact in an f32, and no two alike.
    number as f32 / 4.0
}

fn number_of(value: f32) -> u32 {
    (value * 4.0) as u32
}

struct Board {
    port: TTYPort,
    sender: Sender<ToHost>,
    _slave: TTYPort,
}

impl Board {
    /// A board whose greeting arrives whole, and a link that has met it.
    fn met() -> (Self, LinkHandle, Receiver<LinkEvent>) {
        let (mut port, slave) = TTYPort::pair().expect("a pseudo-terminal");
        // A link that is slow to read holds the writer up, as flow control would.
        port.set_timeout(LIMIT).expect("set");
        let path = PathBuf::from(slave.name().expect("a name"));
        let (events_in, events) = channel();
        let link = HostLink::spawn(LinkConfig::new(PortSelector::Path(path)), move |event| {
            // The test may be over already.
            let _ = events_in.send(event);
        })
        .expect("a thread");
        // What is written before the port is open might be flushed with it.
        let deadline = Instant::now() + LIMIT;
        while link.stats().opened == 0 {
            assert!(Instant::now() < deadline, "the port was never opened");
            thread::yield_now();
        }
        let mut board = Self {
            port,
            sender: Sender::new(),
            _slave: slave,
        };
        // It greets by itself, and answers what it is asked then.
        board.say(&greeting());
        let mut asked = [0; 64];
        while board.port.read(&mut asked).expect("a question") == 0 {}
        board.say(&greeting());
        board.say(&description());
        loop {
            if let LinkEvent::Connected { .. } = events.recv_timeout(LIMIT).expect("a connection") {
                return (board, link, events);
            }
        }
    }

    fn say(&mut self, message: &ToHost) {
        let frame = self.frame(message);
        self.port.write_all(&frame).expect("written");
    }

    fn frame(&mut self, message: &ToHost) -> Vec<u8> {
        let mut buffer = [0; MAX_FRAME_BYTES];
        self.sender
            .encode(message, &mut buffer)
            .expect("valid")
            .to_vec()
    }

    /// Sends [`FRAMES`] readings at that speed; the numbers of those that were
    /// not touched.
    fn send_all(&mut self, baud: f64) -> HashSet<u32> {
        let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut whole = HashSet::new();
        let (started, mut sent_bytes) = (Instant::now(), 0_u32);
        for number in 0..FRAMES {
            let ticks = started.elapsed().as_micros() as u64;
            let mut frame = self.frame(&ToHost::Reading {
                sensor: 0,
                ticks,
                value: value(number),
            });
            let mut touched = false;
            for byte in &mut frame {
                if random.next_u32().is_multiple_of(BREAKS) {
                    *byte ^= 1 << (random.next_u32() % 8);
                    touched = true;
                }
            }
            if !touched {
                whole.insert(number);
            }
            self.port.write_all(&frame).expect("written");
            sent_bytes += frame.len() as u32;
            // The line is busy until then; nothing is asked of the time itself.
            let due = started + Duration::from_secs_f64(f64::from(sent_bytes) * BITS / baud);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        whole
    }
}

fn greeting() -> ToHost {
    let (board, firmware) = ("by-hand".into(), "0".into());
    let (reset, ticks_hz) = (ResetCause::Unknown, 1_000_000);
    ToHost::Greeting(Greeting {
        min: 1,
        current: 1,
        board,
        firmware,
        serial: 0,
        boot: 0,
        reset,
        ticks_hz,
        sensors: 1,
    })
}

fn description() -> ToHost {
    let (kind, unit) = (SensorKind::Other, Unit::None);
    let max = value(FRAMES);
    ToHost::Sensor {
        index: 0,
        sensor: Sensor {
            name: "count".into(),
            kind,
            unit,
            min: 0.0,
            max,
            interval_ms: 10,
        },
    }
}

fn over_a_bad_line(baud: f64) {
    let (mut board, link, events) = Board::met();
    let whole = board.send_all(baud);
    // The end of the stream arrives whole.
    let end = value(FRAMES);
    let frame = board.frame(&ToHost::Reading {
        sensor: 0,
        ticks: u64::from(u32::MAX),
        value: end,
    });
    board.port.write_all(&frame).expect("written");
    let mut seen = HashSet::new();
    loop {
        match events.recv_timeout(LIMIT).expect("the end of the stream") {
            LinkEvent::Reading { value, .. } if value == end => break,
            LinkEvent::Reading { value: got, .. } => {
                let number = number_of(got);
                assert!(
                    number < FRAMES && value(number) == got,
                    "{got} was never sent"
                );
                assert!(seen.insert(number), "{number} came twice");
            }
            LinkEvent::Lost { reason, .. } => panic!("{reason}; {:?}", link.stats()),
            _ => {}
        }
    }
    let missing: Vec<_> = whole.difference(&seen).collect();
    assert!(
        missing.is_empty(),
        "arrived whole and were not taken: {missing:?}"
    );
    let stats = link.stats();
    let broken = FRAMES as usize - whole.len();
    assert!(
        broken > FRAMES as usize / 10 && whole.len() > FRAMES as usize / 2,
        "{broken} broken"
    );
    let rejected = stats.receive.frame.crc_errors
        + stats.receive.frame.malformed
        + stats.receive.frame.oversize;
    assert!(rejected > 0 && stats.receive.lost > 0, "{stats:?}");
    assert_eq!(stats.readings_refused, 0);
    link.stop();
}

#[test]
fn at_115200_baud_every_whole_frame_is_taken_and_nothing_else() {
    // Asserted above, for either rate.
    over_a_bad_line(115_200.0);
}

#[test]
fn at_2_megabaud_every_whole_frame_is_taken_and_nothing_else() {
    // Asserted above, for either rate.
    over_a_bad_line(2_000_000.0);
}
