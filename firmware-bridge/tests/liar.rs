//! A host and a board that says whatever it is told to: what nobody asked for, what no
//! board would say, and nothing where something is due.
#![cfg(feature = "host")]

use firmware_bridge::channel::Sender;
use firmware_bridge::frame::{Direction, Header, MAX_FRAME_BYTES, encode};
use firmware_bridge::host::{HostSession, LinkEvent};
use firmware_bridge::message::{Event, Greeting, IndicatorLevel, ResetCause, ToHost};
use firmware_bridge::sensor::{Sensor, SensorKind, Unit};
use firmware_bridge::version;

fn greeting(boot: u32, sensors: u8) -> ToHost {
    ToHost::Greeting(Greeting {
        min: version::MIN,
        current: version::CURRENT,
        board: "liar".into(),
        firmware: "1".into(),
        serial: 0,
        boot,
        reset: ResetCause::Watchdog,
        ticks_hz: 1_000_000,
        sensors,
    })
}

fn state(engaged: bool) -> ToHost {
    ToHost::State {
        ticks: 0,
        emergency_stop: engaged,
        indicator: IndicatorLevel::Clear,
        dropped: 0,
    }
}

fn stop(engaged: bool) -> ToHost {
    let event = Event::EmergencyStop { engaged };
    ToHost::Event { ticks: 0, event }
}

/// A host, and a board that says whatever it is told to.
struct Liar {
    host: HostSession,
    sender: Sender<ToHost>,
    now_us: u64,
    events: Vec<LinkEvent>,
}

impl Liar {
    fn new() -> Liar {
        let mut host = HostSession::new();
        host.opened(0);
        Liar {
            host,
            sender: Sender::new(),
            now_us: 0,
            events: Vec::new(),
        }
    }

    /// One that has greeted as it was asked.
    fn asked(sensors: u8) -> Liar {
        let mut liar = Liar::new();
        liar.says(&greeting(1, sensors));
        liar.wait(10);
        liar.says(&greeting(1, sensors));
        liar.wait(10);
        liar
    }

    fn says(&mut self, message: &ToHost) {
        let mut buffer = [0; MAX_FRAME_BYTES];
        let frame = self.sender.encode(message, &mut buffer).expect("valid");
        let frame = frame.to_vec();
        self.writes(&frame);
    }

    /// The answer to whichever ping is under way.
    fn answers(&mut self) {
        for nonce in 0..200 {
            self.says(&ToHost::Pong { nonce, ticks: 0 });
        }
    }

    /// A frame whose content no board would send.
    fn says_raw(&mut self, content: &impl serde::Serialize) {
        let mut message = [0; 64];
        let message = postcard::to_slice(content, &mut message).expect("room");
        let header = Header {
            direction: Direction::ToHost,
            version: 1,
            sequence: 0,
        };
        let mut buffer = [0; MAX_FRAME_BYTES];
        let frame = encode(header, message, &mut buffer).expect("room").to_vec();
        self.writes(&frame);
    }

    fn writes(&mut self, bytes: &[u8]) {
        let events = &mut self.events;
        self.host
            .receive(bytes, self.now_us, &mut |event| events.push(event));
    }

    /// Time passes; how many bytes the host sent.
    fn wait(&mut self, ms: u64) -> usize {
        let mut sent = 0;
        for _ in 0..ms / 10 {
            self.now_us += 10_000;
            let events = &mut self.events;
            self.host.tick(self.now_us, &mut |event| events.push(event));
            sent += self.host.outgoing().len();
            self.host.sent(self.host.outgoing().len());
        }
        sent
    }

    fn lost(&self) -> Vec<String> {
        let reasons = self.events.iter().filter_map(|event| match event {
            LinkEvent::Lost { reason, .. } => Some(reason.to_string()),
            _ => None,
        });
        reasons.collect()
    }

    fn told(&self) -> Vec<&LinkEvent> {
        let is_lost = |event: &&LinkEvent| !matches!(event, LinkEvent::Lost { .. });
        self.events.iter().filter(is_lost).collect()
    }
}

#[test]
fn nothing_is_sent_before_a_board_is_heard() {
    let mut silent = Liar::new();
    assert_eq!(silent.wait(2_100), 0, "it may greet by itself");
    let probes = silent.wait(600_000) / 13;
    assert!((10..30).contains(&probes), "{probes} in ten minutes");
    assert_eq!(silent.lost().len(), 1, "{:?}", silent.events);
    // It only speaks when it is spoken to.
    silent.says(&greeting(1, 0));
    silent.wait(10);
    silent.says(&greeting(1, 0));
    assert!(silent.host.board().is_some());
    let mut foreign = Liar::new();
    let mut sent = 0;
    for n in 0..600 {
        foreign.writes(format!("rst:0x10, boot:0x13 \x1b[31m {n}\r\n").as_bytes());
        sent += foreign.wait(100);
    }
    assert_eq!(sent, 0);
    let [lost] = foreign.lost().try_into().expect("told once");
    for part in [
        "not ours",
        "rst:0x10",
        "\\x1b[31m",
        "Espressif",
        "nothing more is sent",
    ] {
        assert!(lost.contains(part), "{part} in {lost}");
    }
    assert!(foreign.host.is_foreign());
    // The right firmware was flashed: it is met although the port was never closed.
    foreign.says(&greeting(1, 0));
    assert!(foreign.wait(10) > 0, "now it is asked");
    foreign.says(&greeting(1, 0));
    assert!(foreign.host.board().is_some());
}

#[test]
fn a_refused_description_is_told_with_its_sensor_its_value_and_the_reason() {
    let mut liar = Liar::asked(1);
    // It answers each question in its way: 5 ms are too fast, kind 11 is of tomorrow.
    for _ in 0..50 {
        liar.says_raw(&(1_u32, 0_u8, "gyro", 3_u32, 4_u32, 0.0_f32, 1.0_f32, 5_u32));
        liar.says(&state(true));
        liar.wait(100);
    }
    let [lost] = liar.lost().try_into().expect("told once, not per attempt");
    for part in ["sensor 0 (gyro)", "5 ms", "10 to 3600000 ms"] {
        assert!(lost.contains(part), "{part} in {lost}");
    }
    // A mistake about a sensor does not make it deaf to its stop.
    let engaged = Event::EmergencyStop { engaged: true };
    let is_it =
        |event: &&LinkEvent| matches!(event, LinkEvent::Event { event, .. } if *event == engaged);
    assert!(liar.events.iter().any(|event| is_it(&event)));
}

/// Sixteen sensors are the most; a clock without ticks tells no time.
#[test]
fn a_refused_greeting_is_told_with_its_value() {
    for (ticks_hz, sensors, part) in [(1_000_000_u32, 17_u8, "17 sensors"), (0, 1, "0 ticks")] {
        let mut liar = Liar::asked(0);
        assert!(liar.host.board().is_some());
        liar.says(&state(false));
        for _ in 0..60 {
            // Flashed anew, and started while the link was live.
            let greeting = (
                1_u8, 1_u8, "liar", "2", 7_u64, 2_u32, 1_u32, ticks_hz, sensors,
            );
            liar.says_raw(&(0_u32, greeting));
            liar.says(&state(true));
            liar.wait(100);
        }
        let [lost] = liar.lost().try_into().expect("told once, not per attempt");
        assert!(lost.contains(part), "{part} in {lost}");
        assert!(liar.host.board().is_none());
        liar.says(&greeting(3, 0));
        assert!(liar.host.board().is_some(), "flashed once more");
    }
}

#[test]
fn a_description_that_is_no_text_is_told_as_what_it_is() {
    let mut liar = Liar::asked(1);
    for _ in 0..50 {
        liar.says_raw(&(1_u32, 0_u8, 3_u8, [0xff_u8, 0xfe, 0xfd], 3_u32));
        liar.wait(100);
    }
    let [lost] = liar.lost().try_into().expect("told once");
    assert!(
        lost.contains("sensor 0") && lost.contains("cannot be taken apart"),
        "{lost}"
    );
}

/// It answers every hello, and no ping: what is said to it is lost or ignored.
#[test]
fn a_board_that_answers_no_ping_is_not_live_again_for_its_greeting() {
    let mut liar = Liar::asked(0);
    let mut seconds_live = 0;
    for second in 0..60 {
        liar.says(&greeting(1, 0));
        liar.says(&state(second >= 50));
        liar.wait(1_000);
        seconds_live += u64::from(liar.host.board().is_some());
    }
    assert!(seconds_live <= 12, "{seconds_live} s of a minute");
    let [lost] = liar.lost().try_into().expect("told once");
    assert!(lost.contains("answers nothing"), "{lost}");
    // Its stop is heard all the same.
    let engaged = Event::EmergencyStop { engaged: true };
    let is_it =
        |event: &LinkEvent| matches!(event, LinkEvent::Event { event, .. } if *event == engaged);
    assert!(liar.events.iter().any(is_it));
    // One answer makes it live: to whichever ping is under way.
    for _ in 0..2 {
        liar.says(&greeting(1, 0));
        liar.wait(10);
    }
    for nonce in 0..100 {
        liar.says(&ToHost::Pong { nonce, ticks: 0 });
    }
    assert!(liar.host.board().is_some());
}

#[test]
fn a_board_that_greets_and_answers_nothing_does_not_hear() {
    let mut liar = Liar::asked(3);
    for _ in 0..10 {
        liar.wait(2_000);
        liar.says(&greeting(1, 3));
    }
    let [lost] = liar.lost().try_into().expect("told once");
    assert!(lost.contains("answers nothing"), "{lost}");
}

#[test]
fn what_happened_before_the_state_is_known_is_no_event() {
    let mut liar = Liar::new();
    // All of it from before the question: a whole meeting in some buffer.
    liar.says(&greeting(1, 0));
    liar.says(&greeting(1, 0));
    liar.says(&state(true));
    liar.says(&stop(true));
    liar.wait(10);
    assert!(liar.host.board().is_none(), "nobody has answered");
    liar.says(&greeting(1, 0));
    // What its own queue held for hours comes before the state it led to.
    liar.says(&stop(true));
    liar.says(&stop(false));
    liar.says(&state(false));
    let stops: Vec<_> = liar.told().into_iter().cloned().collect();
    let event = Event::EmergencyStop { engaged: false };
    assert!(
        matches!(&stops[..], [LinkEvent::Connected { .. }, LinkEvent::Event { event: told, .. }] if *told == event),
        "{stops:?}"
    );
    liar.says(&stop(true));
    let engaged = Event::EmergencyStop { engaged: true };
    assert!(
        matches!(liar.events.last(), Some(LinkEvent::Event { event, .. }) if *event == engaged)
    );
}

#[test]
fn a_board_that_hides_its_state_is_told_of_after_a_second() {
    let mut liar = Liar::asked(0);
    liar.wait(960);
    assert!(
        !liar.events.contains(&LinkEvent::StopUnknown),
        "{:?}",
        liar.events
    );
    liar.wait(50);
    assert!(liar.events.contains(&LinkEvent::StopUnknown));
    let mut honest = Liar::asked(0);
    honest.says(&state(false));
    honest.wait(2_000);
    assert!(!honest.events.contains(&LinkEvent::StopUnknown));
}

#[test]
fn every_start_of_a_board_is_counted_with_its_cause() {
    let mut liar = Liar::asked(0);
    for boot in 2..7 {
        liar.says(&greeting(boot, 0));
        liar.wait(500);
    }
    let cause = ResetCause::Watchdog;
    let restarted = LinkEvent::Restarted { cause };
    let told = liar.events.iter().filter(|event| **event == restarted);
    assert_eq!((told.count(), liar.host.stats().restarts), (5, 5));
}

/// A firmware without a number of its own may make one up at each start.
#[test]
fn a_board_that_calls_itself_otherwise_at_each_start_is_in_a_boot_loop() {
    let mut liar = Liar::asked(0);
    for serial in 2..7 {
        let ToHost::Greeting(said) = greeting(1, 0) else {
            unreachable!("a greeting");
        };
        liar.says(&ToHost::Greeting(Greeting { serial, ..said }));
        liar.wait(500);
    }
    assert_eq!(liar.host.stats().restarts, 5);
    // Behind a cable that was pulled it may be another board.
    liar.host.opened(liar.now_us);
    liar.says(&greeting(1, 0));
    liar.wait(10);
    liar.says(&greeting(1, 0));
    assert_eq!(liar.host.stats().restarts, 5);
}

/// It counts no starts, and never runs for a second: neither its number nor a clock that
/// goes back by a second tells of them.
#[test]
fn a_board_that_starts_anew_under_the_same_number_is_in_a_boot_loop() {
    let mut liar = Liar::asked(0);
    for _ in 0..5 {
        liar.says(&state(false));
        liar.answers();
        liar.wait(400);
        liar.says(&greeting(1, 0));
        liar.wait(10);
        // The answer to the hello that this led to is no further start.
        liar.says(&greeting(1, 0));
    }
    let cause = ResetCause::Watchdog;
    let restarted = LinkEvent::Restarted { cause };
    let told = liar.events.iter().filter(|event| **event == restarted);
    assert_eq!((told.count(), liar.host.stats().restarts), (5, 5));
}

/// Its greeting is lost on the line, and its clock goes back by less than a second.
#[test]
fn a_clock_that_goes_back_by_a_moment_is_a_start() {
    let mut liar = Liar::asked(0);
    let at = |ticks| ToHost::State {
        ticks,
        emergency_stop: false,
        indicator: IndicatorLevel::Clear,
        dropped: 0,
    };
    for _ in 0..3 {
        liar.says(&at(100_000));
        liar.says(&at(350_000));
        assert!(liar.host.board().is_some());
        liar.says(&at(100_000));
        assert!(liar.host.board().is_none(), "whoever it is, it is asked");
        liar.says(&at(110_000));
        liar.wait(10);
        liar.says(&greeting(1, 0));
    }
    assert_eq!(liar.host.stats().restarts, 3);
}

/// What is said to it is lost for seconds: it greets by itself, as a board without a host.
#[test]
fn a_board_that_greets_because_it_hears_nobody_has_not_restarted() {
    let mut liar = Liar::asked(0);
    liar.says(&state(false));
    liar.answers();
    for _ in 0..2 {
        for _ in 0..5 {
            liar.wait(1_000);
            liar.says(&state(false));
        }
        liar.says(&greeting(1, 0));
        liar.answers();
    }
    assert_eq!(liar.host.stats().restarts, 0);
}

/// It swaps its sensors, or is another board by now, and says so without a greeting.
#[test]
fn a_description_that_is_another_one_is_asked_for_before_a_value_counts() {
    let describe = |index, name: &str| {
        let sensor = Sensor {
            name: name.into(),
            kind: SensorKind::Temperature,
            unit: Unit::Celsius,
            min: -40.0,
            max: 125.0,
            interval_ms: 100,
        };
        ToHost::Sensor { index, sensor }
    };
    let reading = ToHost::Reading {
        sensor: 0,
        ticks: 0,
        value: 20.0,
    };
    let values = |liar: &Liar| {
        let is_value = |event: &&LinkEvent| matches!(event, LinkEvent::Reading { .. });
        liar.events.iter().filter(is_value).count()
    };
    let mut liar = Liar::asked(1);
    for message in [&describe(0, "motor"), &state(false), &reading] {
        liar.says(message);
    }
    assert_eq!(values(&liar), 1);
    // The same again, or one of a sensor that it never had, says nothing new.
    for message in [&describe(0, "motor"), &describe(7, "more"), &reading] {
        liar.says(message);
    }
    assert_eq!(values(&liar), 2);
    for message in [&describe(0, "hull"), &reading] {
        liar.says(message);
    }
    assert_eq!(values(&liar), 2, "nobody knows of what it is");
    liar.wait(10);
    for message in [
        &greeting(1, 1),
        &describe(0, "hull"),
        &state(false),
        &reading,
    ] {
        liar.says(message);
    }
    assert_eq!(values(&liar), 3);
    let board = liar.host.board().expect("known");
    assert_eq!(board.sensors[0].name.as_str(), "hull");
    assert_eq!(liar.host.stats().restarts, 1);
}
