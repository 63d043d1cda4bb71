//! The sampling thread's rounds on a real pipeline, on a tree that hangs and changes.

use std::fs;
use std::time::Duration;

use alerting::{Alert, Alerts, Filter};
use boards::Handles;
use readings::telemetry::Telemetry;
use readings::{SourceKind, Sources};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use store::Store;

use super::*;
use crate::alerts::StoreJournal;

const CHIP: &str = "sys/class/hwmon/hwmon0";

struct Bench {
    watch: Watch,
    now_ms: u64,
    alerts: Alerts,
    telemetry: Arc<Telemetry>,
    tree: tempfile::TempDir,
    _state: tempfile::TempDir,
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs::write(path, text).expect("a file");
}

/// A processor of 48 degrees and a chip on a bus of its own.
fn bench() -> Bench {
    let (tree, state) = (tempfile::tempdir(), tempfile::tempdir());
    let (tree, state) = (tree.expect("a directory"), state.expect("a directory"));
    let zone = "sys/class/thermal/thermal_zone0";
    put(tree.path(), &format!("{zone}/type"), "cpu-thermal\n");
    put(tree.path(), &format!("{zone}/temp"), "48000\n");
    put(tree.path(), &format!("{CHIP}/name"), "lm75\n");
    put(tree.path(), &format!("{CHIP}/temp1_input"), "31000\n");
    put(tree.path(), &format!("{CHIP}/temp1_max_alarm"), "0\n");
    put(tree.path(), &format!("{CHIP}/in1_alarm"), "0\n");
    put(tree.path(), &format!("{CHIP}/temp1_label"), "Battery bay\n");
    let link = tree.path().join(CHIP).join("device");
    std::os::unix::fs::symlink("../../../1-0048", link).expect("a link");

    let (store, _) = Store::open(state.path()).expect("a store");
    let sources = Arc::new(Sources::default());
    let telemetry = Arc::new(Telemetry::new(sources.clone()));
    let journal = StoreJournal::of(store);
    let alerts = Alerts::start(&alerting::Config::default(), sources.clone(), journal);
    let alerts = alerts.expect("alerts");
    let pipeline = Pipeline::new(sources, telemetry.clone(), alerts.clone());
    let source = pipeline.register("board", SourceKind::Board).expect("room");

    let files = Tree::open(tree.path()).expect("a tree");
    let board = Board::of(files.with_handles(Handles::Pipes), None);
    let config = Config::default();
    let view = Arc::new(BoardView::new(&board));
    explain_by(&pipeline, &view);
    let named = Named::new(config.board.lost_after_s * 1_000);
    Bench {
        watch: Watch::new(board, view, source, pipeline, named, &config),
        // What is young is judged by the clock itself.
        now_ms: Mono::now().as_millis(),
        alerts,
        telemetry,
        tree,
        _state: state,
    }
}

impl Bench {
    /// Two seconds pass; what the processor's temperature is now.
    fn round(&mut self) -> Option<f64> {
        self.watch.round(self.now_ms);
        self.now_ms += 2_000;
        let latest = self
            .telemetry
            .latest(self.watch.source, Metric::Temperature);
        latest.map(|latest| latest.value)
    }

    async fn alert(&self, title: &str) -> Arc<Alert> {
        let mut events = self.alerts.subscribe();
        let wait = async {
            loop {
                let all = self.alerts.list(&Filter::default());
                if let Some(found) = all.into_iter().find(|alert| &*alert.title == title) {
                    return found;
                }
                drop(events.recv().await);
            }
        };
        let alert = tokio::time::timeout(Duration::from_secs(30), wait).await;
        alert.expect("it is raised")
    }
}

/// A pipe stands for the file of a driver that does not come back.
#[tokio::test]
async fn a_bus_that_hangs_is_told_and_the_processor_is_watched_meanwhile() {
    let mut bench = bench();
    assert_eq!(bench.round(), Some(48.0));
    let hung = bench.tree.path().join(CHIP).join("temp1_input");
    fs::remove_file(&hung).expect("removed");
    mknodat(CWD, &hung, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
    // With a writer that says nothing, whoever reads waits in the kernel.
    let writer = fs::OpenOptions::new().read(true).write(true).open(&hung);
    let _writer = writer.expect("opened");
    put(
        bench.tree.path(),
        "sys/class/thermal/thermal_zone0/temp",
        "85000\n",
    );
    for _ in 0..30 {
        let celsius = bench.round();
        if bench.now_ms > 6_000 {
            assert_eq!(celsius, Some(85.0), "after {} ms", bench.now_ms);
        }
    }
    let stuck = bench.alert("Board Bus Stuck").await;
    assert!(stuck.message.contains("1-0048"), "{stuck:?}");
    // Its hold passes by the rules' own clock.
    let later = Mono::now().plus(Duration::from_secs(6));
    bench.alerts.tick(later);
    let hot = bench.alert("High Temperature").await;
    assert!(hot.message.contains("cpu-thermal"), "{hot:?}");
}

#[tokio::test]
async fn an_alarm_names_its_sensor() {
    let mut bench = bench();
    bench.round();
    put(bench.tree.path(), &format!("{CHIP}/temp1_max_alarm"), "1\n");
    let raised = async {
        // On a busy machine a round may end before its reads do.
        while bench.alerts.list(&Filter::default()).is_empty() {
            bench.round();
            // Its hold passes by the rules' own clock.
            bench.alerts.tick(Mono::now().plus(Duration::from_secs(20)));
            tokio::task::yield_now().await;
        }
    };
    let raised = tokio::time::timeout(Duration::from_secs(60), raised).await;
    raised.expect("it is raised");
    let alarm = bench.alert("Sensor Alarm").await;
    assert!(
        alarm.message.contains("hwmon:lm75@1-0048:temp1_max_alarm"),
        "{alarm:?}"
    );
}

/// One that always stands must not hide the next.
#[tokio::test]
async fn an_alarm_beside_another_is_told_by_itself_and_ends_by_itself() {
    let mut bench = bench();
    put(bench.tree.path(), &format!("{CHIP}/in1_alarm"), "1\n");
    for _ in 0..10 {
        bench.round();
    }
    put(bench.tree.path(), &format!("{CHIP}/temp1_max_alarm"), "1\n");
    bench.alert_while_rounds_pass("Further Sensor Alarm").await;
    let told = bench.alert("Further Sensor Alarm").await;
    assert!(told.message.contains("temp1_max_alarm"), "{told:?}");
    put(bench.tree.path(), &format!("{CHIP}/temp1_max_alarm"), "0\n");
    bench.end_of(&told).await;
}

/// The chip with the alarm vanishes; the other chip is well, and stays.
#[tokio::test]
async fn an_alarm_of_a_chip_that_vanishes_ends_by_no_other() {
    let mut bench = bench();
    let set = bench.chip(7, "1\n");
    bench.alert_while_rounds_pass("Sensor Alarm").await;
    let alarm = bench.alert("Sensor Alarm").await;
    fs::remove_dir_all(&set).expect("removed");
    bench.alert_while_rounds_pass("Board Sensor Lost").await;
    let lost = bench.alert("Board Sensor Lost").await;
    assert!(
        lost.message.contains("hwmon:max31785@7-0052:in0_alarm"),
        "{lost:?}"
    );
    let now = bench.alerts.find(&alarm.id).expect("kept");
    assert!(now.is_open(), "{now:?}");
    // Who has seen that it is gone lets the others speak.
    let seen = bench.alerts.acknowledge(&lost.id, "someone").await;
    seen.expect("kept");
    assert_eq!(&*bench.end_of(&alarm).await, "auto");
}

/// Of two with an alarm the second vanishes: the first ends, and its own stands.
#[tokio::test]
async fn a_further_alarm_of_a_chip_that_vanishes_stands() {
    let mut bench = bench();
    put(bench.tree.path(), &format!("{CHIP}/in1_alarm"), "1\n");
    for _ in 0..10 {
        bench.round();
    }
    let set = bench.chip(7, "1\n");
    bench.alert_while_rounds_pass("Further Sensor Alarm").await;
    let alarm = bench.alert("Sensor Alarm").await;
    let further = bench.alert("Further Sensor Alarm").await;
    fs::remove_dir_all(&set).expect("removed");
    put(bench.tree.path(), &format!("{CHIP}/in1_alarm"), "0\n");
    bench.alert_while_rounds_pass("Board Sensor Lost").await;
    for told in [&alarm, &further] {
        let now = bench.alerts.find(&told.id).expect("kept");
        assert!(now.is_open(), "{now:?}");
    }
    // It is back, and says itself that it is over.
    bench.chip(7, "0\n");
    assert_eq!(&*bench.end_of(&further).await, "auto");
    assert_eq!(&*bench.end_of(&alarm).await, "auto");
}

/// The chip with the alarm is unplugged, and more than there are places for come.
#[tokio::test]
async fn an_alert_keeps_the_place_of_its_sensor_until_somebody_saw_it() {
    let mut bench = bench();
    put(bench.tree.path(), &format!("{CHIP}/temp1_max_alarm"), "1\n");
    bench.round();
    bench.round();
    let later = Mono::now().plus(Duration::from_secs(20));
    bench.alerts.tick(later);
    let alarm = bench.alert("Sensor Alarm").await;
    bench.round();
    fs::remove_dir_all(bench.tree.path().join(CHIP)).expect("removed");
    for chip in 1..=MAX_SENSORS / 8 {
        let path = format!("sys/class/hwmon/hwmon{chip}");
        put(bench.tree.path(), &format!("{path}/name"), "max31785\n");
        for input in 1..=8 {
            put(
                bench.tree.path(),
                &format!("{path}/temp{input}_input"),
                "21000\n",
            );
        }
        let link = bench.tree.path().join(&path).join("device");
        std::os::unix::fs::symlink(format!("../../../2-{chip:04x}"), link).expect("a link");
    }
    bench
        .alert_while_rounds_pass("Board Sensors Left Out")
        .await;
    let open = bench.alerts.find(&alarm.id).expect("kept");
    assert!(open.resolved.is_none(), "{open:?}");
    bench
        .alerts
        .acknowledge(&alarm.id, "someone")
        .await
        .expect("kept");
    assert_eq!(&*bench.end_of(&alarm).await, "another sensor");
}

impl Bench {
    /// A chip of its own on bus `bus`, and its alarm; where it is.
    fn chip(&self, bus: u8, alarm: &str) -> std::path::PathBuf {
        let path = format!("sys/class/hwmon/hwmon{bus}");
        put(self.tree.path(), &format!("{path}/name"), "max31785\n");
        put(self.tree.path(), &format!("{path}/in0_alarm"), alarm);
        let chip = self.tree.path().join(path);
        let link = chip.join("device");
        std::os::unix::fs::symlink(format!("../../../{bus}-0052"), link).expect("a link");
        chip
    }

    /// Who ended it, while time goes on for the board and the rules.
    async fn end_of(&mut self, alert: &Alert) -> Arc<str> {
        let end = async {
            loop {
                self.round();
                let alert = self.alerts.find(&alert.id).expect("kept");
                if let Some((_, by)) = &alert.resolved {
                    return by.clone();
                }
                tokio::task::yield_now().await;
            }
        };
        let end = tokio::time::timeout(Duration::from_secs(60), end).await;
        end.expect("it ends")
    }

    /// As [`Bench::alert`], while time goes on for the board.
    async fn alert_while_rounds_pass(&mut self, title: &str) {
        let rounds = async {
            loop {
                self.round();
                // A hold passes by the rules' own clock.
                self.alerts.tick(Mono::now().plus(Duration::from_secs(20)));
                let all = self.alerts.list(&Filter::default());
                if all.iter().any(|alert| &*alert.title == title) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let raised = tokio::time::timeout(Duration::from_secs(60), rounds).await;
        raised.expect("it is raised");
    }
}
