//! What is kept, what goes, what is ended at a start.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::*;

const NOW: i64 = 1_796_047_500;

const LIMITS: Limits = Limits {
    max_bytes: 10_000,
    max_bytes_a_day: 1 << 30,
    max_days: 30,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(NOW + second).expect("in range")
}

fn open(dir: &Path, limits: Limits) -> Arc<Library> {
    Arc::new(Library::open(dir, limits, at(0)).expect("opened"))
}

fn opening(id: &str, second: i64) -> Opening {
    Opening {
        id: id.to_owned(),
        drone_id: "d1".to_owned(),
        drone_name: "d1".to_owned(),
        simulated: true,
        gateway: "board".to_owned(),
        boot: "7".to_owned(),
        program: "0.1.0".to_owned(),
        started: at(second),
        clock_synchronised: None,
        public_key: String::new(),
    }
}

/// A recording of some `bytes`, ended.
fn record(library: &Arc<Library>, id: &str, second: i64, bytes: usize) -> Entry {
    let begun = library.begin(opening(id, second), Duration::ZERO);
    let mut recording = begun.expect("begun");
    let state = vec![b'x'; bytes];
    recording.append(Kind::State, 5, &state).expect("taken");
    recording
        .close(Reason::Landed, Duration::ZERO)
        .expect("ended")
}

fn ids(library: &Library) -> Vec<String> {
    library
        .list()
        .iter()
        .map(|entry| entry.id().to_owned())
        .collect()
}

#[test]
fn a_recording_is_there_after_a_restart_with_its_pin() {
    let dir = tempfile::tempdir().expect("a directory");
    let library = open(dir.path(), LIMITS);
    let entry = record(&library, "one", 0, 100);
    assert_eq!(entry.closing.as_ref().map(|c| c.counts.states), Some(1));
    assert!(!library.pin("none", true).expect("nothing to write"));
    assert!(library.pin("one", true).expect("written"));
    let mode = |name: &str| {
        let metadata = fs::metadata(dir.path().join(name)).expect("there");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!((mode("one.mfr"), mode("one.json")), (0o600, 0o600));
    let again = open(dir.path(), LIMITS);
    assert_eq!(
        again.list(),
        [Entry {
            pinned: true,
            ..entry.clone()
        }]
    );
    // Without its line it is looked through again.
    fs::remove_file(dir.path().join("one.json")).expect("removed");
    assert_eq!(open(dir.path(), LIMITS).list(), [entry]);
    // A second one of that name gets another.
    assert_eq!(record(&again, "one", 9, 1).id(), "one-2");
    assert!(again.remove("one").expect("removed") && !again.remove("one").expect("nothing"));
    assert_eq!(ids(&open(dir.path(), LIMITS)), ["one-2"]);
    fs::write(dir.path().join("rubbish.mfr"), b"rubbish").expect("written");
    assert_eq!(ids(&open(dir.path(), LIMITS)), ["one-2"]);
}

#[test]
fn the_oldest_that_is_not_pinned_goes() {
    let dir = tempfile::tempdir().expect("a directory");
    let library = open(dir.path(), LIMITS);
    for (second, id) in ["a", "b", "c"].into_iter().enumerate() {
        record(&library, id, second as i64, 4_000);
        if id == "a" {
            library.pin("a", true).expect("pinned");
        }
    }
    record(&library, "d", 9, 10);
    assert_eq!(ids(&library), ["a", "c", "d"]);
    for id in ["c", "d"] {
        library.pin(id, true).expect("pinned");
    }
    library.remove("c").expect("removed");
    record(&library, "e", 10, 5_000);
    library.pin("e", true).expect("pinned");
    let refused = library.begin(opening("f", 11), Duration::ZERO).err();
    assert!(matches!(refused, Some(RecordingError::Pinned(_))));
}

#[test]
fn age_ends_what_is_not_pinned() {
    let dir = tempfile::tempdir().expect("a directory");
    let library = open(dir.path(), LIMITS);
    record(&library, "old", 0, 10);
    record(&library, "pinned", 0, 10);
    library.pin("pinned", true).expect("pinned");
    record(&library, "young", 24 * 3600, 10);
    library.expire(at(30 * 24 * 3600 - 1));
    assert_eq!(library.list().len(), 3);
    library.expire(at(30 * 24 * 3600));
    assert_eq!(ids(&library), ["pinned", "young"]);
}

#[test]
fn the_day_has_so_many_bytes() {
    let dir = tempfile::tempdir().expect("a directory");
    let limits = Limits {
        max_bytes_a_day: 20_000,
        ..LIMITS
    };
    let library = open(dir.path(), limits);
    let mut recording = library
        .begin(opening("a", 0), Duration::ZERO)
        .expect("begun");
    recording
        .append(Kind::State, 0, &[0; 30_000])
        .expect("taken");
    let refused = recording.sync(Duration::ZERO).err();
    assert!(matches!(refused, Some(RecordingError::Spent(20_000))));
    // What is there is kept.
    recording
        .close(Reason::Refused, Duration::ZERO)
        .expect("ended");
    let hours = Duration::from_hours;
    assert!(library.begin(opening("b", 0), hours(23)).is_err());
    // Also after a restart.
    let again = open(dir.path(), limits);
    assert!(again.begin(opening("c", 0), Duration::ZERO).is_err());
    let limits = Limits {
        max_bytes: 1 << 20,
        ..limits
    };
    let roomy = open(dir.path(), limits);
    assert!(roomy.begin(opening("d", 0), hours(24)).is_ok());
}

#[test]
fn what_a_power_cut_left_is_ended_at_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let library = open(dir.path(), LIMITS);
    let mut recording = library
        .begin(opening("cut", 0), Duration::ZERO)
        .expect("begun");
    recording.append(Kind::State, 7, b"bat:50;").expect("taken");
    recording.sync(Duration::ZERO).expect("synced");
    recording
        .append(Kind::State, 8, b"bat:49;")
        .expect("taken, and not synced");
    drop(recording);
    // A second one of which nothing had reached the medium.
    drop(
        library
            .begin(opening("nothing", 1), Duration::ZERO)
            .expect("begun"),
    );
    let again = open(dir.path(), LIMITS);
    let list = again.list();
    let [entry] = &list[..] else {
        panic!("{list:?}")
    };
    let closing = entry.closing.as_ref().expect("a closing");
    assert_eq!(
        (closing.reason, closing.counts.states),
        (Reason::Interrupted, 1)
    );
    assert_eq!((entry.duration_us, entry.is_open), (7, false));
    let file = again.file("cut").expect("read").expect("there");
    assert_eq!(verify(file).expect("a recording").fault, None);
    assert!(!dir.path().join("nothing.mfr.part").exists());
}

#[test]
fn one_that_is_given_up_is_ended_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let library = open(dir.path(), LIMITS);
    let mut recording = library
        .begin(opening("a", 0), Duration::ZERO)
        .expect("begun");
    recording.append(Kind::State, 7, b"bat:50;").expect("taken");
    recording.sync(Duration::ZERO).expect("synced");
    assert!(
        library.file("a").expect("nothing read").is_none(),
        "it is being recorded"
    );
    assert!(!library.remove("a").expect("nothing removed"));
    recording.abandon();
    let list = library.list();
    assert!(matches!(&list[..], [entry] if !entry.is_open), "{list:?}");
    let gone = library
        .begin(opening("b", 1), Duration::ZERO)
        .expect("begun");
    fs::remove_file(dir.path().join("b.mfr.part")).expect("removed");
    gone.abandon();
    assert_eq!(ids(&library), ["a"]);
}
