//! Tests of the link's state machine, step by step and against its invariants.

use proptest::prelude::*;

use super::*;

const LOST_AFTER: Duration = Duration::from_secs(3);

/// Drives a link in steps of 100 ms.
struct Bench {
    link: Link,
    inputs: Inputs,
    sent: Vec<u64>,
    notices: Vec<(u64, Notice)>,
    state: LinkState,
}

impl Bench {
    fn new() -> Bench {
        let now = Mono::from_millis(100_000);
        let inputs = Inputs {
            now,
            wanted: true,
            heard: None,
            airborne: false,
            height_cm: Some(80),
            rival: false,
            last_sent: Mono::ZERO,
            port_bound: true,
            route: None,
        };
        let link = Link::new("192.168.10.1".parse().expect("an address"), LOST_AFTER);
        Bench {
            link,
            inputs,
            sent: Vec::new(),
            notices: Vec::new(),
            state: LinkState::Disconnected,
        }
    }

    fn step(&mut self) -> Step {
        let step = self.link.look(self.inputs);
        let at = self.inputs.now.as_millis() - 100_000;
        if step.send {
            self.sent.push(at);
        }
        self.notices.extend(step.notice.map(|notice| (at, notice)));
        self.state = step.state;
        self.inputs.now = self.inputs.now.plus(Duration::from_millis(100));
        step
    }

    /// Lets `seconds` pass; the drone streams if `streaming`.
    fn run(&mut self, seconds: u64, streaming: bool) {
        for _ in 0..seconds * 10 {
            if streaming {
                self.inputs.heard = Some(self.inputs.now);
            }
            self.step();
        }
    }
}

#[test]
fn attempts_back_off_and_a_silent_drone_is_reported_once() {
    let mut bench = Bench::new();
    bench.run(40, false);
    assert_eq!(
        bench.sent,
        [300, 800, 1_800, 3_800, 7_800, 15_800, 25_800, 35_800]
    );
    let silent = Notice::Silent {
        reason: Reason::NoAnswer,
        was_connected: false,
        losses: 0,
    };
    assert_eq!(bench.notices, [(5_000, silent)]);
    assert_eq!(bench.state, LinkState::Connecting);
}

#[test]
fn a_drone_that_streams_is_sent_nothing() {
    let mut bench = Bench::new();
    bench.run(60, true);
    assert_eq!(
        (bench.state, bench.sent.len(), bench.notices.len()),
        (LinkState::Connected, 0, 0)
    );
}

#[test]
fn a_drone_lost_on_the_ground_is_asked_again_and_the_notice_ends_when_it_is_back() {
    let mut bench = Bench::new();
    bench.run(2, true);
    bench.run(7, false);
    assert_eq!(bench.state, LinkState::Lost);
    let lost_at = 1_900 + 3_000;
    assert_eq!(bench.sent.first(), Some(&lost_at));
    assert_eq!(bench.notices.len(), 1);
    assert!(
        matches!(bench.notices[0], (at, Notice::Silent { was_connected: true, .. }) if at == lost_at + 2_000)
    );
    let sent = bench.sent.len();
    bench.run(2, true);
    assert_eq!(
        (bench.state, bench.sent.len()),
        (LinkState::Connected, sent)
    );
    assert_eq!(
        bench.notices.last().map(|notice| notice.1),
        Some(Notice::Over)
    );
}

#[test]
fn a_drone_silent_in_the_air_is_left_to_land_by_itself() {
    let mut bench = Bench::new();
    bench.inputs.airborne = true;
    // As high as a drone goes: 15 s, and 50 s of the slowest descent.
    bench.inputs.height_cm = Some(900);
    bench.run(2, true);
    bench.run(64, false);
    assert!(bench.sent.is_empty());
    let notice = Notice::Silent {
        reason: Reason::SilentInFlight,
        was_connected: true,
        losses: 1,
    };
    assert_eq!(bench.notices, [(4_900, notice)], "at once");
    bench.run(4, false);
    assert_eq!(bench.sent.first(), Some(&66_900));
}

#[test]
fn a_flight_of_the_run_before_is_left_to_land_and_told_as_lost() {
    let mut bench = Bench::new();
    bench.inputs.now = Mono::from_millis(1_000);
    (bench.inputs.airborne, bench.inputs.height_cm) = (true, None);
    bench.link.recall();
    let begun = |bench: &Bench| bench.inputs.now;
    while begun(&bench) < Mono::from_millis(70_000) {
        let step = bench.link.look(bench.inputs);
        assert!(!step.send, "at {:?}", bench.inputs.now);
        bench.notices.extend(step.notice.map(|notice| (0, notice)));
        bench.inputs.now = bench.inputs.now.plus(Duration::from_millis(100));
    }
    let notice = Notice::Silent {
        reason: Reason::SilentInFlight,
        was_connected: true,
        losses: 0,
    };
    assert_eq!(bench.notices, [(0, notice)]);
    // 15 s and the slowest descent from as high as a drone goes are over.
    bench.inputs.now = Mono::from_millis(70_600);
    assert!(bench.link.look(bench.inputs).send);
}

#[test]
fn a_drone_let_go_in_the_air_and_wanted_again_is_left_to_land_too() {
    let mut bench = Bench::new();
    bench.inputs.airborne = true;
    bench.run(2, true);
    bench.inputs.wanted = false;
    bench.run(4, false);
    bench.inputs.wanted = true;
    bench.inputs.last_sent = bench.inputs.now;
    bench.run(19, false);
    assert!(bench.sent.is_empty(), "15 s and 4.4 s for 80 cm");
    bench.run(2, false);
    assert_eq!(bench.sent.first(), Some(&25_500));
}

#[test]
fn a_marginal_link_is_told_of_once_and_ends_when_it_is_steady() {
    let mut bench = Bench::new();
    bench.inputs.airborne = true;
    // Ten minutes of it: four seconds of silence, two of states.
    for _ in 0..100 {
        bench.run(2, true);
        bench.run(4, false);
    }
    let told = bench.notices.len();
    assert!(told <= 3, "{:?}", bench.notices);
    assert!(matches!(
        bench.notices.last(),
        Some((_, Notice::Silent { losses: 2, .. }))
    ));
    bench.run(599, true);
    assert_eq!(bench.notices.len(), told, "not steady for long enough");
    bench.run(2, true);
    assert!(matches!(bench.notices.last(), Some((_, Notice::Over))));
    // Forgiven: the next loss is a first one again.
    bench.run(4, false);
    bench.run(1, true);
    assert!(matches!(bench.notices.last(), Some((_, Notice::Over))));
    assert_eq!(bench.notices.len(), told + 3);
}

#[test]
fn what_came_back_chooses_the_reason_and_is_forgotten_in_time() {
    let mut bench = Bench::new();
    bench.run(1, false);
    bench.link.observe(Evidence::NothingListens);
    assert_eq!(bench.step().reason, Some(Reason::NothingListens));
    bench.link.observe(Evidence::Ok);
    assert_eq!(bench.step().reason, Some(Reason::NoState));
    // It is asked again once a landing of its own must be over, which takes 70 s.
    bench.run(100, false);
    assert_eq!(bench.step().reason, Some(Reason::NoAnswer));
}

/// Each `command` begins the drone's own 15 s anew: one that is asked more often than it
/// needs to come down stays up for as long as its battery lasts.
#[test]
fn what_may_fly_is_left_to_land_after_each_attempt_as_well() {
    const LANDS_WITHIN_MS: u64 = 15_000 + 80_000 / 18;
    let apart = |sent: &[u64]| sent.windows(2).map(|pair| pair[1] - pair[0]).min();
    let mut bench = Bench::new();
    bench.inputs.airborne = true;
    bench.run(2, true);
    bench.run(120, false);
    assert!(bench.sent.len() > 3, "{:?}", bench.sent);
    assert!(
        apart(&bench.sent) >= Some(LANDS_WITHIN_MS),
        "{:?}",
        bench.sent
    );

    // Of one never heard that answers: its states go to whoever flies it.
    let mut bench = Bench::new();
    for _ in 0..2_000 {
        if bench.step().send {
            bench.link.observe(Evidence::Ok);
        }
    }
    assert!(apart(&bench.sent) >= Some(70_000), "{:?}", bench.sent);
    // One that was switched off meanwhile is looked for as ever.
    let asked = bench.sent.len();
    bench.run(90, false);
    assert!(bench.sent.len() >= asked + 6, "{:?}", bench.sent);
}

#[test]
fn without_a_state_port_nothing_is_sent_and_that_is_the_reason() {
    let mut bench = Bench::new();
    bench.inputs.port_bound = false;
    bench.run(6, false);
    assert!(bench.sent.is_empty());
    let silent = Notice::Silent {
        reason: Reason::StatePortUnavailable,
        was_connected: false,
        losses: 0,
    };
    assert_eq!(bench.notices, [(5_000, silent)]);
}

#[test]
fn an_absent_interface_is_the_cause_until_there_is_a_way_again() {
    let mut bench = Bench::new();
    bench.inputs.port_bound = false;
    bench.run(1, false);
    bench.link.observe(Evidence::NoInterface);
    bench.run(5, false);
    let silent = Notice::Silent {
        reason: Reason::NoInterface,
        was_connected: false,
        losses: 0,
    };
    assert_eq!(bench.notices, [(5_000, silent)]);
    bench.inputs.port_bound = true;
    bench.link.observe_route();
    assert_eq!(bench.step().reason, None, "nothing was sent yet");
    assert_eq!(bench.step().reason, Some(Reason::NoAnswer));
}

#[test]
fn a_drone_no_longer_wanted_is_left_alone() {
    let mut bench = Bench::new();
    bench.run(6, false);
    bench.inputs.wanted = false;
    let sent = bench.sent.len();
    bench.run(6, false);
    assert_eq!(
        (bench.state, bench.sent.len()),
        (LinkState::Disconnected, sent)
    );
    assert_eq!(
        bench.notices.last().map(|notice| notice.1),
        Some(Notice::Over)
    );
    bench.inputs.wanted = true;
    bench.step();
    assert_eq!(bench.state, LinkState::Connecting);
}

#[test]
fn states_that_go_elsewhere_are_told_from_a_link_that_is_bad() {
    let mut bench = Bench::new();
    bench.run(2, true);
    // Silent, and the first `command` is answered at once.
    while bench.sent.is_empty() {
        bench.step();
    }
    bench.link.observe(Evidence::Ok);
    bench.run(1, true);
    assert!(bench.link.take_answered_at_once() && !bench.link.take_answered_at_once());
    // Silent, and the third is.
    while bench.sent.len() < 4 {
        bench.step();
    }
    bench.link.observe(Evidence::Ok);
    bench.run(1, true);
    assert!(!bench.link.take_answered_at_once());
    // Once that is known, it is not taken back.
    bench.inputs.rival = true;
    bench.run(60, false);
    assert_eq!((bench.state, bench.sent.len()), (LinkState::Lost, 4));
}

#[test]
fn that_a_drone_was_lost_stays_true_when_it_is_disconnected() {
    let mut bench = Bench::new();
    bench.run(2, true);
    bench.run(7, false);
    bench.inputs.wanted = false;
    bench.run(60, false);
    let ends = |bench: &Bench| -> Vec<Notice> {
        bench
            .notices
            .iter()
            .map(|notice| notice.1)
            .skip(1)
            .collect()
    };
    assert_eq!(ends(&bench), vec![Notice::LetGo]);
    bench.run(1, true);
    assert_eq!(ends(&bench), vec![Notice::LetGo, Notice::Over]);
}

proptest! {
    /// Whatever happens: no command to a drone heard within `LOST_AFTER` nor in
    /// hands-off time, notices alternate, and states follow what was heard.
    #[test]
    fn invariants_hold(events in proptest::collection::vec((0u8..8, 1u64..4_000), 1..120)) {
        let mut bench = Bench::new();
        let (mut standing, mut let_go) = (false, false);
        let mut asked = Mono::ZERO;
        for (event, wait) in events {
            match event {
                0..=2 => bench.inputs.heard = Some(bench.inputs.now),
                3 => bench.inputs.airborne ^= bench.inputs.heard == Some(bench.inputs.now),
                4 => bench.inputs.wanted ^= true,
                5 => bench.inputs.port_bound ^= true,
                6 => bench.link.observe(Evidence::Ok),
                _ => {}
            }
            let inputs = bench.inputs;
            let step = bench.step();
            let silence = inputs.heard.map(|heard| inputs.now.since(heard));
            if step.send {
                prop_assert!(inputs.wanted && inputs.port_bound);
                prop_assert!(silence.is_none_or(|silence| silence >= LOST_AFTER));
                prop_assert!(!inputs.airborne || inputs.now.since(asked) >= LANDS_AFTER);
                asked = inputs.now;
            }
            let fresh = silence.is_some_and(|silence| silence < LOST_AFTER);
            prop_assert_eq!(step.state == LinkState::Connected, inputs.wanted && fresh);
            prop_assert_eq!(step.state == LinkState::Disconnected, !inputs.wanted);
            match step.notice {
                Some(Notice::Silent { .. }) => {
                    prop_assert!(!standing || let_go);
                    (standing, let_go) = (true, false);
                }
                Some(Notice::Over) => {
                    prop_assert!(standing);
                    standing = false;
                }
                Some(Notice::LetGo) => {
                    prop_assert!(standing);
                    let_go = true;
                }
                None => {}
            }
            prop_assert!(step.sleep <= LOOK_LATE);
            bench.inputs.now = bench.inputs.now.plus(Duration::from_millis(wait));
        }
    }
}

/// Alerts that begin in a day of one marginal link, and most of any hour: heard for `up_s`,
/// silent for `down_s`, over and over.
fn alerts_of_a_day(up_s: u64, down_s: u64) -> (usize, usize) {
    let mut bench = Bench::new();
    while bench.inputs.now < Mono::from_millis(100_000 + 86_400_000) {
        bench.run(up_s, true);
        bench.run(down_s, false);
        bench.sent.clear();
    }
    let mut stands = false;
    let mut an_hour = [0; 25];
    for (at, notice) in bench.notices {
        let is_silent = matches!(notice, Notice::Silent { .. });
        if is_silent && !std::mem::replace(&mut stands, is_silent) {
            an_hour[(at / 3_600_000) as usize] += 1;
        }
        stands = is_silent;
    }
    let most = an_hour.into_iter().max().unwrap_or_default();
    (an_hour.into_iter().sum(), most)
}

#[test]
fn a_marginal_link_of_a_whole_day_is_a_handful_of_alerts_an_hour() {
    for (up_s, down_s) in [
        (1, 6),
        (5, 6),
        (12, 6),
        (25, 8),
        (60, 6),
        (200, 7),
        (590, 6),
        (620, 6),
    ] {
        let (day, hour) = alerts_of_a_day(up_s, down_s);
        assert!(day >= 1, "{up_s} s up: it is told");
        // What the budget of the store counts with is ten an hour.
        assert!(
            hour <= 10 && day <= 150,
            "{up_s} s up: {day} a day, {hour} an hour"
        );
    }
}
