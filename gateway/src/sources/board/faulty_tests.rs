//! Sensors that never said anything that can be, beside good ones.

use super::*;

impl Bench {
    /// Another alert about lost sensors than `known`, with `words`, as rounds pass.
    async fn other_than(&mut self, known: &[&Alert], words: &str) -> Arc<Alert> {
        let wait = async {
            loop {
                self.round();
                let all = self.alerts.list(&Filter::default());
                let is_new = |alert: &Arc<Alert>| {
                    alert.title.starts_with("Board Sensor")
                        && alert.message.contains(words)
                        && known.iter().all(|known| known.id != alert.id)
                };
                if let Some(found) = all.into_iter().find(is_new) {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(60), wait).await;
        found.expect("it is told")
    }
}

/// A board without a processor's sensor is judged by several.
#[tokio::test]
async fn a_temperature_that_is_faulty_from_the_start_is_told_beside_good_ones() {
    for (milli, fault) in [("127000\n", "1\n"), ("-40000\n", "0\n")] {
        let tree = tempfile::tempdir().expect("a directory");
        put(tree.path(), &format!("{CHIP}/name"), "lm90\n");
        put(tree.path(), &format!("{CHIP}/temp1_input"), "31000\n");
        put(tree.path(), &format!("{CHIP}/temp2_input"), milli);
        put(tree.path(), &format!("{CHIP}/temp2_fault"), fault);
        let mut bench = bench_on(tree, |board| board);
        assert_eq!(bench.round(), Some(31.0));
        bench.alert_while_rounds_pass("Board Sensor Faulty").await;
        let told = bench.alert("Board Sensor Faulty").await;
        assert!(told.message.contains("hwmon:lm90:temp2"), "{told:?}");
        assert_eq!(bench.round(), Some(31.0), "the good one is judged");
        put(bench.tree.path(), &format!("{CHIP}/temp2_input"), "30000\n");
        put(bench.tree.path(), &format!("{CHIP}/temp2_fault"), "0\n");
        assert_eq!(&*bench.end_of(&told).await, "auto");
    }
}

/// Nobody judges it: its driver's own word is the alarm.
#[tokio::test]
async fn a_broken_sensor_beside_the_processors_is_an_alarm() {
    let mut bench = bench();
    put(
        bench.tree.path(),
        &format!("{CHIP}/temp2_input"),
        "127000\n",
    );
    put(bench.tree.path(), &format!("{CHIP}/temp2_fault"), "1\n");
    bench.chip(7, "0\n");
    bench.alert_while_rounds_pass("Sensor Alarm").await;
    let told = bench.alert("Sensor Alarm").await.message.clone();
    assert!(told.contains("temp2_fault"), "{told}");
}

/// Who has seen that one is broken for good has not seen what comes later.
#[tokio::test]
async fn after_a_fault_that_was_acknowledged_each_other_cause_is_told_once() {
    let tree = tempfile::tempdir().expect("a directory");
    put(tree.path(), &format!("{CHIP}/name"), "lm90\n");
    put(tree.path(), &format!("{CHIP}/temp1_input"), "31000\n");
    put(tree.path(), &format!("{CHIP}/temp2_input"), "127000\n");
    put(tree.path(), &format!("{CHIP}/temp2_fault"), "1\n");
    let mut bench = bench_on(tree, |board| board);
    bench.alert_while_rounds_pass("Board Sensor Faulty").await;
    let first = bench.alert("Board Sensor Faulty").await;
    let seen = bench.alerts.acknowledge(&first.id, "someone").await;
    seen.expect("kept");
    // The good one breaks as well, then says what is no number, and is broken again.
    put(
        bench.tree.path(),
        &format!("{CHIP}/temp1_input"),
        "-40000\n",
    );
    put(bench.tree.path(), &format!("{CHIP}/temp1_fault"), "1\n");
    let second = bench.other_than(&[&first], "temp1").await;
    assert!(second.acknowledged.is_none(), "{second:?}");
    assert!(second.message.contains("temp2"), "{second:?}");
    let seen = bench.alerts.acknowledge(&second.id, "someone").await;
    seen.expect("kept");
    put(bench.tree.path(), &format!("{CHIP}/temp1_fault"), "0\n");
    put(
        bench.tree.path(),
        &format!("{CHIP}/temp1_input"),
        "broken\n",
    );
    let third = bench
        .other_than(&[&first, &second], "no value of this kind")
        .await;
    let seen = bench.alerts.acknowledge(&third.id, "someone").await;
    seen.expect("kept");
    put(bench.tree.path(), &format!("{CHIP}/temp1_fault"), "1\n");
    for _ in 0..60 {
        bench.round();
    }
    let faulty = bench.alerts.list(&Filter::default());
    let told = |alert: &&Arc<Alert>| alert.title.starts_with("Board Sensor");
    assert_eq!(faulty.iter().filter(told).count(), 3, "{faulty:?}");
}
