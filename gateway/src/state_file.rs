//! A small file of JSON beside the store, for what is durable and may be lost by a
//! program of before.
//!
//! The store's records are bytes for ever, and an older program has to open the store
//! after a roll-back: it would refuse a record of a kind that it does not know. It does
//! not look at these files. Written whole or not at all, 0600.

use std::fs::File;
use std::io::{self, Read as _};
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
    location: Location,
}

#[derive(Clone)]
enum Location {
    Path(PathBuf),
    #[cfg(test)]
    Memory(memory::MemoryFile),
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
            location: Location::Path(dir.join(name)),
        }
    }

    /// One that a simulated world holds.
    #[cfg(test)]
    pub(crate) fn in_memory(file: memory::MemoryFile) -> StateFile {
        StateFile {
            location: Location::Memory(file),
        }
    }

    /// What it holds; nothing when it is not there. A file that is damaged or of another
    /// version is told, and as good as none.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Vec<T> {
        let read = || -> io::Result<Vec<T>> {
            let held: Versioned<Vec<T>> = match &self.location {
                Location::Path(path) => {
                    let file = File::open(path)?.take(MAX_BYTES);
                    serde_json::from_reader(io::BufReader::new(file))?
                }
                #[cfg(test)]
                Location::Memory(file) => serde_json::from_slice(&file.read()?)?,
            };
            match held.version {
                VERSION => Ok(held.entries),
                other => Err(io::Error::other(format!("version {other}, not {VERSION}"))),
            }
        };
        match read() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                let file = self.name();
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
        self.write_holding(entries, ()).await
    }

    /// The same for a caller that may give up: `guard` is dropped when the write has ended,
    /// which goes on without the caller, and two of one file must not meet.
    ///
    /// # Errors
    /// As [`StateFile::write`].
    pub(crate) async fn write_holding<T: Serialize>(
        &self,
        entries: &[T],
        guard: impl Send + 'static,
    ) -> io::Result<()> {
        let bytes = serde_json::to_vec(&Versioned {
            version: VERSION,
            entries,
        })?;
        let path = match &self.location {
            Location::Path(path) => path.clone(),
            #[cfg(test)]
            Location::Memory(file) => return file.write(bytes).await,
        };
        let written = tokio::task::spawn_blocking(move || {
            let _guard = guard;
            durable::replace(&path, &bytes)
        });
        let written = written.await;
        written.unwrap_or_else(|ended| Err(io::Error::other(ended)))
    }

    fn name(&self) -> std::borrow::Cow<'_, str> {
        match &self.location {
            Location::Path(path) => path.to_string_lossy(),
            #[cfg(test)]
            Location::Memory(_) => "a file of the world".into(),
        }
    }
}

#[cfg(test)]
pub(crate) mod memory {
    //! The medium of a simulated world: what is on it outlives the process, and it may be
    //! slow.

    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::Duration;

    use readings::clock::sleep;

    /// One file; clones share it.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct MemoryFile {
        bytes: Arc<Mutex<Option<Vec<u8>>>>,
        /// How long a write takes; a process that ends within it has written nothing.
        takes: Duration,
    }

    impl MemoryFile {
        /// One whose writes take so long.
        pub(crate) fn that_takes(takes: Duration) -> MemoryFile {
            MemoryFile {
                takes,
                ..MemoryFile::default()
            }
        }

        pub(super) fn read(&self) -> io::Result<Vec<u8>> {
            let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            bytes.clone().ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        pub(super) async fn write(&self, bytes: Vec<u8>) -> io::Result<()> {
            sleep(self.takes).await;
            *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn it_is_read_as_it_was_written_and_nothing_else_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = StateFile::at(dir.path(), "some.json");
        assert!(file.read::<u32>().is_empty());
        file.write(&[1, 2]).await.expect("written");
        assert_eq!(file.read::<u32>(), [1, 2]);
        let path = dir.path().join("some.json");
        let text = fs::read_to_string(&path).expect("there");
        assert_eq!(text, r#"{"version":1,"entries":[1,2]}"#);
        for other in ["", &text[..10], &text.replacen('1', "2", 1), "[1,2]"] {
            fs::write(&path, other).expect("written");
            assert!(file.read::<u32>().is_empty(), "{other}");
        }
    }
    #[tokio::test]
    async fn a_write_that_nobody_waits_for_keeps_its_guard_to_its_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = StateFile::at(dir.path(), "some.json");
        let one = std::sync::Arc::new(tokio::sync::Mutex::new(()));
        let guard = one.clone().lock_owned().await;
        // It is begun, and given up at once.
        tokio::select! {
            biased;
            _ = file.write_holding(&[7], guard) => {}
            () = std::future::ready(()) => {}
        }
        let _next = one.lock().await;
        assert_eq!(file.read::<u32>(), [7]);
    }
}
