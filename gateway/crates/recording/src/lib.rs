//! Flight records: what happened to one drone in one flight, in one file that can be
//! trusted afterwards.
//!
//! A file is a chain of segments. Each record has a checksum; each segment ends with a
//! seal, which holds the hash of everything before it and the signature of the device
//! (`format`). A file that a power cut tore is read up to the cut and sealed at the next
//! start (`recover`). What is kept, and how much is written, has a budget (`library`).
//!
//! Calls block on the disk. Must never know what a drone, an alert or a rule is: to this
//! crate they are bytes of a kind.

mod budget;
mod entry;
mod files;
mod format;
mod key;
mod library;
mod limits;
mod reader;
mod recover;
mod verify;
mod walk;
mod writer;

pub use entry::{Closing, Counts, Entry, Opening, Reason};
pub use format::{Kind, MAX_PAYLOAD_BYTES, VERSION};
pub use key::{KeyError, SigningKey};
pub use library::{Library, Recording};
pub use limits::{LibraryStats, Limits, MAX_RECORDINGS, RecordingError};
pub use reader::{ReadError, Reader, Record};
pub use verify::{Fault, Report, verify};
pub use writer::Writer;

#[cfg(test)]
mod library_tests;
#[cfg(test)]
mod tests;
