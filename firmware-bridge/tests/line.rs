//! The protocol over a bad line: whatever is broken, no wrong message is
//! accepted, and everything intact is.

use firmware_bridge::channel::{Receiver, Sender};
use firmware_bridge::frame::MAX_FRAME_BYTES;
use firmware_bridge::message::{
    Event, Greeting, IndicatorLevel, LogLevel, Outcome, ResetCause, Setting, ToHost, ToMcu,
};
use firmware_bridge::sensor::{Fault, Sensor, SensorKind, Unit};
use firmware_bridge::text::Text;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};

fn text<const N: usize>() -> impl Strategy<Value = Text<N>> {
    "[a-z_0-9 電]{1,60}".prop_map(|text| Text::new(&text))
}

fn to_host() -> impl Strategy<Value = ToHost> {
    let finite = || prop::num::f32::NORMAL | prop::num::f32::ZERO | prop::num::f32::SUBNORMAL;
    let index = || 0..16u8;
    prop_oneof![
        (
            text(),
            text(),
            any::<u64>(),
            any::<u32>(),
            1..=u32::MAX,
            0..=16u8
        )
            .prop_map(|(board, firmware, serial, boot, ticks_hz, sensors)| {
                ToHost::Greeting(Greeting {
                    min: 1,
                    current: 9,
                    board,
                    firmware,
                    serial,
                    boot,
                    reset: ResetCause::PowerOn,
                    ticks_hz,
                    sensors,
                })
            }),
        (index(), text(), finite(), finite(), 10..=3_600_000u32).prop_map(
            |(index, name, one, other, interval_ms)| {
                ToHost::Sensor {
                    index,
                    sensor: Sensor {
                        name,
                        kind: SensorKind::Other,
                        unit: Unit::Hertz,
                        min: one.min(other),
                        max: one.max(other),
                        interval_ms,
                    },
                }
            }
        ),
        (index(), any::<u64>(), finite()).prop_map(|(sensor, ticks, value)| ToHost::Reading {
            sensor,
            ticks,
            value
        }),
        (index(), any::<u64>()).prop_map(|(sensor, ticks)| ToHost::Fault {
            sensor,
            ticks,
            fault: Fault::Corrupt
        }),
        (any::<u64>(), any::<bool>()).prop_map(|(ticks, engaged)| ToHost::Event {
            ticks,
            event: Event::EmergencyStop { engaged }
        }),
        (any::<u64>(), any::<bool>(), any::<u32>()).prop_map(|(ticks, emergency_stop, dropped)| {
            ToHost::State {
                ticks,
                emergency_stop,
                indicator: IndicatorLevel::Warning,
                dropped,
            }
        }),
        (any::<u64>(), text()).prop_map(|(ticks, text)| ToHost::Log {
            ticks,
            level: LogLevel::Error,
            text
        }),
        (any::<u32>(), any::<u64>()).prop_map(|(nonce, ticks)| ToHost::Pong { nonce, ticks }),
        any::<u16>().prop_map(|sequence| ToHost::Answer {
            sequence,
            outcome: Outcome::Unsupported
        }),
    ]
}

fn to_mcu() -> impl Strategy<Value = ToMcu> {
    prop_oneof![
        (any::<u8>(), any::<u8>()).prop_map(|(min, current)| ToMcu::Hello { min, current }),
        (0..16u8).prop_map(|index| ToMcu::Describe { index }),
        (0..16u8, 10..=3_600_000u32).prop_map(|(sensor, interval_ms)| ToMcu::Rate {
            sensor,
            interval_ms
        }),
        Just(ToMcu::Indicator {
            level: IndicatorLevel::Info
        }),
        any::<u32>().prop_map(|nonce| ToMcu::Ping { nonce }),
        any::<u32>().prop_map(|value| ToMcu::Configure {
            setting: Setting::LogLevel,
            value
        }),
    ]
}

proptest! {
    #[test]
    fn every_message_to_the_host_survives_the_wire(messages in prop::collection::vec(to_host(), 1..20)) {
        let mut sender = Sender::new();
        let mut receiver = Receiver::<ToHost>::new();
        let mut buffer = [0; MAX_FRAME_BYTES];
        for message in messages {
            let bytes = sender.encode(&message, &mut buffer).expect("valid");
            let got: Vec<_> = bytes.iter().filter_map(|byte| receiver.feed(*byte)).collect();
            prop_assert_eq!(got.len(), 1);
            prop_assert_eq!(&got[0].message, &message);
        }
        prop_assert_eq!(receiver.stats().lost, 0);
        prop_assert_eq!(receiver.stats().frame.garbage_bytes, 0);
    }

    #[test]
    fn every_message_to_the_board_survives_the_wire(message in to_mcu()) {
        let mut buffer = [0; MAX_FRAME_BYTES];
        let mut sender = Sender::new();
        let bytes = sender.encode(&message, &mut buffer).expect("valid");
        let mut receiver = Receiver::<ToMcu>::new();
        let got: Vec<_> = bytes.iter().filter_map(|byte| receiver.feed(*byte)).collect();
        prop_assert_eq!(got.len(), 1);
        prop_assert_eq!(&got[0].message, &message);
    }
}

/// What one broken line did to a stream of readings.
struct Outcomes {
    sent: usize,
    intact: usize,
    accepted: usize,
    intact_but_missing: usize,
    wrong: usize,
}

/// The reading with this number: what was received is checked against its own
/// ticks, because a frame whose last delimiter broke arrives with the next one.
fn reading(number: u64) -> ToHost {
    ToHost::Reading {
        sensor: (number % 16) as u8,
        ticks: number * 1000,
        value: number as f32 / 7.0,
    }
}

fn was_sent(message: &ToHost) -> bool {
    matches!(message, ToHost::Reading { ticks, .. } if *message == reading(ticks / 1000))
}

/// Sends `count` readings over a line that breaks one byte in a hundred:
/// flipped, dropped, doubled, or replaced by a delimiter.
fn over_a_bad_line(count: u64) -> Outcomes {
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut sender = Sender::new();
    let mut receiver = Receiver::<ToHost>::new();
    let mut buffer = [0; MAX_FRAME_BYTES];
    let mut out = Outcomes {
        sent: 0,
        intact: 0,
        accepted: 0,
        intact_but_missing: 0,
        wrong: 0,
    };
    for number in 0..count {
        let message = reading(number);
        let frame = sender.encode(&message, &mut buffer).expect("valid");
        out.sent += 1;
        let mut line = Vec::with_capacity(frame.len() + 8);
        let mut broken = false;
        for byte in frame {
            if !rng.next_u32().is_multiple_of(100) {
                line.push(*byte);
                continue;
            }
            broken = true;
            match rng.next_u32() % 4 {
                0 => line.push(byte ^ (1 << (rng.next_u32() % 8))),
                1 => {}
                2 => line.extend([*byte, *byte]),
                _ => line.push(rng.next_u32() as u8),
            }
        }
        let mut got_it = false;
        for byte in line {
            if let Some(received) = receiver.feed(byte) {
                out.accepted += 1;
                got_it |= received.message == message;
                out.wrong += usize::from(!was_sent(&received.message));
            }
        }
        if !broken {
            out.intact += 1;
            out.intact_but_missing += usize::from(!got_it);
        }
    }
    out
}

#[test]
fn one_byte_in_a_hundred_broken_gives_no_wrong_reading() {
    let out = over_a_bad_line(100_000);
    assert_eq!(out.wrong, 0);
    // Both delimiters are sent, so an intact frame never pays for its
    // neighbour.
    assert_eq!(out.intact_but_missing, 0);
    assert!(out.accepted >= out.intact && out.intact > out.sent / 2);
    assert!(out.accepted < out.sent, "the line was not bad at all");
}
