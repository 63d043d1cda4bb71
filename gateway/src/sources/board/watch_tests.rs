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

#[path = "faulty_tests.rs"]
mod faulty;
#[path = "restart_tests.rs"]
mod restart;

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
    let tree = tempfile::tempdir().expect("a directory");
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
    bench_on(tree, |board| board)
}

/// On that tree; `read` says how the board is read.
fn bench_on(tree: tempfile::TempDir, read: impl Fn(Board) -> Board) -> Bench {
    let state = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(state.path()).expect("a store");
    let sources = Arc::new(Sources::default());
    let telemetry = Arc::new(Telemetry::new(sources.clone()));
    let journal = StoreJournal::of(store);
    let alerts = Alerts::start(&alerting::Config::default(), sources.clone(), journal);
    let alerts = alerts.expect("alerts");
    let pipeline = Pipeline::new(sources, telemetry.clone(), alerts.clone());
    let source = pipeline.register("board", SourceKind::Board).expect("room");

    let files = Tree::open(tree.path()).expect("a tree");
    let board = read(Board::of(files.with_handles(Handles::Pipes), None));
    let config = Config::default();
    let view = Arc::new(BoardView::new(&board, &[]));
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

/// The chip with the alarm gives its place away, and the one that never had one is gone too:
/// neither will ever end the alert.
#[tokio::test]
async fn what_vanished_without_an_alert_keeps_no_other_alert_open() {
    let mut bench = bench();
    let other = bench.chip(7, "0\n");
    put(bench.tree.path(), &format!("{CHIP}/temp1_max_alarm"), "1\n");
    bench.alert_while_rounds_pass("Sensor Alarm").await;
    let alarm = bench.alert("Sensor Alarm").await;
    fs::remove_dir_all(bench.tree.path().join(CHIP)).expect("removed");
    bench.round();
    fs::remove_dir_all(other).expect("removed");
    bench.alert_while_rounds_pass("Board Sensor Lost").await;
    let seen = bench.alerts.acknowledge(&alarm.id, "someone").await;
    seen.expect("kept");
    let is_known = |bench: &Bench, name: &str| bench.watch.board.sensors().find(name).is_ok();
    // As many as need each place but that of the other one.
    let lm75 = "hwmon:lm75@1-0048:temp1_max_alarm";
    let free = MAX_SENSORS - bench.watch.board.sensors().all().len();
    for sensor in 0..free + 3 {
        let path = format!("sys/class/thermal/thermal_zone{}", sensor + 1);
        put(
            bench.tree.path(),
            &format!("{path}/type"),
            &format!("probe{sensor}\n"),
        );
        put(bench.tree.path(), &format!("{path}/temp"), "21000\n");
    }
    assert_eq!(&*bench.end_of(&alarm).await, "another sensor");
    assert!(!is_known(&bench, lm75));
    assert!(is_known(&bench, "hwmon:max31785@7-0052:in0_alarm"));
}

/// Radios come with names of their own, and one that is gone beside another is told to
/// nobody.
#[tokio::test]
async fn radios_that_came_and_went_hold_no_places() {
    let mut bench = bench();
    let radio = |bench: &Bench, name: &str| {
        let path = format!("sys/class/net/{name}");
        fs::create_dir_all(bench.tree.path().join(&path).join("wireless")).expect("made");
        put(bench.tree.path(), &format!("{path}/operstate"), "up\n");
    };
    put(bench.tree.path(), "proc/net/wireless", "head\nhead\n");
    radio(&bench, "wlan0");
    bench.round();
    let per_radio = {
        let before = bench.watch.board.sensors().all().len();
        radio(&bench, "wlx0");
        while bench.watch.board.sensors().all().len() == before {
            bench.round();
        }
        bench.watch.board.sensors().all().len() - before
    };
    for number in 0..=MAX_SENSORS / per_radio {
        let name = format!("wlx{number}");
        radio(&bench, &name);
        bench.round();
        bench.round();
        fs::remove_dir_all(bench.tree.path().join("sys/class/net").join(&name)).expect("gone");
        bench.round();
    }
    let ups = "sys/class/power_supply/ups";
    put(bench.tree.path(), &format!("{ups}/type"), "UPS\n");
    put(bench.tree.path(), &format!("{ups}/capacity"), "4\n");
    bench.alert_while_rounds_pass("Critical Battery").await;
    assert_eq!(bench.watch.board.sensors().left_out().count, 0);
}

/// Whoever disables the zone takes the board's temperature away.
#[tokio::test]
async fn a_zone_that_is_disabled_is_a_temperature_that_is_lost() {
    let mut bench = bench();
    assert_eq!(bench.round(), Some(48.0));
    let zone = "sys/class/thermal/thermal_zone0";
    put(bench.tree.path(), &format!("{zone}/mode"), "disabled\n");
    // (The mode is looked for when something comes or goes.)
    bench.chip(7, "0\n");
    bench.alert_while_rounds_pass("Board Sensor Lost").await;
    let lost = bench.alert("Board Sensor Lost").await;
    assert!(lost.message.contains("is disabled"), "{lost:?}");
    put(bench.tree.path(), &format!("{zone}/mode"), "enabled\n");
    assert_eq!(&*bench.end_of(&lost).await, "auto");
}

/// A loss of which nothing is open: its alert was one too many for the book, or a person
/// resolved it. It holds nothing open for ever.
#[tokio::test]
async fn a_loss_that_nobody_can_see_is_forgotten_after_a_day() {
    let mut bench = bench();
    let battery = |bench: &Bench, name: &str, capacity: &str| {
        let path = format!("sys/class/power_supply/{name}");
        put(bench.tree.path(), &format!("{path}/type"), "Battery\n");
        put(bench.tree.path(), &format!("{path}/capacity"), capacity);
    };
    battery(&bench, "BAT0", "12\n");
    battery(&bench, "BAT1", "50\n");
    bench.alert_while_rounds_pass("Low Battery").await;
    let low = bench.alert("Low Battery").await;
    fs::remove_dir_all(bench.tree.path().join("sys/class/power_supply/BAT1")).expect("out");
    bench.alert_while_rounds_pass("Board Sensor Lost").await;
    let lost = bench.alert("Board Sensor Lost").await;
    battery(&bench, "BAT0", "90\n");
    bench
        .alerts
        .resolve(&lost.id, "someone")
        .await
        .expect("resolved");
    for _ in 0..10 {
        bench.round();
    }
    let now = bench.alerts.find(&low.id).expect("kept");
    assert!(now.is_open(), "the other one is not known: {now:?}");
    bench.now_ms += 24 * 60 * 60 * 1_000;
    assert_eq!(&*bench.end_of(&low).await, "auto");
}

/// As many as a large board has; what is published and judged included.
#[tokio::test]
async fn a_round_of_sixty_sensors_allocates_nothing() {
    let tree = tempfile::tempdir().expect("a directory");
    put(
        tree.path(),
        "sys/class/thermal/thermal_zone0/type",
        "cpu-thermal\n",
    );
    put(
        tree.path(),
        "sys/class/thermal/thermal_zone0/temp",
        "48000\n",
    );
    for chip in 0..14 {
        let path = format!("sys/class/hwmon/hwmon{chip}");
        put(tree.path(), &format!("{path}/name"), "max31785\n");
        for file in ["temp1_input", "fan1_input", "in0_input", "in0_alarm"] {
            let text = if file.ends_with("alarm") {
                "0\n"
            } else {
                "2400\n"
            };
            put(tree.path(), &format!("{path}/{file}"), text);
        }
        let link = tree.path().join(&path).join("device");
        std::os::unix::fs::symlink(format!("../../../{chip}-0052"), link).expect("a link");
    }
    for supply in ["ups", "BAT0", "BAT1"] {
        let path = format!("sys/class/power_supply/{supply}");
        put(tree.path(), &format!("{path}/type"), "Battery\n");
        put(tree.path(), &format!("{path}/capacity"), "90\n");
    }
    let mut bench = bench_on(tree, Board::read_inline);
    assert_eq!(bench.watch.board.sensors().all().len(), 60);
    // Sources and histories are made with their first values.
    for _ in 0..100 {
        bench.round();
    }
    let counted = allocation_counter::measure(|| {
        for _ in 0..300 {
            bench.round();
        }
    });
    assert_eq!(counted.count_total, 0, "in ten minutes");
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
