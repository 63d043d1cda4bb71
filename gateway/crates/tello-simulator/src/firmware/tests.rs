//! Tests of the simulated firmware: what it answers, when, and that nothing it
//! is sent can break it.

use proptest::prelude::*;
use tello::state::{State, parse};

use super::*;

/// A drone and its one client, in steps of 50 ms.
struct Bench {
    drone: Firmware,
    begun: Instant,
    now: Instant,
    replies: std::vec::Vec<(Duration, String)>,
    states: std::vec::Vec<State>,
}

const CLIENT: &str = "127.0.0.1:40000";

impl Bench {
    fn new(options: Options) -> Bench {
        let now = Instant::now();
        Bench {
            drone: Firmware::new(options, now),
            begun: now,
            now,
            replies: vec![],
            states: vec![],
        }
    }

    /// In SDK mode already.
    fn ready(options: Options) -> Bench {
        let mut bench = Bench::new(options);
        assert_eq!(bench.say("command").as_deref(), Some("ok"));
        bench
    }

    fn flying() -> Bench {
        let mut bench = Bench::ready(Options::default());
        assert_eq!(
            bench.say("takeoff"),
            None,
            "the reply comes after the manoeuvre"
        );
        bench.run(6_000);
        assert_eq!(bench.last_reply(), "ok");
        bench
    }

    /// Sends `text`; the reply given at once.
    fn say(&mut self, text: &str) -> Option<String> {
        let mut out = Outbox::new();
        let from = CLIENT.parse().expect("an address");
        self.drone
            .receive(from, text.as_bytes(), self.now, &mut out);
        let before = self.replies.len();
        self.collect(out);
        self.replies.get(before).map(|(_, reply)| reply.clone())
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms / 50 {
            self.now += Duration::from_millis(50);
            let mut out = Outbox::new();
            self.drone.advance(self.now, &mut out);
            self.collect(out);
        }
    }

    fn collect(&mut self, out: Outbox) {
        for outgoing in out {
            if outgoing.to.port() == 40_000 {
                let text = String::from_utf8_lossy(&outgoing.bytes).into_owned();
                self.replies.push((self.now - self.begun, text));
            } else {
                let parsed = parse(&outgoing.bytes);
                assert!(parsed.faults.is_empty());
                self.states.push(parsed.state);
            }
        }
    }

    fn last_reply(&self) -> &str {
        &self.replies.last().expect("a reply").1
    }

    fn height(&self) -> i32 {
        self.states
            .last()
            .and_then(|state| state.height_cm)
            .expect("a state")
    }
}

#[test]
fn the_camera_streams_to_the_client_from_streamon_to_streamoff() {
    let mut bench = Bench::ready(Options {
        video_port: 11_112,
        ..Options::default()
    });
    let now = bench.now;
    assert_eq!(bench.drone.film(now), None);
    assert_eq!(bench.say("streamon").as_deref(), Some("ok"));
    let (to, frame) = bench.drone.film(now).expect("a frame at once");
    assert_eq!(
        (to.ip().to_string().as_str(), to.port()),
        ("127.0.0.1", 11_112)
    );
    assert_eq!(frame, crate::clip::frame(0));
    assert!(
        bench.drone.wake_at() <= now + Duration::from_millis(34),
        "it wakes for the next"
    );
    assert_eq!(
        bench.say("streamon").as_deref(),
        Some("ok"),
        "again is no error, and begins nothing anew"
    );
    assert_eq!(bench.drone.film(now), None);
    bench.now = now + Duration::from_millis(40);
    assert!(bench.drone.film(bench.now).is_some());
    assert_eq!(bench.say("streamoff").as_deref(), Some("ok"));
    bench.now = now + Duration::from_millis(400);
    assert_eq!(bench.drone.film(bench.now), None);
    // A restart forgets it.
    bench.say("streamon");
    bench.drone.reboot(bench.now);
    bench.now += Duration::from_secs(60);
    assert_eq!(bench.drone.film(bench.now), None);
}

#[test]
fn it_is_deaf_before_command_and_streams_at_10_hz_after() {
    let mut bench = Bench::new(Options::default());
    assert_eq!(bench.say("battery?"), None);
    bench.run(1_000);
    assert!(bench.states.is_empty());
    assert_eq!(bench.say("command").as_deref(), Some("ok"));
    bench.run(10_000);
    assert!(
        (99..=101).contains(&bench.states.len()),
        "{}",
        bench.states.len()
    );
}

#[test]
fn a_flight_is_answered_after_each_manoeuvre() {
    let mut bench = Bench::flying();
    assert_eq!(bench.height(), 80);
    assert_eq!(bench.say("up 50"), None);
    assert_eq!(
        bench.say("cw 90").as_deref(),
        Some("error Not joystick"),
        "nothing is queued"
    );
    assert_eq!(
        bench.say("battery?").as_deref(),
        Some("99\r\n"),
        "reads are answered while busy"
    );
    bench.run(3_000);
    assert_eq!((bench.last_reply(), bench.height()), ("ok", 130));
    assert_eq!(bench.say("takeoff").as_deref(), Some("error"));
    assert_eq!(bench.say("land"), None);
    bench.run(6_000);
    assert_eq!((bench.last_reply(), bench.height()), ("ok", 0));
    assert_eq!(bench.say("forward 50").as_deref(), Some("error Motor stop"));
}

#[test]
fn what_was_obeyed_is_told_from_what_was_refused() {
    let mut bench = Bench::ready(Options {
        sdk: Sdk::V2_0,
        ..Options::default()
    });
    for (text, moved) in [
        ("land", false),
        ("takeoff", true),
        ("takeoff", false),
        ("forward 50", false),
        ("battery?", false),
        ("stop", true),
        ("forward 50", true),
        ("emergency", true),
    ] {
        bench.say(text);
        assert_eq!(bench.drone.moved(), moved, "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_apart() {
    let mut bench = Bench::ready(Options::default());
    assert_eq!(
        bench.say("dance").as_deref(),
        Some("unknown command: dance")
    );
    assert_eq!(bench.say("up 10").as_deref(), Some("out of range"));
    assert_eq!(bench.say("up").as_deref(), Some("error"));
    assert_eq!(
        bench.say("sdk?").as_deref(),
        Some("unknown command: sdk?"),
        "1.3 does not know it"
    );
    assert_eq!(
        bench.say(&"x".repeat(500)).as_deref(),
        Some("unknown command")
    );
    assert_eq!(bench.say("rc 0 0 0 0"), None);
    let mut new = Bench::new(Options {
        sdk: Sdk::V3_0,
        activated: false,
        ..Options::default()
    });
    assert_eq!(new.say("command").as_deref(), Some("unactive"));
    let mut empty = Bench::ready(Options {
        battery_pct: 5.0,
        ..Options::default()
    });
    assert_eq!(empty.say("takeoff").as_deref(), Some("error"));
}

#[test]
fn queries_are_answered_in_the_units_of_the_manual() {
    let mut bench = Bench::ready(Options {
        sdk: Sdk::V3_0,
        battery_pct: 87.0,
        temperature_c: 66.0,
        ..Options::default()
    });
    for (query, reply) in [
        ("battery?", "87\r\n"),
        ("speed?", "50.0\r\n"),
        ("time?", "0s\r\n"),
        ("height?", "0dm\r\n"),
        ("temp?", "64~66C\r\n"),
        ("tof?", "100mm\r\n"),
        ("sdk?", "30"),
    ] {
        assert_eq!(bench.say(query).as_deref(), Some(reply), "{query}");
    }
}

#[test]
fn left_alone_it_lands_and_a_command_cancels_that() {
    let mut bench = Bench::flying();
    bench.run(13_000);
    assert_eq!(bench.height(), 80);
    bench.run(2_000);
    let sinking = bench.height();
    assert!(sinking < 80);
    assert_eq!(
        bench.say("battery?").map(|reply| reply.ends_with("\r\n")),
        Some(true)
    );
    bench.run(3_000);
    assert!(bench.height() > 0, "cancelled");
    bench.run(20_000);
    assert_eq!(bench.height(), 0, "landed by itself");
    assert!(!bench.drone.body.motors);
}

#[test]
fn stop_and_emergency_overtake_a_manoeuvre() {
    let mut bench = Bench {
        drone: Bench::ready(Options {
            sdk: Sdk::V2_0,
            ..Options::default()
        })
        .drone,
        ..Bench::flying()
    };
    bench.drone.now = bench.now;
    bench.say("takeoff");
    bench.run(6_000);
    bench.say("forward 500");
    bench.run(1_000);
    assert_eq!(bench.say("stop").as_deref(), Some("forced stop"));
    assert_eq!(bench.say("stop").as_deref(), Some("ok"));
    bench.say("forward 500");
    bench.run(1_000);
    assert_eq!(bench.say("emergency"), None);
    let replies = bench.replies.len();
    bench.run(20_000);
    assert_eq!((bench.replies.len(), bench.height()), (replies, 0));
}

#[test]
fn a_restart_forgets_the_client_and_begins_motor_time_anew() {
    let mut bench = Bench::flying();
    let battery = bench.drone.body.battery_pct;
    bench.drone.reboot(bench.now);
    let states = bench.states.len();
    assert_eq!(bench.say("command"), None, "booting");
    bench.run(9_000);
    assert_eq!(bench.states.len(), states);
    assert_eq!(bench.say("command").as_deref(), Some("ok"));
    bench.run(500);
    let state = bench.states.last().expect("streams");
    assert_eq!((state.motor_time_s, state.height_cm), (Some(0), Some(0)));
    assert!(bench.drone.body.battery_pct <= battery);
}

#[test]
fn an_empty_drone_lands_whatever_it_is_told() {
    let mut bench = Bench::flying();
    bench.drone.body.battery_pct = 2.5;
    bench.run(500);
    assert_eq!(bench.say("up 100").as_deref(), Some("error Auto land"));
    bench.run(6_000);
    assert_eq!(bench.height(), 0);
}

proptest! {
    /// Whatever it is sent, whenever: no panic, the battery only falls, the
    /// floor holds, and every state is one the parser takes without a fault.
    #[test]
    fn it_survives_anything(
        events in proptest::collection::vec((0usize..16, "[ -~]{0,20}", 0u64..20_000), 1..60)
    ) {
        const TEXTS: [&str; 14] = ["command", "takeoff", "land", "up 100", "down 300", "cw 270", "flip f",
            "go 10 20 -500 50", "stop", "emergency", "rc 0 100 -100 50", "battery?", "temp?", "reboot"];
        let mut bench = Bench::new(Options { sdk: Sdk::V3_0, ..Options::default() });
        let mut battery = 100.0;
        for (event, noise, wait) in events {
            bench.say(TEXTS.get(event).copied().unwrap_or(&noise));
            bench.run(wait.min(5_000));
            bench.now += Duration::from_millis(wait);
            prop_assert!(bench.drone.body.battery_pct <= battery);
            battery = bench.drone.body.battery_pct;
            prop_assert!(bench.drone.body.position_m[2] >= 0.0);
            prop_assert!(bench.drone.wake_at() >= bench.drone.now);
        }
    }
}

#[test]
fn a_tt_idles_its_motors_on_the_ground_and_answers_by_its_own_controller() {
    let mut bench = Bench::ready(Options {
        sdk: Sdk::V3_0,
        ..Options::default()
    });
    assert_eq!(bench.say("motoron").as_deref(), Some("ok"));
    bench.run(3_500);
    let state = bench.states.last().expect("a state");
    assert_eq!((state.motor_time_s, state.height_cm), (Some(3), Some(0)));
    assert_eq!(bench.say("motoroff").as_deref(), Some("ok"));
    bench.run(1_000);
    assert!(!bench.drone.body.idles);
    for (text, reply) in [
        ("EXT led 0 255 0", "led ok"),
        ("EXT led 0", "led error"),
        ("EXT mled s r A", "matrix ok"),
        ("EXT tof?", "tof 8192"),
        ("EXT dance", "unknown command: dance"),
    ] {
        assert_eq!(bench.say(text).as_deref(), Some(reply), "{text}");
    }
    bench.say("takeoff");
    bench.run(6_000);
    assert_eq!(bench.say("motoroff").as_deref(), Some("error"));
    let mut older = Bench::ready(Options::default());
    assert_eq!(
        older.say("EXT tof?").as_deref(),
        Some("unknown command: EXT tof?")
    );
}

#[test]
fn a_curve_over_a_pad_is_flown_in_the_pad_s_coordinates() {
    let mut bench = Bench::ready(Options {
        sdk: Sdk::V2_0,
        ..Options::default()
    });
    bench.say("mon");
    bench.say("takeoff");
    bench.run(6_000);
    // Half a circle from 80 cm over the pad: its top is 1 m higher, over no point of it.
    assert_eq!(bench.say("curve 100 0 180 200 0 80 60 m1"), None);
    let mut highest = 0;
    for _ in 0..200 {
        bench.run(50);
        highest = highest.max(bench.height());
    }
    assert_eq!((bench.last_reply(), bench.height()), ("ok", 80));
    assert_eq!(highest, 180);
    assert_eq!(
        bench.say("curve 100 0 180 200 0 80 60 m1").as_deref(),
        Some("error"),
        "it sees no pad any more"
    );
}

#[test]
fn it_refuses_once_what_it_is_told_to_refuse() {
    let mut bench = Bench::flying();
    bench.drone.refuse_next();
    assert_eq!(
        bench.say("battery?").as_deref(),
        Some("99\r\n"),
        "no manoeuvre"
    );
    assert_eq!(bench.say("up 50").as_deref(), Some("error"));
    assert_eq!(bench.say("up 50"), None);
    bench.run(6_000);
    bench.drone.refuse_next();
    assert_eq!(bench.say("land").as_deref(), Some("error"));
}
