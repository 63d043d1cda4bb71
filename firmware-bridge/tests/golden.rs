//! Bytes on the wire, per protocol version, against an encoder that shares no
//! code with the crate (`golden/encode.py`). The files are never edited: a red
//! test here means that boards in the field would no longer be understood.

use std::fs;
use std::path::PathBuf;

use firmware_bridge::channel::{Receiver, Sender};
use firmware_bridge::frame::MAX_FRAME_BYTES;
use firmware_bridge::message::{
    BOOTLOADER_MAGIC, Event, Greeting, IndicatorLevel, LogLevel, Message, Outcome, ResetCause,
    Setting, ToHost, ToMcu,
};
use firmware_bridge::sensor::{Fault, Sensor, SensorKind, Unit};
use firmware_bridge::version;

fn golden(version: u8, name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(format!("tests/golden/v{version}/{name}.hex"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    text.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).expect("hex"))
        .collect()
}

fn check<M: Message + PartialEq + std::fmt::Debug>(name: &str, sequence: u16, message: &M) {
    let expected = golden(message.since(), name);

    let mut receiver = Receiver::<M>::new();
    let decoded: Vec<_> = expected
        .iter()
        .filter_map(|byte| receiver.feed(*byte))
        .collect();
    assert_eq!(decoded.len(), 1, "{name} is not one frame");
    assert_eq!(
        &decoded[0].message, message,
        "{name} decodes to something else"
    );
    assert_eq!(decoded[0].sequence, sequence, "{name}");

    let mut sender = Sender::<M>::new();
    sender.speak(version::CURRENT);
    let mut buffer = [0; MAX_FRAME_BYTES];
    while sender.next_sequence() != sequence {
        sender.encode(message, &mut buffer).expect("valid");
    }
    let encoded = sender.encode(message, &mut buffer).expect("valid");
    assert_eq!(encoded, expected, "{name} encodes to other bytes");
}

#[test]
fn to_host_version_1() {
    // `check` compares each with its golden file.
    let greeting = Greeting {
        min: 1,
        current: 1,
        board: "rp2040-pico".into(),
        firmware: "0.1.0".into(),
        serial: 0xE661_4104_031F_8B2C,
        boot: 0xDEAD_BEEF,
        reset: ResetCause::Watchdog,
        ticks_hz: 1_000_000,
        sensors: 3,
    };
    let sensor = Sensor {
        name: "board_temperature".into(),
        kind: SensorKind::Temperature,
        unit: Unit::Celsius,
        min: -20.0,
        max: 85.0,
        interval_ms: 1000,
    };
    let event = |ticks, event| ToHost::Event { ticks, event };
    check("to_host_greeting", 0, &ToHost::Greeting(greeting));
    check("to_host_sensor", 1, &ToHost::Sensor { index: 2, sensor });
    check(
        "to_host_reading",
        258,
        &ToHost::Reading {
            sensor: 1,
            ticks: 123_456_789_012,
            value: 11.1,
        },
    );
    check(
        "to_host_fault",
        3,
        &ToHost::Fault {
            sensor: 2,
            ticks: 300,
            fault: Fault::OutOfRange,
        },
    );
    check(
        "to_host_event_button",
        4,
        &event(
            1,
            Event::Button {
                index: 2,
                pressed: true,
            },
        ),
    );
    check(
        "to_host_event_emergency_stop",
        5,
        &event(127, Event::EmergencyStop { engaged: true }),
    );
    check(
        "to_host_state",
        6,
        &ToHost::State {
            ticks: 128,
            emergency_stop: true,
            indicator: IndicatorLevel::Critical,
            dropped: 7,
        },
    );
    check(
        "to_host_log",
        7,
        &ToHost::Log {
            ticks: u64::MAX,
            level: LogLevel::Warning,
            text: "INA219 電圧 ok".into(),
        },
    );
    check(
        "to_host_pong",
        8,
        &ToHost::Pong {
            nonce: u32::MAX,
            ticks: 0,
        },
    );
    check(
        "to_host_answer",
        65535,
        &ToHost::Answer {
            sequence: 65534,
            outcome: Outcome::Invalid,
        },
    );
}

#[test]
fn to_mcu_version_1() {
    // `check` compares each with its golden file.
    check("to_mcu_hello", 0, &ToMcu::Hello { min: 1, current: 1 });
    check("to_mcu_describe", 1, &ToMcu::Describe { index: 15 });
    check(
        "to_mcu_rate",
        2,
        &ToMcu::Rate {
            sensor: 0,
            interval_ms: 250,
        },
    );
    check(
        "to_mcu_indicator",
        3,
        &ToMcu::Indicator {
            level: IndicatorLevel::Critical,
        },
    );
    check("to_mcu_ping", 4, &ToMcu::Ping { nonce: 0x0102_0304 });
    check(
        "to_mcu_reset_to_bootloader",
        5,
        &ToMcu::ResetToBootloader {
            magic: BOOTLOADER_MAGIC,
        },
    );
    check(
        "to_mcu_configure",
        6,
        &ToMcu::Configure {
            setting: Setting::Buzzer,
            value: 0,
        },
    );
}

/// Every version still spoken has its folder, and every file in it is checked
/// by a test above.
#[test]
fn every_spoken_version_has_golden_bytes() {
    let source = include_str!("golden.rs");
    for version in version::MIN..=version::CURRENT {
        let folder =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v{version}"));
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        for file in files {
            let path = file.expect("readable").path();
            let name = path
                .file_stem()
                .expect("named")
                .to_string_lossy()
                .into_owned();
            assert!(
                source.contains(&format!("\"{name}\"")),
                "{path:?} is not checked"
            );
        }
    }
}
