//! Both ends of the link in virtual time, over lines that break bytes.
#![cfg(feature = "host")]

use firmware_bridge::channel::Sender;
use firmware_bridge::frame::{Direction, Header, MAX_FRAME_BYTES, encode};
use firmware_bridge::host::{HostSession, LinkEvent, LostReason};
use firmware_bridge::mcu::{Identity, Session};
use firmware_bridge::message::{
    Event, Greeting, IndicatorLevel, ResetCause, Setting, ToHost, ToMcu,
};
use firmware_bridge::sensor::{Sensor, SensorKind, Unit};
use firmware_bridge::version;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// Milliseconds between two exchanges.
const STEP_MS: u64 = 5;

fn board(boot: u32) -> Session {
    let identity = Identity {
        board: "test".into(),
        firmware: "0".into(),
        serial: 0,
        boot,
        reset: ResetCause::PowerOn,
        ticks_hz: 1_000_000,
    };
    let sensor = |index: u32| Sensor {
        name: "sensor".into(),
        kind: SensorKind::Other,
        unit: Unit::None,
        min: -1e9,
        max: 1e9,
        interval_ms: 50 + index,
    };
    Session::new(identity, (0..8).map(sensor))
}

/// What sensor `index` shows at `us`; readings are checked against it.
fn truth(index: u8, us: u64) -> f32 {
    f32::from(index) * 1e6 + (us / 1_000 % 100_000) as f32
}

/// Whether the sensor showed this value now or within the last second: a frame
/// whose last delimiter broke is completed by the next one.
fn is_true(sensor: u8, value: f32, now_us: u64) -> bool {
    (0..=1_000 / STEP_MS).any(|steps| {
        let earlier_us = now_us.saturating_sub(steps * STEP_MS * 1_000);
        value == truth(sensor, earlier_us)
    })
}

struct World {
    host: HostSession,
    board: Session,
    rng: TestRng,
    /// One byte in so many is broken; 0: none.
    one_in: u32,
    now_us: u64,
    /// When the board's clock started.
    booted_us: u64,
    events: Vec<LinkEvent>,
    readings: u64,
    wrong: u64,
    /// Nothing that the host says arrives.
    deaf: bool,
}

impl World {
    fn new(one_in: u32) -> Self {
        let mut host = HostSession::new();
        host.opened(0);
        Self {
            host,
            board: board(1),
            rng: TestRng::deterministic_rng(RngAlgorithm::ChaCha),
            one_in,
            now_us: 0,
            booted_us: 0,
            events: Vec::new(),
            readings: 0,
            wrong: 0,
            deaf: false,
        }
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms / STEP_MS {
            self.now_us += STEP_MS * 1_000;
            self.exchange();
        }
    }

    fn exchange(&mut self) {
        let now_us = self.now_us;
        let board_us = now_us - self.booted_us;
        let mut events = Vec::new();
        self.host.tick(now_us, &mut |event| events.push(event));
        let outgoing = self.host.outgoing().to_vec();
        self.host.sent(outgoing.len());
        if !self.deaf {
            for byte in self.line(&outgoing) {
                self.board.receive(byte, board_us);
            }
        }
        while let Some(sensor) = self.board.sample_due(board_us) {
            self.board
                .sampled(sensor, board_us, Ok(truth(sensor, board_us)));
        }
        let mut buffer = [0; MAX_FRAME_BYTES];
        while let Some(frame) = self.board.next_frame(board_us, &mut buffer) {
            let frame = frame.to_vec();
            let line = self.line(&frame);
            self.host
                .receive(&line, now_us, &mut |event| events.push(event));
        }
        for event in events {
            if let LinkEvent::Reading { sensor, value, .. } = event {
                self.readings += 1;
                self.wrong += u64::from(!is_true(sensor, value, board_us));
            } else {
                self.events.push(event);
            }
        }
    }

    fn line(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut line = Vec::new();
        for byte in bytes {
            if self.one_in == 0 || !self.rng.next_u32().is_multiple_of(self.one_in) {
                line.push(*byte);
                continue;
            }
            match self.rng.next_u32() % 3 {
                0 => {}
                1 => line.push(byte ^ (1 << (self.rng.next_u32() % 8))),
                _ => line.extend([*byte, self.rng.next_u32() as u8]),
            }
        }
        line
    }
}

#[test]
fn one_byte_in_a_hundred_broken_and_everything_still_comes_true() {
    let mut world = World::new(100);
    world.host.set_indicator(IndicatorLevel::Warning);
    world.host.set_rate(7, 25);
    assert!(world.host.command(ToMcu::Configure {
        setting: Setting::Buzzer,
        value: 0
    }));
    world.run(5_000);
    assert!(
        world.host.board().is_some(),
        "not connected after five seconds"
    );
    world
        .board
        .event(world.now_us, Event::EmergencyStop { engaged: true });
    world.run(60_000);

    assert_eq!(world.wrong, 0);
    let stats = world.host.stats();
    // 8 sensors about every 53 ms for a minute, some lost.
    assert!(world.readings > 6_000, "{} of about 9000", world.readings);
    assert!(stats.receive.lost > 500, "the line was not bad: {stats:?}");
    assert_eq!(stats.connected, 1, "the link fell over: {:?}", world.events);
    assert_eq!(stats.indicator, Some(IndicatorLevel::Warning));
    assert_eq!(stats.commands_done, 2);
    let rate = world
        .board
        .sensors()
        .nth(7)
        .map(|sensor| sensor.interval_ms);
    assert_eq!(rate, Some(25));
    let stop = world.events.iter().rev().find_map(|event| match event {
        LinkEvent::Event { event, .. } => Some(*event),
        _ => None,
    });
    assert_eq!(stop, Some(Event::EmergencyStop { engaged: true }));
}

#[test]
fn a_board_whose_clock_went_back_is_met_again_and_told_again() {
    let mut world = World::new(0);
    world.host.set_rate(0, 500);
    world.run(3_000);
    assert_eq!(world.host.stats().connected, 1);
    // Same boot number, as from an emulator that always starts alike.
    world.board = board(1);
    world.booted_us = world.now_us;
    world.run(10_000);
    assert_eq!(world.host.stats().connected, 2);
    let rate = world
        .board
        .sensors()
        .next()
        .map(|sensor| sensor.interval_ms);
    assert_eq!(rate, Some(500));
    assert_eq!(world.wrong, 0);
}

#[test]
fn a_restart_right_after_connecting_is_noticed_too() {
    let mut world = World::new(0);
    world.run(3_000);
    // The port was opened anew; the board's next state message is still to
    // come when the board restarts.
    world.host.opened(world.now_us);
    world.run(100);
    assert_eq!(world.host.stats().connected, 2);
    world.board = board(1);
    world.booted_us = world.now_us;
    world.run(5_000);
    assert_eq!(world.host.stats().connected, 3);
    assert_eq!(world.wrong, 0);
}

#[test]
fn a_board_from_another_age_is_refused_with_its_versions() {
    let mut host = HostSession::new();
    host.opened(0);
    let greeting = Greeting {
        min: version::CURRENT + 1,
        current: version::CURRENT + 4,
        board: "future".into(),
        firmware: "9".into(),
        serial: 0,
        boot: 0,
        reset: ResetCause::PowerOn,
        ticks_hz: 1,
        sensors: 0,
    };
    let theirs = greeting.versions();
    let mut sender = Sender::<ToHost>::new();
    let mut events = Vec::new();
    for now_us in [1, 500_000, 900_000, 9_000_000, 9_500_000] {
        let mut buffer = [0; MAX_FRAME_BYTES];
        let message = ToHost::Greeting(greeting.clone());
        let frame = sender.encode(&message, &mut buffer).expect("valid");
        host.receive(frame, now_us, &mut |event| events.push(event));
        host.tick(now_us, &mut |event| events.push(event));
        host.sent(host.outgoing().len());
    }
    let reason = LostReason::Incompatible { theirs };
    let lost = LinkEvent::Lost { reason, port: None };
    assert_eq!(events, [lost], "once, not per attempt");
}

proptest! {
    /// Arbitrary bytes at arbitrary times: no panic, bounded output, and no
    /// reading out of thin air.
    #[test]
    fn any_bytes_at_any_time_do_no_harm(
        chunks in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), any::<u64>()), 0..40),
    ) {
        let mut host = HostSession::new();
        let mut board = board(1);
        host.opened(0);
        let mut readings = 0;
        for (bytes, now) in chunks {
            let mut sink = |event| readings += u32::from(matches!(event, LinkEvent::Reading { .. }));
            // Times as far off as a century of microseconds.
            let now_us = now >> 12;
            host.receive(&bytes, now_us, &mut sink);
            host.tick(now_us, &mut sink);
            prop_assert!(host.outgoing().len() <= 512);
            for byte in bytes {
                board.receive(byte, now_us);
            }
            let mut buffer = [0; MAX_FRAME_BYTES];
            for _ in 0..64 {
                if board.next_frame(now_us, &mut buffer).is_none() {
                    break;
                }
            }
            prop_assert!(board.next_frame(now_us, &mut buffer).is_none());
        }
        prop_assert_eq!(readings, 0);
    }
}

#[test]
fn a_board_that_hears_nothing_is_not_live() {
    let mut world = World::new(0);
    world.run(3_000);
    assert_eq!(world.host.stats().connected, 1);
    world.deaf = true;
    world.run(20_000);
    let unheard = LinkEvent::Lost {
        reason: LostReason::Unheard,
        port: None,
    };
    assert!(world.events.contains(&unheard), "{:?}", world.events);
    assert_eq!(
        world.host.stats().round_trip_us,
        None,
        "of an answer long ago"
    );
    world.deaf = false;
    world.run(5_000);
    assert_eq!(world.host.stats().connected, 2);
}

#[test]
fn a_value_that_is_no_number_is_refused_by_its_sensor() {
    let mut world = World::new(0);
    world.run(3_000);
    let header = Header {
        direction: Direction::ToHost,
        version: 1,
        sequence: 0,
    };
    let mut message = [0; 64];
    let content = (2_u32, 5_u8, 7_u64, f32::NAN);
    let message = postcard::to_slice(&content, &mut message).expect("room");
    let mut buffer = [0; MAX_FRAME_BYTES];
    let frame = encode(header, message, &mut buffer).expect("room");
    let mut refused = None;
    world.host.receive(frame, world.now_us, &mut |event| {
        if let LinkEvent::Refused { sensor, value } = event {
            refused = Some((sensor, value.is_nan()));
        }
    });
    assert_eq!(refused, Some((5, true)));
}
