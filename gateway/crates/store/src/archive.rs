//! One file holding a whole store: snapshots and backups.
//!
//! Independent of redb's file format, so that neither damage nor a change of
//! it reaches what is kept against both, and without its slack: a snapshot
//! costs what its records weigh. A SHA-256 over everything ends the file; a
//! file that fails it is never used, in part or at all.
//!
//! ```text
//! "MFGSTORE" · u8 format · frame(Header) · frame(Op)* · u32 0 · u64 count · SHA-256
//! frame = u32 length (little-endian) · postcard
//! ```

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::dir;
use super::medium::Medium;
use super::mirror::Op;

const MAGIC: &[u8; 8] = b"MFGSTORE";
/// Format of this file, apart from the versions of the records in it.
const FORMAT: u8 = 1;
/// Largest archive read: four times what the bounds of the tables allow.
const MAX_BYTES: u64 = 128 * 1024 * 1024;
/// Bytes collected before they are written.
const BUFFER_BYTES: usize = 64 * 1024;
const DIGEST_BYTES: usize = 32;

/// What an archive says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// Schema of the store.
    pub(super) schema: u64,
    /// Newest commit in it.
    pub(super) seq: u64,
    /// Epoch of the store.
    pub(super) epoch: u32,
    /// When it was taken, microseconds since 1970.
    pub(super) at_us: i64,
}

/// Writes an archive; nothing of it counts until [`Writer::finish`].
pub(super) struct Writer<'a> {
    file: File,
    medium: &'a Medium,
    offset: u64,
    buffer: Vec<u8>,
    digest: Sha256,
    count: u64,
}

impl<'a> Writer<'a> {
    /// Begins a file at `path`, 0600, replacing what is there.
    pub(super) fn create(
        path: &Path,
        header: &Header,
        medium: &'a Medium,
    ) -> io::Result<Writer<'a>> {
        let file = dir::open_private(path, true)?;
        let mut writer = Writer {
            file,
            medium,
            offset: 0,
            buffer: Vec::new(),
            digest: Sha256::new(),
            count: 0,
        };
        writer.push(MAGIC)?;
        writer.push(&[FORMAT])?;
        writer.frame(header)?;
        Ok(writer)
    }

    /// Adds a record.
    pub(super) fn add(&mut self, op: &Op) -> io::Result<()> {
        self.count += 1;
        self.frame(op)
    }

    /// Ends the file and makes it durable.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.push(&0_u32.to_le_bytes())?;
        self.push(&self.count.to_le_bytes())?;
        let digest = self.digest.clone().finalize();
        self.push(digest.as_slice())?;
        self.drain()?;
        self.medium.sync(&self.file)
    }

    fn frame<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        let bytes = postcard::to_allocvec(value).map_err(io::Error::other)?;
        self.push(&(bytes.len() as u32).to_le_bytes())?;
        self.push(&bytes)
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES {
            self.drain()
        } else {
            Ok(())
        }
    }

    fn drain(&mut self) -> io::Result<()> {
        self.medium.write(&self.file, self.offset, &self.buffer)?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// Reads and checks a whole archive.
///
/// # Errors
/// `InvalidData` saying what is wrong with it; other kinds from the file.
pub(super) fn read(path: &Path) -> io::Result<(Header, Vec<Op>)> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(invalid("it is larger than any archive of this gateway"));
    }
    parse(&bytes)
}

/// The records in the bytes of an archive.
pub(super) fn parse(bytes: &[u8]) -> io::Result<(Header, Vec<Op>)> {
    let body = bytes
        .strip_prefix(MAGIC.as_slice())
        .ok_or_else(|| invalid("it is not an archive of this gateway"))?;
    let (format, body) = body.split_first().ok_or_else(|| invalid("it is cut off"))?;
    if *format > FORMAT {
        return Err(invalid(
            "it was written by a newer gateway; install that version to read it",
        ));
    }
    let (signed, digest) = bytes
        .split_last_chunk::<DIGEST_BYTES>()
        .ok_or_else(|| invalid("it is cut off"))?;
    if Sha256::digest(signed).as_slice() != digest {
        return Err(invalid(
            "its checksum does not match: it is damaged or cut off",
        ));
    }
    let mut rest = &body[..body.len() - DIGEST_BYTES];
    let header = take_frame::<Header>(&mut rest)?.ok_or_else(|| invalid("it has no header"))?;
    let mut ops = Vec::new();
    while let Some(op) = take_frame::<Op>(&mut rest)? {
        ops.push(op);
    }
    if rest != (ops.len() as u64).to_le_bytes() {
        return Err(invalid("its count does not match"));
    }
    Ok((header, ops))
}

fn take_frame<T: for<'de> Deserialize<'de>>(rest: &mut &[u8]) -> io::Result<Option<T>> {
    let (length, after) = rest
        .split_first_chunk::<4>()
        .ok_or_else(|| invalid("it is cut off"))?;
    let length = u32::from_le_bytes(*length) as usize;
    let (frame, after) = after
        .split_at_checked(length)
        .ok_or_else(|| invalid("it is cut off"))?;
    *rest = after;
    if length == 0 {
        return Ok(None);
    }
    postcard::from_bytes(frame)
        .map(Some)
        .map_err(|_| invalid("a record in it does not decode"))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use crate::mirror::{Table, numbered};
    use crate::records::samples;

    const HEADER: Header = Header {
        schema: 1,
        seq: 77,
        epoch: 5,
        at_us: 1_738_314_902_123_456,
    };

    fn ops() -> Vec<Op> {
        vec![
            Op {
                table: Table::Keys,
                key: vec![7; 32],
                value: Some(codec::encode(&samples::key())),
            },
            Op {
                table: Table::Alerts,
                key: numbered(9),
                value: Some(codec::encode(&samples::alert())),
            },
        ]
    }

    fn written() -> Vec<u8> {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("archive");
        let medium = Medium::default();
        let mut writer = Writer::create(&path, &HEADER, &medium).expect("created");
        for op in ops() {
            writer.add(&op).expect("added");
        }
        writer.finish().expect("finished");
        std::fs::read(path).expect("read")
    }

    #[test]
    fn format_1_is_what_it_always_was() {
        let bytes = written();
        let golden = samples::golden(
            "archive.bin",
            &bytes,
            include_bytes!("golden/v1/archive.bin"),
        );
        assert_eq!(
            bytes, golden,
            "the archive format changed; make a new format"
        );
        assert_eq!(
            parse(&golden).expect("golden archive reads"),
            (HEADER, ops())
        );
    }

    #[test]
    fn any_flipped_byte_and_any_cut_is_refused() {
        let bytes = written();
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x10;
            assert!(parse(&damaged).is_err(), "byte {place} flipped");
            assert!(parse(&bytes[..place]).is_err(), "cut at {place}");
        }
    }
}
