//! Which sensors alerts about the board are of, in a file beside the store.
//!
//! A later run waits for them by name. The record of an alert has no place for that, and a
//! record of another shape would keep an older program from opening the store after a
//! roll-back. Before there was this file the names were read out of the alerts' words; of
//! an alert that it does not know (an older program raised it) they still are, and then
//! they lie here, too: no wording of today needs to be kept for it.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alerting::{Alert, BOARD_SENSOR_LOST, Change, parse_id};
use readings::{BOARD, BOARD_SENSOR_PREFIX};
use serde::{Deserialize, Serialize};

use crate::state_file::StateFile;

/// Name of the file.
const FILE: &str = "alert_sensors.json";
/// Most bytes of names. All sensors of the board, each in two alerts, are a fifth of it; a
/// file is written anew with every alert about the board, and no raised alert may cost
/// more than the store's own commit.
const MAX_BYTES: usize = 64 * 1024;
/// What an entry takes beside its names.
const ENTRY_BYTES: usize = 64;

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Named {
    alert: Arc<str>,
    sensors: Vec<Arc<str>>,
}

impl Named {
    fn bytes(&self) -> usize {
        let names = self.sensors.iter().map(|name| name.len());
        ENTRY_BYTES + names.sum::<usize>()
    }
}

/// The sensors of open alerts.
#[derive(Default)]
pub(super) struct SensorFile {
    file: Option<StateFile>,
    kept: Mutex<Kept>,
    /// Held by each write to its end: the committer gives up a slow one, and begins another.
    writing: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct Kept {
    /// Oldest first.
    entries: Vec<Named>,
    /// There is something that the file does not hold yet.
    is_new: bool,
}

impl SensorFile {
    /// That of the state directory `dir`.
    pub(super) fn open(dir: &Path) -> SensorFile {
        let file = StateFile::at(dir, FILE);
        let mut kept = Kept {
            entries: file.read(),
            is_new: false,
        };
        kept.fit();
        SensorFile {
            file: Some(file),
            kept: Mutex::new(kept),
            writing: Arc::default(),
        }
    }

    /// Gives an alert of an earlier run its sensors.
    pub(super) fn complete(&self, alert: &mut Alert) {
        let mut kept = self.lock();
        match kept.entries.iter().find(|named| named.alert == alert.id) {
            Some(named) => alert.sensors.clone_from(&named.sensors),
            None if alert.is_open() => {
                alert.sensors = by_words(alert);
                kept.note(alert);
            }
            None => {}
        }
    }

    /// Forgets what is of none of `alerts`: of another store, or of a commit that failed.
    pub(super) fn forget_others(&self, alerts: &[Alert]) {
        let is_known = |named: &Named| {
            alerts
                .iter()
                .any(|alert| alert.is_open() && alert.id == named.alert)
        };
        self.lock().entries.retain(is_known);
    }

    /// Saves the sensors of what `changes` raise, before these are committed. What has
    /// ended leaves the file when that is written next.
    ///
    /// # Errors
    /// The medium refuses; the next call tries again.
    pub(super) async fn save(&self, changes: &[Change]) -> io::Result<()> {
        let entries = {
            let mut kept = self.lock();
            for change in changes {
                match change {
                    Change::PutAlert(alert, _) if alert.is_open() => kept.note(alert),
                    Change::PutAlert(alert, _) => kept.drop_seq(alert.seq),
                    Change::DeleteAlert(seq) => kept.drop_seq(*seq),
                    Change::PutRule(_) | Change::DeleteRule(_) => {}
                }
            }
            kept.fit();
            if !kept.is_new {
                return Ok(());
            }
            kept.entries.clone()
        };
        if let Some(file) = &self.file {
            let guard = self.writing.clone().lock_owned().await;
            file.write_holding(&entries, guard).await?;
        }
        let mut kept = self.lock();
        // (There is one committer: nothing came in between.)
        kept.is_new = kept.entries != entries;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Valid after every statement above.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Notes an open alert. One whose words would name sensors is noted as well when it
    /// has none: its words are not asked again.
    fn note(&mut self, alert: &Alert) {
        if alert.sensors.is_empty() && by_words(alert).is_empty() {
            return;
        }
        let named = Named {
            alert: alert.id.clone(),
            sensors: alert.sensors.clone(),
        };
        let same = self.entries.iter_mut().find(|one| one.alert == alert.id);
        match same {
            Some(same) if *same == named => return,
            Some(same) => *same = named,
            None => self.entries.push(named),
        }
        self.is_new = true;
    }

    fn drop_seq(&mut self, seq: u64) {
        let is_it = |named: &Named| parse_id(&named.alert).is_some_and(|(_, of)| of == seq);
        self.entries.retain(|named| !is_it(named));
    }

    /// The oldest go first: their words still name them.
    fn fit(&mut self) {
        let mut bytes: usize = self.entries.iter().map(Named::bytes).sum();
        let excess = self.entries.iter().take_while(|named| {
            let is_too_much = bytes > MAX_BYTES;
            bytes -= named.bytes();
            is_too_much
        });
        let excess = excess.count();
        self.entries.drain(..excess);
    }
}

/// The sensors that an alert of a program of before names in its words.
fn by_words(alert: &Alert) -> Vec<Arc<str>> {
    let is_rule = alert.measured.is_some() && &*alert.subject == BOARD;
    let is_loss =
        &*alert.origin == BOARD_SENSOR_LOST && alert.subject.starts_with(BOARD_SENSOR_PREFIX);
    match (is_rule, is_loss) {
        (true, _) => named_by_rule(&alert.message).into_iter().collect(),
        (_, true) => named_by_loss(&alert.message).collect(),
        _ => Vec::new(),
    }
}

/// The sensor that a rule's alert names at its end: `…, by UPS (power:ups)`.
fn named_by_rule(message: &str) -> Option<Arc<str>> {
    let (_, sensor) = message.rsplit_once(", by ")?;
    let name = match sensor.strip_suffix(')') {
        Some(sensor) => sensor.rsplit_once(" (")?.1,
        // Its label is its name.
        None => sensor,
    };
    Some(name.into())
}

/// The sensors that a loss names: `… no longer known: UPS (power:ups): vanished; …`.
fn named_by_loss(message: &str) -> impl Iterator<Item = Arc<str>> {
    let known = message.split_once(" is no longer known: ");
    let all = known.map_or("", |(_, all)| all).split("; ");
    all.filter_map(|sensor| {
        let (sensor, _) = sensor.split_once("): ")?;
        sensor.rsplit_once(" (").map(|(_, name)| name.into())
    })
}

#[cfg(test)]
mod tests {
    use alerting::{AlertType, Level, Measured, alert_id};
    use jiff::Timestamp;
    use readings::Metric;

    use super::*;

    fn low(seq: u64, words: &str, sensors: &[&str]) -> Alert {
        Alert {
            seq,
            id: alert_id(7, seq),
            level: Level::Warning,
            alert_type: AlertType::System,
            title: "Low Battery".into(),
            message: format!("Low Battery: battery_level of board is 12 % (< 20 %){words}"),
            details: None,
            origin: "system_monitor".into(),
            subject: BOARD.into(),
            measured: Some(Measured {
                metric: Metric::BatteryLevel,
                value: 12.0,
                threshold: 20.0,
            }),
            sensors: sensors.iter().map(|&name| name.into()).collect(),
            created: Timestamp::UNIX_EPOCH,
            cleared: None,
            acknowledged: None,
            resolved: None,
            durable: true,
        }
    }

    fn lost(seq: u64, message: &str) -> Alert {
        Alert {
            message: message.to_owned(),
            origin: BOARD_SENSOR_LOST.into(),
            subject: "board/battery_level".into(),
            measured: None,
            ..low(seq, "", &[])
        }
    }

    fn put(alert: &Alert) -> Vec<Change> {
        vec![Change::PutAlert(Box::new(alert.clone()), None)]
    }

    /// The sensors that the file of `dir` gives an alert which the store holds as that.
    fn kept(dir: &Path, alert: &Alert) -> Vec<Arc<str>> {
        let mut stored = Alert {
            sensors: Vec::new(),
            ..alert.clone()
        };
        SensorFile::open(dir).complete(&mut stored);
        stored.sensors
    }

    #[tokio::test]
    async fn an_alert_keeps_its_sensors_whatever_its_words_are() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = SensorFile::open(dir.path());
        // A label may be anything, the end of a sentence of ours too.
        let odd = low(
            1,
            ", by Pack (left), by door (power:x)",
            &["power:BAT1:charge"],
        );
        file.save(&put(&odd)).await.expect("saved");
        let none = low(2, ", by nobody at all", &[]);
        file.save(&put(&none)).await.expect("saved");
        assert_eq!(kept(dir.path(), &odd), odd.sensors);
        assert_eq!(
            kept(dir.path(), &none),
            none.sensors,
            "its words are not asked"
        );
        // An older program raised another one meanwhile.
        let older = low(3, ", by UPS (power:ups)", &[]);
        assert_eq!(kept(dir.path(), &older), [Arc::from("power:ups")]);
    }

    #[tokio::test]
    async fn a_store_without_the_file_is_mapped_by_its_words_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut old = low(1, ", by UPS (left) (power:ups)", &[]);
        let file = SensorFile::open(dir.path());
        file.complete(&mut old);
        assert_eq!(old.sensors, [Arc::from("power:ups")]);
        // Whatever is committed first takes it to the file.
        file.save(&[]).await.expect("saved");
        let reworded = Alert {
            message: "in words of a later program".to_owned(),
            ..old.clone()
        };
        assert_eq!(kept(dir.path(), &reworded), old.sensors);
    }

    #[tokio::test]
    async fn what_has_ended_is_forgotten_and_costs_no_write() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = SensorFile::open(dir.path());
        let mut one = low(1, "", &["power:ups"]);
        file.save(&put(&one)).await.expect("saved");
        let written = || std::fs::read_to_string(dir.path().join(FILE)).expect("there");
        let first = written();
        one.cleared = Some(Timestamp::UNIX_EPOCH);
        file.save(&put(&one)).await.expect("saved");
        assert_eq!(written(), first);
        file.save(&put(&low(2, "", &["power:BAT0"])))
            .await
            .expect("saved");
        assert!(!written().contains("power:ups"), "{}", written());
        // What is not of sensors writes nothing at all.
        let before = written();
        file.save(&put(&low(3, "", &[]))).await.expect("saved");
        assert_eq!(written(), before);
    }

    #[tokio::test]
    async fn the_file_is_bounded_and_the_oldest_go_first() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = SensorFile::open(dir.path());
        let name = "n".repeat(1_000);
        for seq in 1..200 {
            file.save(&put(&low(seq, "", &[&name])))
                .await
                .expect("saved");
        }
        let bytes = std::fs::metadata(dir.path().join(FILE))
            .expect("there")
            .len();
        assert!(bytes < 2 * MAX_BYTES as u64, "{bytes}");
        assert_eq!(kept(dir.path(), &low(199, "", &[])), [Arc::from(&*name)]);
        assert!(kept(dir.path(), &low(1, "", &[])).is_empty());
    }

    #[test]
    fn an_old_alert_says_which_sensor_it_is_of() {
        for (words, name) in [
            (", by UPS (left) (power:ups)", "power:ups"),
            (", by power:BAT0:charge", "power:BAT0:charge"),
        ] {
            assert_eq!(by_words(&low(1, words, &[])), [Arc::from(name)]);
        }
        assert!(
            by_words(&low(1, "", &[])).is_empty(),
            "a still older one did not"
        );
        let told = "battery_level is no longer known: UPS (power:ups): it (or all) vanished; \
                    Pack (power:BAT1:charge): it vanished";
        let both = ["power:ups", "power:BAT1:charge"].map(Arc::from);
        assert_eq!(by_words(&lost(1, told)), both);
    }
}
