//! The engine with real rules and sources, without a committer.

use super::super::defaults::default_rules;
use super::super::rule::tests::text;
use super::super::ruleset::Rulebook;
use super::*;
use crate::{Config, RuleText};
use readings::{Metric, SourceKind, Sources};

struct Bench {
    engine: Engine,
    rules: Rulebook,
    sources: Sources,
}

impl Bench {
    fn new(rules: Vec<RuleText>) -> Bench {
        let config = Config {
            rule: rules,
            ..Config::default()
        };
        let rules = Rulebook::new(&config, default_rules()).expect("valid");
        Bench {
            engine: Engine::new(rules.table().clone()),
            rules,
            sources: Sources::default(),
        }
    }

    fn observe(&self, source: &str, metric: Metric, value: f64, second: u64) -> bool {
        let id = self
            .sources
            .register(source, SourceKind::Drone)
            .expect("room");
        self.engine.observe(
            id,
            &source.into(),
            &[Reading { metric, value }],
            Mono::from_millis(second * 1000),
        )
    }

    fn raised(&self) -> Vec<(String, String)> {
        let drained = self.engine.drain();
        let raised = drained
            .into_iter()
            .filter(|change| change.cell.transition.raised);
        raised
            .map(|change| {
                (
                    self.sources.name(change.source).to_string(),
                    change.rule.name.to_string(),
                )
            })
            .collect()
    }

    fn configure(&mut self, rules: Vec<RuleText>) {
        self.rules
            .configure(&Config {
                rule: rules,
                ..Config::default()
            })
            .expect("valid");
        self.engine.replace(self.rules.table());
    }
}

fn pair(source: &str, rule: &str) -> (String, String) {
    (source.to_owned(), rule.to_owned())
}

#[test]
fn over_the_critical_line_both_rules_fire_and_each_source_for_itself() {
    let bench = Bench::new(vec![]);
    assert!(bench.observe("board", Metric::MemoryUsage, 95.0, 0));
    assert!(bench.observe("drone_001", Metric::BatteryLevel, 19.0, 0));
    assert_eq!(
        bench.engine.stats().cells_waiting,
        4,
        "with the proof that no Critical Battery of before stands"
    );
    assert_eq!(
        bench.raised(),
        [
            pair("board", "High Memory Usage"),
            pair("board", "Critical Memory Usage"),
            pair("drone_001", "Low Battery")
        ]
    );
    assert!(
        bench.observe("drone_002", Metric::BatteryLevel, 19.0, 1),
        "one drone does not mute another"
    );
    assert_eq!(bench.raised(), [pair("drone_002", "Low Battery")]);
    assert!(!bench.observe("board", Metric::MemoryUsage, 99.0, 3600));
    assert!(bench.raised().is_empty());
    assert_eq!(bench.engine.stats().cells_waiting, 0);
}

#[test]
fn an_absent_metric_a_disabled_rule_another_source_and_nan_never_fire() {
    let off = RuleText {
        name: "Off".into(),
        enabled: false,
        ..text(">=", 0.0)
    };
    let other = RuleText {
        name: "Other".into(),
        source: Some("drone_009".into()),
        ..text(">=", 0.0)
    };
    let bench = Bench::new(vec![off, other]);
    bench.observe("board", Metric::CpuUsage, 50.0, 0);
    bench.observe("board", Metric::CpuUsage, f64::NAN, 1);
    bench.engine.tick(Mono::from_millis(1_000_000));
    assert!(bench.raised().is_empty());
    assert_eq!(bench.engine.stats().not_finite, 1);
    bench.observe("drone_009", Metric::CpuUsage, 50.0, 2);
    assert_eq!(bench.raised(), [pair("drone_009", "Other")]);
}

#[test]
fn a_hold_time_ends_by_tick() {
    let bench = Bench::new(vec![]);
    assert!(!bench.observe("drone_001", Metric::DroneTemperature, 93.0, 0));
    assert!(!bench.engine.tick(Mono::from_millis(9_999)));
    assert!(bench.engine.tick(Mono::from_millis(10_000)));
    assert_eq!(bench.raised().len(), 2);
}

#[test]
fn changed_rules_keep_running_episodes_and_start_over_for_other_metrics() {
    let mine = || RuleText {
        name: "Mine".into(),
        ..text(">=", 50.0)
    };
    let mut bench = Bench::new(vec![mine()]);
    bench.observe("board", Metric::CpuUsage, 60.0, 0);
    assert_eq!(bench.raised(), [pair("board", "Mine")]);
    bench.configure(vec![RuleText {
        threshold: 55.0,
        level: "critical".into(),
        ..mine()
    }]);
    bench.observe("board", Metric::CpuUsage, 60.0, 1);
    assert!(bench.raised().is_empty(), "still the same episode");
    bench.configure(vec![RuleText {
        threshold: 70.0,
        ..mine()
    }]);
    bench.observe("board", Metric::CpuUsage, 60.0, 2);
    let ended = bench.engine.drain();
    assert!(
        ended[0].cell.transition.ended_before,
        "by the new threshold it is over"
    );
    bench.configure(vec![RuleText {
        metric: "memory_usage".into(),
        cooldown_minutes: 0,
        ..mine()
    }]);
    bench.observe("board", Metric::CpuUsage, 99.0, 3);
    bench.observe("board", Metric::MemoryUsage, 60.0, 3);
    let raised = bench.raised();
    assert!(raised.contains(&pair("board", "Mine")), "{raised:?}");
    bench.configure(vec![]);
    bench.observe("board", Metric::MemoryUsage, 60.0, 4);
    assert!(bench.raised().is_empty());
}

#[test]
fn switching_a_rule_off_and_on_is_no_way_around_the_cool_down() {
    let mine = || RuleText {
        name: "Mine".into(),
        ..text(">=", 50.0)
    };
    let mut bench = Bench::new(vec![mine()]);
    bench.observe("board", Metric::CpuUsage, 60.0, 0);
    assert_eq!(bench.raised().len(), 1);
    bench.configure(vec![RuleText {
        enabled: false,
        ..mine()
    }]);
    bench.configure(vec![mine()]);
    bench.observe("board", Metric::CpuUsage, 60.0, 1);
    assert!(bench.raised().is_empty());
    assert_eq!(bench.engine.stats().silenced, 1);
    bench.observe("board", Metric::CpuUsage, 60.0, 300);
    assert_eq!(bench.raised().len(), 1);
}

#[test]
fn no_episode_is_lost_between_two_threads() {
    const EPISODES: u64 = 20_000;
    let flap = RuleText {
        name: "Flap".into(),
        cooldown_minutes: 0,
        ..text(">=", 50.0)
    };
    let config = Config {
        rule: vec![flap],
        default_rules: false,
        ..Config::default()
    };
    let rules = Rulebook::new(&config, vec![]).expect("valid");
    let engine = Engine::new(rules.table().clone());
    let source = Sources::default()
        .register("board", SourceKind::Board)
        .expect("room");
    // Apart by so much that the budget of ends holds none of them back.
    let observe = |value, episode: u64| {
        engine.observe(
            source,
            &"board".into(),
            &[Reading {
                metric: Metric::CpuUsage,
                value,
            }],
            Mono::from_millis(episode * 300_000),
        );
    };
    let (mut raised, mut open) = (0, false);
    let mut take = || {
        for change in engine.drain() {
            let transition = change.cell.transition;
            open &= !transition.ended_before;
            assert!(!(open && transition.raised), "raised twice");
            raised += u64::from(transition.raised);
            open = if transition.raised {
                transition.stands
            } else {
                open
            };
        }
    };
    std::thread::scope(|scope| {
        let flapping = scope.spawn(|| {
            for episode in 0..EPISODES {
                observe(60.0, episode);
                observe(40.0, episode);
            }
            observe(60.0, EPISODES);
        });
        while !flapping.is_finished() {
            take();
        }
    });
    take();
    assert!(open);
    assert_eq!(raised + engine.stats().folded, EPISODES + 1);
}

#[test]
fn another_rule_in_the_place_of_one_begins_anew() {
    let rule = |name: &str| RuleText {
        name: name.into(),
        ..text(">=", 50.0)
    };
    let mut bench = Bench::new(vec![rule("First")]);
    bench.observe("board", Metric::CpuUsage, 60.0, 0);
    assert_eq!(bench.raised(), [pair("board", "First")]);
    bench.configure(vec![rule("Second")]);
    bench.observe("board", Metric::CpuUsage, 60.0, 1);
    assert_eq!(
        bench.raised(),
        [pair("board", "Second")],
        "the cool-down was the first one's"
    );
}

#[test]
fn sources_whose_hold_times_end_together_all_fire() {
    let bench = Bench::new(vec![]);
    for source in ["drone_001", "drone_002"] {
        bench.observe(source, Metric::DroneTemperature, 93.0, 0);
    }
    assert_eq!(bench.engine.stats().evaluations, 4);
    assert!(bench.engine.tick(Mono::from_millis(10_000)));
    assert_eq!(bench.raised().len(), 4);
    assert!(!bench.engine.tick(Mono::from_millis(20_000)), "once");
}

#[test]
fn a_source_that_is_forgotten_begins_anew_and_the_others_go_on() {
    let bench = Bench::new(vec![]);
    for source in ["drone_001", "drone_002"] {
        bench.observe(source, Metric::BatteryLevel, 15.0, 0);
    }
    assert_eq!(bench.raised().len(), 2);
    let id = bench.sources.find("drone_001").expect("known").id;
    bench.engine.forget(id);
    for source in ["drone_001", "drone_002"] {
        bench.observe(source, Metric::BatteryLevel, 15.0, 1);
    }
    assert_eq!(bench.raised(), [pair("drone_001", "Low Battery")]);
}

/// What was told to the actor.
#[derive(Default)]
struct Told(Mutex<Vec<(String, String, bool)>>);

impl Actor for Told {
    fn rule_acts(&self, acts: RuleActs<'_>) {
        let told = (
            acts.rule.name.to_string(),
            acts.source.to_string(),
            acts.stands,
        );
        self.0.lock().expect("whole").push(told);
    }
}

#[test]
fn a_rule_acts_whatever_holds_its_alert_back_and_ends_with_its_rule() {
    let wind = |action: Option<&str>| RuleText {
        name: "Wind".to_owned(),
        cooldown_minutes: 60,
        action: action.map(str::to_owned),
        ..text(">=", 10.0)
    };
    let mut bench = Bench::new(vec![wind(Some("land"))]);
    let told = Arc::new(Told::default());
    bench.engine.set_actor(told.clone());
    let news = || std::mem::take(&mut *told.0.lock().expect("whole"));
    let at = |stands| vec![("Wind".to_owned(), "drone_001".to_owned(), stands)];
    let observe = |bench: &Bench, value, second| {
        bench.observe("drone_001", Metric::CpuUsage, value, second);
    };
    observe(&bench, 11.0, 0);
    assert!(news().is_empty(), "one sample is none");
    observe(&bench, 11.0, 1);
    assert_eq!(news(), at(true));
    observe(&bench, 5.0, 2);
    assert_eq!(news(), at(false));
    // The alert is in its cool-down; the action is not.
    observe(&bench, 11.0, 3);
    observe(&bench, 11.0, 4);
    assert_eq!(news(), at(true));
    // Another action of the same rule is another one, and a disabled rule is none.
    bench.configure(vec![wind(Some("stop"))]);
    assert_eq!(news(), at(false));
    observe(&bench, 11.0, 5);
    observe(&bench, 11.0, 6);
    assert_eq!(news(), at(true));
    bench.configure(vec![RuleText {
        enabled: false,
        ..wind(Some("stop"))
    }]);
    assert_eq!(news(), at(false));
    bench.configure(vec![wind(Some("stop"))]);
    observe(&bench, 11.0, 7);
    observe(&bench, 11.0, 8);
    assert_eq!(news(), at(true));
    let source = bench.sources.find("drone_001").expect("there").id;
    bench.engine.forget(source);
    assert_eq!(news(), at(false));
}

#[test]
fn what_a_rule_does_goes_on_when_other_rules_change() {
    let acting = |name: &str, threshold: f64| RuleText {
        name: name.to_owned(),
        action: Some("land".to_owned()),
        ..text(">=", threshold)
    };
    let before = || {
        vec![
            acting("Gale", 20.0),
            acting("Wind", 10.0),
            acting("Storm", 40.0),
        ]
    };
    let mut bench = Bench::new(before());
    let told = Arc::new(Told::default());
    bench.engine.set_actor(told.clone());
    let news = || std::mem::take(&mut *told.0.lock().expect("whole"));
    for second in 0..2 {
        bench.observe("d1", Metric::CpuUsage, 11.0, second);
    }
    let wind = |stands| vec![("Wind".to_owned(), "d1".to_owned(), stands)];
    assert_eq!(news(), wind(true));
    bench.configure([before(), vec![acting("Squall", 30.0)]].concat());
    for second in 2..5 {
        bench.observe("d1", Metric::CpuUsage, 11.0, second);
    }
    assert!(news().is_empty(), "it stands as before");
    bench.observe("d1", Metric::CpuUsage, 5.0, 5);
    assert_eq!(news(), wind(false));
}
