//! A board on a directory of the test's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use boards::{Absence, Board, Freshness, Role, Sample};

pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) board: Board,
}

impl Bench {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        for (path, text) in files {
            put(dir.path(), path, text);
        }
        let board = open(dir.path());
        Bench { dir, board }
    }

    pub(crate) fn put(&self, path: &str, text: &str) {
        put(self.dir.path(), path, text);
    }

    pub(crate) fn remove(&self, path: &str) {
        let path = self.dir.path().join(path);
        if path.is_dir() {
            fs::remove_dir_all(path).expect("directory removed");
        } else {
            fs::remove_file(path).expect("file removed");
        }
    }

    /// Samples by sensor name.
    pub(crate) fn sample(&mut self, now_ms: u64) -> BTreeMap<String, Sample> {
        let mut seen = Vec::new();
        self.board
            .sample(now_ms, &mut |index, sample| seen.push((index, sample)));
        seen.into_iter()
            .map(|(index, sample)| (self.board.sensors().sensor(index).name.clone(), sample))
            .collect()
    }

    pub(crate) fn value(&self, role: Role, now_ms: u64) -> Freshness {
        let index = self
            .board
            .sensors()
            .by_role(role)
            .next()
            .expect("a sensor of the role");
        self.board.sensors().value(index, now_ms)
    }
}

/// Reads on the test's own thread: however busy the machine is, no read counts as slow.
pub(crate) fn open(root: &Path) -> Board {
    let open = || Board::open(root, None).expect("board");
    // The first search is not on this thread, and has a deadline that such a machine misses.
    let mut tries = (0..10).map(|_| open());
    let in_time = tries.find(|board| board.sensors().hung() == 0);
    in_time.unwrap_or_else(open).read_inline()
}

pub(crate) fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("parent")).expect("directory");
    // Renamed over, so that a reader never sees half of it.
    let new = path.with_extension("new");
    fs::write(&new, text).expect("file");
    fs::rename(new, path).expect("renamed");
}

pub(crate) const ZONE: &str = "sys/class/thermal/thermal_zone0/temp";

pub(crate) fn one_zone() -> Bench {
    Bench::new(&[
        ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
        (ZONE, "48000\n"),
    ])
}

pub(crate) fn absence(sample: Option<&Sample>) -> Option<Absence> {
    match sample {
        Some(Sample::Absent(absence)) => Some(*absence),
        _ => None,
    }
}
