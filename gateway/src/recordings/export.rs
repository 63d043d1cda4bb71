//! A recording in forms that other programs read: JSON Lines, the states as CSV, the
//! pictures as MP4.
//!
//! Goes through the file once and holds one record at a time. What cannot be read any
//! more is said in the last line, so that a cut file is not taken for a whole one.

use std::io::{self, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use recording::{Kind, Opening, ReadError, Reader, Record};
use remux::{Mp4, NewParameters, Picture};
use serde_json::{Map, Value, json};
use tello::state::{State, parse};

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The file itself.
    Record,
    /// One JSON object a record.
    Jsonl,
    /// One line a state datagram.
    Csv,
    /// The pictures, as fragmented MP4.
    Mp4,
}

impl Format {
    /// Names of all, as they are asked for.
    pub(crate) const NAMES: &[&str] = &["record", "jsonl", "csv", "mp4"];

    /// The form of that name.
    pub(crate) fn named(name: &str) -> Option<Format> {
        match name {
            "record" => Some(Format::Record),
            "jsonl" => Some(Format::Jsonl),
            "csv" => Some(Format::Csv),
            "mp4" => Some(Format::Mp4),
            _ => None,
        }
    }

    /// End of a file's name, and its media type.
    pub(crate) const fn file(self) -> (&'static str, &'static str) {
        match self {
            Format::Record => ("mfr", "application/vnd.mfg-drone.recording"),
            Format::Jsonl => ("jsonl", "application/jsonl"),
            Format::Csv => ("csv", "text/csv; charset=utf-8"),
            Format::Mp4 => ("mp4", "video/mp4"),
        }
    }
}

/// Why a recording is not exported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotExported {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The output refuses.
    #[error("it cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes the recording in `input` to `output`.
///
/// # Errors
/// [`NotExported`]: of a recording that is damaged later than at its beginning the rest is
/// left out, which the last line says.
pub(crate) fn export(
    format: Format,
    mut input: impl Read,
    output: &mut impl Write,
) -> Result<(), NotExported> {
    match format {
        Format::Record => io::copy(&mut input, output).map(drop)?,
        Format::Jsonl => jsonl(Reader::new(input)?, output)?,
        Format::Csv => csv(Reader::new(input)?, output)?,
        Format::Mp4 => mp4(Reader::new(input)?, output)?,
    }
    Ok(())
}

fn jsonl(mut reader: Reader<impl Read>, output: &mut impl Write) -> io::Result<()> {
    let mut started = None;
    loop {
        let line = match reader.next_record() {
            Ok(Some(record)) => line(&record, &mut started),
            Ok(None) => return Ok(()),
            Err(error) => {
                let line = json!({"kind": "damage", "what": error.to_string()});
                return writeln!(output, "{line}");
            }
        };
        writeln!(output, "{line}")?;
    }
}

/// The pictures, nothing decoded; up to where the camera changed how it codes them.
fn mp4(mut reader: Reader<impl Read>, output: &mut impl Write) -> io::Result<()> {
    let mut mp4 = Mp4::default();
    while let Ok(Some(record)) = reader.next_record() {
        let key = match record.kind() {
            Some(Kind::Picture) => true,
            Some(Kind::Frame) => false,
            _ => continue,
        };
        let picture = Picture {
            unit: &record.payload,
            key,
            at_ms: record.at_us / 1000,
        };
        match mp4.push(picture) {
            Ok(bytes) => output.write_all(&bytes)?,
            Err(NewParameters) => break,
        }
    }
    Ok(())
}

/// A record as an object: when, what kind, and what it holds.
fn line(record: &Record, started: &mut Option<Timestamp>) -> Value {
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
    let parsed = || serde_json::from_slice::<Value>(&record.payload);
    if record.kind() == Some(Kind::Opening) {
        let opening = serde_json::from_slice::<Opening>(&record.payload);
        *started = opening.ok().map(|opening| opening.started);
    }
    put("at_s", json!(record.at_us as f64 / 1e6));
    if let Some(time) = time(*started, record.at_us) {
        put("time", json!(format!("{time:.6}")));
    }
    let kind = record.kind();
    put("kind", json!(kind.map_or("unknown", Kind::name)));
    match kind {
        Some(Kind::State) => match std::str::from_utf8(&record.payload) {
            Ok(text) => put("datagram", json!(text)),
            Err(_) => put("datagram_base64", json!(STANDARD.encode(&record.payload))),
        },
        Some(Kind::Picture | Kind::Frame | Kind::Seal) | None => {
            put("bytes", json!(record.payload.len()))
        }
        Some(name) => put(name.name(), parsed().unwrap_or_default()),
    };
    Value::Object(line)
}

fn time(started: Option<Timestamp>, at_us: u64) -> Option<Timestamp> {
    let after = SignedDuration::from_micros(i64::try_from(at_us).ok()?);
    started?.checked_add(after).ok()
}

/// Columns of the states' CSV; what a state does not say is left empty.
const COLUMNS: &str = "time,at_s,battery_pct,height_cm,floor_cm,barometric_m,temperature_low_c,\
                       temperature_high_c,pitch_deg,roll_deg,yaw_deg,vx_dm_s,vy_dm_s,vz_dm_s,\
                       ax_mg,ay_mg,az_mg,motor_time_s";

fn csv(mut reader: Reader<impl Read>, output: &mut impl Write) -> io::Result<()> {
    let mut started = None;
    writeln!(output, "{COLUMNS}\r")?;
    loop {
        let record = match reader.next_record() {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(()),
            Err(error) => return writeln!(output, "# {error}\r"),
        };
        match record.kind() {
            Some(Kind::Opening) => {
                let opening = serde_json::from_slice::<Opening>(&record.payload);
                started = opening.ok().map(|opening| opening.started);
            }
            Some(Kind::State) => {
                let state = parse(&record.payload).state;
                if !state.is_empty() {
                    row(output, time(started, record.at_us), record.at_us, &state)?;
                }
            }
            _ => {}
        }
    }
}

fn row(
    output: &mut impl Write,
    time: Option<Timestamp>,
    at_us: u64,
    state: &State,
) -> io::Result<()> {
    if let Some(time) = time {
        write!(output, "{time:.6}")?;
    }
    write!(output, ",{:.3}", at_us as f64 / 1e6)?;
    let [vx, vy, vz] = state.velocity_dm_s;
    let [ax, ay, az] = state.acceleration_mg;
    let values: [Option<f64>; 16] = [
        state.battery_pct.map(f64::from),
        state.height_cm.map(f64::from),
        state.floor_cm.map(f64::from),
        state.barometric_m,
        state.temperature_low_c,
        state.temperature_high_c,
        state.pitch_deg.map(f64::from),
        state.roll_deg.map(f64::from),
        state.yaw_deg.map(f64::from),
        vx,
        vy,
        vz,
        ax,
        ay,
        az,
        state.motor_time_s.map(f64::from),
    ];
    for value in values {
        match value {
            Some(value) => write!(output, ",{value}")?,
            None => write!(output, ",")?,
        }
    }
    writeln!(output, "\r")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use recording::{SigningKey, Writer};

    use super::*;

    fn exported(format: Format, cut: usize) -> String {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("flight");
        let key = Arc::new(SigningKey::open(&dir.path().join("key")).expect("made"));
        let opening = Opening {
            id: "x".to_owned(),
            drone_id: "d1".to_owned(),
            drone_name: "d1".to_owned(),
            simulated: true,
            gateway: "board".to_owned(),
            boot: "7".to_owned(),
            program: "0.1.0".to_owned(),
            started: Timestamp::from_second(1_796_047_500).expect("in range"),
            clock_synchronised: None,
            public_key: key.public(),
        };
        let mut writer = Writer::create(&path, key).expect("created");
        let opening = serde_json::to_vec(&opening).expect("JSON");
        for (kind, at_us, payload) in [
            (Kind::Opening, 0, &opening[..]),
            (Kind::State, 100_000, b"h:10;bat:87;templ:60;\r\n"),
            (Kind::Event, 150_000, br#"{"kind":"command"}"#),
            (Kind::State, 200_000, b"\xffnoise"),
            (Kind::Picture, 300_000, b"\0\0\0\x01"),
        ] {
            writer.append(kind, at_us, payload).expect("written");
        }
        writer.sync().expect("synced");
        let mut bytes = std::fs::read(&path).expect("there");
        bytes.truncate(bytes.len() - cut);
        let mut output = Vec::new();
        export(format, &bytes[..], &mut output).expect("exported");
        String::from_utf8(output).expect("text")
    }

    #[test]
    fn json_lines_hold_each_datagram_as_it_came() {
        let lines: Vec<Value> = exported(Format::Jsonl, 0)
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[0]["opening"]["drone_id"], "d1");
        assert_eq!(
            lines[1],
            json!({
                "at_s": 0.1,
                "time": "2026-11-30T14:05:00.100000Z",
                "kind": "state",
                "datagram": "h:10;bat:87;templ:60;\r\n",
            })
        );
        assert_eq!(lines[2]["event"]["kind"], "command");
        assert_eq!(lines[3]["datagram_base64"], "/25vaXNl");
        assert_eq!(lines[4]["bytes"], 4);
        let cut = exported(Format::Jsonl, 1);
        assert!(
            cut.lines().last().expect("a line").contains("damage"),
            "{cut}"
        );
    }

    #[test]
    fn a_csv_has_a_line_for_each_state() {
        let text = exported(Format::Csv, 0);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(
            lines[1],
            "2026-11-30T14:05:00.100000Z,0.100,87,10,,,60,,,,,,,,,,,"
        );
        let columns = |line: &str| line.split(',').count();
        assert_eq!(columns(lines[0]), columns(lines[1]));
        assert!(exported(Format::Csv, 1).contains("# it is cut off"));
    }
}
