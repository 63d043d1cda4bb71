//! `bridge decode`: a capture of the line, frame by frame.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use firmware_bridge::frame::{Direction, Header};
use firmware_bridge::monitor::{self, Found, Stretch};
use serde_json::{Value, json};

pub(super) fn decode(file: &Path, json: bool) -> anyhow::Result<()> {
    let mut capture = Vec::new();
    if file == Path::new("-") {
        std::io::stdin()
            .read_to_end(&mut capture)
            .context("cannot read standard input")?;
    } else {
        capture = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    let stats = monitor::decode_capture(&capture, |stretch| {
        if json {
            println!("{}", object(&stretch));
        } else {
            println!("{stretch}");
        }
    });
    let (frames, crc, garbage) = (stats.frames, stats.crc_errors, stats.garbage_bytes);
    let (malformed, oversize) = (stats.malformed, stats.oversize);
    eprintln!(
        "{frames} frames; {crc} with a wrong check sum, {malformed} no frame, {oversize} too long; {garbage} bytes of no use"
    );
    Ok(())
}

/// A message as the protocol names it: `{"Reading": {"sensor": 0, …}}`.
fn object(stretch: &Stretch) -> Value {
    let (offset, length) = (stretch.offset, stretch.length);
    let framed = |header: &Header, message: Value| {
        let to = if header.direction == Direction::ToHost {
            "host"
        } else {
            "board"
        };
        let (version, sequence) = (header.version, header.sequence);
        json!({ "offset": offset, "bytes": length, "to": to, "version": version, "sequence": sequence, "message": message })
    };
    match &stretch.found {
        Found::ToHost(header, message) => framed(header, json!(message)),
        Found::ToMcu(header, message) => framed(header, json!(message)),
        Found::Unknown(header, _) => framed(header, Value::Null),
        Found::Rejected(why) => {
            json!({ "offset": offset, "bytes": length, "error": monitor::rejection(*why) })
        }
        Found::CutOff => json!({ "offset": offset, "bytes": length, "error": "cut off" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stretch_is_an_object() {
        let capture = b"00 02 81 01 01 07 01 01 09 67 32 0a 00 00 14 01 02 00 48 65";
        let mut objects = Vec::new();
        monitor::decode_capture(capture, |stretch| objects.push(object(&stretch)));
        assert_eq!(objects[0]["to"], "board");
        assert_eq!(
            objects[0]["message"],
            json!({ "Hello": { "min": 1, "current": 1 } })
        );
        assert_eq!(
            objects[1],
            json!({ "offset": 14, "bytes": 3, "error": "not a frame" })
        );
        assert_eq!(objects[2]["error"], "cut off");
    }
}
