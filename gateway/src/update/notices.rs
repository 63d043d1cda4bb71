//! What the image's own scripts want people to know of this board, as alerts.
//!
//! A notice is a small file in `notices` beside the spool: its name up to the first
//! dot is its kind, its content the text. It stands for as long as the file is there.
//! Root writes the files, whole or not at all (`deploy/image.d/…/notice`). Apart from
//! `tell`, which knows of what happened once; nothing here may act on a notice.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use alerting::{AlertType, Alerts, Condition, Level};

/// Key of the alerts' conditions; their subject is the notice's name.
const KEY: &str = "board_notice";

/// Most notices at a time: a handful of kinds, and a disk in each socket. Of more, which
/// only a fault of the image's scripts can make, the first by name are logged.
const MAX_NOTICES: usize = 16;
/// Most that is read of one: it becomes an alert's text.
const MAX_BYTES: u64 = 1024;
/// Longest name of one.
const MAX_NAME_BYTES: usize = 64;

/// The notices that stand.
#[derive(Debug, Default)]
pub(super) struct Notices {
    logged: BTreeMap<String, String>,
}

impl Notices {
    /// Tells what is new in `folder`, and what is over. A folder that is not there, as
    /// beside an older image's spool, holds none.
    pub(super) fn look(&mut self, folder: &Path, alerts: &Alerts) {
        let found = read(folder);
        for (name, text) in &self.logged {
            // (A text that changed is another alert: what stands keeps its words.)
            if found.get(name) != Some(text) {
                alerts.clear(KEY, name);
            }
        }
        for (name, text) in &found {
            if self.logged.get(name) != Some(text) {
                alerts.raise(condition(name, text));
            }
        }
        self.logged = found;
    }
}

fn read(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && name.len() <= MAX_NAME_BYTES)
        .collect();
    names.sort_unstable();
    names.truncate(MAX_NOTICES);
    let text = |name: &String| {
        let mut bytes = Vec::new();
        let file = File::open(folder.join(name)).ok()?;
        file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    let read = |name: String| text(&name).map(|text| (name, text));
    names.into_iter().filter_map(read).collect()
}

fn condition(name: &str, text: &str) -> Condition {
    let title = match name.split('.').next() {
        Some("second-disk") => "Second System Disk",
        Some("renamed") => "Gateway Renamed",
        // A kind that a newer image has: its text says what it is.
        _ => "Board Notice",
    };
    Condition {
        key: KEY,
        subject: name.into(),
        level: Level::Warning,
        alert_type: AlertType::System,
        title,
        message: text.to_owned(),
        details: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_a_file_with_a_text() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(read(&folder.path().join("none")).is_empty());
        for (name, text) in [
            ("second-disk.sda4", "A second disk\n"),
            (".renamed", "half"),
            ("empty", "\n"),
        ] {
            fs::write(folder.path().join(name), text).expect("written");
        }
        fs::create_dir(folder.path().join("folder")).expect("made");
        let found = read(folder.path());
        let found: Vec<_> = found.iter().map(|(n, t)| (&**n, &**t)).collect();
        assert_eq!(found, [("second-disk.sda4", "A second disk")]);
    }

    #[test]
    fn what_is_read_is_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..MAX_NOTICES + 5 {
            let name = format!("second-disk.{number:02}");
            fs::write(folder.path().join(name), "x".repeat(5000)).expect("written");
        }
        let found = read(folder.path());
        assert_eq!(found.len(), MAX_NOTICES);
        assert!(found.values().all(|text| text.len() as u64 == MAX_BYTES));
    }

    #[test]
    fn a_kind_has_a_title() {
        for (name, title) in [
            ("second-disk.sda4", "Second System Disk"),
            ("renamed", "Gateway Renamed"),
            ("later", "Board Notice"),
        ] {
            assert_eq!(condition(name, "text").title, title);
        }
    }
}
