//! The committer without a store: plans are settled with the outcome a test wants.

use super::super::book::tests::moment;
use super::super::conditions::tests::silent;
use super::super::defaults::default_rules;
use super::super::model::RuleView;
use super::super::rule::Rule;
use super::super::rule::tests::text;
use super::*;
use crate::{Config, RuleText};
use readings::{Metric, Reading, SourceKind, Sources};
use tokio::sync::oneshot;

struct Bench {
    committer: Committer,
    service: Arc<AlertService>,
}

type Outcome = Result<(), JournalError>;

fn refused() -> Outcome {
    Err(JournalError::Unavailable("no space left on device".into()))
}

impl Bench {
    fn new(alerts: Vec<Alert>) -> Bench {
        Bench::with(&Config::default(), alerts)
    }

    fn with(config: &Config, alerts: Vec<Alert>) -> Bench {
        let kept = Kept {
            highest_seq: alerts.iter().map(|alert| alert.seq).max().unwrap_or(0),
            alerts,
            epoch: 0xaaaa,
            ..Kept::default()
        };
        let service = Arc::new(
            AlertService::new(config, default_rules(), Arc::new(Sources::default()))
                .expect("valid"),
        );
        Bench {
            committer: Committer::new(service.clone(), kept, 0xbbbb, Mono::ZERO),
            service,
        }
    }

    fn observe(&self, source: &str, metric: Metric, value: f64, second: u64) {
        let id = self
            .service
            .sources
            .register(source, SourceKind::Drone)
            .expect("room");
        self.service.engine.observe(
            id,
            source,
            &[Reading { metric, value }],
            Mono::from_millis(second * 1000),
        );
    }

    /// One round of the committer at `second`; returns what was to be committed.
    fn round(&mut self, commands: Vec<Command>, second: u64, outcome: Outcome) -> Vec<Change> {
        let mut plan = self.committer.plan(commands, true, moment(second));
        let changes = std::mem::take(&mut plan.changes);
        let outcome = if changes.is_empty() { Ok(()) } else { outcome };
        self.committer.settle(plan, outcome);
        changes
    }

    fn ok(&mut self, second: u64) -> Vec<Change> {
        self.round(vec![], second, Ok(()))
    }

    fn resolve(
        &mut self,
        id: &str,
        second: u64,
        outcome: Outcome,
    ) -> Result<Arc<Alert>, AlertError> {
        let (reply, mut answer) = oneshot::channel();
        self.round(
            vec![Command::Resolve {
                id: id.to_owned(),
                by: "Admin Key".into(),
                reply,
            }],
            second,
            outcome,
        );
        answer.try_recv().expect("answered")
    }

    fn acknowledge(
        &mut self,
        id: &str,
        second: u64,
        outcome: Outcome,
    ) -> Result<Arc<Alert>, AlertError> {
        let (reply, mut answer) = oneshot::channel();
        self.round(
            vec![Command::Acknowledge {
                id: id.to_owned(),
                by: "Admin Key".into(),
                reply,
            }],
            second,
            outcome,
        );
        answer.try_recv().expect("answered")
    }

    fn put_rule(&mut self, rule: &RuleText, outcome: Outcome) -> Result<RuleView, AlertError> {
        let (reply, mut answer) = oneshot::channel();
        let rule = Rule::parse(rule).expect("valid");
        self.round(vec![Command::PutRule { rule, reply }], 0, outcome);
        answer.try_recv().expect("answered")
    }

    fn delete_rule(&mut self, name: &str, outcome: Outcome) -> Result<(), AlertError> {
        let (reply, mut answer) = oneshot::channel();
        self.round(
            vec![Command::DeleteRule {
                name: name.to_owned(),
                reply,
            }],
            0,
            outcome,
        );
        answer.try_recv().expect("answered")
    }

    /// Newest first.
    fn alerts(&self) -> Vec<Arc<Alert>> {
        self.service.book().iter().cloned().collect()
    }

    fn durable(&self) -> Vec<Alert> {
        self.service
            .book()
            .iter()
            .rev()
            .map(|alert| (**alert).clone())
            .collect()
    }
}

/// The alerts a commit held.
fn written(changes: &[Change]) -> Vec<u64> {
    let seq = |change: &Change| match change {
        Change::PutAlert(alert, _) => Some(alert.seq),
        _ => None,
    };
    changes.iter().filter_map(seq).collect()
}

/// What the alerts of a commit are said to have gone through.
fn events(changes: &[Change]) -> Vec<(u64, Option<EventKind>)> {
    let event = |change: &Change| match change {
        Change::PutAlert(alert, event) => Some((alert.seq, *event)),
        _ => None,
    };
    changes.iter().filter_map(event).collect()
}

#[test]
fn a_commit_says_what_happened_to_its_alerts() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    assert_eq!(events(&bench.ok(0)), [(1, Some(EventKind::Raised))]);
    let id = bench.alerts()[0].id.clone();
    let (reply, _answer) = oneshot::channel();
    let acknowledge = Command::Acknowledge {
        id: id.to_string(),
        by: "Admin Key".into(),
        reply,
    };
    let changes = bench.round(vec![acknowledge], 1, Ok(()));
    assert_eq!(events(&changes), [(1, Some(EventKind::Acknowledged))]);
    bench.observe("board", Metric::DiskUsage, 10.0, 2);
    assert_eq!(events(&bench.ok(2)), [(1, Some(EventKind::Resolved))]);
}

#[test]
fn what_happened_while_the_store_refused_is_told_once_it_takes_it() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.ok(0);
    bench.observe("drone_001", Metric::BatteryLevel, 15.0, 1);
    bench.round(vec![], 1, refused());
    bench.observe("board", Metric::DiskUsage, 10.0, 2);
    let changes = bench.round(vec![], 2, refused());
    assert_eq!(
        events(&changes),
        [(1, Some(EventKind::Resolved)), (2, Some(EventKind::Raised))]
    );
    assert_eq!(
        events(&bench.ok(3)),
        [(1, Some(EventKind::Resolved)), (2, Some(EventKind::Raised))],
        "although the book has shown both meanwhile"
    );
    bench.observe("drone_001", Metric::BatteryLevel, 80.0, 4);
    assert_eq!(events(&bench.ok(4)), [(2, Some(EventKind::Resolved))]);
}

#[test]
fn a_rule_alert_says_everything_and_is_durable_before_it_is_seen() {
    let mut bench = Bench::new(vec![]);
    let mut events = bench.service.events.subscribe();
    let version = bench.service.version();
    bench.observe("drone_001", Metric::BatteryLevel, 19.0, 5);
    let plan = bench.committer.plan(vec![], false, moment(7));
    assert_eq!(written(&plan.changes), [1]);
    assert!(
        bench.alerts().is_empty() && events.try_recv().is_err(),
        "not before the commit"
    );
    bench.committer.settle(plan, Ok(()));
    let alert = bench.alerts()[0].clone();
    assert_eq!(&*alert.id, "alert_0000aaaa_1");
    assert_eq!(
        alert.message,
        "Low Battery: battery_level of drone_001 is 19 % (< 20 %)"
    );
    assert_eq!(
        alert.details.as_deref(),
        Some("value: 19 %, threshold: 20 %")
    );
    assert_eq!(
        (&*alert.title, &*alert.origin, &*alert.subject),
        ("Low Battery", "system_monitor", "drone_001")
    );
    assert_eq!(
        alert.created,
        moment(5).wall,
        "stamped when it fired, not when it was written"
    );
    assert!(alert.durable && alert.is_open());
    assert!(matches!(events.try_recv(), Ok(AlertEvent::Raised(raised)) if raised == alert));
    assert_ne!(bench.service.version(), version);
    let views = bench.service.rules().views();
    let low = views
        .iter()
        .find(|view| &*view.rule.name == "Low Battery")
        .expect("listed");
    assert_eq!(low.last_triggered, Some(alert.created));
}

#[test]
fn a_value_that_comes_back_clears_and_resolves_its_alert() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.ok(0);
    bench.observe("board", Metric::DiskUsage, 89.5, 10);
    assert!(bench.ok(10).is_empty(), "inside the hysteresis");
    bench.observe("board", Metric::DiskUsage, 80.0, 20);
    assert_eq!(written(&bench.ok(21)), [1]);
    let alert = bench.alerts()[0].clone();
    assert_eq!(alert.cleared, Some(moment(20).wall));
    assert_eq!(alert.resolved.as_ref().map(|(_, by)| &**by), Some("auto"));
    assert!(alert.acknowledged.is_some(), "resolving acknowledges");
}

#[test]
fn without_auto_resolve_a_cleared_alert_waits_for_an_operator() {
    let config = Config {
        auto_resolve: false,
        ..Config::default()
    };
    let mut bench = Bench::with(&config, vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.ok(0);
    bench.observe("board", Metric::DiskUsage, 10.0, 20);
    bench.ok(20);
    let alert = bench.alerts()[0].clone();
    assert!(alert.cleared.is_some() && alert.resolved.is_none());
    bench.observe("board", Metric::DiskUsage, 92.0, 400);
    bench.ok(400);
    assert_eq!(bench.alerts().len(), 2, "a new episode is a new alert");
}

#[test]
fn a_short_episode_during_a_slow_commit_is_not_lost() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.observe("board", Metric::DiskUsage, 10.0, 1);
    bench.ok(5);
    let alert = bench.alerts()[0].clone();
    assert_eq!(
        (alert.created, alert.cleared),
        (moment(0).wall, Some(moment(1).wall))
    );
}

#[test]
fn acknowledge_and_resolve_are_idempotent_and_say_who() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.ok(0);
    let id = bench.alerts()[0].id.clone();
    let first = bench.acknowledge(&id, 10, Ok(())).expect("done");
    assert_eq!(
        first.acknowledged,
        Some((moment(10).wall, "Admin Key".into()))
    );
    assert_eq!(
        bench
            .acknowledge(&id, 20, refused())
            .expect("nothing to write"),
        first
    );
    let resolved = bench.resolve(&id, 30, Ok(())).expect("done");
    assert_eq!(
        resolved.resolved,
        Some((moment(30).wall, "Admin Key".into()))
    );
    assert_eq!(resolved.acknowledged, first.acknowledged);
    assert_eq!(bench.resolve(&id, 40, Ok(())).expect("done"), resolved);
    assert!(matches!(
        bench.resolve("alert_0000aaaa_9", 50, Ok(())),
        Err(AlertError::UnknownAlert(_))
    ));
    assert!(matches!(
        bench.resolve("nonsense", 50, Ok(())),
        Err(AlertError::UnknownAlert(_))
    ));
}

#[test]
fn a_resolved_alert_fires_again_after_the_cool_down_while_its_value_is_bad() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.ok(0);
    let id = bench.alerts()[0].id.clone();
    bench.resolve(&id, 10, Ok(())).expect("done");
    bench.observe("board", Metric::DiskUsage, 91.0, 299);
    assert!(bench.ok(299).is_empty());
    bench.observe("board", Metric::DiskUsage, 91.0, 300);
    assert_eq!(written(&bench.ok(300)), [2]);
}

#[test]
fn a_store_that_refuses_hides_no_alert_and_does_nothing_for_operators() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.ok(0);
    let old = bench.alerts()[0].id.clone();
    bench.observe("drone_001", Metric::BatteryLevel, 15.0, 1);
    let answer = bench.acknowledge(&old, 1, refused());
    assert!(
        matches!(
            answer,
            Err(AlertError::Storage(JournalError::Unavailable(_)))
        ),
        "{answer:?}"
    );
    let alerts = bench.alerts();
    assert_eq!(alerts.len(), 2, "the alert is seen in any case");
    assert!(
        !alerts[0].durable && &*alerts[0].id == "alert_0000bbbb_2",
        "{}",
        alerts[0].id
    );
    assert!(alerts[1].acknowledged.is_none() && alerts[1].durable);
    let failed = bench.put_rule(&text(">=", 1.0), refused());
    assert!(matches!(failed, Err(AlertError::Storage(_))));
    assert_eq!(bench.service.rules().views().len(), 12);
    assert!(bench.committer.is_unsettled());
    let changes = bench.ok(60);
    assert_eq!(
        written(&changes),
        [1, 2],
        "also what a failed commit may have half done"
    );
    assert!(
        changes.contains(&Change::DeleteRule("Test".to_owned())),
        "and the rule it may have left behind"
    );
    assert!(bench.alerts().iter().all(|alert| alert.durable));
    assert_eq!(
        &*bench.alerts()[0].id,
        "alert_0000bbbb_2",
        "an id once shown stays"
    );
    assert!(!bench.committer.is_unsettled());
    assert!(bench.ok(61).is_empty());
}

#[test]
fn after_a_restart_open_alerts_go_on_and_end_with_the_first_good_value() {
    let mut before = Bench::new(vec![]);
    before.observe("board", Metric::DiskUsage, 91.0, 0);
    before.observe("drone_001", Metric::BatteryLevel, 15.0, 0);
    before.ok(0);
    let mut after = Bench::new(before.durable());
    after.observe("board", Metric::DiskUsage, 92.0, 1);
    after.observe("drone_001", Metric::BatteryLevel, 80.0, 1);
    assert_eq!(written(&after.ok(1)), [2], "only the end of the second");
    let alerts = after.alerts();
    assert_eq!(alerts.len(), 2);
    assert!(alerts[0].resolved.is_some() && alerts[1].is_open());
    after.observe("drone_001", Metric::BatteryLevel, 15.0, 2);
    assert_eq!(written(&after.ok(2)), [3], "numbers go on");
    let views = after.service.rules().views();
    assert_eq!(views[4].last_triggered, Some(alerts[1].created));
}

#[test]
fn an_alert_continued_and_ended_in_one_go_is_not_doubled() {
    let mut before = Bench::new(vec![]);
    before.observe("board", Metric::DiskUsage, 91.0, 0);
    before.ok(0);
    let mut after = Bench::new(before.durable());
    after.observe("board", Metric::DiskUsage, 92.0, 1);
    after.observe("board", Metric::DiskUsage, 10.0, 2);
    assert_eq!(written(&after.ok(3)), [1]);
    assert!(after.alerts()[0].resolved.is_some());
}

#[test]
fn conditions_are_raised_once_and_survive_a_restart() {
    let mut before = Bench::new(vec![]);
    before
        .service
        .conditions()
        .raise(silent("drone_001"), Mono::ZERO);
    before
        .service
        .conditions()
        .raise(silent("drone_002"), Mono::ZERO);
    before.ok(0);
    before
        .service
        .conditions()
        .raise(silent("drone_001"), Mono::ZERO);
    assert!(before.ok(1).is_empty());
    let alert = before.alerts()[1].clone();
    assert_eq!(
        (&*alert.title, &*alert.origin, alert.measured),
        ("Drone silent", "drone_silent", None)
    );

    let mut after = Bench::new(before.durable());
    after
        .service
        .conditions()
        .raise(silent("drone_001"), Mono::ZERO);
    assert!(after.ok(0).is_empty(), "it has its alert");
    after.service.conditions().tick(Mono::from_millis(300_000));
    assert_eq!(written(&after.ok(300)), [2], "never raised again: over");
    after
        .service
        .conditions()
        .clear("drone_silent", "drone_001", Mono::from_millis(301_000));
    assert_eq!(written(&after.ok(301)), [1]);
    assert!(after.alerts().iter().all(|alert| alert.resolved.is_some()));
}

#[test]
fn alerts_of_a_rule_that_is_gone_end() {
    let mut bench = Bench::new(vec![]);
    bench.put_rule(&text(">=", 50.0), Ok(())).expect("done");
    bench.observe("board", Metric::CpuUsage, 60.0, 0);
    bench.ok(0);
    assert!(matches!(
        bench.delete_rule("Nobody", Ok(())),
        Err(AlertError::UnknownRule(_))
    ));
    assert!(matches!(
        bench.delete_rule("Test", refused()),
        Err(AlertError::Storage(_))
    ));
    bench.ok(1);
    assert!(bench.alerts()[0].is_open());
    bench.delete_rule("Test", Ok(())).expect("done");
    bench.ok(2);
    assert!(bench.alerts()[0].resolved.is_some());
}

#[test]
fn a_cause_that_outlives_the_retention_gets_a_new_alert() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.ok(0);
    let week = 7 * 24 * 3600 + 1;
    assert!(
        bench.committer.trim(moment(week)).is_empty(),
        "the highest number stays on disk"
    );
    assert!(bench.alerts().is_empty());
    bench.observe("board", Metric::DiskUsage, 91.0, week);
    bench.ok(week);
    assert_eq!(bench.alerts()[0].seq, 2);
    assert_eq!(bench.committer.trim(moment(week)), [Change::DeleteAlert(1)]);
}

#[test]
fn the_book_stays_bounded_while_the_store_refuses() {
    let config = Config {
        max_alerts: 4,
        ..Config::default()
    };
    let mut bench = Bench::with(&config, vec![]);
    for n in 0..20 {
        bench.observe(&format!("drone_{n:03}"), Metric::BatteryLevel, 5.0, n);
        bench.round(vec![], n, refused());
        bench.committer.trim(moment(n));
    }
    assert_eq!(bench.alerts().len(), 4);
    assert_eq!(bench.committer.unsettled.alerts.len(), 4);
    assert_eq!(
        bench.service.counters.dropped_full.load(Ordering::Relaxed),
        36
    );
}

#[test]
fn an_alert_whose_rule_is_still_to_come_is_no_orphan() {
    let mut before = Bench::new(vec![]);
    before.observe("bridge/mast", Metric::Temperature, 95.0, 1);
    before.ok(1);
    let mut kept: Vec<Alert> = before
        .service
        .book()
        .iter()
        .map(|a| (**a).clone())
        .collect();
    kept.truncate(1);
    let count = kept.len();
    assert_eq!(count, 1);
    kept[0].title = "Rule of a room".into();
    let mut bench = Bench::new(kept);
    bench.service.rules_complete.store(false, Ordering::Release);
    bench.ok(1);
    let open = |bench: &Bench| bench.service.book().iter().filter(|a| a.is_open()).count();
    assert_eq!(open(&bench), count, "its room has not added its rules yet");
    bench.service.rules_complete.store(true, Ordering::Release);
    bench.ok(2);
    assert_eq!(open(&bench), 0, "now its rule is known to be gone");
}
