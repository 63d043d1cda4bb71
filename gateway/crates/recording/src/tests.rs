//! The format: samples, flipped bits, cuts at any byte.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;

use crate::recover::recover;
use crate::*;

/// Key of the samples; it signs nothing else.
const KEY: &str = "src/golden/test-key.pk8";

/// The sample of version 1.
const SAMPLE: &str = "src/golden/v1/flight.mfr";

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::open(Path::new(KEY)).expect("the samples' key"))
}

fn opening(key: &SigningKey) -> Opening {
    Opening {
        id: "20261130T140500Z-d1".to_owned(),
        drone_id: "d1".to_owned(),
        drone_name: "Mast".to_owned(),
        simulated: false,
        gateway: "board".to_owned(),
        boot: "0000000000000007".to_owned(),
        program: "0.1.0".to_owned(),
        started: Timestamp::from_second(1_796_047_500).expect("in range"),
        clock_synchronised: Some(true),
        public_key: key.public(),
    }
}

/// A short flight of every kind of record, over three segments.
fn write(path: &Path) {
    let key = key();
    let mut writer = Writer::create(path, key.clone()).expect("created");
    let json = serde_json::to_vec(&opening(&key)).expect("JSON");
    writer.append(Kind::Opening, 0, &json).expect("written");
    writer
        .append(Kind::Judging, 0, br#"{"rules":[]}"#)
        .expect("written");
    for n in 0..30u64 {
        let state = format!("h:{};bat:{};time:{n};\r\n", n * 10, 90 - n);
        let at_us = n * 900_000;
        writer
            .append(Kind::State, at_us, state.as_bytes())
            .expect("written");
        let other: Option<(Kind, &[u8])> = match n {
            3 => Some((Kind::Event, br#"{"kind":"command"}"#)),
            7 => Some((Kind::Alert, br#"{"title":"Low Battery"}"#)),
            9 => Some((Kind::Link, br#"{"state":"lost"}"#)),
            11 => Some((Kind::Gap, br#"{"lost":4,"why":"it came too fast"}"#)),
            13 => Some((Kind::Picture, b"\0\0\0\x01\x67picture")),
            14 => Some((Kind::Frame, b"\0\0\0\x01\x41frame")),
            _ => None,
        };
        if let Some((kind, payload)) = other {
            writer.append(kind, at_us + 1, payload).expect("written");
        }
    }
    let closing = Closing {
        reason: Reason::Landed,
        counts: Counts {
            states: 30,
            events: 1,
            alerts: 1,
            pictures: 2,
            lost: 4,
        },
    };
    let json = serde_json::to_vec(&closing).expect("JSON");
    writer.close(26_200_000, &json).expect("closed");
}

fn sample() -> Vec<u8> {
    fs::read(SAMPLE).expect("the sample")
}

/// Every record up to the first that is not whole.
fn records(bytes: &[u8]) -> Vec<Record> {
    let Ok(mut reader) = Reader::new(bytes) else {
        return Vec::new();
    };
    std::iter::from_fn(|| reader.next_record().ok().flatten()).collect()
}

#[test]
fn the_sample_is_read_and_written_as_it_was() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("flight");
    write(&path);
    let written = fs::read(&path).expect("there");
    if let Some(to) = std::env::var_os("MFG_DRONE_WRITE_GOLDEN") {
        fs::write(PathBuf::from(to).join("flight.mfr"), &written).expect("written");
    }
    assert!(written == sample(), "the bytes of version 1 have changed");
    let report = verify(&written[..]).expect("a recording");
    assert_eq!(report.fault, None);
    assert_eq!((report.links, report.records), (3, 42));
    let closing = report.closing.expect("a closing");
    assert_eq!((closing.reason, closing.counts.lost), (Reason::Landed, 4));
}

#[test]
fn what_is_no_recording_is_told_apart() {
    assert!(matches!(
        Reader::new(&b""[..]),
        Err(ReadError::NotARecording)
    ));
    assert!(matches!(
        Reader::new(&b"PNG and more than sixteen bytes"[..]),
        Err(ReadError::NotARecording)
    ));
    let mut newer = sample();
    newer[8] = 2;
    assert!(matches!(Reader::new(&newer[..]), Err(ReadError::Newer(2))));
}

/// A medium that is interrupted at every other call, and refuses once, after `bytes`.
struct Refusing {
    bytes: Cursor<Vec<u8>>,
    is_interrupted: bool,
    has_refused: bool,
}

impl Read for Refusing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.is_interrupted = !self.is_interrupted;
        if self.is_interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match self.bytes.read(into)? {
            0 if !std::mem::replace(&mut self.has_refused, true) => {
                Err(io::Error::other("an input/output error"))
            }
            count => Ok(count),
        }
    }
}

#[test]
fn a_medium_that_refuses_is_told_with_the_place_and_is_no_damage() {
    for at in [0, 10, 16, 20, 300] {
        let bytes = Cursor::new(sample()[..at].to_vec());
        let told = verify(Refusing {
            bytes,
            is_interrupted: false,
            has_refused: false,
        });
        let Err(ReadError::Io { offset, .. }) = told else {
            panic!("at {at}: {told:?}");
        };
        assert_eq!(offset, at as u64);
    }
}

#[test]
fn a_file_that_is_cut_between_two_records_has_no_end() {
    let mut ends = vec![16];
    for record in records(&sample()) {
        ends.push(ends[ends.len() - 1] + record.length() as usize);
    }
    assert_eq!(ends.pop(), Some(sample().len()));
    for end in ends {
        let report = verify(&sample()[..end]).expect("a recording");
        let fault = report.fault.expect("found");
        assert_eq!(fault.offset, end as u64, "{fault:?}");
        assert!(fault.what.contains("no end"), "{fault:?}");
    }
}

#[test]
fn an_interrupted_flight_is_counted_as_it_would_have_been_at_its_end() {
    let whole = verify(&sample()[..]).expect("a recording");
    let said = whole.closing.expect("a closing");
    // Without the closing and its seal.
    let all = records(&sample());
    let end: u64 = all[..all.len() - 2].iter().map(Record::length).sum();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("flight");
    fs::write(&path, &sample()[..16 + end as usize]).expect("written");
    assert!(recover(&path, &key()).expect("the medium takes it"));
    let report = verify(File::open(&path).expect("there")).expect("a recording");
    assert_eq!(report.fault, None);
    let closing = report.closing.expect("a closing");
    assert_eq!(closing.reason, Reason::Interrupted);
    assert_eq!(closing.counts, said.counts);
}

#[test]
fn a_record_that_is_cut_is_torn_and_one_that_is_too_long_is_damaged() {
    let key = key();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("flight");
    let mut writer = Writer::create(&path, key).expect("created");
    let longest = vec![7; MAX_PAYLOAD_BYTES];
    writer.append(Kind::Frame, 0, &longest).expect("written");
    writer.flush().expect("written");
    let whole = fs::read(&path).expect("there");
    assert_eq!(records(&whole)[0].payload, longest);

    let mut reader = Reader::new(&whole[..1000]).expect("a header");
    let torn = reader.next_record();
    assert!(
        matches!(torn, Err(ReadError::Torn { offset: 16 })),
        "{torn:?}"
    );
    // It is not looked for in memory: the length may be as wrong as four bytes can be.
    let mut longer = whole;
    longer[16..20].copy_from_slice(&(MAX_PAYLOAD_BYTES as u32 + 1).to_le_bytes());
    let mut reader = Reader::new(&longer[..]).expect("a header");
    let damaged = reader.next_record();
    assert!(
        matches!(damaged, Err(ReadError::Damaged { offset: 16, .. })),
        "{damaged:?}"
    );
}

#[test]
fn a_record_that_is_changed_with_its_checksum_breaks_its_link() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("flight");
    let whole = records(&sample());
    // The same file with one state less, and every checksum right.
    for (left_out, link) in [(5, 1), (25, 2), (35, 3)] {
        let mut bytes = sample()[..16].to_vec();
        for (number, record) in whole.iter().enumerate() {
            if number != left_out {
                bytes.extend_from_slice(&record.header);
                bytes.extend_from_slice(&record.payload);
            }
        }
        fs::write(&path, &bytes).expect("written");
        let report = verify(File::open(&path).expect("there")).expect("a recording");
        let fault = report.fault.expect("found");
        assert_eq!(fault.link, link, "{fault:?}");
        assert!(fault.what.contains("hash"), "{fault:?}");
    }
}

#[test]
fn another_key_is_no_signature() {
    let dir = tempfile::tempdir().expect("a directory");
    let other = Arc::new(SigningKey::open(&dir.path().join("key")).expect("made"));
    let path = dir.path().join("flight");
    let mut writer = Writer::create(&path, other).expect("created");
    // It says that it is of the samples' key, and is signed by the other.
    let json = serde_json::to_vec(&opening(&key())).expect("JSON");
    writer.append(Kind::Opening, 0, &json).expect("written");
    writer
        .close(
            1,
            br#"{"reason":"landed","states":0,"events":0,"alerts":0,"pictures":0,"lost":0}"#,
        )
        .expect("closed");
    let report = verify(File::open(&path).expect("there")).expect("a recording");
    let fault = report.fault.expect("found");
    assert!(fault.what.contains("signed"), "{fault:?}");
}

proptest! {
    /// A bit flipped anywhere is found, and what was read before it is as it was written.
    #[test]
    fn a_flipped_bit_is_found(place in 0usize..1 << 20, bit in 0u8..8) {
        let whole = sample();
        let mut bytes = whole.clone();
        let place = place % bytes.len();
        bytes[place] ^= 1 << bit;
        if let Ok(report) = verify(&bytes[..]) {
            let fault = report.fault.expect("found");
            prop_assert!(fault.offset <= place as u64, "{:?}", fault);
        }
        let (read, was) = (records(&bytes), records(&whole));
        prop_assert!(read.len() < was.len());
        prop_assert_eq!(&read[..], &was[..read.len()]);
    }

    /// A file that is cut anywhere is read up to the cut, and can be ended there.
    #[test]
    fn a_cut_file_is_read_to_the_cut_and_ended(length in 0usize..1 << 20, zeros in 0usize..64) {
        let whole = sample();
        let length = length % whole.len();
        let mut bytes = whole[..length].to_vec();
        let read = records(&bytes);
        let was = records(&whole);
        prop_assert_eq!(&read[..], &was[..read.len()]);
        let held: usize = read.iter().map(|record| record.length() as usize).sum();
        let next = was.get(read.len()).map_or(0, |record| record.length() as usize);
        prop_assert!(length < 16 || length < 16 + held + next, "a whole record was not read");
        // A file system may have grown the file before it wrote the bytes.
        bytes.resize(length + zeros, 0);
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("flight");
        fs::write(&path, &bytes).expect("written");
        let is_kept = recover(&path, &key()).expect("the medium takes it");
        prop_assert_eq!(is_kept, !read.is_empty());
        if is_kept {
            let report = verify(File::open(&path).expect("there")).expect("a recording");
            prop_assert_eq!(report.fault, None);
            let after = records(&fs::read(&path).expect("there"));
            prop_assert_eq!(&after[..read.len()], &read[..]);
        }
    }

    /// Bytes from anywhere never stop the reader.
    #[test]
    fn any_bytes_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), is_headed: bool) {
        if is_headed {
            bytes.splice(..0, sample()[..16].iter().copied());
        }
        let _ = verify(Cursor::new(bytes));
    }
}

#[test]
fn damage_is_not_cut_away() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("flight");
    let key = key();
    let mut writer = Writer::create(&path, key.clone()).expect("created");
    let json = serde_json::to_vec(&opening(&key)).expect("JSON");
    writer.append(Kind::Opening, 0, &json).expect("written");
    let long = vec![7; MAX_PAYLOAD_BYTES];
    for n in 0..6 {
        writer.append(Kind::Frame, n, &long).expect("written");
    }
    writer.sync().expect("synced");
    drop(writer);
    let mut bytes = fs::read(&path).expect("there");
    bytes[1000] ^= 1;
    fs::write(&path, &bytes).expect("written");
    assert!(recover(&path, &key).expect("looked at"));
    assert!(fs::read(&path).expect("there") == bytes, "nothing was cut");
    let too_long = vec![0; MAX_PAYLOAD_BYTES + 1];
    let mut writer = Writer::create(&dir.path().join("other"), key).expect("created");
    assert!(writer.append(Kind::Frame, 0, &too_long).is_err());
}
