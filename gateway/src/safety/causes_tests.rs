//! The decision, driven by hand and by chance.

use alerting::RuleText;
use proptest::prelude::*;
use readings::Metric;

use super::*;

fn rule(name: &str, action: &str, level: &str, drones: &[&str]) -> Arc<Rule> {
    let mut text = RuleText::new(name, Metric::Temperature, ">", 1.0, level);
    text.action = Some(action.to_owned());
    text.drones = drones.iter().map(|id| (*id).to_owned()).collect();
    Arc::new(Rule::parse(&text).expect("valid"))
}

fn at(ms: u64) -> Mono {
    Mono::from_millis(ms)
}

const AIR: DroneFacts = DroneFacts {
    flies: true,
    grounded: false,
    lands: false,
    has_link: true,
};
const GROUND: DroneFacts = DroneFacts {
    flies: false,
    grounded: true,
    ..AIR
};
const LANDS: DroneFacts = DroneFacts { lands: true, ..AIR };

/// Two drones: the first is the source of rules.
struct Bench {
    causes: Box<Causes>,
    now: Mono,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            causes: Causes::new(0),
            now: at(1_000),
        }
    }

    fn rule(&mut self, rule: &Arc<Rule>, stands: bool) {
        let origin = Origin::Rule {
            rule: rule.clone(),
            source: "d0".into(),
            value: 2.0,
        };
        self.causes.rule(origin, 0b11, 0b01, stands);
    }

    fn step(&mut self, seen: [DroneFacts; 2]) -> Vec<(usize, OrderKind), 8> {
        let orders = self.causes.step(&seen, self.now);
        orders
            .into_iter()
            .map(|order| (order.drone, order.what))
            .collect()
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.plus(Duration::from_millis(ms));
    }
}

const LAND: OrderKind = OrderKind::Send(Command::Land);
const STOP: OrderKind = OrderKind::Send(Command::Stop);
const CUT: OrderKind = OrderKind::Send(Command::Emergency);

#[test]
fn a_critical_cause_acts_at_once_and_once_a_flight() {
    let mut bench = Bench::new();
    let wind = rule("Wind", "land", "critical", &["d0", "d1"]);
    bench.rule(&wind, true);
    assert_eq!(bench.step([AIR, AIR]), [(0, LAND), (1, LAND)]);
    assert_eq!(bench.step([LANDS, AIR]), []);
    // It ends and begins again in the same flight.
    bench.rule(&wind, false);
    assert_eq!(bench.step([AIR, AIR]), []);
    bench.rule(&wind, true);
    assert_eq!(bench.step([AIR, AIR]), []);
    // Another flight is another flight, also where it took off in spite of it.
    assert_eq!(bench.step([GROUND, AIR]), []);
    assert_eq!(bench.step([AIR, AIR]), [(0, LAND)]);
}

#[test]
fn a_rule_that_names_no_drones_means_its_source_and_one_that_does_any_source() {
    let mut bench = Bench::new();
    let own = rule("Own", "stop", "warning", &[]);
    bench.rule(&own, true);
    assert_eq!(bench.step([AIR, AIR]), [(0, STOP)]);
    let named = rule("Named", "land", "critical", &["d0", "d1"]);
    bench.rule(&named, true);
    bench.rule(&named, true);
    bench.rule(&named, false);
    assert_eq!(
        bench.step([AIR, GROUND]),
        [(0, LAND)],
        "one source is bad yet"
    );
    assert_eq!(bench.causes.holds(1).count(), 1);
    bench.rule(&named, false);
    assert_eq!(bench.causes.holds(1).count(), 0);
}

#[test]
fn what_is_not_critical_warns_first_and_may_be_vetoed_or_called_off() {
    let mut bench = Bench::new();
    let warm = rule("Warm", "land", "warning", &["d0"]);
    bench.rule(&warm, true);
    bench.causes.step(&[AIR], bench.now);
    assert!(bench.causes.announced(0).is_some() && bench.causes.is_busy());
    bench.pass(4_999);
    assert_eq!(bench.step([AIR, GROUND]), []);
    bench.pass(1);
    assert_eq!(bench.step([AIR, GROUND]), [(0, LAND)]);
    // In the next flight it is vetoed, and that holds for the flight.
    bench.step([GROUND, GROUND]);
    assert_eq!(bench.step([AIR, GROUND]), [(0, OrderKind::Announce)]);
    assert!(bench.causes.veto(0).is_some());
    assert!(
        bench.causes.veto(0).is_none(),
        "there is nothing more to veto"
    );
    bench.pass(60_000);
    assert_eq!(bench.step([AIR, GROUND]), []);
    // In the one after that its cause is over in time.
    bench.step([GROUND, GROUND]);
    assert_eq!(bench.step([AIR, GROUND]), [(0, OrderKind::Announce)]);
    bench.rule(&warm, false);
    bench.pass(9_000);
    assert_eq!(bench.step([AIR, GROUND]), [(0, OrderKind::CallOff)]);
    assert_eq!(bench.step([AIR, GROUND]), []);
}

#[test]
fn a_critical_cause_does_not_wait_for_what_is_announced_and_cannot_be_vetoed() {
    let mut bench = Bench::new();
    bench.rule(&rule("Warm", "land", "warning", &["d0"]), true);
    assert_eq!(bench.step([AIR, GROUND]), [(0, OrderKind::Announce)]);
    bench.rule(&rule("Fire", "land", "critical", &["d0"]), true);
    assert_eq!(bench.step([AIR, GROUND]), [(0, LAND)]);
    assert!(bench.causes.veto(0).is_none());
    bench.pass(9_000);
    assert_eq!(bench.step([LANDS, GROUND]), [], "one landing for both");
}

#[test]
fn a_stop_ends_no_landing_and_a_landing_ends_a_stop() {
    let mut bench = Bench::new();
    let near = rule("Near", "stop", "critical", &["d0"]);
    bench.rule(&near, true);
    assert_eq!(bench.step([LANDS, GROUND]), []);
    assert_eq!(bench.step([AIR, GROUND]), [], "its turn is over");
    bench.rule(&rule("Fire", "land", "critical", &["d0"]), true);
    assert_eq!(bench.step([AIR, GROUND]), [(0, LAND)]);
}

#[test]
fn an_emergency_stop_reaches_whoever_is_not_proven_to_be_on_the_ground() {
    let mut bench = Bench::new();
    let believed_down = DroneFacts {
        grounded: false,
        ..GROUND
    };
    let press = |bench: &mut Bench, wants| {
        bench
            .causes
            .press(Origin::Stop("mast".into()), wants, true, ALL);
    };
    press(&mut bench, Demand::Land);
    assert_eq!(bench.step([believed_down, GROUND]), [(0, LAND)]);
    assert_eq!(bench.step([AIR, GROUND]), [], "a bouncing one is one");
    bench.causes.end(&Origin::Stop("mast".into()));
    press(&mut bench, Demand::Emergency);
    assert_eq!(bench.step([LANDS, GROUND]), [(0, CUT)], "pressed again");
    let unheard = DroneFacts {
        has_link: false,
        ..believed_down
    };
    press(&mut bench, Demand::Land);
    assert_eq!(bench.step([unheard, GROUND]), []);
}

#[test]
fn an_order_that_was_not_taken_is_given_again() {
    let mut bench = Bench::new();
    bench.rule(&rule("Fire", "land", "critical", &["d0"]), true);
    let orders = bench.causes.step(&[AIR], bench.now);
    bench.causes.failed(0, &orders[0].origin);
    assert_eq!(bench.step([AIR, GROUND]), [(0, LAND)]);
}

#[test]
fn over_water_a_drone_hovers_where_others_land() {
    let mut bench = Bench::new();
    bench.causes = Causes::new(0b01);
    bench.rule(&rule("Warm", "land", "warning", &["d0", "d1"]), true);
    assert_eq!(
        bench.step([AIR, AIR]),
        [(0, STOP), (1, OrderKind::Announce)]
    );
    assert_eq!(bench.step([AIR, AIR]), []);
}

#[test]
fn a_limit_stands_for_each_drone_by_itself() {
    let mut bench = Bench::new();
    bench.causes.limit(LimitKind::Height, 1, true);
    assert_eq!(bench.step([AIR, AIR]), [(1, OrderKind::Announce)]);
    assert_eq!(bench.causes.holds(1).count(), 0, "a limit is of the flight");
    bench.causes.limit(LimitKind::Height, 1, false);
    assert_eq!(bench.step([AIR, AIR]), [(1, OrderKind::CallOff)]);
}

#[test]
fn what_only_refuses_take_off_sends_nothing() {
    let mut bench = Bench::new();
    bench.rule(&rule("Wind", "refuse_takeoff", "critical", &["d1"]), true);
    assert_eq!(bench.step([AIR, AIR]), []);
    assert_eq!(
        (bench.causes.holds(0).count(), bench.causes.holds(1).count()),
        (1, 1)
    );
}

#[derive(Clone, Debug)]
enum Event {
    Rule(usize, bool),
    Press(bool),
    See(u8),
    Veto,
    Pass(u64),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    /// Whatever happens: no order to a drone on the ground; a drone in the air for which
    /// a critical cause newly stands is told in the same step; nothing is sent twice for
    /// one cause in one flight; a landing that is not critical was announced before.
    #[test]
    fn invariants_hold(events in prop::collection::vec(prop_oneof![
        3 => (0usize..4, any::<bool>()).prop_map(|(n, on)| Event::Rule(n, on)),
        1 => any::<bool>().prop_map(Event::Press),
        2 => (0u8..3).prop_map(Event::See),
        1 => Just(Event::Veto),
        3 => (0u64..4_000).prop_map(Event::Pass),
    ], 1..120)) {
        let rules = [
            rule("Fire", "land", "critical", &["d0"]),
            rule("Warm", "land", "warning", &["d0"]),
            rule("Near", "stop", "warning", &["d0"]),
            rule("Wind", "refuse_takeoff", "warning", &["d0"]),
        ];
        let mut bench = Bench::new();
        let mut standing = [false; 4];
        let mut seen = GROUND;
        let mut fire_is_done = false;
        let mut announced = false;
        for event in events {
            match event {
                Event::Rule(n, on) if standing[n] != on => {
                    standing[n] = on;
                    bench.rule(&rules[n], on);
                }
                Event::Rule(..) => {}
                Event::Press(true) => {
                    bench.causes.press(Origin::Stop("mast".into()), Demand::Land, true, ALL);
                }
                Event::Press(false) => bench.causes.end(&Origin::Stop("mast".into())),
                Event::See(0) => seen = GROUND,
                Event::See(1) => seen = AIR,
                Event::See(_) => seen = if seen.flies { LANDS } else { seen },
                Event::Veto => announced &= bench.causes.veto(0).is_none(),
                Event::Pass(ms) => bench.pass(ms),
            }
            let orders = bench.causes.step(&[seen], bench.now);
            fire_is_done &= !seen.grounded;
            prop_assert!(orders.len() <= 1);
            let order = orders.first().map(|order| order.what);
            if seen.grounded {
                prop_assert!(matches!(order, None | Some(OrderKind::CallOff)));
            }
            if standing[0] && seen.flies && !fire_is_done {
                prop_assert_eq!(order, Some(LAND));
            }
            match order {
                Some(LAND) => {
                    let critical = matches!(&orders[0].origin, Origin::Stop(_))
                        || matches!(&orders[0].origin, Origin::Rule { rule, .. } if &*rule.name == "Fire");
                    prop_assert!(critical || announced || seen.lands);
                    announced = false;
                }
                Some(OrderKind::Announce) => announced = true,
                Some(OrderKind::CallOff) => announced = false,
                Some(STOP) => prop_assert!(!seen.lands),
                _ => {}
            }
            fire_is_done |= standing[0] && seen.flies;
        }
    }
}
