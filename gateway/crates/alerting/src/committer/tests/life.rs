//! The life of an alert while the store takes everything.

use super::*;

#[test]
fn a_commit_says_what_happened_to_its_alerts() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    assert_eq!(events(&bench.ok(0)), [(1, Some(AlertChange::Raised))]);
    let id = bench.alerts()[0].id.clone();
    let (reply, _answer) = oneshot::channel();
    let acknowledge = Command::Acknowledge {
        id: id.to_string(),
        by: "Admin Key".into(),
        reply,
    };
    let changes = bench.round(vec![acknowledge], 1, Ok(()));
    assert_eq!(events(&changes), [(1, Some(AlertChange::Acknowledged))]);
    bench.observe("board", Metric::DiskUsage, 10.0, 2);
    assert_eq!(events(&bench.ok(2)), [(1, Some(AlertChange::Resolved))]);
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
fn who_acknowledged_stays_when_the_value_comes_back() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.ok(0);
    let id = bench.alerts()[0].id.clone();
    bench.acknowledge(&id, 1, Ok(())).expect("done");
    bench.observe("board", Metric::DiskUsage, 10.0, 2);
    bench.ok(2);
    let alert = bench.alerts()[0].clone();
    let by = |stamp: &Option<(_, Arc<str>)>| stamp.as_ref().map(|(_, by)| by.to_string());
    assert_eq!(
        (by(&alert.acknowledged), by(&alert.resolved)),
        (Some("Admin Key".into()), Some("auto".into()))
    );
}

#[test]
fn resolving_an_alert_again_leaves_a_later_one_of_its_rule_alone() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.ok(0);
    let first = bench.alerts()[0].id.clone();
    bench.resolve(&first, 10, Ok(())).expect("done");
    bench.observe("board", Metric::DiskUsage, 91.0, 300);
    bench.ok(300);
    bench.resolve(&first, 310, Ok(())).expect("done before");
    bench.acknowledge(&first, 320, Ok(())).expect("done before");
    bench.observe("board", Metric::DiskUsage, 10.0, 330);
    assert_eq!(written(&bench.ok(330)), [2], "the second one ends as ever");
}

#[test]
fn a_condition_that_stands_is_raised_anew_after_its_alert_was_resolved() {
    let mut bench = Bench::new(vec![]);
    let conditions = |bench: &Bench, second: u64| {
        let now = Mono::from_millis(second * 1000);
        bench.service.conditions().tick(now)
    };
    bench.service.conditions().raise(silent("d1"), Mono::ZERO);
    bench.ok(0);
    let id = bench.alerts()[0].id.clone();
    bench.acknowledge(&id, 1, Ok(())).expect("done");
    assert!(
        !conditions(&bench, 9_999),
        "acknowledging keeps its silence"
    );
    bench.resolve(&id, 10_000, Ok(())).expect("done");
    assert!(conditions(&bench, 10_300));
    assert_eq!(written(&bench.ok(10_300)), [2]);
}

#[test]
fn a_further_event_is_a_further_alert_unless_it_is_the_same() {
    let lost = |message: &str| Condition {
        key: STORE_LOSS,
        message: message.to_owned(),
        ..silent("board")
    };
    let mut bench = Bench::new(vec![]);
    for (second, message, alerts) in [(0, "keys", 1), (1, "keys", 1), (2, "alerts", 2)] {
        let raised = lost(message);
        bench.service.conditions().raise(raised, Mono::ZERO);
        bench.ok(second);
        assert_eq!(bench.alerts().len(), alerts, "{message}");
    }
    assert!(bench.alerts().iter().all(|alert| alert.is_open()));
}

#[test]
fn conditions_end_by_themselves_or_wait_for_an_operator_as_configured() {
    for auto_resolve in [true, false] {
        let config = Config {
            auto_resolve,
            ..Config::default()
        };
        let mut bench = Bench::with(&config, vec![]);
        bench.service.conditions().raise(silent("d1"), Mono::ZERO);
        let clear = Mono::from_millis(1000);
        bench
            .service
            .conditions()
            .clear("drone_silent", "d1", clear);
        assert_eq!(written(&bench.ok(2)), [1], "raised and ended in one go");
        let alert = bench.alerts()[0].clone();
        assert_eq!(alert.cleared, Some(moment(1).wall));
        assert_eq!(alert.resolved.is_some(), auto_resolve);
    }
}

#[test]
fn what_changes_is_published_and_what_does_not_is_not() {
    let mut bench = Bench::new(vec![]);
    let mut events = bench.service.events.subscribe();
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.ok(0);
    assert!(matches!(events.try_recv(), Ok(AlertEvent::Raised(_))));
    let id = bench.alerts()[0].id.clone();
    let version = bench.service.version();
    bench.acknowledge(&id, 1, refused()).expect_err("refused");
    assert_eq!(written(&bench.ok(1)), [1], "written again as it was");
    assert!(events.try_recv().is_err());
    assert_eq!(bench.service.version(), version);
    bench.acknowledge(&id, 1, Ok(())).expect("done");
    assert!(
        matches!(events.try_recv(), Ok(AlertEvent::Changed(alert, Some(AlertChange::Acknowledged))) if alert.acknowledged.is_some())
    );
    assert_ne!(bench.service.version(), version);
    bench.acknowledge(&id, 2, Ok(())).expect("done before");
    assert!(events.try_recv().is_err());
    assert_eq!(bench.service.counters.raised.load(Ordering::Relaxed), 1);
}

#[test]
fn stamps_of_this_run_move_with_the_clock_and_nobody_is_told_again() {
    let of_before = crate::book::tests::alert(1, -3_600);
    let mut bench = Bench::new(vec![of_before.clone()]);
    bench.observe("board", Metric::DiskUsage, 91.0, 5);
    bench.ok(5);
    let id = bench.alerts()[0].id.clone();
    bench.acknowledge(&id, 6, Ok(())).expect("acknowledged");
    let by = jiff::SignedDuration::from_hours(24 * 365);
    let changes = bench.round(vec![Command::Restamp { by }], 7, Ok(()));
    assert_eq!(events(&changes), [(2, None)], "durable, and no event");
    let [new, old] = &bench.alerts()[..] else {
        panic!("two alerts")
    };
    assert_eq!(new.created, moment(5).wall + by);
    let acknowledged = new.acknowledged.as_ref().map(|(at, _)| *at);
    assert_eq!(acknowledged, Some(moment(6).wall + by));
    assert_eq!(
        old.created, of_before.created,
        "another run's clock made it"
    );
}
