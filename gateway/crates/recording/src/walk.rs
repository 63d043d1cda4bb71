//! Goes through a recording along its chain: what verifying and recovering share.

use std::io::Read;

use crate::entry::{Closing, Counts, Opening};
use crate::format::{Chain, Kind, LINK_BYTES, SEAL_BYTES, signed};
use crate::key::is_signed;
use crate::reader::{ReadError, Reader, Record};

/// Why a chain does not hold.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("its seal has another hash: a record was changed, added or left out")]
    Link,
    #[error("its seal is not signed by the key that the opening names")]
    Signature,
    #[error("it does not begin with an opening")]
    Opening,
    #[error("records come after the closing")]
    AfterClosing,
}

/// A recording up to where it was read.
pub(crate) struct Walk<R> {
    reader: Reader<R>,
    pub(crate) chain: Chain,
    pub(crate) opening: Option<Opening>,
    pub(crate) closing: Option<Closing>,
    pub(crate) counts: Counts,
    pub(crate) records: u64,
    /// Time of the last record.
    pub(crate) at_us: u64,
    /// Whether the record read last was a seal.
    pub(crate) is_sealed: bool,
    /// Where the record begins that was not read yet, or is not as it should be.
    pub(crate) offset: u64,
}

impl<R: Read> Walk<R> {
    pub(crate) fn new(input: R) -> Result<Walk<R>, ReadError> {
        let reader = Reader::new(input)?;
        Ok(Walk {
            chain: Chain::new(reader.header()),
            offset: reader.offset(),
            reader,
            opening: None,
            closing: None,
            counts: Counts::default(),
            records: 0,
            at_us: 0,
            is_sealed: false,
        })
    }

    /// Reads one more record; false at the end of the file.
    pub(crate) fn step(&mut self) -> Result<bool, Broken> {
        let Some(record) = self.reader.next_record()? else {
            return Ok(false);
        };
        let kind = record.kind();
        if self.opening.is_none() {
            let parsed = (kind == Some(Kind::Opening))
                .then(|| serde_json::from_slice(&record.payload).ok())
                .flatten();
            self.opening = Some(parsed.ok_or(Broken::Opening)?);
        }
        if kind == Some(Kind::Seal) {
            self.seal(&record)?;
        } else if self.closing.is_some() {
            return Err(Broken::AfterClosing);
        } else {
            self.chain.add(&record.header, &record.payload);
            self.note(kind, &record);
        }
        self.is_sealed = kind == Some(Kind::Seal);
        self.offset = self.reader.offset();
        self.records += 1;
        self.at_us = self.at_us.max(record.at_us);
        Ok(true)
    }

    fn note(&mut self, kind: Option<Kind>, record: &Record) {
        match kind {
            Some(Kind::Closing) => self.closing = serde_json::from_slice(&record.payload).ok(),
            Some(kind) => self.counts.add(kind, &record.payload),
            None => {}
        }
    }

    fn seal(&mut self, record: &Record) -> Result<(), Broken> {
        if self.is_sealed {
            // An empty segment is never written: one seal too many was put in.
            return Err(Broken::Link);
        }
        let payload: &[u8; SEAL_BYTES] = record.payload[..].try_into().map_err(|_| Broken::Link)?;
        let mut next = self.chain.clone();
        let (number, link) = next.seal();
        let said = &payload[..4 + LINK_BYTES];
        if said[..4] != number.to_le_bytes() || said[4..] != link {
            return Err(Broken::Link);
        }
        let public = self
            .opening
            .as_ref()
            .map_or("", |opening| &opening.public_key);
        if !is_signed(public, &signed(number, &link), &payload[4 + LINK_BYTES..]) {
            return Err(Broken::Signature);
        }
        self.chain = next;
        Ok(())
    }
}

impl Counts {
    /// Counts one more record.
    pub(crate) fn add(&mut self, kind: Kind, payload: &[u8]) {
        match kind {
            Kind::State => self.states += 1,
            Kind::Event => self.events += 1,
            Kind::Alert => self.alerts += 1,
            Kind::Picture | Kind::Frame => self.pictures += 1,
            Kind::Gap => {
                let gap: Option<serde_json::Value> = serde_json::from_slice(payload).ok();
                self.lost += gap.and_then(|gap| gap["lost"].as_u64()).unwrap_or_default();
            }
            Kind::Opening | Kind::Link | Kind::Judging | Kind::Closing | Kind::Seal => {}
        }
    }
}
