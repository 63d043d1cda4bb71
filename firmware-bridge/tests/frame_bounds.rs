//! The largest frame of every message, made by hand: the constants that size the
//! firmware's buffers are the sizes that really occur, not only upper bounds.

use firmware_bridge::channel::{Receiver, Sender};
use firmware_bridge::frame::{
    CRC_BYTES, DELIMITER, Direction, HEADER_BYTES, Header, MAX_FRAME_BYTES, MAX_MESSAGE_BYTES,
    encode,
};
use firmware_bridge::message::{
    BOOTLOADER_MAGIC, Event, Greeting, IndicatorLevel, LogLevel, Message, Outcome, ResetCause,
    Setting, ToHost, ToMcu,
};
use firmware_bridge::sensor::{Fault, MAX_INTERVAL_MS, MAX_SENSORS, Sensor, SensorKind, Unit};
use firmware_bridge::text::Text;
use postcard::experimental::max_size::MaxSize;

/// What COBS and the two delimiters add to a frame of this protocol: one byte
/// in all, as no frame reaches 254 bytes, and two.
const AROUND_BYTES: usize = 3;

fn full<const N: usize>() -> Text<N> {
    Text::new(&"x".repeat(N))
}

/// Every message with each field at the value that takes most room.
fn largest_to_host() -> Vec<ToHost> {
    let ticks = u64::MAX;
    let last = (MAX_SENSORS - 1) as u8;
    let greeting = Greeting {
        min: u8::MAX,
        current: u8::MAX,
        board: full(),
        firmware: full(),
        serial: u64::MAX,
        boot: u32::MAX,
        reset: ResetCause::Unknown,
        ticks_hz: u32::MAX,
        sensors: MAX_SENSORS as u8,
    };
    let sensor = Sensor {
        name: full(),
        kind: SensorKind::Other,
        unit: Unit::Hertz,
        min: f32::MIN,
        max: f32::MAX,
        interval_ms: MAX_INTERVAL_MS,
    };
    vec![
        ToHost::Greeting(greeting),
        ToHost::Sensor {
            index: last,
            sensor,
        },
        ToHost::Reading {
            sensor: last,
            ticks,
            value: f32::MAX,
        },
        ToHost::Fault {
            sensor: last,
            ticks,
            fault: Fault::Corrupt,
        },
        ToHost::Event {
            ticks,
            event: Event::Button {
                index: u8::MAX,
                pressed: true,
            },
        },
        ToHost::Event {
            ticks,
            event: Event::EmergencyStop { engaged: true },
        },
        ToHost::State {
            ticks,
            emergency_stop: true,
            indicator: IndicatorLevel::Critical,
            dropped: u32::MAX,
        },
        ToHost::Log {
            ticks,
            level: LogLevel::Error,
            text: full(),
        },
        ToHost::Pong {
            nonce: u32::MAX,
            ticks,
        },
        ToHost::Answer {
            sequence: u16::MAX,
            outcome: Outcome::Unsupported,
        },
    ]
}

fn largest_to_mcu() -> Vec<ToMcu> {
    let last = (MAX_SENSORS - 1) as u8;
    vec![
        ToMcu::Hello {
            min: u8::MAX,
            current: u8::MAX,
        },
        ToMcu::Describe { index: last },
        ToMcu::Rate {
            sensor: last,
            interval_ms: MAX_INTERVAL_MS,
        },
        ToMcu::Indicator {
            level: IndicatorLevel::Critical,
        },
        ToMcu::Ping { nonce: u32::MAX },
        ToMcu::ResetToBootloader {
            magic: BOOTLOADER_MAGIC,
        },
        ToMcu::Configure {
            setting: Setting::Buzzer,
            value: u32::MAX,
        },
    ]
}

/// Bytes of the largest of `messages`, each of which makes its way through.
fn largest<M: Message + PartialEq + std::fmt::Debug>(messages: &[M]) -> usize {
    let sizes = messages.iter().map(|message| {
        let mut buffer = [0; MAX_FRAME_BYTES];
        let frame = Sender::new()
            .encode(message, &mut buffer)
            .expect("the largest fits");
        let mut receiver = Receiver::<M>::new();
        let got: Vec<_> = frame
            .iter()
            .filter_map(|byte| receiver.feed(*byte))
            .collect();
        assert_eq!(
            got.iter()
                .map(|received| &received.message)
                .collect::<Vec<_>>(),
            [message]
        );
        frame.len() - HEADER_BYTES - CRC_BYTES - AROUND_BYTES
    });
    sizes.max().expect("some")
}

#[test]
fn the_largest_messages_are_as_large_as_the_checked_constants() {
    assert_eq!(largest(&largest_to_host()), ToHost::POSTCARD_MAX_SIZE);
    assert_eq!(largest(&largest_to_mcu()), ToMcu::POSTCARD_MAX_SIZE);
}

/// A new variant must appear in the lists above: the first byte counts them.
#[test]
fn no_message_is_missing_here() {
    fn first_bytes<M: Message>(messages: &[M]) -> Vec<u8> {
        let first = |message: &M| {
            postcard::to_slice(message, &mut [0; MAX_MESSAGE_BYTES]).expect("fits")[0]
        };
        let mut bytes: Vec<u8> = messages.iter().map(first).collect();
        bytes.dedup();
        bytes
    }
    fn known<M: Message>(tag: u8) -> bool {
        // Zeros are a valid beginning of every field there is.
        let mut bytes = [0; MAX_MESSAGE_BYTES];
        bytes[0] = tag;
        postcard::take_from_bytes::<M>(&bytes).is_ok()
    }
    let tags = |known: fn(u8) -> bool| (0..=u8::MAX).filter(|tag| known(*tag)).collect::<Vec<u8>>();
    assert_eq!(
        first_bytes(&largest_to_host()),
        tags(known::<ToHost>)[..9],
        "varints of two bytes begin above 127"
    );
    assert_eq!(first_bytes(&largest_to_mcu()), tags(known::<ToMcu>)[..7]);
    assert!(
        tags(known::<ToHost>)
            .iter()
            .skip(9)
            .chain(tags(known::<ToMcu>).iter().skip(7))
            .all(|tag| *tag > 127)
    );
}

#[test]
fn the_length_of_a_frame_depends_on_the_length_of_its_message_alone() {
    let header = Header {
        direction: Direction::ToHost,
        version: 1,
        sequence: 0,
    };
    for length in 0..=MAX_MESSAGE_BYTES {
        let whole = HEADER_BYTES + length + CRC_BYTES + AROUND_BYTES;
        for fill in [[0, 0], [1, 1], [0xff, 0xff], [0, 1]] {
            let message: Vec<u8> = fill.iter().copied().cycle().take(length).collect();
            let mut buffer = [0xee; MAX_FRAME_BYTES];
            let frame = encode(header, &message, &mut buffer).expect("fits");
            assert_eq!(frame.len(), whole);
            assert_eq!(frame.iter().filter(|byte| **byte == DELIMITER).count(), 2);
        }
    }
    assert_eq!(
        HEADER_BYTES + MAX_MESSAGE_BYTES + CRC_BYTES + AROUND_BYTES,
        MAX_FRAME_BYTES
    );
}
