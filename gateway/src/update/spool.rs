//! The spool: where a bundle and the request for its installation are laid.
//!
//! Formats of version 1, shared with the image's program. `upload.raucb` is
//! whole and on the medium before `request` exists; `request` holds lines
//! `NAME=VALUE` (`format`, `id`, `allow_downgrade`) and is taken away by that
//! program. Both the running gateway and the command line come through here;
//! a lock on the directory keeps them apart. Blocking: never on the runtime.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use sha2::{Digest as _, Sha256};
use update_status::StatusFile;
use uuid::Uuid;

use super::error::UpdateError;
use super::status;
use crate::config;

/// Space that stays free for the store and the logs while a bundle lies there.
const RESERVE_BYTES: u64 = 64 * 1024 * 1024;

/// What is wanted of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InstallRequest {
    /// Its SHA-256 in hexadecimal, when it is known.
    pub sha256: Option<String>,
    /// Whether an older or the same version may be installed.
    pub allow_downgrade: bool,
}

/// The directory shared with the image's program.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    status: PathBuf,
    /// Where the image's scripts say what people are to know.
    pub(super) notices: PathBuf,
    dir: PathBuf,
    max_bundle_bytes: u64,
}

impl Spool {
    /// Where the configuration says; it need not exist.
    #[must_use]
    pub(crate) fn new(config: &config::Update) -> Spool {
        let (status, dir) = (config.dir.join("status.json"), config.dir.join("spool"));
        Spool {
            status,
            notices: config.dir.join("notices"),
            dir,
            max_bundle_bytes: config.max_bundle_bytes,
        }
    }

    /// What the image's program says.
    ///
    /// # Errors
    /// [`UpdateError::NotSupported`], [`UpdateError::Unreadable`].
    pub(crate) fn status(&self) -> Result<StatusFile, UpdateError> {
        status::read(&self.status)
    }

    /// Whether a request waits to be taken.
    #[must_use]
    pub(crate) fn is_waiting(&self) -> bool {
        self.request().exists()
    }

    /// Begins a bundle of `length` bytes. Dropped unfinished, nothing stays of it.
    ///
    /// # Errors
    /// [`UpdateError`]: not supported, busy, too large, no space.
    pub(crate) fn begin(&self, length: u64) -> Result<Incoming, UpdateError> {
        let status = self.status()?;
        let lock = File::open(&self.dir).map_err(|error| UpdateError::storage(&self.dir, error))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| UpdateError::Busy("another bundle is being taken".to_owned()))?;
        if status.state.is_busy() {
            return Err(UpdateError::Busy(format!(
                "an update is {}",
                status.state.word()
            )));
        }
        if self.is_waiting() {
            return Err(UpdateError::Busy(
                "a bundle waits to be installed".to_owned(),
            ));
        }
        if length == 0 {
            return Err(UpdateError::Different("the bundle is empty".to_owned()));
        }
        if length > self.max_bundle_bytes {
            return Err(UpdateError::TooLarge {
                length,
                limit: self.max_bundle_bytes,
            });
        }
        self.make_room(length)?;
        let path = self.part();
        // What a killed gateway left, or another user: the name is made anew.
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file = file.map_err(|error| UpdateError::storage(&path, error))?;
        Ok(Incoming {
            spool: self.clone(),
            file,
            hash: Sha256::new(),
            length,
            received: 0,
            _lock: lock,
        })
    }

    fn make_room(&self, length: u64) -> Result<(), UpdateError> {
        for left in [self.part(), self.bundle(), self.request_part()] {
            match fs::remove_file(&left) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(UpdateError::storage(&left, error));
                }
                _ => {}
            }
        }
        let disk = rustix::fs::statvfs(&self.dir)
            .map_err(|error| UpdateError::storage(&self.dir, error.into()))?;
        let (free, needed) = (
            disk.f_bavail.saturating_mul(disk.f_frsize),
            length.saturating_add(RESERVE_BYTES),
        );
        if free < needed {
            Err(UpdateError::NoSpace {
                needed,
                free,
                dir: self.dir.clone(),
            })
        } else {
            Ok(())
        }
    }

    /// Whether `outcome` was told before.
    pub(super) fn was_reported(&self, outcome: &str) -> bool {
        fs::read_to_string(self.reported()).is_ok_and(|reported| reported == outcome)
    }

    /// Remembers that `outcome` was told.
    pub(super) fn mark_reported(&self, outcome: &str) -> Result<(), UpdateError> {
        put(&self.reported(), outcome)
    }

    fn part(&self) -> PathBuf {
        self.dir.join("upload.part")
    }
    fn bundle(&self) -> PathBuf {
        self.dir.join("upload.raucb")
    }
    fn request_part(&self) -> PathBuf {
        self.dir.join("request.new")
    }
    fn request(&self) -> PathBuf {
        self.dir.join("request")
    }
    fn reported(&self) -> PathBuf {
        self.dir.join("told")
    }
}

/// Writes a small file, whole or not at all.
fn put(path: &Path, text: &str) -> Result<(), UpdateError> {
    durable::replace(path, text.as_bytes()).map_err(|error| UpdateError::storage(path, error))
}

/// A bundle that arrives.
#[derive(Debug)]
pub(crate) struct Incoming {
    spool: Spool,
    file: File,
    hash: Sha256,
    length: u64,
    received: u64,
    /// Held while it arrives.
    _lock: File,
}

impl Incoming {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// More than announced, or the medium refuses.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), UpdateError> {
        self.received += bytes.len() as u64;
        if self.received > self.length {
            return Err(UpdateError::Different(format!(
                "more than the announced {} bytes came",
                self.length
            )));
        }
        self.hash.update(bytes);
        self.file
            .write_all(bytes)
            .map_err(|error| UpdateError::storage(&self.spool.part(), error))
    }

    /// Hands the bundle over; the answer is the request's id.
    ///
    /// # Errors
    /// It is not what was announced, or the medium refuses.
    pub(crate) fn finish(self, install: &InstallRequest) -> Result<String, UpdateError> {
        if self.received != self.length {
            let text = format!(
                "{} bytes came of the announced {}",
                self.received, self.length
            );
            return Err(UpdateError::Different(text));
        }
        let found = data_encoding::HEXLOWER.encode(&self.hash.clone().finalize());
        if let Some(wanted) = install
            .sha256
            .as_deref()
            .filter(|wanted| !wanted.eq_ignore_ascii_case(&found))
        {
            return Err(UpdateError::Different(format!(
                "the SHA-256 of what came is {found}, not {wanted}"
            )));
        }
        let (part, bundle) = (self.spool.part(), self.spool.bundle());
        self.file
            .sync_all()
            .and_then(|()| durable::rename(&part, &bundle))
            .map_err(|error| UpdateError::storage(&bundle, error))?;
        let id = Uuid::now_v7().simple().to_string();
        let allow = if install.allow_downgrade { "yes" } else { "no" };
        put(
            &self.spool.request(),
            &format!("format=1\nid={id}\nallow_downgrade={allow}\n"),
        )?;
        Ok(id)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Gone already when it was handed over.
        drop(fs::remove_file(self.spool.part()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: &str =
        r#"{"format": 1, "state": "idle", "running": {"slot": "A"}, "other": {"slot": "B"}}"#;

    fn spool(status: &str) -> (tempfile::TempDir, Spool) {
        let temporary = tempfile::tempdir().expect("a directory");
        fs::create_dir(temporary.path().join("spool")).expect("made");
        fs::write(temporary.path().join("status.json"), status).expect("written");
        let config = config::Update {
            dir: temporary.path().to_owned(),
            max_bundle_bytes: 1000,
        };
        (temporary, Spool::new(&config))
    }

    fn names(dir: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(dir.path().join("spool")).expect("listed");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("a name")
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_bundle_is_whole_before_it_is_asked_for() {
        let (dir, spool) = spool(IDLE);
        let mut incoming = spool.begin(5).expect("begun");
        incoming.write(b"bun").expect("taken");
        assert_eq!(names(&dir), ["upload.part"]);
        incoming.write(b"dl").expect("taken");
        let id = incoming
            .finish(&InstallRequest {
                sha256: None,
                allow_downgrade: true,
            })
            .expect("handed over");
        assert_eq!(names(&dir), ["request", "upload.raucb"]);
        let request = fs::read_to_string(dir.path().join("spool/request")).expect("read");
        assert_eq!(request, format!("format=1\nid={id}\nallow_downgrade=yes\n"));
        assert!(
            matches!(spool.begin(5), Err(UpdateError::Busy(_))),
            "it waits"
        );
    }

    #[test]
    fn what_is_not_as_announced_leaves_nothing() {
        let (dir, spool) = spool(IDLE);
        let sum = "0d8d2a5e0a1d5a9f1c5b3b0a0fca4d0c6a3d7c1dd2ef3d8a7a6f0a4b9f6d1c2e";
        let install = InstallRequest {
            sha256: Some(sum.to_owned()),
            allow_downgrade: false,
        };
        for (bytes, install) in [
            (&b"bundl"[..], &install),
            (b"bun", &InstallRequest::default()),
        ] {
            let mut incoming = spool.begin(5).expect("begun");
            incoming.write(bytes).expect("taken");
            assert!(matches!(
                incoming.finish(install),
                Err(UpdateError::Different(_))
            ));
            assert!(names(&dir).is_empty());
        }
        let mut incoming = spool.begin(5).expect("begun");
        assert!(matches!(
            incoming.write(b"bundle"),
            Err(UpdateError::Different(_))
        ));
        drop(incoming);
        assert!(names(&dir).is_empty());
    }

    #[test]
    fn one_at_a_time_and_none_too_large() {
        let (dir, spool) = spool(IDLE);
        let first = spool.begin(5).expect("begun");
        assert!(matches!(spool.begin(5), Err(UpdateError::Busy(_))));
        drop(first);
        assert!(matches!(spool.begin(0), Err(UpdateError::Different(_))));
        assert!(matches!(
            spool.begin(1001),
            Err(UpdateError::TooLarge { limit: 1000, .. })
        ));
        fs::write(
            dir.path().join("status.json"),
            IDLE.replace("idle", "installing"),
        )
        .expect("written");
        assert!(matches!(spool.begin(5), Err(UpdateError::Busy(_))));
        fs::remove_file(dir.path().join("status.json")).expect("removed");
        assert!(matches!(spool.begin(5), Err(UpdateError::NotSupported(_))));
    }

    #[test]
    fn a_bundle_that_leaves_no_room_for_the_store_is_refused() {
        let (_dir, spool) = spool(IDLE);
        let spool = Spool {
            max_bundle_bytes: u64::MAX,
            ..spool
        };
        assert!(matches!(
            spool.begin(u64::MAX),
            Err(UpdateError::NoSpace { .. })
        ));
    }

    #[test]
    fn what_a_killed_gateway_left_is_in_nobodys_way() {
        let (dir, spool) = spool(IDLE);
        for left in ["upload.part", "upload.raucb", "request.new"] {
            fs::write(dir.path().join("spool").join(left), b"half").expect("written");
        }
        let mut incoming = spool.begin(2).expect("begun");
        incoming.write(b"ok").expect("taken");
        incoming
            .finish(&InstallRequest::default())
            .expect("handed over");
        assert_eq!(
            fs::read(dir.path().join("spool/upload.raucb")).expect("read"),
            b"ok"
        );
    }

    #[test]
    fn told_once_is_told() {
        let (_dir, spool) = spool(IDLE);
        assert!(!spool.was_reported("a"));
        spool.mark_reported("a").expect("marked");
        assert!(spool.was_reported("a") && !spool.was_reported("b"));
    }
}
