//! Killed in the middle: a child process commits and tells, the test kills it
//! (or lets it die at a named point), opens the store and compares.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::Change;

const CHILD_DIR: &str = "MFG_DRONE_STORE_CHILD";

#[tokio::test]
#[ignore = "no test of its own: the child that the tests below start, and kill"]
async fn child() {
    let dir = std::env::var(CHILD_DIR).expect("started by the tests below");
    let (store, _) = open(Path::new(&dir));
    let mut seq = store.alerts().last().map_or(0, |alert| alert.seq + 1);
    loop {
        store
            .commit(vec![Change::PutAlert(alert(seq, "new"), None)])
            .await
            .expect("committed");
        tell(seq, "new");
        store
            .commit(vec![Change::PutAlert(alert(seq, "resolved"), None)])
            .await
            .expect("committed");
        tell(seq, "resolved");
        store.defer(vec![Change::History(history(
            "height",
            seq as u32..seq as u32 + 1,
        ))]);
        match seq % 7 {
            2 => store.flush().await.expect("flushed"),
            5 => store.snapshot().await.expect("snapshot"),
            _ => {}
        }
        seq += 1;
    }
}

fn tell(seq: u64, state: &str) {
    writeln!(std::io::stdout(), "acknowledged {seq} {state}").expect("told");
}

fn spawn(dir: &Path, crash_at: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this test's program"));
    command.args([
        "--ignored",
        "--exact",
        "tests::kill::child",
        "--nocapture",
        "--test-threads=1",
    ]);
    command
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(point) = crash_at {
        command.env("MFG_DRONE_CRASH_AT", point);
    }
    command.spawn().expect("the child starts")
}

/// What the child told, until its output ends or after `lines` when it is killed.
fn told(mut child: Child, kill_after: Option<usize>) -> BTreeMap<u64, String> {
    let mut ledger = BTreeMap::new();
    let output = BufReader::new(child.stdout.take().expect("piped"));
    for (number, line) in output.lines().map_while(Result::ok).enumerate() {
        let words: Vec<_> = line.split_whitespace().collect();
        // The harness prints before the first line of the child, on the same line.
        if let [.., "acknowledged", seq, state] = words.as_slice() {
            ledger.insert(seq.parse().expect("a sequence"), (*state).to_owned());
        }
        if kill_after == Some(number) {
            child.kill().expect("killed");
        }
    }
    child.wait().expect("ended");
    ledger
}

fn check(dir: &Path, ledger: &BTreeMap<u64, String>, damaged: bool, what: &str) {
    let (store, recovery) = open(dir);
    assert_eq!(
        (recovery.lost.is_some(), recovery.failing),
        (damaged, None),
        "{what}"
    );
    let found: BTreeMap<u64, String> = store
        .alerts()
        .into_iter()
        .map(|alert| (alert.seq, alert.message))
        .collect();
    for (seq, state) in ledger {
        let later = state == "new" && found.get(seq).is_some_and(|found| found == "resolved");
        assert!(
            found.get(seq) == Some(state) || later,
            "{what}: alert {seq} was {state}, is {:?}",
            found.get(seq)
        );
    }
    let last = ledger.keys().last().map_or(0, |seq| seq + 1);
    assert!(
        found.keys().all(|seq| *seq <= last),
        "{what}: more than was asked for"
    );
}

#[test]
fn nothing_acknowledged_is_lost_when_killed() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut ledger = BTreeMap::new();
    for round in 0..20 {
        ledger.extend(told(spawn(dir.path(), None), Some(5 + (round * 7) % 23)));
        check(dir.path(), &ledger, false, &format!("round {round}"));
    }
    assert!(ledger.len() > 20, "the children got somewhere");
}

/// Dies inside every named point.
#[cfg(debug_assertions)]
#[test]
fn nothing_acknowledged_is_lost_when_it_dies_at_a_named_point() {
    // `check` compares what the child told with what is found.
    for point in crate::crash::POINTS
        .iter()
        .filter(|point| **point != "close.before")
    {
        for count in 1..4 {
            let dir = tempfile::tempdir().expect("temporary directory");
            let mut ledger = told(spawn(dir.path(), None), Some(10));
            // These are passed when a store is built: from what damage leaves.
            let damaged = ["open.created", "open.set_aside", "open.rebuilt"].contains(point);
            if damaged {
                std::fs::write(dir.path().join("gateway.redb"), b"damaged").expect("written");
            }
            let count = if point.starts_with("open.") { 1 } else { count };
            let what = format!("{point}:{count}");
            let child = spawn(dir.path(), Some(&what));
            ledger.extend(told(child, None));
            check(dir.path(), &ledger, damaged, &what);
        }
    }
}
