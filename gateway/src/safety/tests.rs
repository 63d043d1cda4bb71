//! The room as rules, bridges and take-offs reach it, without tasks.

use std::path::Path;

use alerting::{Rule, RuleText};
use readings::Metric;

use super::causes::{DroneFacts, OrderKind};
use super::*;

const AIR: DroneFacts = DroneFacts {
    flies: true,
    grounded: false,
    lands: false,
    has_link: true,
};

/// A gateway with two drones whose state directory cannot be written.
fn safety() -> Safety {
    let text = "[[drone]]\nid = \"d1\"\n[[drone]]\nid = \"d2\"\ndown = \"hover\"\n";
    let drones: config::Drones = toml::from_str(text).expect("drones");
    Safety::open(&drones, Path::new("/nowhere/at/all"))
}

fn bridge(text: &str) -> Bridge {
    let text = format!("name = \"mast\"\nselector = \"2e8a:000a\"\n{text}");
    toml::from_str(&text).expect("a bridge")
}

fn orders(safety: &Safety) -> Vec<(usize, OrderKind)> {
    let orders = safety
        .table()
        .causes
        .step(&[AIR, AIR], Mono::from_millis(1_000));
    orders
        .into_iter()
        .map(|order| (order.drone, order.what))
        .collect()
}

const LAND: OrderKind = OrderKind::Send(tello::command::Command::Land);
const STOP: OrderKind = OrderKind::Send(tello::command::Command::Stop);

#[test]
fn a_rule_that_acts_allocates_nothing_and_keeps_its_drones_down() {
    let safety = safety();
    let mut text = RuleText::new("Wind", Metric::Temperature, ">", 1.0, "critical");
    (text.action, text.drones) = (Some("land".to_owned()), vec!["d1".to_owned()]);
    let rule = Arc::new(Rule::parse(&text).expect("valid"));
    let source: Arc<str> = "board".into();
    let acts = |stands| RuleActs {
        rule: &rule,
        source: &source,
        value: 2.0,
        stands,
    };
    let measured = allocation_counter::measure(|| {
        for stands in [true, false, true] {
            safety.rule_acts(acts(stands));
        }
    });
    assert_eq!(measured.count_total, 0);
    let why = safety.why_not("d1").expect("held");
    assert_eq!(
        &*why,
        "rule \"Wind\": temperature of board is 2 °C (> 1 °C)"
    );
    assert_eq!(safety.why_not("d2"), None);
    assert_eq!(orders(&safety), [(0, LAND)]);
}

#[test]
fn an_emergency_stop_acts_and_latches_where_nothing_can_be_written() {
    let safety = safety();
    safety.bridges(&[bridge("")]);
    safety.stop_input("mast", Some(false));
    assert_eq!(safety.why_not("d1"), None);
    safety.stop_input("mast", Some(true));
    assert_eq!(orders(&safety), [(0, LAND), (1, STOP)]);
    assert!(safety.why_not("d1").is_some());
    assert_eq!(safety.reset(), Err(StopError::Engaged("mast".into())));
    safety.stop_input("mast", Some(false));
    assert_eq!(safety.reset(), Ok(vec!["mast".into()]));
    assert_eq!(safety.why_not("d1"), None);
    // Where nothing is to be sent it latches all the same.
    safety.bridges(&[bridge("on_emergency_stop = \"nothing\"")]);
    safety.stop_input("mast", Some(true));
    assert_eq!(orders(&safety), []);
    assert!(safety.why_not("d1").is_some());
}

#[test]
fn a_lost_bridge_lands_drones_only_where_that_is_asked_and_not_once_it_is_gone() {
    let safety = safety();
    let lose = |text: &str| {
        safety.bridges(&[bridge(text)]);
        safety.stop_input("mast", Some(false));
        safety.stop_input("mast", None);
    };
    lose("on_lost = \"refuse_takeoff\"");
    assert_eq!(orders(&safety), []);
    assert!(safety.why_not("d1").is_some());
    lose("on_lost = \"land\"");
    assert_eq!(orders(&safety), [(0, OrderKind::Announce), (1, STOP)]);
    safety.bridges(&[]);
    assert_eq!(orders(&safety), [(0, OrderKind::CallOff)]);
    assert_eq!(safety.why_not("d1"), None);
}
