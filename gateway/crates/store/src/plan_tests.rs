//! What a full outbox keeps.

use super::super::records::samples;
use super::*;

fn raised(seq: u64, level: &str) -> Change {
    let alert = AlertRecord {
        seq,
        level: level.to_owned(),
        ..samples::alert()
    };
    Change::PutAlert(alert, Some(OutboxEvent::Raised))
}

/// Makes `changes` durable in `mirror`; how many notifications were dropped for it.
fn commit(mirror: &mut Mirror, changes: &[Change]) -> u64 {
    let mut plan = Plan::new(mirror, true);
    assert!(plan.commit(changes));
    let (ops, dropped) = plan.finish(60);
    mirror.apply(mirror.seq + 1, ops);
    dropped
}

/// The alerts that somebody is still to be told of, by number and level.
fn waiting(mirror: &Mirror) -> Vec<(u64, String)> {
    let outbox = mirror.decoded::<OutboxRecord>(Table::Outbox);
    let of = |record: OutboxRecord| (record.alert.seq, record.alert.level);
    outbox.into_iter().map(of).collect()
}

#[test]
fn a_full_outbox_lets_the_least_severe_go_and_of_these_the_oldest() {
    let mut mirror = Mirror::default();
    let full = OUTBOX_CAPACITY as u64;
    let warnings: Vec<Change> = (1..=full).map(|seq| raised(seq, "warning")).collect();
    assert_eq!(commit(&mut mirror, &warnings), 0);
    assert_eq!(waiting(&mirror).len(), OUTBOX_CAPACITY);

    let more = [(1, "critical"), (2, "info"), (3, "critical")];
    let more = more.map(|(more, level)| raised(full + more, level));
    assert_eq!(commit(&mut mirror, &more), 3);
    let left = waiting(&mirror);
    assert_eq!(left.len(), OUTBOX_CAPACITY);
    assert_eq!(
        left[0].0, 3,
        "the two oldest warnings, and what is only worth knowing"
    );
    let critical = |(_, level): &&(u64, String)| level == "critical";
    assert_eq!(left.iter().filter(critical).count(), 2);

    // What was delivered makes room in the same commit.
    let (delivered, _) = mirror.outbox_after(0).expect("waits");
    let changes = [Change::DropOutbox(delivered), raised(full + 4, "info")];
    assert_eq!(commit(&mut mirror, &changes), 0);
    let left = waiting(&mirror);
    assert_eq!((left.len(), left[0].0), (OUTBOX_CAPACITY, 4));
}
