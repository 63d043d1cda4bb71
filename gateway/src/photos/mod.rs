//! Photos: whole pictures of drones, kept as files under the state directory.
//!
//! A cap on bytes, oldest out; each file appears whole or not at all. The file
//! system is the only record: what is there at the start is what there is. Calls
//! that touch the disk block, and are made where that is allowed. Must never take
//! a path from outside: only a parsed [`Name`].

mod decode;
mod measured;
mod name;
mod size;

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use thiserror::Error;

pub(crate) use name::{Kind, Name};

use readings::clock::Timestamp;

/// Most photos kept, whatever their size: the list is held in memory and shown whole.
pub(crate) const MAX_PHOTOS: usize = 1000;

/// Bytes at the start of a photo in which its size is found.
const HEAD_BYTES: u64 = 4096;

/// One photo.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Photo {
    /// Its name: drone, time, kind.
    pub name: Name,
    /// Bytes.
    pub size_bytes: u64,
    /// Width and height in pixels, when its bytes tell.
    pub pixels: Option<(u32, u32)>,
}

/// Why a photo was not kept.
#[derive(Debug, Error)]
pub(crate) enum PhotoError {
    /// Photos are switched off.
    #[error("photos are switched off; set camera.photos_max_bytes")]
    Off,
    /// It alone is larger than all may be.
    #[error(
        "the photo has {size} bytes and all may have {most} together; raise camera.photos_max_bytes"
    )]
    TooLarge {
        /// Its size.
        size: u64,
        /// The cap.
        most: u64,
    },
    /// Too many in one second.
    #[error(
        "{} photos of this drone were taken this second",
        name::MAX_IN_A_SECOND
    )]
    TooMany,
    /// The disk refuses.
    #[error("the photo cannot be written to {}: {source}", dir.display())]
    Disk {
        /// Where.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Counts since start.
#[derive(Debug, Default)]
pub(crate) struct PhotoStats {
    /// Photos kept.
    pub taken: AtomicU64,
    /// Photos removed for newer ones.
    pub evicted: AtomicU64,
    /// Photos that could not be taken or kept.
    pub failed: AtomicU64,
    /// Whole pictures the decoder could not turn into a JPEG.
    pub undecoded: AtomicU64,
}

/// The picture decoded last: whoever looks at the same one needs no decoder.
#[derive(Debug)]
struct Decoded {
    drone: String,
    number: u64,
    /// At most what is taken of a decoder's output.
    jpeg: Bytes,
}

/// The photos.
#[derive(Debug)]
pub(crate) struct Album {
    dir: PathBuf,
    max_bytes: u64,
    /// Oldest first.
    photos: Mutex<Vec<Photo>>,
    /// Held by whoever writes: the list stays readable meanwhile.
    writing: Mutex<()>,
    /// Held by whoever decodes.
    decoded: tokio::sync::Mutex<Option<Decoded>>,
    /// Counts since start.
    pub stats: PhotoStats,
}

impl Album {
    /// The album in `dir`, with at most `max_bytes` of photos; 0: none are kept. A
    /// directory that cannot be read is an empty one: nothing else depends on it.
    #[must_use]
    pub(crate) fn open(dir: &Path, max_bytes: u64) -> Album {
        let photos = look(dir).unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(dir = %dir.display(), %error, "photos cannot be read");
            }
            Vec::new()
        });
        Album {
            dir: dir.to_owned(),
            max_bytes,
            photos: Mutex::new(photos),
            writing: Mutex::default(),
            decoded: tokio::sync::Mutex::default(),
            stats: PhotoStats::default(),
        }
    }

    /// Whether photos are kept at all.
    ///
    /// # Errors
    /// [`PhotoError::Off`].
    pub(crate) fn is_on(&self) -> Result<(), PhotoError> {
        if self.max_bytes == 0 {
            Err(PhotoError::Off)
        } else {
            Ok(())
        }
    }

    /// Most bytes kept.
    #[must_use]
    pub(crate) const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    fn photos(&self) -> MutexGuard<'_, Vec<Photo>> {
        // The list is whole between any two statements.
        self.photos.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every photo, oldest first.
    #[must_use]
    pub(crate) fn list(&self) -> Vec<Photo> {
        self.photos().clone()
    }

    /// Number and bytes of the photos.
    #[must_use]
    pub(crate) fn extent(&self) -> (usize, u64) {
        let photos = self.photos();
        (
            photos.len(),
            photos.iter().map(|photo| photo.size_bytes).sum(),
        )
    }

    /// Keeps a photo; the oldest go for it. Blocks until it is on the disk.
    ///
    /// # Errors
    /// [`PhotoError`].
    pub(crate) fn keep(
        &self,
        drone: &str,
        taken: Timestamp,
        kind: Kind,
        bytes: &[u8],
    ) -> Result<Photo, PhotoError> {
        self.is_on()?;
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let size_bytes = bytes.len() as u64;
        if size_bytes > self.max_bytes {
            return Err(PhotoError::TooLarge {
                size: size_bytes,
                most: self.max_bytes,
            });
        }
        let mut name = Name::new(drone, taken, kind);
        while self.photos().iter().any(|photo| photo.name == name) {
            name.number += 1;
            if name.number > name::MAX_IN_A_SECOND {
                return Err(PhotoError::TooMany);
            }
        }
        self.make_room(size_bytes);
        self.write(&name, bytes)
            .map_err(|source| PhotoError::Disk {
                dir: self.dir.clone(),
                source,
            })?;
        let photo = Photo {
            name,
            size_bytes,
            pixels: size::of(kind, bytes),
        };
        self.photos().push(photo.clone());
        self.stats.taken.fetch_add(1, Relaxed);
        Ok(photo)
    }

    /// Removes the oldest until `size_bytes` more fit. One that cannot be removed
    /// is forgotten: it is found again at the next start.
    fn make_room(&self, size_bytes: u64) {
        loop {
            let (count, bytes) = self.extent();
            if count == 0 || (count < MAX_PHOTOS && bytes + size_bytes <= self.max_bytes) {
                return;
            }
            let oldest = self.photos().remove(0);
            if let Err(error) = fs::remove_file(self.dir.join(oldest.name.to_string())) {
                tracing::warn!(photo = %oldest.name, %error, "old photo not removed");
            }
            self.stats.evicted.fetch_add(1, Relaxed);
        }
    }

    fn write(&self, name: &Name, bytes: &[u8]) -> io::Result<()> {
        if !self.dir.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&self.dir)?;
        }
        durable::replace(&self.dir.join(name.to_string()), bytes)
    }

    /// The whole picture `unit`, which is `number` of that drone's since the start,
    /// as a JPEG; none when `decoder` cannot. One is decoded at a time: decoders are
    /// bounded in memory by that.
    pub(crate) async fn jpeg(
        &self,
        decoder: &Path,
        drone: &str,
        number: u64,
        unit: &[u8],
    ) -> Option<Bytes> {
        if decoder.as_os_str().is_empty() || !decoder.exists() {
            return None;
        }
        let mut last = self.decoded.lock().await;
        if let Some(last) = last
            .as_ref()
            .filter(|last| last.drone == drone && last.number == number)
        {
            return Some(last.jpeg.clone());
        }
        match decode::jpeg(decoder, unit).await {
            Ok(jpeg) => {
                let jpeg = Bytes::from(jpeg);
                *last = Some(Decoded {
                    drone: drone.to_owned(),
                    number,
                    jpeg: jpeg.clone(),
                });
                Some(jpeg)
            }
            Err(error) => {
                self.stats.undecoded.fetch_add(1, Relaxed);
                tracing::warn!(decoder = %decoder.display(), "a picture of {drone} stays H.264: {error}");
                None
            }
        }
    }

    /// The bytes of a photo; `None` when there is none of that name. Blocks.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn read(&self, name: &Name) -> io::Result<Option<Vec<u8>>> {
        if !self.photos().iter().any(|photo| photo.name == *name) {
            return Ok(None);
        }
        match fs::read(self.dir.join(name.to_string())) {
            // Removed for a newer one, or by somebody.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            outcome => outcome.map(Some),
        }
    }
}

/// What is in the directory, oldest first. Half-written files are removed; files
/// that are no photos are left alone.
fn look(dir: &Path) -> io::Result<Vec<Photo>> {
    let mut photos = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Some(text) = entry.file_name().to_str().map(str::to_owned) else {
            continue;
        };
        if text
            .strip_suffix(durable::UNFINISHED)
            .and_then(Name::parse)
            .is_some()
        {
            fs::remove_file(entry.path())?;
            continue;
        }
        let Some(name) =
            Name::parse(&text).filter(|_| entry.file_type().is_ok_and(|kind| kind.is_file()))
        else {
            continue;
        };
        let mut head = Vec::new();
        let file = File::open(entry.path())?;
        let size_bytes = file.metadata()?.len();
        file.take(HEAD_BYTES).read_to_end(&mut head)?;
        photos.push(Photo {
            pixels: size::of(name.kind, &head),
            name,
            size_bytes,
        });
    }
    photos.sort_by_key(|photo| (photo.name.taken, photo.name.number));
    Ok(photos)
}

#[cfg(test)]
mod tests;
