//! What a store that refuses, a restart and a full book change.

use super::*;

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
        [
            (1, Some(AlertChange::Resolved)),
            (2, Some(AlertChange::Raised))
        ]
    );
    assert_eq!(
        events(&bench.ok(3)),
        [
            (1, Some(AlertChange::Resolved)),
            (2, Some(AlertChange::Raised))
        ],
        "although the book has shown both meanwhile"
    );
    bench.observe("drone_001", Metric::BatteryLevel, 80.0, 4);
    assert_eq!(events(&bench.ok(4)), [(2, Some(AlertChange::Resolved))]);
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
    let unheard = Condition {
        key: "state_port_unavailable",
        ..silent("board")
    };
    before.service.conditions().raise(unheard, Mono::ZERO);
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
    // (A temperature must last for 5 s.)
    for second in [1, 6] {
        before.observe("bridge/mast", Metric::Temperature, 95.0, second);
    }
    before.ok(6);
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

#[test]
fn rules_whose_stored_state_is_unknown_are_bounded() {
    let mut bench = Bench::new(vec![]);
    let rule = |n: usize| RuleText {
        name: format!("r{n}"),
        ..text(">=", 1.0)
    };
    for n in 0..MAX_UNSETTLED_RULES {
        let answer = bench.put_rule(&rule(n), refused());
        assert!(matches!(
            answer,
            Err(AlertError::Storage(JournalError::Unavailable(_)))
        ));
    }
    for answer in [
        bench
            .put_rule(&rule(MAX_UNSETTLED_RULES), refused())
            .map(drop),
        bench.delete_rule("Low Battery", refused()),
    ] {
        assert!(
            matches!(&answer, Err(AlertError::Storage(JournalError::Busy))),
            "{answer:?}"
        );
    }
    let known = bench.put_rule(&rule(0), refused());
    assert!(
        matches!(
            known,
            Err(AlertError::Storage(JournalError::Unavailable(_)))
        ),
        "one more of them costs nothing"
    );
    bench.ok(1);
    bench
        .put_rule(&rule(MAX_UNSETTLED_RULES), Ok(()))
        .expect("room again");
}

#[test]
fn what_was_refused_is_written_again_in_parts() {
    let mut bench = Bench::new(vec![]);
    let many = REWRITES_PER_COMMIT + 2;
    for n in 0..many {
        let condition = silent(&format!("d{n}"));
        bench.service.conditions().raise(condition, Mono::ZERO);
    }
    bench.round(vec![], 0, refused());
    assert_eq!(written(&bench.ok(1)).len(), REWRITES_PER_COMMIT);
    assert!(bench.committer.is_unsettled());
    assert_eq!(written(&bench.ok(2)).len(), 2);
    assert!(!bench.committer.is_unsettled());
    let failed = &bench.service.counters.commits_failed;
    assert_eq!(failed.load(Ordering::Relaxed), 1);
}

#[test]
fn the_highest_number_stays_on_disk_until_a_higher_one_is_there() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.ok(0);
    let week = 7 * 24 * 3600 + 1;
    assert!(bench.committer.trim(moment(week)).is_empty());
    let dropped = &bench.service.counters.dropped_old;
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    bench.observe("board", Metric::MemoryUsage, 90.0, week);
    bench.round(vec![], week, refused());
    assert!(
        bench.committer.trim(moment(week)).is_empty(),
        "the higher one is in memory only"
    );
    bench.ok(week);
    let deletions = bench.committer.trim(moment(week));
    assert_eq!(deletions, [Change::DeleteAlert(1)]);
    assert!(bench.committer.trim(moment(week)).is_empty(), "once");
}

#[test]
fn a_cause_that_is_pushed_out_of_a_full_book_gets_no_new_alert() {
    let config = Config {
        max_alerts: 1,
        ..Config::default()
    };
    let mut bench = Bench::with(&config, vec![]);
    bench.observe("drone_001", Metric::BatteryLevel, 15.0, 0);
    bench.observe("drone_002", Metric::BatteryLevel, 15.0, 0);
    bench.ok(0);
    let deletions = bench.committer.trim(moment(0));
    assert_eq!(deletions, [Change::DeleteAlert(1)]);
    bench.observe("drone_001", Metric::BatteryLevel, 15.0, 9_999);
    assert!(bench.ok(9_999).is_empty(), "it could go round in circles");
}

#[test]
fn what_was_refused_waits_for_its_turn_or_goes_with_the_next_commit() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.round(vec![], 0, refused());
    let plan = bench.committer.plan(vec![], false, moment(1));
    assert!(plan.changes.is_empty(), "the medium is left in peace");
    bench.committer.settle(plan, Ok(()));
    bench.observe("d1", Metric::BatteryLevel, 15.0, 2);
    let plan = bench.committer.plan(vec![], false, moment(2));
    assert_eq!(written(&plan.changes), [2, 1]);
}

#[test]
fn a_book_that_loses_an_alert_is_another_version() {
    let mut bench = Bench::new(vec![]);
    bench.observe("board", Metric::DiskUsage, 91.0, 0);
    bench.ok(0);
    let before = bench.service.version();
    bench.committer.trim(moment(1));
    assert_eq!(bench.service.version(), before);
    bench.committer.trim(moment(7 * 24 * 3600 + 1));
    assert_ne!(bench.service.version(), before);
}
