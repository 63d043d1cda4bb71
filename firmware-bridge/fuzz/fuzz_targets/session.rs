//! Any messages, well framed, at any time, to both sessions: no panic, bounded
//! output, and no reading for a sensor that was never described.
#![no_main]

use firmware_bridge::frame::{Direction, Header, MAX_FRAME_BYTES, encode};
use firmware_bridge::host::{HostSession, LinkEvent};
use firmware_bridge::mcu::{Identity, Session};
use firmware_bridge::message::ResetCause;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|chunks: Vec<(u32, Vec<u8>)>| {
    let mut host = HostSession::new();
    let mut board = board();
    host.opened(0);
    let mut now_us = 0;
    let mut sensors = 0;
    for (sequence, (step_us, message)) in (0..).zip(chunks) {
        now_us += u64::from(step_us);
        let mut sink = |event| match event {
            LinkEvent::Connected { board } => sensors = board.sensors.len(),
            LinkEvent::Reading { sensor, value, .. } => {
                assert!(usize::from(sensor) < sensors && value.is_finite());
            }
            _ => {}
        };
        let mut buffer = [0; MAX_FRAME_BYTES];
        let header = |direction| Header {
            direction,
            version: 1,
            sequence,
        };
        if let Ok(frame) = encode(header(Direction::ToHost), &message, &mut buffer) {
            host.receive(frame, now_us, &mut sink);
        }
        host.tick(now_us, &mut sink);
        assert!(host.outgoing().len() <= 512);
        // A board counts only once it was asked.
        host.sent(host.outgoing().len());
        if let Ok(frame) = encode(header(Direction::ToMcu), &message, &mut buffer) {
            for byte in frame {
                board.receive(*byte, now_us);
            }
        }
        let sent = (0..64)
            .take_while(|_| board.next_frame(now_us, &mut buffer).is_some())
            .count();
        assert!(sent < 64, "the board talks without end");
    }
});

fn board() -> Session {
    let identity = Identity {
        board: "fuzzed".into(),
        firmware: "0".into(),
        serial: 0,
        boot: 0,
        reset: ResetCause::Unknown,
        ticks_hz: 1_000_000,
    };
    Session::new(identity, [])
}
