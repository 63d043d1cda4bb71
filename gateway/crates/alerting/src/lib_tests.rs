//! The service as other rooms use it, on a medium in memory.

use std::sync::{Mutex, PoisonError};

use readings::virtual_time::{self, VirtualTime};
use readings::{Metric, SourceKind};

use super::conditions::tests::silent;
use super::rule::tests::text;
use super::*;

/// Takes every commit, and keeps what it took.
#[derive(Clone, Default)]
struct Medium {
    kept: Kept,
    changes: Arc<Mutex<Vec<Change>>>,
}

impl Medium {
    fn take(&self) -> Vec<Change> {
        std::mem::take(&mut self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Journal for Medium {
    fn kept(&self) -> Kept {
        self.kept.clone()
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), JournalError> {
        self.defer(changes);
        Ok(())
    }

    fn defer(&self, changes: Vec<Change>) {
        let mut kept = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(changes);
    }
}

struct Bench {
    alerts: Alerts,
    sources: Arc<Sources>,
    medium: Medium,
    events: broadcast::Receiver<AlertEvent>,
}

impl Bench {
    fn new() -> Bench {
        Bench::on(Medium::default(), &Config::default())
    }

    fn on(medium: Medium, config: &Config) -> Bench {
        let sources = Arc::new(Sources::default());
        let alerts = Alerts::start(config, sources.clone(), medium.clone()).expect("valid");
        Bench {
            events: alerts.subscribe(),
            alerts,
            sources,
            medium,
        }
    }

    fn source(&self, name: &str) -> SourceId {
        let source = self.sources.register(name, SourceKind::Drone);
        source.expect("room")
    }

    fn observe(&self, name: &str, metric: Metric, value: f64, second: u64) {
        let readings = [Reading { metric, value }];
        self.alerts
            .observe(self.source(name), &readings, at(second));
    }

    /// The next alert that somebody is told of.
    async fn next(&mut self) -> (Arc<Alert>, Option<AlertChange>) {
        self.settle().await;
        match self.events.try_recv().expect("told") {
            AlertEvent::Raised(alert) => (alert, Some(AlertChange::Raised)),
            AlertEvent::Changed(alert, change) => (alert, change),
        }
    }

    async fn raised(&mut self) -> Arc<Alert> {
        let (alert, change) = self.next().await;
        assert_eq!(change, Some(AlertChange::Raised), "{alert:?}");
        alert
    }

    async fn resolved(&mut self) -> Arc<Alert> {
        let (alert, change) = self.next().await;
        assert_eq!(change, Some(AlertChange::Resolved), "{alert:?}");
        alert
    }

    /// Lets the committer, the only other task of this thread, do all that it was woken for.
    async fn settle(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}

fn at(second: u64) -> Mono {
    Mono::from_millis(second * 1000)
}

fn all() -> Filter {
    Filter::default()
}

#[tokio::test]
async fn what_is_bad_is_told_shown_and_counted_until_it_is_over() {
    let mut bench = Bench::new();
    let before = bench.alerts.version();
    assert_eq!(bench.alerts.worst_unresolved(), None);
    bench.observe("d1", Metric::BatteryLevel, 9.0, 0);
    bench.observe("d1", Metric::BatteryLevel, f64::NAN, 0);
    let (low, critical) = (bench.raised().await, bench.raised().await);
    assert_eq!(&*low.title, "Low Battery");
    assert_eq!(bench.alerts.find(&low.id), Some(low.clone()));
    assert_eq!(bench.alerts.find("alert_1"), None);
    assert_eq!(bench.alerts.list(&all()), [critical.clone(), low.clone()]);
    let summary = bench.alerts.summary();
    assert_eq!((summary.total, summary.critical_24h), (2, 1));
    assert_eq!(bench.alerts.worst_unresolved(), Some(Level::Critical));
    assert_ne!(bench.alerts.version(), before);
    let stats = bench.alerts.stats();
    assert_eq!((stats.evaluations, stats.not_finite), (2, 1));
    assert_eq!((stats.raised, stats.commands_waiting), (2, 0));
    assert_eq!(stats.not_durable, 0);

    let known = bench.alerts.acknowledge(&low.id, "Admin Key").await;
    assert_eq!(
        known.expect("there").acknowledged.as_ref().map(|a| &*a.1),
        Some("Admin Key")
    );
    assert_eq!(bench.next().await.1, Some(AlertChange::Acknowledged));
    bench.observe("d1", Metric::BatteryLevel, 80.0, 1);
    assert_eq!(bench.resolved().await.id, low.id);
    assert_eq!(bench.resolved().await.id, critical.id);
    assert_eq!(bench.alerts.worst_unresolved(), None);
    assert_eq!(bench.alerts.summary().unresolved, 0);
}

#[tokio::test]
async fn a_condition_stands_until_it_is_cleared_or_left() {
    let mut bench = Bench::new();
    let details = Some("last heard over wlan1".to_owned());
    bench.alerts.raise(Condition {
        details: details.clone(),
        ..silent("d1")
    });
    let first = bench.raised().await;
    assert_eq!(first.message, silent("d1").message);
    assert_eq!(first.details, details);
    bench.alerts.clear("drone_silent", "d1");
    assert_eq!(bench.resolved().await.id, first.id);
    assert_eq!(bench.alerts.stats().conditions, 0);

    for subject in ["d2", "d3"] {
        bench.alerts.raise(silent(subject));
        let alert = bench.raised().await;
        if subject == "d3" {
            bench.alerts.leave("drone_silent", subject);
        }
        let resolved = bench.alerts.resolve(&alert.id, "Admin Key").await;
        assert!(resolved.expect("there").resolved.is_some());
        bench.resolved().await;
    }
    assert_eq!(bench.alerts.stats().conditions, 1, "d3 does not come back");
}

#[tokio::test]
async fn time_that_passes_ends_hold_times_and_keeping() {
    let world = |now_ms| {
        let began_ms = 0;
        virtual_time::set(Some(VirtualTime { now_ms, began_ms }));
    };
    world(0);
    let mut bench = Bench::new();
    bench.observe("d1", Metric::DroneTemperature, 90.0, 0);
    bench.alerts.tick(at(9));
    bench.settle().await;
    assert!(bench.alerts.list(&all()).is_empty());
    bench.alerts.tick(at(10));
    bench.raised().await;

    let week_s = 7 * 24 * 3600;
    world((week_s + 11) * 1000);
    bench.settle().await;
    assert_eq!(bench.alerts.list(&all()).len(), 1, "nobody has looked");
    bench.alerts.tick(at(week_s + 11));
    bench.settle().await;
    assert!(bench.alerts.list(&all()).is_empty());
    assert_eq!(bench.alerts.stats().dropped_old, 1);
    virtual_time::set(None);
}

#[tokio::test]
async fn a_condition_that_is_not_raised_again_after_a_restart_ends_with_time() {
    let mut before = Bench::new();
    before.alerts.raise(Condition {
        key: "state_port_unavailable",
        ..silent("board")
    });
    let kept = Alert::clone(&*before.raised().await);
    let medium = Medium {
        kept: Kept {
            highest_seq: kept.seq,
            alerts: vec![kept],
            ..Kept::default()
        },
        ..Medium::default()
    };
    let mut after = Bench::on(medium, &Config::default());
    after
        .alerts
        .tick(Mono::now().plus(Duration::from_secs(301)));
    after.resolved().await;
}

#[tokio::test]
async fn a_book_that_was_made_smaller_is_trimmed_at_the_start() {
    let kept = |number| book::tests::alert(number, 0);
    let medium = Medium {
        kept: Kept {
            highest_seq: 2,
            alerts: vec![kept(1), kept(2)],
            ..Kept::default()
        },
        ..Medium::default()
    };
    let config = Config {
        max_alerts: 1,
        ..Config::default()
    };
    let bench = Bench::on(medium, &config);
    assert_eq!(bench.alerts.list(&all()).len(), 1);
    assert_eq!(bench.medium.take(), [Change::DeleteAlert(1)]);
}

#[tokio::test]
async fn a_place_that_is_taken_over_begins_anew() {
    let mut bench = Bench::new();
    bench.observe("d1", Metric::BatteryLevel, 15.0, 0);
    let alert = bench.raised().await;
    bench.alerts.resolve_soon(&alert.id, "d2");
    let resolved = bench.resolved().await;
    assert_eq!(resolved.resolved.as_ref().map(|r| &*r.1), Some("d2"));
    bench.observe("d1", Metric::BatteryLevel, 15.0, 1);
    assert_eq!(bench.alerts.stats().suppressed, 1, "in its cool-down");
    bench.alerts.forget(bench.source("d1"));
    bench.observe("d1", Metric::BatteryLevel, 15.0, 2);
    bench.raised().await;
}

#[tokio::test]
async fn channels_are_reminded_and_stamps_move_with_the_clock() {
    let mut bench = Bench::new();
    bench.observe("d1", Metric::BatteryLevel, 15.0, 0);
    let alert = bench.raised().await;
    bench.medium.take();
    bench.alerts.remind(&alert.id);
    bench.settle().await;
    let again = Change::PutAlert(Box::new((*alert).clone()), Some(AlertChange::Raised));
    assert_eq!(bench.medium.take(), [again]);
    let hour = SignedDuration::from_hours(1);
    bench.alerts.restamp(hour);
    let (moved, change) = bench.next().await;
    assert_eq!((moved.created, change), (alert.created + hour, None));
}

#[tokio::test]
async fn what_nobody_waits_for_is_counted_where_too_much_waits() {
    // The committer does not run before the test lets it.
    let bench = Bench::new();
    for _ in 0..task::COMMANDS_WAITING {
        bench.alerts.remind(&"alert_1".into());
    }
    assert_eq!(
        bench.alerts.stats().commands_waiting,
        task::COMMANDS_WAITING
    );
    assert_eq!(bench.alerts.stats().commands_refused, 0);
    bench.alerts.remind(&"alert_1".into());
    bench.alerts.resolve_soon("alert_1", "d1");
    bench.alerts.restamp(SignedDuration::ZERO);
    assert_eq!(bench.alerts.stats().commands_refused, 3);
    bench.settle().await;
    assert_eq!(bench.alerts.stats().commands_waiting, 0);
}

/// What was told to the actor.
#[derive(Default)]
struct Told(Mutex<Vec<bool>>);

impl Actor for Told {
    fn rule_acts(&self, acts: RuleActs<'_>) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(acts.stands);
    }
}

#[tokio::test]
async fn rules_are_made_explained_acted_for_and_deleted() {
    let mut bench = Bench::new();
    let told = Arc::new(Told::default());
    bench.alerts.rules_complete();
    bench.alerts.set_actor(told.clone());
    let explain = |source: &str, _, value| {
        Some(OfSensor {
            name: "probe".into(),
            words: Some(format!("the probe of {source} at {value}")),
        })
    };
    bench.alerts.explain_by(Box::new(explain));
    let mut hot = text(">=", 50.0);
    hot.action = Some("land".to_owned());
    let rule = Rule::parse(&hot).expect("valid");
    let view = bench.alerts.put_rule(rule.clone()).await.expect("room");
    assert_eq!((&*view.rule, view.origin), (&rule, "api"));
    let names = |alerts: &Alerts| -> Vec<String> {
        let rules = alerts.rules();
        rules
            .iter()
            .map(|view| view.rule.name.to_string())
            .collect()
    };
    assert_eq!(
        names(&bench.alerts).last().map(String::as_str),
        Some("Test")
    );
    for second in 0..2 {
        bench.observe("d1", Metric::CpuUsage, 60.0, second);
    }
    let alert = bench.raised().await;
    let words = &alert.message;
    assert!(words.ends_with(", by the probe of d1 at 60"), "{words}");
    assert_eq!(alert.sensors, [Arc::from("probe")]);
    assert_eq!(*told.0.lock().expect("whole"), [true]);
    bench.alerts.delete_rule("Test").await.expect("there");
    assert_eq!(names(&bench.alerts).len(), 12);
    assert_eq!(bench.resolved().await.id, alert.id);
    assert_eq!(*told.0.lock().expect("whole"), [true, false]);
}

#[tokio::test]
async fn a_reloaded_configuration_holds_at_once_and_a_wrong_one_not_at_all() {
    let mut bench = Bench::new();
    for drone in ["d1", "d2"] {
        bench.observe(drone, Metric::BatteryLevel, 15.0, 0);
        bench.raised().await;
    }
    let config = |rules: Vec<RuleText>| Config {
        max_alerts: 1,
        rule: rules,
        ..Config::default()
    };
    let wrong = RuleText {
        metric: "cpu".to_owned(),
        ..text(">", 1.0)
    };
    assert!(bench.alerts.reload(&config(vec![wrong])).is_err());
    bench.settle().await;
    assert_eq!(bench.alerts.list(&all()).len(), 2);
    let right = config(vec![text(">", 1.0)]);
    bench.alerts.reload(&right).expect("valid");
    bench.settle().await;
    assert_eq!(bench.alerts.list(&all()).len(), 1);
    assert_eq!(bench.alerts.stats().dropped_full, 1);
    assert_eq!(bench.alerts.rules().len(), 13);
}

#[tokio::test]
async fn an_alert_has_lost_its_rule_when_every_room_has_added_its_own() {
    let mut before = Bench::new();
    let room = RuleText::new("Room", Metric::CpuUsage, ">=", 50.0, "warning");
    let added = before
        .alerts
        .set_defaults("room", std::slice::from_ref(&room));
    added.expect("valid");
    assert_eq!(before.alerts.rules().len(), 13);
    before.observe("board", Metric::CpuUsage, 60.0, 0);
    let kept = Alert::clone(&*before.raised().await);
    let stored = |name: &str| {
        let mut rule = text(">", 1.0);
        rule.name = name.to_owned();
        let rule = Rule::parse(&rule).expect("valid");
        StoredRule {
            rule,
            deleted: false,
        }
    };
    let medium = Medium {
        kept: Kept {
            highest_seq: kept.seq,
            alerts: vec![kept.clone()],
            rules: vec![stored("Mine")],
            rules_ignored: vec!["of a newer gateway".to_owned()],
            ..Kept::default()
        },
        ..Medium::default()
    };
    let mut after = Bench::on(medium, &Config::default());
    assert_eq!(after.alerts.stats().rules_ignored, 1);
    let rules = after.alerts.rules();
    assert!(rules.iter().any(|view| &*view.rule.name == "Mine"));
    after.settle().await;
    assert!(after.alerts.list(&all())[0].is_open(), "it may be to come");
    after.alerts.rules_complete();
    assert_eq!(after.resolved().await.seq, kept.seq);
}

#[test]
fn a_rule_is_checked_by_itself_and_rules_without_running_them() {
    assert_eq!(check_rule(&text(">", 1.0)), Ok(()));
    let (field, why) = check_rule(&text("=", 1.0)).expect_err("refused");
    assert_eq!(field, "operator");
    assert!(why.contains("use one of"), "{why}");
    let config = Config {
        rule: vec![text(">", 1.0)],
        ..Config::default()
    };
    let room = RuleText::new("Room", Metric::Height, ">", 1.0, "info");
    let rules = effective_rules(&config, &[room]).expect("valid");
    let listed: Vec<(&str, &str)> = rules[12..]
        .iter()
        .map(|view| (&*view.rule.name, view.origin))
        .collect();
    assert_eq!(listed.len(), 2);
    assert!(listed.contains(&("Room", "default")), "{listed:?}");
    assert!(listed.contains(&("Test", "config")), "{listed:?}");
}

#[test]
fn runs_without_a_medium_tell_their_alerts_apart() {
    assert_ne!(run_epoch(), run_epoch());
}
