//! Reads a recording record by record, up to the first that is not whole.
//!
//! Checks each record's checksum and nothing else; the chain is `walk`'s. Holds one
//! record at a time, whatever the file's length.

use std::io::{self, BufReader, Read};

use crate::format::{
    FILE_HEADER_BYTES, Kind, MAGIC, MAX_PAYLOAD_BYTES, RECORD_HEADER_BYTES, VERSION, checksum,
};

/// Why reading ended before the end of the file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file does not begin as a recording does.
    #[error("this is no flight record")]
    NotARecording,
    /// A later program wrote it.
    #[error(
        "this flight record is of version {0}, and this program reads version {VERSION}; use a newer one"
    )]
    Newer(u16),
    /// The file ends inside a record.
    #[error("it is cut off inside the record at byte {offset}")]
    Torn {
        /// Where that record begins.
        offset: u64,
    },
    /// A record is not as it was written.
    #[error("the record at byte {offset} is damaged: {what}")]
    Damaged {
        /// Where it begins.
        offset: u64,
        /// What shows it.
        what: &'static str,
    },
    /// The medium refuses.
    #[error("it cannot be read at byte {offset}: {source}")]
    Io {
        /// Where.
        offset: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Number of its kind.
    pub number: u8,
    /// Microseconds since the opening.
    pub at_us: u64,
    /// What it holds.
    pub payload: Vec<u8>,
    pub(crate) header: [u8; RECORD_HEADER_BYTES],
}

impl Record {
    /// Its kind; none of one that this program does not know.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        Kind::of(self.number)
    }

    /// Bytes of it in the file.
    pub(crate) fn length(&self) -> u64 {
        (RECORD_HEADER_BYTES + self.payload.len()) as u64
    }
}

/// Reads the records of one file.
#[derive(Debug)]
pub struct Reader<R> {
    input: BufReader<R>,
    offset: u64,
    header: [u8; FILE_HEADER_BYTES],
}

impl<R: Read> Reader<R> {
    /// Begins with the file's header.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn new(input: R) -> Result<Reader<R>, ReadError> {
        let mut reader = Reader {
            input: BufReader::new(input),
            offset: 0,
            header: [0; FILE_HEADER_BYTES],
        };
        let mut header = [0; FILE_HEADER_BYTES];
        let read = reader.fill(0, &mut header)?;
        if read < FILE_HEADER_BYTES || header[..8] != MAGIC {
            return Err(ReadError::NotARecording);
        }
        let version = u16::from_le_bytes([header[8], header[9]]);
        match version {
            VERSION if header[10..] == [0; 6] => {}
            VERSION => return Err(ReadError::NotARecording),
            other => return Err(ReadError::Newer(other)),
        }
        reader.header = header;
        reader.offset = FILE_HEADER_BYTES as u64;
        Ok(reader)
    }

    /// The next record; none at the end of the file.
    ///
    /// # Errors
    /// [`ReadError`]; there is nothing to be read after it.
    pub fn next_record(&mut self) -> Result<Option<Record>, ReadError> {
        let offset = self.offset;
        let mut header = [0; RECORD_HEADER_BYTES];
        match self.fill(offset, &mut header)? {
            0 => return Ok(None),
            RECORD_HEADER_BYTES => {}
            _ => return Err(ReadError::Torn { offset }),
        }
        let [l0, l1, l2, l3, number, a @ .., c0, c1, c2, c3] = header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length > MAX_PAYLOAD_BYTES {
            let what = "it says that it is longer than any can be";
            return Err(ReadError::Damaged { offset, what });
        }
        let mut payload = vec![0; length];
        if self.fill(offset + RECORD_HEADER_BYTES as u64, &mut payload)? < length {
            return Err(ReadError::Torn { offset });
        }
        if checksum(&header[..13], &payload) != u32::from_le_bytes([c0, c1, c2, c3]) {
            let what = "its checksum is another";
            return Err(ReadError::Damaged { offset, what });
        }
        let record = Record {
            number,
            at_us: u64::from_le_bytes(a),
            payload,
            header,
        };
        self.offset += record.length();
        Ok(Some(record))
    }

    /// Where the next record begins.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn header(&self) -> &[u8; FILE_HEADER_BYTES] {
        &self.header
    }

    /// Reads as much as there is from byte `at` of the file on, up to all of `bytes`.
    fn fill(&mut self, at: u64, bytes: &mut [u8]) -> Result<usize, ReadError> {
        let mut read = 0;
        while read < bytes.len() {
            match self.input.read(&mut bytes[read..]) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let offset = at + read as u64;
                    return Err(ReadError::Io { offset, source });
                }
            }
        }
        Ok(read)
    }
}
