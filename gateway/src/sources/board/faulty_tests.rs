//! Sensors that never said anything that can be, beside good ones.

use super::*;

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
