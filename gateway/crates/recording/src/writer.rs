//! Writes a recording: records into memory, from there to the medium, sealed in between.
//!
//! What is not synced may be lost by a power cut; what is synced never is. When to sync is
//! the caller's decision. After a refusal the writer takes nothing more: the end of the
//! file is then not known, and `recover` mends it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use crate::format::{
    Chain, Kind, LINK_BYTES, MAX_PAYLOAD_BYTES, SEAL_BYTES, file_header, record_header, signed,
};
use crate::key::SigningKey;

/// Bytes kept in memory before they are handed to the file.
const BUFFER_BYTES: usize = 64 * 1024;

/// Longest time of a segment: at most so much of a flight has no seal after a power cut.
const SEGMENT_US: u64 = 10_000_000;

/// Most bytes of a segment, for video.
const SEGMENT_BYTES: usize = 1 << 20;

/// What one sync costs a medium beyond the bytes themselves: the block that was begun
/// before is written again, and the file's length with it.
const SYNC_COST_BYTES: u64 = 2 * 4096;

/// Writes one recording.
pub struct Writer {
    file: File,
    key: Arc<SigningKey>,
    chain: Chain,
    buffer: Vec<u8>,
    segment_from_us: u64,
    segment_bytes: usize,
    length: u64,
    /// Bytes handed to the file since the last sync.
    unsynced: u64,
    has_failed: bool,
}

impl Writer {
    /// A new file, 0600, with nothing in it but its header, in memory still.
    ///
    /// # Errors
    /// The medium refuses, or there is such a file.
    pub fn create(path: &Path, key: Arc<SigningKey>) -> io::Result<Writer> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let header = file_header();
        let mut writer = Writer::on(file, key, Chain::new(&header), 0);
        writer.put(&header);
        Ok(writer)
    }

    /// Goes on at the end of `file`, which has `length` bytes and that chain.
    pub(crate) fn on(file: File, key: Arc<SigningKey>, chain: Chain, length: u64) -> Writer {
        Writer {
            file,
            key,
            chain,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            segment_from_us: 0,
            segment_bytes: 0,
            length,
            unsynced: 0,
            has_failed: false,
        }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// The medium refuses, or the payload is longer than [`MAX_PAYLOAD_BYTES`].
    pub fn append(&mut self, kind: Kind, at_us: u64, payload: &[u8]) -> io::Result<()> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(io::Error::other("a record is longer than any may be"));
        }
        let is_due = at_us.saturating_sub(self.segment_from_us) >= SEGMENT_US
            || self.segment_bytes + payload.len() > SEGMENT_BYTES;
        if is_due && self.segment_bytes > 0 {
            self.seal(at_us)?;
        }
        if self.segment_bytes == 0 {
            self.segment_from_us = at_us;
        }
        let header = record_header(kind as u8, at_us, payload);
        self.chain.add(&header, payload);
        self.segment_bytes += header.len() + payload.len();
        self.put(&header);
        self.put(payload);
        self.flush_when_full()
    }

    /// Ends the segment.
    fn seal(&mut self, at_us: u64) -> io::Result<()> {
        let (number, link) = self.chain.seal();
        let mut payload = [0; SEAL_BYTES];
        payload[..4].copy_from_slice(&number.to_le_bytes());
        payload[4..4 + LINK_BYTES].copy_from_slice(&link);
        let signature = self.key.sign(&signed(number, &link));
        payload[4 + LINK_BYTES..].copy_from_slice(&signature);
        let header = record_header(Kind::Seal as u8, at_us, &payload);
        self.segment_bytes = 0;
        self.put(&header);
        self.put(&payload);
        self.flush_when_full()
    }

    /// Has everything so far on the medium; what that cost it, in bytes.
    ///
    /// # Errors
    /// The medium refuses.
    pub fn sync(&mut self) -> io::Result<u64> {
        self.flush()?;
        if self.unsynced == 0 {
            return Ok(0);
        }
        let synced = self.file.sync_data();
        self.has_failed |= synced.is_err();
        synced?;
        Ok(std::mem::take(&mut self.unsynced) + SYNC_COST_BYTES)
    }

    /// Ends the recording with its last record, sealed and on the medium; what that cost.
    ///
    /// # Errors
    /// The medium refuses.
    pub fn close(mut self, at_us: u64, closing: &[u8]) -> io::Result<(u64, u64)> {
        self.append(Kind::Closing, at_us, closing)?;
        self.seal(at_us)?;
        let cost = self.sync()?;
        Ok((cost, self.length))
    }

    /// Seals what is there, which ends with a closing already.
    pub(crate) fn seal_only(&mut self, at_us: u64) -> io::Result<()> {
        self.seal(at_us)?;
        self.sync().map(drop)
    }

    /// Bytes of the file, those in memory included.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.length += bytes.len() as u64;
    }

    fn flush_when_full(&mut self) -> io::Result<()> {
        match self.buffer.len() {
            0..BUFFER_BYTES => Ok(()),
            _ => self.flush(),
        }
    }

    /// Hands everything so far to the file: the end of the process loses nothing of it, a
    /// power cut may.
    ///
    /// # Errors
    /// The medium refuses.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.has_failed {
            return Err(io::Error::other("the medium has refused before"));
        }
        let written = self.file.write_all(&self.buffer);
        self.has_failed |= written.is_err();
        written?;
        self.unsynced += self.buffer.len() as u64;
        self.buffer.clear();
        // A long picture must not keep its room for ever.
        self.buffer.shrink_to(BUFFER_BYTES);
        Ok(())
    }
}
