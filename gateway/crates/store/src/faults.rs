//! Faults of a worn card, for tests: refused writes, short and torn ones,
//! and a power cut that loses what was not synchronised.
//!
//! While armed, nothing is really synchronised: the file as of its last
//! `fsync` is remembered instead, and a power cut puts it back with some of
//! the later writes applied, in part and out of order.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;

use super::state::lock;

/// Inode and time of birth: a file keeps them when it is renamed, and a new
/// file on a used inode differs.
type Identity = (u64, Option<SystemTime>);

fn identity(metadata: &Metadata) -> Identity {
    (metadata.ino(), metadata.created().ok())
}

/// What goes wrong when the countdown ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The operation fails with this `errno`; nothing is written.
    Error(i32),
    /// Half is written, then the operation fails.
    Short,
    /// One 512-byte sector of garbage is written, then the operation fails.
    Torn,
}

/// A write since the last `fsync` of its file.
#[derive(Debug)]
enum Pending {
    Write(u64, Vec<u8>),
    Length(u64),
}

#[derive(Debug, Default)]
struct Unsynced {
    synced: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Debug, Default)]
struct State {
    recording: bool,
    /// Operations until the fault; none: no fault.
    countdown: Option<(u64, Fault)>,
    /// Operations that fail in a row.
    lasting: u64,
    hit: u64,
    /// A file no write to which succeeds.
    worn: Option<Identity>,
    files: HashMap<Identity, Unsynced>,
}

/// The faults of one medium.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<State>);

impl Faults {
    /// From now on `fsync`s are remembered rather than made.
    pub(super) fn record(&self) {
        lock(&self.0).recording = true;
    }

    /// The operation after `countdown` others fails, and `lasting` in all.
    pub(super) fn arm(&self, countdown: u64, lasting: u64, fault: Fault) {
        let mut state = lock(&self.0);
        (state.countdown, state.lasting) = (Some((countdown, fault)), lasting);
    }

    /// No more faults; how many there were since it was asked last.
    pub(super) fn disarm(&self) -> u64 {
        let mut state = lock(&self.0);
        state.countdown = None;
        std::mem::take(&mut state.hit)
    }

    /// From now on writes to the file at `path` fail, whatever its name.
    pub(super) fn wear_out(&self, path: &Path) {
        lock(&self.0).worn = Some(identity(&std::fs::metadata(path).expect("metadata")));
    }

    /// Puts every file of `dir` into a state a power cut could have left:
    /// `choose` picks which unsynchronised writes made it, and how far.
    pub(super) fn power_cut(&self, dir: &Path, mut choose: impl FnMut(u64) -> u64) {
        let mut state = lock(&self.0);
        for entry in std::fs::read_dir(dir).expect("directory is read").flatten() {
            let file = identity(&entry.metadata().expect("metadata"));
            let Some(unsynced) = state.files.get(&file) else {
                continue;
            };
            let mut bytes = unsynced.synced.clone();
            for pending in &unsynced.pending {
                apply(&mut bytes, pending, &mut choose);
            }
            std::fs::write(entry.path(), &bytes).expect("file is put back");
        }
        state.files.clear();
    }

    /// Called before each write.
    pub(super) fn before_write(&self, file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = lock(&self.0);
        let worn = state.worn.is_some() && state.worn == Some(identity(&file.metadata()?));
        // Below the header: redb opens, and cannot commit.
        let fault = if worn && offset > 0 {
            Some(Fault::Error(5))
        } else {
            state.next()
        };
        let written: Vec<u8> = match fault {
            None => data.to_vec(),
            Some(Fault::Error(_)) => Vec::new(),
            Some(Fault::Short) => data[..data.len() / 2].to_vec(),
            Some(Fault::Torn) => vec![0xA5; data.len().min(512)],
        };
        if fault.is_some() {
            file.write_all_at(&written, offset)?;
        }
        state.remember(file, Pending::Write(offset, written))?;
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    /// Called before each change of length.
    pub(super) fn before_set_len(&self, file: &File, length: u64) -> io::Result<()> {
        let mut state = lock(&self.0);
        if let Some(fault) = state.next() {
            return Err(fault.error());
        }
        state.remember(file, Pending::Length(length))
    }

    /// Called before each `fsync`; true when it needs not be made.
    pub(super) fn before_sync(&self, file: &File) -> io::Result<bool> {
        let mut state = lock(&self.0);
        if let Some(fault) = state.next() {
            return Err(fault.error());
        }
        if state.recording && file.metadata()?.is_file() {
            let mut unsynced = Unsynced::default();
            unsynced.read(file)?;
            state.files.insert(identity(&file.metadata()?), unsynced);
        }
        Ok(state.recording)
    }
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Fault::Error(errno) => io::Error::from_raw_os_error(errno),
            Fault::Short => io::Error::from(io::ErrorKind::WriteZero),
            Fault::Torn => io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()),
        }
    }
}

impl State {
    fn next(&mut self) -> Option<Fault> {
        let (countdown, fault) = self.countdown.as_mut()?;
        if *countdown > 0 {
            *countdown -= 1;
            return None;
        }
        let fault = *fault;
        self.lasting = self.lasting.saturating_sub(1);
        if self.lasting == 0 {
            self.countdown = None;
        }
        self.hit += 1;
        Some(fault)
    }

    fn remember(&mut self, file: &File, pending: Pending) -> io::Result<()> {
        if !self.recording {
            return Ok(());
        }
        let inode = identity(&file.metadata()?);
        if let std::collections::hash_map::Entry::Vacant(place) = self.files.entry(inode) {
            // The first change since it was opened: what is there is durable.
            let mut unsynced = Unsynced::default();
            unsynced.read(file)?;
            place.insert(unsynced);
        }
        if let Some(unsynced) = self.files.get_mut(&inode) {
            unsynced.pending.push(pending);
        }
        Ok(())
    }
}

impl Unsynced {
    fn read(&mut self, file: &File) -> io::Result<()> {
        self.synced = vec![0; file.metadata()?.len() as usize];
        file.read_exact_at(&mut self.synced, 0)
    }
}

fn apply(bytes: &mut Vec<u8>, pending: &Pending, choose: &mut impl FnMut(u64) -> u64) {
    match pending {
        Pending::Length(length) => {
            if choose(2) == 1 {
                bytes.resize(*length as usize, 0);
            }
        }
        Pending::Write(offset, data) => {
            for (index, sector) in data.chunks(512).enumerate() {
                // Each sector by itself: kept, or lost.
                if choose(3) > 0 {
                    let start = *offset as usize + index * 512;
                    if bytes.len() < start + sector.len() {
                        bytes.resize(start + sector.len(), 0);
                    }
                    bytes[start..start + sector.len()].copy_from_slice(sector);
                }
            }
        }
    }
}
