//! Pictures as RTP packets of H.264 (RFC 6184), between the messages of RTSP. Pure.

use tello::h264::nal_units;

/// Longest packet of RTP: what fits into a frame of the network with all heads, for
/// whoever passes it on by UDP.
const MAX_PACKET_BYTES: usize = 1400;

/// Its head.
const RTP_HEAD_BYTES: usize = 12;

/// Payload type, from the range for what is agreed on by a description.
const PAYLOAD_TYPE: u8 = 96;

/// Ticks of the clock in a millisecond.
const TICKS_PER_MS: u64 = 90;

/// Fragments of a unit that is longer than a packet.
const FU_A: u8 = 28;

/// Parts of a stream of packets that go on from one picture to the next.
#[derive(Debug)]
pub(super) struct Packets {
    channel: u8,
    source: u32,
    sequence: u16,
    /// Time of the last picture.
    ticks: Option<u64>,
}

impl Packets {
    /// A stream on `channel`; `source` tells it from others.
    pub(super) const fn new(channel: u8, source: u32) -> Packets {
        Packets {
            channel,
            source,
            sequence: 0,
            ticks: None,
        }
    }

    /// Appends the packets of one picture, which was whole at `at_ms`, to `out`.
    pub(super) fn picture(&mut self, unit: &[u8], at_ms: u64, out: &mut Vec<u8>) {
        // Never that of the picture before: what has one time is one picture to a player, and
        // a busy machine hears two within a millisecond.
        let after = self.ticks.map_or(0, |last| last + 1);
        let ticks = (at_ms * TICKS_PER_MS).max(after);
        self.ticks = Some(ticks);
        // (It begins anew after 13 hours, as players know.)
        let ticks = ticks as u32;
        let mut units = nal_units(unit).filter(|nal| !nal.is_empty()).peekable();
        while let Some(nal) = units.next() {
            let is_last = units.peek().is_none();
            self.unit(nal, ticks, is_last, out);
        }
    }

    fn unit(&mut self, nal: &[u8], ticks: u32, is_last: bool, out: &mut Vec<u8>) {
        let room = MAX_PACKET_BYTES - RTP_HEAD_BYTES;
        if nal.len() <= room {
            self.packet(&[nal], ticks, is_last, out);
            return;
        }
        let (head, body) = (nal[0], &nal[1..]);
        let indicator = (head & 0xe0) | FU_A;
        let pieces = body.chunks(room - 2);
        let count = pieces.len();
        for (index, piece) in pieces.enumerate() {
            let is_end = index + 1 == count;
            let start = u8::from(index == 0) << 7;
            let end = u8::from(is_end) << 6;
            let fragment = [indicator, start | end | (head & 0x1f)];
            self.packet(&[&fragment, piece], ticks, is_last && is_end, out);
        }
    }

    /// One packet, with the dollar, channel and length that stand before it on TCP.
    fn packet(&mut self, parts: &[&[u8]], ticks: u32, marked: bool, out: &mut Vec<u8>) {
        let payload: usize = parts.iter().map(|part| part.len()).sum();
        let length = (RTP_HEAD_BYTES + payload) as u16;
        out.extend([b'$', self.channel]);
        out.extend(length.to_be_bytes());
        out.extend([0x80, (u8::from(marked) << 7) | PAYLOAD_TYPE]);
        out.extend(self.sequence.to_be_bytes());
        out.extend(ticks.to_be_bytes());
        out.extend(self.source.to_be_bytes());
        for part in parts {
            out.extend_from_slice(part);
        }
        self.sequence = self.sequence.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sequence number, mark, time and payload of each packet.
    fn read(mut bytes: &[u8]) -> Vec<(u16, bool, u32, Vec<u8>)> {
        let mut packets = Vec::new();
        while !bytes.is_empty() {
            assert_eq!((bytes[0], bytes[1]), (b'$', 2));
            let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
            let packet = &bytes[4..4 + length];
            assert!(length <= MAX_PACKET_BYTES && packet[0] == 0x80);
            let number =
                |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().expect("four"));
            assert_eq!((packet[1] & 0x7f, number(8)), (PAYLOAD_TYPE, 7));
            packets.push((
                u16::from_be_bytes([packet[2], packet[3]]),
                packet[1] & 0x80 != 0,
                number(4),
                packet[12..].to_vec(),
            ));
            bytes = &bytes[4 + length..];
        }
        packets
    }

    #[test]
    fn a_picture_becomes_packets_from_which_it_can_be_put_together() {
        let mut long = vec![0x65];
        long.extend((0..5000_u32).map(|at| (at % 251) as u8 + 1));
        let unit = [
            &[0, 0, 0, 1, 0x67, 1, 2][..],
            &[0, 0, 1, 0x68, 3],
            &[0, 0, 1],
            &long,
        ]
        .concat();
        let (mut packets, mut out) = (Packets::new(2, 7), Vec::new());
        packets.picture(&unit, 10, &mut out);
        let found = read(&out);
        assert_eq!(
            (&found[0].3[..], &found[1].3[..]),
            (&[0x67, 1, 2][..], &[0x68, 3][..])
        );
        let mut whole = vec![(found[2].3[0] & 0xe0) | (found[2].3[1] & 0x1f)];
        for (index, (sequence, marked, ticks, payload)) in found.iter().enumerate() {
            assert_eq!((*sequence, *ticks), (index as u16, 900));
            assert_eq!(
                *marked,
                index + 1 == found.len(),
                "the last one of a picture"
            );
            if index >= 2 {
                assert_eq!(payload[0] & 0x1f, FU_A);
                assert_eq!(payload[1] & 0x80 != 0, index == 2);
                assert_eq!(payload[1] & 0x40 != 0, index + 1 == found.len());
                whole.extend(&payload[2..]);
            }
        }
        assert_eq!(whole, long);
        // Numbers go on, and two pictures of one millisecond are two.
        out.clear();
        packets.picture(&[0, 0, 1, 0x41, 9], 43, &mut out);
        packets.picture(&[0, 0, 1, 0x41, 9], 43, &mut out);
        let found: Vec<_> = read(&out)
            .iter()
            .map(|(sequence, _, ticks, _)| (usize::from(*sequence) - found.len(), *ticks))
            .collect();
        assert_eq!(found, [(0, 43 * 90), (1, 43 * 90 + 1)]);
    }
}
