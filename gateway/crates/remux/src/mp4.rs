//! Fragmented MP4 (ISO/IEC 14496-12 and -15): a head, then a fragment a picture.
//!
//! Browsers and players can begin with the head and show each fragment as it comes. The
//! head holds the parameter sets: a stream that changes them needs another head.

use tello::h264::{Sps, nal_units};

use crate::{Clock, DELIMITER, PPS, Picture, SPS, TIMESCALE, kind};

/// How long the last picture that came is shown if nothing follows: a thirtieth of a
/// second, the pace of a Tello.
const USUAL_TICKS: u32 = (TIMESCALE / 30) as u32;

/// Flags of a sample that needs no other, and of one that does.
const IS_KEY: u32 = 0x0200_0000;
const IS_NO_KEY: u32 = 0x0101_0000;

/// The stream is coded by other parameters from here on; it needs a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pictures are coded by other parameters from here on")]
pub struct NewParameters;

/// Writes one file.
#[derive(Debug, Default)]
pub struct Mp4 {
    parameters: Option<(Vec<u8>, Vec<u8>)>,
    clock: Clock,
    number: u32,
}

impl Mp4 {
    /// The bytes for one more picture; none before the first that needs no other.
    ///
    /// # Errors
    /// [`NewParameters`]; the file has ended.
    pub fn push(&mut self, picture: Picture<'_>) -> Result<Vec<u8>, NewParameters> {
        let mut out = Vec::with_capacity(picture.unit.len() + 1024);
        if picture.key {
            let mut nals = nal_units(picture.unit);
            let sps = nals.find(|nal| kind(nal) == SPS);
            let pps = nal_units(picture.unit).find(|nal| kind(nal) == PPS);
            if let (Some(sps), Some(pps)) = (sps, pps) {
                let new = (sps.to_vec(), pps.to_vec());
                match &self.parameters {
                    Some(old) if *old != new => return Err(NewParameters),
                    Some(_) => {}
                    None => {
                        head(&mut out, sps, pps);
                        self.parameters = Some(new);
                    }
                }
            }
        }
        if self.parameters.is_some() {
            self.number += 1;
            let ticks = self.clock.ticks(picture.at_ms);
            fragment(&mut out, self.number, ticks, picture);
        }
        Ok(out)
    }
}

/// A box: its length, its name, what `fill` writes.
fn boxed(out: &mut Vec<u8>, name: &[u8; 4], fill: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(name);
    fill(out);
    let length = (out.len() - begin) as u32;
    out[begin..begin + 4].copy_from_slice(&length.to_be_bytes());
}

fn words(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// No rotation.
const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

fn head(out: &mut Vec<u8>, sps: &[u8], pps: &[u8]) {
    let set = [&[0, 0, 1], sps].concat();
    let (width, height) = Sps::find(&set).map_or((0, 0), |sps| (sps.width, sps.height));
    boxed(out, b"ftyp", |out| {
        out.extend_from_slice(b"iso5\0\0\x02\0iso5iso6mp41avc1");
    });
    boxed(out, b"moov", |out| {
        boxed(out, b"mvhd", |out| {
            words(out, &[0, 0, 0, 1000, 0, 0x1_0000, 0x0100_0000, 0, 0]);
            words(out, &MATRIX);
            words(out, &[0, 0, 0, 0, 0, 0, 2]);
        });
        boxed(out, b"trak", |out| {
            boxed(out, b"tkhd", |out| {
                // Enabled, in the movie, in its preview.
                words(out, &[7, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
                words(out, &MATRIX);
                words(out, &[width << 16, height << 16]);
            });
            boxed(out, b"mdia", |out| media(out, (width, height), sps, pps));
        });
        boxed(out, b"mvex", |out| {
            boxed(out, b"trex", |out| words(out, &[0, 1, 1, 0, 0, 0]));
        });
    });
}

fn media(out: &mut Vec<u8>, size: (u32, u32), sps: &[u8], pps: &[u8]) {
    boxed(out, b"mdhd", |out| {
        // No language.
        words(out, &[0, 0, 0, TIMESCALE as u32, 0, 0x55c4_0000]);
    });
    boxed(out, b"hdlr", |out| {
        words(out, &[0, 0]);
        out.extend_from_slice(b"vide");
        words(out, &[0, 0, 0]);
        out.push(0);
    });
    boxed(out, b"minf", |out| {
        boxed(out, b"vmhd", |out| words(out, &[1, 0, 0]));
        boxed(out, b"dinf", |out| {
            boxed(out, b"dref", |out| {
                words(out, &[0, 1]);
                // In this file.
                boxed(out, b"url ", |out| words(out, &[1]));
            });
        });
        boxed(out, b"stbl", |out| {
            boxed(out, b"stsd", |out| {
                words(out, &[0, 1]);
                boxed(out, b"avc1", |out| sample_entry(out, size, sps, pps));
            });
            for name in [b"stts", b"stsc", b"stco"] {
                boxed(out, name, |out| words(out, &[0, 0]));
            }
            boxed(out, b"stsz", |out| words(out, &[0, 0, 0]));
        });
    });
}

fn sample_entry(out: &mut Vec<u8>, (width, height): (u32, u32), sps: &[u8], pps: &[u8]) {
    words(out, &[0, 1, 0, 0, 0, 0, width << 16 | height]);
    // 72 dots an inch; one picture a sample; no name.
    words(out, &[0x48_0000, 0x48_0000, 0]);
    out.extend_from_slice(&[0, 1]);
    out.extend_from_slice(&[0; 32]);
    out.extend_from_slice(&[0, 0x18, 0xff, 0xff]);
    boxed(out, b"avcC", |out| {
        let byte = |at: usize| sps.get(at).copied().unwrap_or_default();
        // Lengths of four bytes; one set of each kind.
        out.extend_from_slice(&[1, byte(1), byte(2), byte(3), 0xff, 0xe1]);
        out.extend_from_slice(&(sps.len() as u16).to_be_bytes());
        out.extend_from_slice(sps);
        out.push(1);
        out.extend_from_slice(&(pps.len() as u16).to_be_bytes());
        out.extend_from_slice(pps);
    });
}

fn fragment(out: &mut Vec<u8>, number: u32, ticks: u64, picture: Picture<'_>) {
    // The sets are in the head, and containers have no delimiters.
    let wanted = |nal: &&[u8]| !nal.is_empty() && ![SPS, PPS, DELIMITER].contains(&kind(nal));
    let lengths = nal_units(picture.unit)
        .filter(wanted)
        .map(|nal| 4 + nal.len());
    let size = lengths.sum::<usize>() as u32;
    let flags = if picture.key { IS_KEY } else { IS_NO_KEY };
    let begin = out.len();
    let mut offset_at = 0;
    boxed(out, b"moof", |out| {
        boxed(out, b"mfhd", |out| words(out, &[0, number]));
        boxed(out, b"traf", |out| {
            // Offsets count from this fragment.
            boxed(out, b"tfhd", |out| words(out, &[0x02_0000, 1]));
            boxed(out, b"tfdt", |out| {
                words(out, &[0x0100_0000, (ticks >> 32) as u32, ticks as u32]);
            });
            boxed(out, b"trun", |out| {
                words(out, &[0x0701, 1]);
                offset_at = out.len();
                words(out, &[0, USUAL_TICKS, size, flags]);
            });
        });
    });
    let offset = (out.len() - begin + 8) as u32;
    out[offset_at..offset_at + 4].copy_from_slice(&offset.to_be_bytes());
    boxed(out, b"mdat", |out| {
        for nal in nal_units(picture.unit).filter(wanted) {
            words(out, &[nal.len() as u32]);
            out.extend_from_slice(nal);
        }
    });
}

#[cfg(test)]
mod tests {
    use tello_simulator::clip;

    use super::*;

    fn picture(number: usize) -> Picture<'static> {
        let unit = clip::frame(number);
        Picture {
            unit,
            key: nal_units(unit).any(|nal| kind(nal) == SPS),
            at_ms: 1_000 + number as u64 * 33,
        }
    }

    /// Names and bodies of the boxes in `bytes`.
    fn boxes(mut bytes: &[u8]) -> Vec<(String, &[u8])> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let length = u32::from_be_bytes(bytes[..4].try_into().expect("four")) as usize;
            let name = String::from_utf8_lossy(&bytes[4..8]).into_owned();
            found.push((name, &bytes[8..length]));
            bytes = &bytes[length..];
        }
        found
    }

    fn named<'a>(bytes: &'a [u8], path: &[&str]) -> &'a [u8] {
        path.iter().fold(bytes, |bytes, name| {
            let boxes = boxes(bytes);
            let found = boxes.iter().find(|(other, _)| other == name);
            found.unwrap_or_else(|| panic!("no {name} in {boxes:?}")).1
        })
    }

    #[test]
    fn the_head_comes_with_the_first_whole_picture() {
        let mut mp4 = Mp4::default();
        assert_eq!(
            mp4.push(picture(1)),
            Ok(Vec::new()),
            "nothing to begin with"
        );
        let first = mp4.push(picture(0)).expect("coded alike");
        let names: Vec<String> = boxes(&first).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["ftyp", "moov", "moof", "mdat"]);
        let stsd = named(&first, &["moov", "trak", "mdia", "minf", "stbl", "stsd"]);
        let (name, avc1) = &boxes(&stsd[8..])[0];
        assert_eq!(name, "avc1");
        assert_eq!(avc1[24..28], [3, 0xc0, 2, 0xd0], "960 by 720");
        let (name, avcc) = &boxes(&avc1[78..])[0];
        assert_eq!((name.as_str(), avcc[0]), ("avcC", 1));
        // The bytes of the sample are where its fragment says.
        for number in [0, 1] {
            let bytes = match number {
                0 => first.clone(),
                n => mp4.push(picture(n)).expect("coded alike"),
            };
            let trun = named(&bytes, &["moof", "traf", "trun"]);
            let word = |at: usize| u32::from_be_bytes(trun[at..at + 4].try_into().expect("four"));
            let mdat = named(&bytes, &["mdat"]);
            assert_eq!(word(16) as usize, mdat.len());
            assert_eq!(word(20), if number == 0 { IS_KEY } else { IS_NO_KEY });
            let moof = named(&bytes, &["moof"]);
            assert_eq!(word(8) as usize, moof.len() + 16);
        }
    }

    #[test]
    fn other_parameters_end_the_file() {
        let mut mp4 = Mp4::default();
        mp4.push(picture(0)).expect("coded alike");
        let other = b"\0\0\0\x01\x67\x42\0\x1f\0\0\0\x01\x68\xce\0\0\0\x01\x65\x80";
        let other = Picture {
            unit: other,
            key: true,
            at_ms: 2_000,
        };
        assert_eq!(mp4.push(other), Err(NewParameters));
    }
}
