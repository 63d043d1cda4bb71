//! One kernel file, or one question to the kernel, and a single attempt at it.
//!
//! It is the part that may hang, so it is handed to a reader whole (`readers.rs`) and
//! knows nothing of what its bytes mean. Nothing here allocates.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, open, stat};
use rustix::io::{Errno, pread, read};

use crate::decode::left_instead;
use crate::discover::Origin;
use crate::gate::Gate;
use crate::number::decimal;
use crate::quantity::Quantity;
use crate::readers::Work;
use crate::sensor::Absence;
use crate::tree::Handles;

/// The largest file sampled: `/proc/net/wireless` with some twenty interfaces.
/// sysfs itself never gives more than a page.
pub(crate) const BUFFER_BYTES: usize = 4096;

/// Where to read.
#[derive(Debug)]
pub(crate) struct Source {
    /// Where it is on this machine.
    pub(crate) path: PathBuf,
    pub(crate) handles: Handles,
    file: Option<OwnedFd>,
    origin: Origin,
    /// What is read behind it: its numbers mean nothing without.
    beside: Vec<PathBuf>,
    /// What is read while the file itself has never held a charge, the best first: each a
    /// file and those behind it. A driver may show a file that its chip does not fill.
    instead: Vec<Vec<PathBuf>>,
    has_read: bool,
    /// What says whether the file means anything: each may close it.
    gates: Vec<Gate>,
}

/// One attempt, on its way to a reader and back.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// Whose.
    pub(crate) probe: u32,
    pub(crate) source: Source,
    pub(crate) buffer: Box<[u8; BUFFER_BYTES]>,
    /// Bytes in the buffer; of a marker that is not there none.
    read: Result<usize, Errno>,
    /// Why the value means nothing, by the device's own word.
    closed: Option<Absence>,
}

impl Source {
    pub(crate) fn new(path: PathBuf, handles: Handles, origin: Origin, gates: Vec<Gate>) -> Self {
        Source {
            path,
            handles,
            file: None,
            origin,
            beside: Vec::new(),
            instead: Vec::new(),
            has_read: false,
            gates,
        }
    }

    /// The same, with files that are read behind it.
    pub(crate) fn with(mut self, beside: Vec<PathBuf>) -> Self {
        self.beside = beside;
        self
    }

    /// The same, with what is read while the file itself has never held a charge.
    pub(crate) fn or_instead(mut self, instead: Vec<Vec<PathBuf>>) -> Self {
        self.instead = instead;
        self
    }

    /// Lets go of the file: a descriptor pins a driver that may want to unload.
    pub(crate) fn close(&mut self) {
        self.file = None;
    }

    /// The file that says whether this one means anything may have come or gone.
    pub(crate) fn set_gates(&mut self, gates: Vec<Gate>) {
        self.gates = gates;
    }

    /// The gates of what was found where this is already.
    pub(crate) fn into_gates(self) -> Vec<Gate> {
        self.gates
    }

    pub(crate) fn is_marker(&self) -> bool {
        matches!(self.origin, Origin::Marker)
    }

    fn read(&mut self, buffer: &mut [u8; BUFFER_BYTES]) -> Result<usize, Errno> {
        match &mut self.origin {
            Origin::Marker => stat(&self.path).map(|_| 0),
            Origin::Kernel(question) => question.ask(buffer),
            Origin::File => {
                let mut length = match self.read_file(buffer) {
                    Ok(length) if self.is_meant(&buffer[..length]) => length,
                    read => return self.read_instead(read, buffer),
                };
                for path in &self.beside {
                    length = append(path, buffer, length);
                }
                Ok(length)
            }
        }
    }

    /// Whether what was read is to be taken at its word: with nothing to read instead, or
    /// as a charge, or after it was one.
    fn is_meant(&mut self, bytes: &[u8]) -> bool {
        let possible = Quantity::Percent.plausible();
        self.has_read |= decimal(bytes).is_ok_and(|charge| possible.contains(charge));
        self.has_read || self.instead.is_empty()
    }

    /// One failure of a file that was read before is no reason to believe another one: a
    /// value would jump between two models of one battery. Nor is a device that is gone.
    fn read_instead(
        &mut self,
        read: Result<usize, Errno>,
        buffer: &mut [u8; BUFFER_BYTES],
    ) -> Result<usize, Errno> {
        let is_gone = |errno: Errno| Absence::of(errno) == Absence::Vanished;
        if self.has_read || read.is_err_and(is_gone) {
            return read;
        }
        for files in &self.instead {
            let length = files
                .iter()
                .fold(0, |length, path| append(path, buffer, length));
            if left_instead(&buffer[..length]).is_ok() {
                return Ok(length);
            }
        }
        match read {
            // What it holds says why there is no value.
            Ok(_) => self.read_file(buffer),
            Err(errno) => Err(errno),
        }
    }

    fn read_file(&mut self, buffer: &mut [u8; BUFFER_BYTES]) -> Result<usize, Errno> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.open()?,
        };
        let length = match self.handles {
            // A pipe has no places.
            Handles::Pipes => read(&file, buffer.as_mut_slice()),
            _ => pread(&file, buffer.as_mut_slice(), 0),
        };
        // Kept even after a failure: a device that went away fails for ever on
        // this descriptor, while its path may by then lead to another device.
        if self.handles == Handles::Keep {
            self.file = Some(file);
        }
        length
    }

    fn open(&self) -> Result<OwnedFd, Errno> {
        // sysfs and procfs hold nothing else; a tree somebody sent may.
        let kind = FileType::from_raw_mode(stat(&self.path)?.st_mode);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
        match (kind, self.handles) {
            (FileType::RegularFile, _) => open(&self.path, flags | OFlags::NONBLOCK, Mode::empty()),
            (FileType::Fifo, Handles::Pipes) => open(&self.path, flags, Mode::empty()),
            _ => Err(Errno::OPNOTSUPP),
        }
    }
}

/// Adds what is in a file to what was read, or a dash; how much that is together.
fn append(path: &Path, buffer: &mut [u8; BUFFER_BYTES], length: usize) -> usize {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let [first, rest @ ..] = &mut buffer[length..] else {
        return length;
    };
    *first = b'\n';
    let file = open(path, flags, Mode::empty());
    let added = file.and_then(|file| pread(&file, &mut *rest, 0)).ok();
    match (added.filter(|added| *added > 0), rest) {
        (Some(added), _) => length + 1 + added,
        (None, [dash, ..]) => {
            *dash = b'-';
            length + 2
        }
        (None, []) => length,
    }
}

impl Attempt {
    pub(crate) fn new(probe: u32, source: Source, buffer: Box<[u8; BUFFER_BYTES]>) -> Self {
        Attempt {
            probe,
            source,
            buffer,
            read: Ok(0),
            closed: None,
        }
    }

    /// What was read, or why it means nothing.
    pub(crate) fn outcome(&self) -> (Result<&[u8], Errno>, Option<Absence>) {
        (self.read.map(|length| &self.buffer[..length]), self.closed)
    }
}

impl Work for Attempt {
    fn run(&mut self) {
        self.read = self.source.read(&mut self.buffer);
        // Asked after the value: what fails in between is noticed.
        self.closed = self.read.ok().and_then(|length| {
            let mut gates = self.source.gates.iter();
            gates.find_map(|gate| gate.closed(&self.buffer[..length]))
        });
    }
}
