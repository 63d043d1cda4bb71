//! Any bytes through the decoder, in both directions: no panic, every byte
//! accounted for, and whatever is accepted encodes to the same message again.
#![no_main]

use firmware_bridge::channel::{Sender, decode};
use firmware_bridge::decoder::Decoder;
use firmware_bridge::frame::{DELIMITER, Header, MAX_FRAME_BYTES, encode};
use firmware_bridge::message::{Message, ToHost, ToMcu};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    raw(data);
    // Random bytes hardly ever carry the right check sum: give the inner
    // layers the same bytes inside a good frame.
    for direction in [
        firmware_bridge::frame::Direction::ToHost,
        firmware_bridge::frame::Direction::ToMcu,
    ] {
        let header = Header {
            direction,
            version: 1,
            sequence: 7,
        };
        let mut buffer = [0; MAX_FRAME_BYTES];
        if let Ok(frame) = encode(header, data, &mut buffer) {
            let mut decoder = Decoder::new();
            for byte in frame {
                if let Some(outcome) = decoder.feed(*byte) {
                    let frame = outcome.expect("an encoded frame is a good one");
                    assert_eq!(frame.message, data);
                    again::<ToHost>(decode::<ToHost>(&frame).ok());
                    again::<ToMcu>(decode::<ToMcu>(&frame).ok());
                }
            }
            assert_eq!(decoder.stats().frames, 1);
        }
    }
});

fn raw(data: &[u8]) {
    let mut decoder = Decoder::new();
    let mut in_frames = 0;
    let mut run = 0;
    for byte in data {
        run = if *byte == DELIMITER { run } else { run + 1 };
        if let Some(outcome) = decoder.feed(*byte) {
            in_frames += if outcome.is_ok() { run } else { 0 };
        }
        run = if *byte == DELIMITER { 0 } else { run };
    }
    decoder.resynchronise();
    let payload = data.iter().filter(|byte| **byte != DELIMITER).count() as u64;
    assert_eq!(decoder.stats().garbage_bytes + in_frames, payload);
}

fn again<M: Message + PartialEq + std::fmt::Debug>(message: Option<M>) {
    if let Some(message) = message {
        let mut buffer = [0; MAX_FRAME_BYTES];
        let mut sender = Sender::new();
        let frame = sender
            .encode(&message, &mut buffer)
            .expect("accepted, so valid");
        let mut receiver = firmware_bridge::channel::Receiver::<M>::new();
        let got = frame
            .iter()
            .find_map(|byte| receiver.feed(*byte))
            .expect("one frame");
        assert_eq!(got.message, message);
    }
}
