//! A small file of JSON beside the store, for what is durable and may be lost by a
//! program of before.
//!
//! The store's records are bytes for ever, and an older program has to open the store
//! after a roll-back: it would refuse a record of a kind that it does not know. It does
//! not look at these files. Written whole or not at all, 0600.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of their shapes. A file of another is not read.
const VERSION: u32 = 1;
/// Most that is read: each room bounds what it writes, far below this.
const MAX_BYTES: u64 = 1 << 20;

/// The file.
#[derive(Clone)]
pub(crate) struct StateFile {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    entries: T,
}

impl StateFile {
    /// The file `name` of the state directory `dir`.
    pub(crate) fn at(dir: &Path, name: &str) -> StateFile {
        StateFile {
            path: dir.join(name),
        }
    }

    /// What it holds; nothing when it is not there. A file that is damaged or of another
    /// version is told, and as good as none.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Vec<T> {
        let read = || -> io::Result<Vec<T>> {
            let file = File::open(&self.path)?.take(MAX_BYTES);
            let held: Versioned<Vec<T>> = serde_json::from_reader(io::BufReader::new(file))?;
            match held.version {
                VERSION => Ok(held.entries),
                other => Err(io::Error::other(format!("version {other}, not {VERSION}"))),
            }
        };
        match read() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                let file = self.path.display();
                tracing::warn!(%file, %error, "not readable; what it held is forgotten");
                Vec::new()
            }
        }
    }

    /// Puts `entries` in place of what it held; ends when they are on the medium.
    ///
    /// # Errors
    /// The medium refuses.
    pub(crate) async fn write<T: Serialize>(&self, entries: &[T]) -> io::Result<()> {
        let bytes = serde_json::to_vec(&Versioned {
            version: VERSION,
            entries,
        })?;
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || replace(&path, &bytes)).await;
        written.unwrap_or_else(|ended| Err(io::Error::other(ended)))
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_read_as_it_was_written_and_nothing_else_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = StateFile::at(dir.path(), "some.json");
        assert!(file.read::<u32>().is_empty());
        file.write(&[1, 2]).await.expect("written");
        assert_eq!(file.read::<u32>(), [1, 2]);
        let text = fs::read_to_string(&file.path).expect("there");
        assert_eq!(text, r#"{"version":1,"entries":[1,2]}"#);
        for other in ["", &text[..10], &text.replacen('1', "2", 1), "[1,2]"] {
            fs::write(&file.path, other).expect("written");
            assert!(file.read::<u32>().is_empty(), "{other}");
        }
    }
}
