//! The directory of recordings: what is there, what goes for new ones, what may be written.
//!
//! `ID.mfr` is a recording, `ID.mfr.part` one that is being written, `ID.json` its line
//! in the list and whether it is pinned; a line that is missing is made anew from the
//! recording. Oldest unpinned ones go first. Calls block; the list is never locked across
//! the disk.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::budget::Daily;
use crate::entry::{Closing, Counts, Entry, Opening, Reason};
use crate::files::{self, Files, RECORDING, UNFINISHED};
use crate::format::Kind;
use crate::key::SigningKey;
use crate::limits::{LibraryStats, Limits, MAX_RECORDINGS, RecordingError};
use crate::recover::recover;
use crate::writer::Writer;

/// The recordings.
#[derive(Debug)]
pub struct Library {
    files: Files,
    limits: Limits,
    key: Arc<SigningKey>,
    /// Oldest first.
    entries: Mutex<Vec<Entry>>,
    daily: Mutex<Daily>,
    /// Counts since start.
    pub stats: LibraryStats,
}

impl Library {
    /// The recordings in `dir`, which is made, 0700. Those without an end are ended, those
    /// without a line get one. `now` is for what was written today already.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn open(dir: &Path, limits: Limits, now: Timestamp) -> Result<Library, RecordingError> {
        let files = Files::open(dir).map_err(|source| files::medium(dir, source))?;
        let key = Arc::new(SigningKey::open(&files.key())?);
        Library::signed_by(key, files, limits, now)
    }

    /// What else this device signs, in a folder of this library's and with limits of its
    /// own.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn beside(
        &self,
        folder: &Path,
        limits: Limits,
        now: Timestamp,
    ) -> Result<Library, RecordingError> {
        let dir = self.files.dir.join(folder);
        let files = Files::open(&dir).map_err(|source| files::medium(&dir, source))?;
        Library::signed_by(self.key.clone(), files, limits, now)
    }

    fn signed_by(
        key: Arc<SigningKey>,
        files: Files,
        limits: Limits,
        now: Timestamp,
    ) -> Result<Library, RecordingError> {
        let library = Library {
            key,
            files,
            limits,
            entries: Mutex::default(),
            daily: Mutex::default(),
            stats: LibraryStats::default(),
        };
        let found = library.look();
        let found = found.map_err(|source| library.files.refused(source))?;
        let today = |entry: &&Entry| {
            now.duration_since(entry.opening.started).unsigned_abs() < Duration::from_hours(24)
        };
        let written = found
            .iter()
            .filter(today)
            .map(|entry| entry.size_bytes)
            .sum();
        library.daily().add(0, written);
        *library.entries() = found;
        Ok(library)
    }

    /// The public half of the device's key.
    #[must_use]
    pub fn public_key(&self) -> String {
        self.key.public()
    }

    /// What may be kept and written.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Every recording, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Entry> {
        self.entries().clone()
    }

    /// The recording of that id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Entry> {
        self.entries()
            .iter()
            .find(|entry| entry.id() == id)
            .cloned()
    }

    /// The file of a recording that has ended; `None` when there is none of that id.
    ///
    /// # Errors
    /// The medium refuses.
    pub fn file(&self, id: &str) -> io::Result<Option<File>> {
        match self.find(id).filter(|entry| !entry.is_open) {
            Some(entry) => File::open(self.files.path(entry.id(), RECORDING)).map(Some),
            None => Ok(None),
        }
    }

    /// Number and bytes of what is kept.
    #[must_use]
    pub fn extent(&self) -> (usize, u64) {
        let entries = self.entries();
        let bytes = entries.iter().map(|entry| entry.size_bytes).sum();
        (entries.len(), bytes)
    }

    /// Bytes written in the 24 hours up to `since_start`.
    #[must_use]
    pub fn spent(&self, since_start: Duration) -> u64 {
        self.daily().spent(hour(since_start))
    }

    /// Begins a recording. Its id is that of `opening`, with a number behind it where
    /// there is one of that name.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn begin(
        self: &Arc<Self>,
        mut opening: Opening,
        since_start: Duration,
    ) -> Result<Recording, RecordingError> {
        self.make_room(since_start)?;
        opening.public_key = self.public_key();
        let wanted = opening.id.clone();
        for number in 2.. {
            if self.find(&opening.id).is_none() {
                break;
            }
            opening.id = format!("{wanted}-{number}");
        }
        let path = self.files.path(&opening.id, UNFINISHED);
        let begun = || -> io::Result<Writer> {
            let mut writer = Writer::create(&path, self.key.clone())?;
            writer.append(Kind::Opening, 0, &serde_json::to_vec(&opening)?)?;
            Ok(writer)
        };
        let writer = begun().map_err(|source| self.files.refused(source))?;
        self.entries().push(Entry {
            opening: opening.clone(),
            closing: None,
            duration_us: 0,
            size_bytes: 0,
            pinned: false,
            is_open: true,
        });
        self.stats.begun.fetch_add(1, Relaxed);
        Ok(Recording {
            library: self.clone(),
            writer,
            opening,
            counts: Counts::default(),
            at_us: 0,
        })
    }

    /// Pins a recording, or no longer; false when there is none of that id.
    ///
    /// # Errors
    /// The medium refuses.
    pub fn pin(&self, id: &str, pinned: bool) -> io::Result<bool> {
        let changed = {
            let mut entries = self.entries();
            let entry = entries.iter_mut().find(|entry| entry.id() == id);
            entry.map(|entry| {
                entry.pinned = pinned;
                entry.clone()
            })
        };
        match changed {
            // One that is being recorded has no line yet; it gets it at its end.
            Some(entry) if entry.is_open => Ok(true),
            Some(entry) => self.files.write_line(&entry).map(|()| true),
            None => Ok(false),
        }
    }

    /// Removes a recording that has ended, pinned or not; false when there is none.
    ///
    /// # Errors
    /// The medium refuses.
    pub fn remove(&self, id: &str) -> io::Result<bool> {
        let found = self.find(id).filter(|entry| !entry.is_open);
        let Some(entry) = found else {
            return Ok(false);
        };
        self.files.erase(entry.id())?;
        self.entries().retain(|other| other.id() != id);
        Ok(true)
    }

    /// Removes what is older than the limit on `now`. A clock that is not synchronised
    /// says nothing of age: the caller asks only when it is.
    pub fn expire(&self, now: Timestamp) {
        let days = i64::from(self.limits.max_days);
        if days == 0 {
            return;
        }
        let is_old = |entry: &Entry| {
            !entry.is_open
                && !entry.pinned
                && now.duration_since(entry.opening.started).as_hours() >= days * 24
        };
        let old: Vec<Entry> = self
            .entries()
            .iter()
            .filter(|e| is_old(e))
            .cloned()
            .collect();
        for entry in old {
            self.evict(entry.id());
        }
    }

    /// Makes room for more, or says why there is none.
    fn make_room(&self, since_start: Duration) -> Result<(), RecordingError> {
        if self.spent(since_start) >= self.limits.max_bytes_a_day {
            return Err(RecordingError::Spent(self.limits.max_bytes_a_day));
        }
        loop {
            let (count, bytes) = self.extent();
            let is_full = self
                .files
                .is_medium_full()
                .map_err(|source| self.files.refused(source))?;
            if count < MAX_RECORDINGS && bytes < self.limits.max_bytes && !is_full {
                return Ok(());
            }
            let oldest = {
                let entries = self.entries();
                let mut goes = entries
                    .iter()
                    .filter(|entry| !entry.pinned && !entry.is_open);
                goes.next().map(|entry| entry.id().to_owned())
            };
            match oldest {
                Some(id) => self.evict(&id),
                None if is_full => return Err(RecordingError::Full),
                None => return Err(RecordingError::Pinned(self.limits.max_bytes)),
            }
        }
    }

    /// One that cannot be removed is forgotten; it is found again at the next start.
    fn evict(&self, id: &str) {
        if let Err(error) = self.files.erase(id) {
            tracing::warn!(id, %error, "old recording not removed");
        }
        self.entries().retain(|entry| entry.id() != id);
        self.stats.evicted.fetch_add(1, Relaxed);
    }

    /// What is in the directory, oldest first.
    fn look(&self) -> io::Result<Vec<Entry>> {
        let mut found = Vec::new();
        for file in fs::read_dir(&self.files.dir)? {
            let name = file?.file_name();
            let Some(name) = name.to_str() else { continue };
            let id = match (name.strip_suffix(UNFINISHED), name.strip_suffix(RECORDING)) {
                (Some(id), _) if self.finish(id)? => id,
                (None, Some(id)) => id,
                _ => continue,
            };
            found.extend(self.files.line(id)?);
        }
        found.sort_by(|a, b| (a.opening.started, a.id()).cmp(&(b.opening.started, b.id())));
        Ok(found)
    }

    /// Ends a recording that was being written; false when nothing of it is left.
    fn finish(&self, id: &str) -> io::Result<bool> {
        let path = self.files.path(id, UNFINISHED);
        if !recover(&path, &self.key)? {
            fs::remove_file(&path)?;
            return Ok(false);
        }
        fs::rename(&path, self.files.path(id, RECORDING))?;
        self.stats.recovered.fetch_add(1, Relaxed);
        tracing::info!(id, "a recording without an end was ended");
        Ok(true)
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        // The list is whole between any two statements.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn daily(&self) -> MutexGuard<'_, Daily> {
        self.daily.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hour(since_start: Duration) -> u64 {
    since_start.as_secs() / 3600
}

/// A recording that is being written. Dropped without [`Recording::close`] it is left as a
/// power cut would leave it.
pub struct Recording {
    library: Arc<Library>,
    writer: Writer,
    opening: Opening,
    counts: Counts,
    at_us: u64,
}

impl Recording {
    /// Names it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.opening.id
    }

    /// What it holds so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Adds a record, in memory at first.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn append(&mut self, kind: Kind, at_us: u64, payload: &[u8]) -> Result<(), RecordingError> {
        self.at_us = self.at_us.max(at_us);
        self.counts.add(kind, payload);
        let written = self.writer.append(kind, at_us, payload);
        written.map_err(|source| self.library.files.refused(source))
    }

    /// Hands everything so far to its file, unsynced: a kill of the process loses nothing.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn hand_over(&mut self) -> Result<(), RecordingError> {
        let written = self.writer.flush();
        written.map_err(|source| self.library.files.refused(source))
    }

    /// Has everything so far on the medium, and asks whether there is room for more.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn sync(&mut self, since_start: Duration) -> Result<(), RecordingError> {
        let synced = self.writer.sync();
        let cost = synced.map_err(|source| self.library.files.refused(source))?;
        self.library.note(
            &self.opening.id,
            cost,
            self.writer.length(),
            self.at_us,
            since_start,
        );
        self.library.make_room(since_start)
    }

    /// Ends it, sealed and on the medium, and gives it its name and its line.
    ///
    /// # Errors
    /// [`RecordingError`]; it is ended at the next start then.
    pub fn close(self, reason: Reason, since_start: Duration) -> Result<Entry, RecordingError> {
        let closing = Closing {
            reason,
            counts: self.counts,
        };
        let (library, at_us, id) = (self.library, self.at_us, self.opening.id);
        let closed = || -> io::Result<Entry> {
            let (cost, length) = self.writer.close(at_us, &serde_json::to_vec(&closing)?)?;
            library.note(&id, cost, length, at_us, since_start);
            fs::rename(
                library.files.path(&id, UNFINISHED),
                library.files.path(&id, RECORDING),
            )?;
            let ended = library.ended(&id, closing);
            let entry = ended.ok_or_else(|| io::Error::other("it was removed meanwhile"))?;
            library.files.write_line(&entry)?;
            Ok(entry)
        };
        closed().map_err(|source| library.files.refused(source))
    }

    /// Gives it up after a refusal: what is on the medium is ended if that can be done now,
    /// else at the next start.
    pub fn abandon(self) {
        let (library, id) = (self.library, self.opening.id);
        drop(self.writer);
        let ended = library.finish(&id).and_then(|is_there| match is_there {
            true => library.files.line(&id),
            false => Ok(None),
        });
        let mut entries = library.entries();
        let place = entries.iter().position(|entry| entry.id() == id);
        match (ended, place) {
            (Ok(Some(entry)), Some(place)) => {
                let pinned = entries[place].pinned;
                entries[place] = Entry { pinned, ..entry };
            }
            (_, Some(place)) => drop(entries.remove(place)),
            (_, None) => {}
        }
    }
}

impl Library {
    /// Notes what a recording that is being written has come to.
    fn note(&self, id: &str, cost: u64, length: u64, at_us: u64, since_start: Duration) {
        self.daily().add(hour(since_start), cost);
        self.stats.written.fetch_add(cost, Relaxed);
        let mut entries = self.entries();
        if let Some(entry) = entries.iter_mut().find(|entry| entry.id() == id) {
            (entry.size_bytes, entry.duration_us) = (length, at_us);
        }
    }

    /// Notes that a recording is not being written any more.
    fn ended(&self, id: &str, closing: Closing) -> Option<Entry> {
        let mut entries = self.entries();
        let entry = entries.iter_mut().find(|entry| entry.id() == id)?;
        (entry.closing, entry.is_open) = (Some(closing), false);
        Some(entry.clone())
    }
}
