//! MPEG-TS (ISO/IEC 13818-1): one programme with one stream of H.264.
//!
//! The tables come again with each whole picture, so a player may begin at any.

use tello::h264::nal_units;

use crate::{Clock, DELIMITER, Picture, kind};

/// Bytes of a packet, and of what it carries at most.
const PACKET_BYTES: usize = 188;
const CARRIED_BYTES: usize = PACKET_BYTES - 4;

/// Which packets are whose.
const TABLE_PID: u16 = 0;
const PROGRAMME_PID: u16 = 0x100;
const VIDEO_PID: u16 = 0x101;

/// How long before it is shown a picture is sent, in ticks: a tenth of a second.
const LEAD: u64 = 9_000;

/// An access unit delimiter: each picture has to begin with one here.
const DELIMITER_UNIT: &[u8] = &[0, 0, 0, 1, DELIMITER, 0xf0];

/// Writes one stream.
#[derive(Debug, Default)]
pub struct Ts {
    clock: Clock,
    has_begun: bool,
    /// Packets so far of tables, programme, video; the lower four bits count.
    counts: [u8; 3],
}

impl Ts {
    /// The packets for one more picture; none before the first that needs no other.
    pub fn push(&mut self, picture: Picture<'_>) -> Vec<u8> {
        self.has_begun |= picture.key;
        if !self.has_begun {
            return Vec::new();
        }
        let mut out = Vec::with_capacity(picture.unit.len() * 21 / 20 + 4 * PACKET_BYTES);
        if picture.key {
            self.tables(&mut out);
        }
        let shown = self.clock.ticks(picture.at_ms) + LEAD;
        let is_delimited = nal_units(picture.unit).next().map(kind) == Some(DELIMITER);
        let mut carried = Vec::with_capacity(picture.unit.len() + 32);
        carried.extend_from_slice(&[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5]);
        carried.extend_from_slice(&time_stamp(shown));
        if !is_delimited {
            carried.extend_from_slice(DELIMITER_UNIT);
        }
        carried.extend_from_slice(picture.unit);
        self.video(&mut out, &carried, picture.key, shown - LEAD);
        out
    }

    fn tables(&mut self, out: &mut Vec<u8>) {
        let (programme, video) = (PROGRAMME_PID.to_be_bytes(), VIDEO_PID.to_be_bytes());
        let table = [
            0,
            0xb0,
            13,
            0,
            1,
            0xc1,
            0,
            0,
            0,
            1,
            0xe0 | programme[0],
            programme[1],
        ];
        self.section(out, 0, TABLE_PID, &table);
        let map = [
            2,
            0xb0,
            18,
            0,
            1,
            0xc1,
            0,
            0,
            0xe0 | video[0],
            video[1],
            0xf0,
            0,
            // H.264.
            0x1b,
            0xe0 | video[0],
            video[1],
            0xf0,
            0,
        ];
        self.section(out, 1, PROGRAMME_PID, &map);
    }

    /// A packet with one table.
    fn section(&mut self, out: &mut Vec<u8>, count: usize, pid: u16, section: &[u8]) {
        let begin = out.len();
        self.packet(out, count, pid, true, 0x10);
        out.push(0);
        out.extend_from_slice(section);
        out.extend_from_slice(&checksum(section).to_be_bytes());
        out.resize(begin + PACKET_BYTES, 0xff);
    }

    fn packet(&mut self, out: &mut Vec<u8>, count: usize, pid: u16, begins: bool, control: u8) {
        let [high, low] = pid.to_be_bytes();
        let begins = if begins { 0x40 } else { 0 };
        let number = self.counts[count] & 0xf;
        self.counts[count] = self.counts[count].wrapping_add(1);
        out.extend_from_slice(&[0x47, begins | high, low, control | number]);
    }

    fn video(&mut self, out: &mut Vec<u8>, mut carried: &[u8], key: bool, now: u64) {
        let mut begins = true;
        while !carried.is_empty() {
            // The first packet tells the time.
            let clock_bytes = if begins { 8 } else { 0 };
            let count = carried.len().min(CARRIED_BYTES - clock_bytes);
            let adaptation = CARRIED_BYTES - count;
            let control = if adaptation > 0 { 0x30 } else { 0x10 };
            self.packet(out, 2, VIDEO_PID, begins, control);
            let end = out.len() + adaptation;
            if adaptation > 0 {
                out.push(adaptation as u8 - 1);
            }
            if begins {
                out.push(if key { 0x50 } else { 0x10 });
                let base = now & 0x1_ffff_ffff;
                out.extend_from_slice(&((base >> 1) as u32).to_be_bytes());
                out.extend_from_slice(&[((base & 1) as u8) << 7 | 0x7e, 0]);
            } else if adaptation > 1 {
                out.push(0);
            }
            out.resize(end, 0xff);
            out.extend_from_slice(&carried[..count]);
            carried = &carried[count..];
            begins = false;
        }
    }
}

/// A time of presentation, in the five bytes that it has there.
fn time_stamp(ticks: u64) -> [u8; 5] {
    let bits = |from: u32, mask: u64| ((ticks >> from) & mask) as u8;
    [
        0x21 | bits(30, 7) << 1,
        bits(22, 0xff),
        1 | bits(15, 0x7f) << 1,
        bits(7, 0xff),
        1 | bits(0, 0x7f) << 1,
    ]
}

/// CRC-32 of MPEG-2. (Of a few bytes a second: a table would be longer than the loop.)
fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            let carry = crc & 0x8000_0000 != 0;
            crc = (crc << 1) ^ if carry { 0x04c1_1db7 } else { 0 };
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use tello_simulator::clip;

    use super::*;

    #[test]
    fn the_checksum_is_the_standards() {
        assert_eq!(checksum(b"123456789"), 0x0376_e6e7);
    }

    #[test]
    fn packets_are_whole_counted_and_carry_every_byte() {
        let mut ts = Ts::default();
        let later = Picture {
            unit: clip::frame(1),
            key: false,
            at_ms: 7,
        };
        assert!(ts.push(later).is_empty(), "nothing to begin with");
        let (mut carried, mut next, mut tables) = (Vec::new(), None, 0);
        for number in 0..40 {
            let picture = Picture {
                unit: clip::frame(number),
                key: number == 0,
                at_ms: 1_000 + number as u64 * 33,
            };
            let bytes = ts.push(picture);
            assert_eq!(bytes.len() % PACKET_BYTES, 0);
            let before = carried.len();
            for packet in bytes.chunks(PACKET_BYTES) {
                assert_eq!(packet[0], 0x47);
                let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
                if pid != VIDEO_PID {
                    tables += 1;
                    continue;
                }
                let count = packet[3] & 0xf;
                assert!(next.is_none_or(|next| next == count));
                next = Some((count + 1) & 0xf);
                let adaptation = match packet[3] & 0x30 {
                    0x10 => 0,
                    _ => 1 + usize::from(packet[4]),
                };
                carried.extend_from_slice(&packet[4 + adaptation..]);
            }
            let sent = &carried[before..];
            assert_eq!(sent[..4], [0, 0, 1, 0xe0]);
            assert!(sent.ends_with(clip::frame(number)));
            assert_eq!(
                sent.len(),
                14 + DELIMITER_UNIT.len() + clip::frame(number).len()
            );
        }
        assert_eq!(tables, 2);
    }

    #[test]
    fn a_time_stamp_has_its_bits_where_they_belong() {
        assert_eq!(time_stamp(0), [0x21, 0, 1, 0, 1]);
        assert_eq!(time_stamp(0x1_ffff_ffff), [0x2f, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(time_stamp(90_000), [0x21, 0, 0x05, 0xbf, 0x21]);
    }
}
