//! The board's session driven by hand-made time.

use super::*;
use crate::channel::{Receiver, Sender};
use crate::frame::MAX_FRAME_BYTES;
use crate::message::BOOTLOADER_MAGIC;
use crate::sensor::{SensorKind, Unit};

extern crate std;
use std::vec::Vec as StdVec;

const MS: u64 = 1;

fn sensor(name: &str, interval_ms: u32) -> Sensor {
    Sensor {
        name: name.into(),
        kind: SensorKind::Voltage,
        unit: Unit::Volt,
        min: 0.0,
        max: 20.0,
        interval_ms,
    }
}

fn session(sensors: usize) -> Session {
    let identity = Identity {
        board: "test".into(),
        firmware: "0".into(),
        serial: 1,
        boot: 1,
        reset: ResetCause::PowerOn,
        ticks_hz: 1_000,
    };
    Session::new(identity, (0..sensors).map(|_| sensor("battery", 100)))
}

struct Host {
    sender: Sender<ToMcu>,
    receiver: Receiver<ToHost>,
}

impl Host {
    fn new() -> Self {
        Self {
            sender: Sender::new(),
            receiver: Receiver::new(),
        }
    }

    fn say(&mut self, session: &mut Session, message: &ToMcu, now: u64) -> Option<Action> {
        let mut buffer = [0; MAX_FRAME_BYTES];
        let frame = self.sender.encode(message, &mut buffer).expect("valid");
        frame
            .iter()
            .filter_map(|byte| session.receive(*byte, now))
            .last()
    }

    fn hear(&mut self, session: &mut Session, now: u64) -> StdVec<ToHost> {
        let mut heard = StdVec::new();
        let mut buffer = [0; MAX_FRAME_BYTES];
        while let Some(frame) = session.next_frame(now, &mut buffer) {
            heard.extend(
                frame
                    .iter()
                    .filter_map(|byte| self.receiver.feed(*byte))
                    .map(|received| received.message),
            );
            assert!(heard.len() < 100, "the session talks without end");
        }
        heard
    }
}

const HELLO: ToMcu = ToMcu::Hello { min: 1, current: 1 };

#[test]
fn greets_unasked_then_describes_everything_when_asked() {
    let mut session = session(16);
    let mut host = Host::new();
    assert!(matches!(
        host.hear(&mut session, 0)[..],
        [ToHost::Greeting(_)]
    ));
    assert!(host.hear(&mut session, 10).is_empty());
    assert!(session.sample_due(10).is_none(), "measures for nobody");
    assert!(matches!(
        host.hear(&mut session, 2_000)[..],
        [ToHost::Greeting(_)]
    ));

    host.say(&mut session, &HELLO, 2_100);
    let heard = host.hear(&mut session, 2_100);
    assert!(matches!(heard[0], ToHost::Greeting(_)));
    let described = heard
        .iter()
        .filter(|m| matches!(m, ToHost::Sensor { .. }))
        .count();
    assert_eq!(described, 16);
}

#[test]
fn sensors_keep_their_rhythm_and_only_the_newest_value_waits() {
    let mut session = session(1);
    let mut host = Host::new();
    host.say(&mut session, &HELLO, 0);
    host.hear(&mut session, 0);
    assert_eq!(session.sample_due(5 * MS), Some(0));
    assert_eq!(session.sample_due(5 * MS), None);
    session.sampled(0, 5, Ok(1.0));
    assert_eq!(session.sample_due(105 * MS), Some(0));
    session.sampled(0, 105, Ok(2.0));
    let heard = host.hear(&mut session, 106);
    let expected = ToHost::Reading {
        sensor: 0,
        ticks: 105,
        value: 2.0,
    };
    assert_eq!(heard, [expected]);
}

#[test]
fn a_value_out_of_range_is_a_fault_not_a_reading() {
    let mut session = session(1);
    let mut host = Host::new();
    host.say(&mut session, &HELLO, 0);
    host.hear(&mut session, 0);
    for value in [f32::NAN, -0.1, 20.1, f32::INFINITY] {
        session.sampled(0, 1, Ok(value));
        let expected = ToHost::Fault {
            sensor: 0,
            ticks: 1,
            fault: Fault::OutOfRange,
        };
        assert_eq!(host.hear(&mut session, 1), [expected]);
    }
}

#[test]
fn commands_are_answered_with_their_own_number() {
    let mut session = session(1);
    let mut host = Host::new();
    host.say(&mut session, &HELLO, 0);
    host.hear(&mut session, 0);
    for (command, outcome) in [
        (
            ToMcu::Rate {
                sensor: 0,
                interval_ms: 50,
            },
            Outcome::Done,
        ),
        (
            ToMcu::Rate {
                sensor: 9,
                interval_ms: 50,
            },
            Outcome::Unknown,
        ),
        (
            ToMcu::Configure {
                setting: Setting::LogLevel,
                value: 9,
            },
            Outcome::Invalid,
        ),
        (
            ToMcu::ResetToBootloader {
                magic: BOOTLOADER_MAGIC,
            },
            Outcome::Unsupported,
        ),
    ] {
        let sequence = host.sender.next_sequence();
        assert_eq!(host.say(&mut session, &command, 1), None);
        assert_eq!(
            host.hear(&mut session, 1),
            [ToHost::Answer { sequence, outcome }]
        );
    }
    assert_eq!(session.sensors().next().expect("one").interval_ms, 50);
    let mut session = session.with_bootloader();
    let reset = ToMcu::ResetToBootloader {
        magic: BOOTLOADER_MAGIC,
    };
    assert_eq!(host.say(&mut session, &reset, 1), Some(Action::Bootloader));
}

#[test]
fn the_indicator_follows_the_host_until_it_falls_silent() {
    let mut session = session(0);
    let mut host = Host::new();
    assert_eq!(session.indication(0), Indication::HostSilent);
    let level = IndicatorLevel::Critical;
    host.say(&mut session, &ToMcu::Indicator { level }, 100);
    assert_eq!(session.indication(100), Indication::Level(level));
    let silence = 100 + u64::from(HOST_SILENCE_MS);
    assert_eq!(session.indication(silence - 1), Indication::Level(level));
    assert_eq!(session.indication(silence), Indication::HostSilent);
}

#[test]
fn full_queues_drop_the_oldest_and_say_so() {
    let mut session = session(0);
    let mut host = Host::new();
    for index in 0..20 {
        session.event(
            0,
            Event::Button {
                index,
                pressed: true,
            },
        );
    }
    session.event(0, Event::EmergencyStop { engaged: true });
    host.say(&mut session, &HELLO, 1);
    let heard = host.hear(&mut session, 1);
    let state = heard
        .iter()
        .find(|message| matches!(message, ToHost::State { .. }));
    let dropped = 13;
    let expected = ToHost::State {
        ticks: 1,
        emergency_stop: true,
        indicator: IndicatorLevel::Clear,
        dropped,
    };
    assert_eq!(state, Some(&expected));
}

#[test]
fn waking_is_never_in_the_past_nor_far_off() {
    let mut session = session(2);
    let mut host = Host::new();
    host.say(&mut session, &HELLO, 0);
    for now in 0..20_000 {
        while let Some(sensor) = session.sample_due(now) {
            session.sampled(sensor, now, Ok(1.0));
        }
        host.hear(&mut session, now);
        let wake = session.next_wake(now);
        assert!(wake > now && wake <= now + 100, "now {now}, wake {wake}");
    }
}
