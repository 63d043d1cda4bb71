//! A day on which everything flaps, in virtual time, over the real store: whatever comes
//! and goes, at whatever pace, the promise of bytes written a day holds.
//!
//! Beside `store::tests::budget`, which counts what a commit takes, and `alerting`'s damping,
//! which says how many there are: here the two are what they are on a board, with the file
//! of the sensors that alerts are of.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use alerting::{
    AlertType, Alerts, Change, Condition, Config, Filter, Journal, JournalError, Kept, Level,
    RuleText,
};
use readings::clock::{Mono, sleep};
use readings::telemetry::Telemetry;
use readings::virtual_time::{self, VirtualTime};
use readings::{Metric, Reading, SourceId, SourceKind, Sources};
use store::Store;
use tello_simulator::Rng;
use tokio::runtime::Builder;

use super::tasks::Tasks;
use crate::alerts::StoreJournal;
use crate::sources::sink::{Pipeline, ReadingSink as _};

/// The promise, and the histories' share of it, which they take whatever happens
/// (`store::tests::budget`: 13 MB, and as much again of the daily snapshot for safety).
const BYTES_A_DAY: u64 = 50 * 1024 * 1024;
const OF_HISTORIES: u64 = 15 * 1024 * 1024;

/// A block of a card's file system, and how many a new name of a file takes.
const BLOCK: u64 = 4096;
const BLOCKS_OF_A_NAME: u64 = 3;

const DAY_MS: u64 = 24 * 3_600 * 1_000;
const STEP_MS: u64 = 1_000;
const BATCH_EVERY_MS: u64 = 5 * 60 * 1_000;

/// What flaps: conditions of drones, bridges, sensors and landings.
const KEYS: [(&str, Level); 6] = [
    ("drone_silent", Level::Critical),
    ("drone_landing_taken_over", Level::Warning),
    ("drone_landing_unconfirmed", Level::Critical),
    ("bridge_lost", Level::Critical),
    ("bridge_sensor_lost", Level::Warning),
    ("board_sensor_lost", Level::Warning),
];
const SUBJECTS: [&str; 4] = ["d1", "d2", "d3", "mast"];

/// The store's journal, and how many commits it has not answered.
#[derive(Clone)]
struct Watched {
    journal: Arc<StoreJournal>,
    open: Arc<AtomicU32>,
    commits: Arc<AtomicU32>,
    /// The file beside the store; of its last version when that was written, and the bytes
    /// of all.
    beside: PathBuf,
    written: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

impl Watched {
    fn of(store: Store, dir: &Path) -> Watched {
        Watched {
            journal: Arc::new(StoreJournal::new(store, dir)),
            open: Arc::default(),
            commits: Arc::default(),
            beside: dir.join("alert_sensors.json"),
            written: Arc::default(),
            bytes: Arc::default(),
        }
    }

    /// Counts the file beside the store, if it was written: in whole blocks, with the entry
    /// and the journal of its directory.
    fn count(&self) {
        use std::os::unix::fs::MetadataExt as _;
        let Ok(now) = std::fs::metadata(&self.beside) else {
            return;
        };
        // Each version is another file.
        if self.written.swap(now.ino(), Relaxed) != now.ino() {
            let blocks = now.len().div_ceil(BLOCK) + BLOCKS_OF_A_NAME;
            self.bytes.fetch_add(blocks * BLOCK, Relaxed);
        }
    }
}

impl Journal for Watched {
    fn kept(&self) -> Kept {
        self.journal.kept()
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), JournalError> {
        self.open.fetch_add(1, Relaxed);
        let done = self.journal.commit(changes).await;
        self.count();
        self.open.fetch_sub(1, Relaxed);
        self.commits.fetch_add(1, Relaxed);
        done
    }

    fn defer(&self, changes: Vec<Change>) {
        self.journal.defer(changes);
    }
}

/// Something that comes and goes.
struct Flapping {
    key: &'static str,
    level: Level,
    subject: Arc<str>,
    /// How long it stands, and stays away, at the longest; in steps.
    period: u64,
    changes_at: u64,
    stands: bool,
}

struct Day {
    pipeline: Pipeline,
    alerts: Alerts,
    drones: Vec<SourceId>,
    conditions: Vec<Flapping>,
    rng: Rng,
    tasks: Tasks,
    journal: Watched,
    store: Store,
}

impl Day {
    fn begin(store: Store, dir: &Path, seed: u64) -> Day {
        let sources = Arc::new(Sources::default());
        let drones = SUBJECTS[..3].iter();
        let drones = drones.map(|id| sources.register(id, SourceKind::Drone).expect("room"));
        let drones = drones.collect();
        let telemetry = Arc::new(Telemetry::new(sources.clone()));
        store.keep_outbox(true);
        let journal = Watched::of(store.clone(), dir);
        let config = Config {
            rule: vec![
                RuleText::new("Hot", Metric::Temperature, ">", 60.0, "warning"),
                RuleText::new("Hotter", Metric::Temperature, ">", 70.0, "critical"),
            ],
            ..Config::default()
        };
        let (alerts, committer) =
            Alerts::prepare(&config, sources.clone(), journal.clone()).expect("valid");
        let mut tasks = Tasks::default();
        tasks.spawn("committer", committer);
        let ticked = alerts.clone();
        tasks.spawn("rule clock", async move {
            loop {
                ticked.tick(Mono::now());
                sleep(Duration::from_secs(1)).await;
            }
        });
        alerts.rules_complete();
        let mut rng = Rng::new(seed);
        let all = KEYS
            .iter()
            .flat_map(|key| SUBJECTS.map(|subject| (*key, subject)));
        let conditions = all.map(|((key, level), subject)| Flapping {
            key,
            level,
            subject: subject.into(),
            // From a second to half an hour, as many of each size.
            period: 1 << rng.below(11),
            changes_at: rng.below(60),
            stands: false,
        });
        let conditions = conditions.collect();
        Day {
            pipeline: Pipeline::new(sources, telemetry, alerts.clone()),
            alerts,
            drones,
            conditions,
            rng,
            tasks,
            journal,
            store,
        }
    }

    /// All that flaps does.
    fn flap(&mut self, step: u64) {
        for one in &mut self.conditions {
            if step < one.changes_at {
                continue;
            }
            one.changes_at = step + 1 + self.rng.below(one.period);
            one.stands = !one.stands;
            if one.stands {
                // Each time another one of them.
                let sensor = format!("hwmon:max31785@7-0052:in{}", step % 16);
                let condition = Condition {
                    key: one.key,
                    subject: one.subject.clone(),
                    level: one.level,
                    alert_type: AlertType::Drone,
                    title: "Something Flaps",
                    message: format!("{} of {}: {sensor} is gone", one.key, one.subject),
                    details: None,
                };
                let of_board = one.key == alerting::BOARD_SENSOR_LOST;
                let sensors = Some(sensor.into()).filter(|_| of_board);
                self.pipeline
                    .raise_naming(condition, sensors.into_iter().collect());
            } else {
                self.pipeline.clear(one.key, &one.subject);
            }
        }
        for drone in &self.drones {
            let celsius = 50.0 + self.rng.below(30) as f64;
            let reading = Reading::plausible(Metric::Temperature, celsius);
            self.pipeline.publish(*drone, reading.as_slice());
        }
    }

    /// Tasks run until the store has answered all.
    fn settle(&mut self, now_ms: u64) {
        let time = VirtualTime {
            now_ms,
            began_ms: 0,
        };
        self.tasks.run(time);
        while self.journal.open.load(Relaxed) > 0 {
            std::thread::yield_now();
            self.tasks.run(time);
        }
    }

    /// What a notifier defers for each notification that arrived.
    fn deliver(&self) {
        let mut after = self.store.delivered("hook").unwrap_or(0);
        while let Some((number, _)) = self.store.outbox_after(after) {
            let told = store::Change::Delivered("hook".to_owned(), number);
            self.store
                .defer(vec![told, store::Change::DropOutbox(number)]);
            after = number;
        }
    }

    /// A person resolves everything there is: what stands all the same comes again.
    fn resolve_all(&self) {
        for alert in self.alerts.list(&Filter::default()) {
            self.alerts.resolve_soon(&alert.id, "ann");
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are what this is run for")]
fn a_day_on_which_everything_flaps_keeps_the_promise_of_bytes_written() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let _entered = runtime.enter();
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(dir.path()).expect("a store");
    let before = store.stats();
    let mut day = Day::begin(store, dir.path(), 1);
    for now_ms in (0..DAY_MS).step_by(STEP_MS as usize) {
        virtual_time::set(Some(VirtualTime {
            now_ms,
            began_ms: 0,
        }));
        day.flap(now_ms / STEP_MS);
        day.settle(now_ms);
        day.deliver();
        if now_ms.is_multiple_of(BATCH_EVERY_MS) {
            runtime.block_on(day.store.flush()).expect("flushed");
        }
        if now_ms % (DAY_MS / 3) == DAY_MS / 6 {
            day.resolve_all();
        }
    }
    let after = day.store.stats();
    virtual_time::set(None);
    let beside = day.journal.bytes.load(Relaxed);
    let (bytes, commits) = (
        after.bytes - before.bytes + beside,
        day.journal.commits.load(Relaxed),
    );
    println!(
        "a day of {} that flap: {commits} commits, {bytes} bytes, {beside} of them beside the store",
        day.conditions.len()
    );
    assert!(beside > 0, "sensors are kept");
    assert!(commits > 100, "it flaps: {commits} commits");
    assert!(
        bytes < BYTES_A_DAY - OF_HISTORIES,
        "{bytes} bytes in {commits} commits"
    );
}
