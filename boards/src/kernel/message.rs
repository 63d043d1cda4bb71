//! Generic-netlink messages: requests made and answers read, in place.
//!
//! Pure, and without allocation on the way of a good answer. The framing of
//! messages and attributes is `netlink-packet-core`'s; the numbers are those of
//! `linux/genetlink.h` and `linux/nl80211.h`, which never change.

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NetlinkBuffer, NlaBuffer,
    NlasIterator,
};
use rustix::io::Errno;

/// `GENL_ID_CTRL`: the family that knows the others.
pub(super) const CONTROL: u16 = 0x10;
/// `CTRL_CMD_GETFAMILY`.
pub(super) const GET_FAMILY: u8 = 3;
/// `CTRL_ATTR_FAMILY_ID` and `CTRL_ATTR_FAMILY_NAME`.
const FAMILY_ID: u16 = 1;
pub(super) const FAMILY_NAME: u16 = 2;

/// `NL80211_CMD_GET_INTERFACE` and `NL80211_CMD_GET_STATION`.
pub(super) const GET_INTERFACE: u8 = 5;
pub(super) const GET_STATION: u8 = 17;
/// `NL80211_ATTR_IFINDEX`, `_IFTYPE`, `_STA_INFO`.
pub(super) const IF_INDEX: u16 = 3;
const IF_TYPE: u16 = 5;
const STATION_INFO: u16 = 21;
/// `NL80211_STA_INFO_SIGNAL` and `_BEACON_LOSS`.
const SIGNAL: u16 = 7;
const BEACON_LOSS: u16 = 18;
/// `NL80211_IFTYPE_STATION`: the client of an access point.
const CLIENT: u32 = 2;

/// Bytes of a netlink header, of a generic-netlink header, of an attribute's.
const HEADER: usize = 16;
const GENERIC_HEADER: usize = 4;
const ATTRIBUTE_HEADER: usize = 4;
/// Room for one request: an attribute of at most 16 bytes (a family's name).
pub(super) const REQUEST_BYTES: usize = HEADER + GENERIC_HEADER + ATTRIBUTE_HEADER + 16;

/// What is asked of which family, with its one attribute.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) family: u16,
    pub(super) command: u8,
    /// All of a table rather than one entry.
    pub(super) dump: bool,
    pub(super) attribute: (u16, &'a [u8]),
}

impl Request<'_> {
    /// Writes the message; its length. `None` when the attribute is too long.
    pub(super) fn write(self, sequence: u32, buffer: &mut [u8; REQUEST_BYTES]) -> Option<usize> {
        let (kind, value) = self.attribute;
        let attribute = ATTRIBUTE_HEADER + value.len();
        let length = HEADER + GENERIC_HEADER + attribute.next_multiple_of(4);
        let bytes = buffer.get_mut(..length)?;
        bytes.fill(0);
        let mut message = NetlinkBuffer::new(&mut *bytes);
        message.set_length(length as u32);
        message.set_message_type(self.family);
        message.set_flags(NLM_F_REQUEST | if self.dump { NLM_F_DUMP } else { 0 });
        message.set_sequence_number(sequence);
        bytes[HEADER] = self.command;
        bytes[HEADER + 1] = 1; // version of the family's interface
        let mut nla = NlaBuffer::new(&mut bytes[HEADER + GENERIC_HEADER..]);
        nla.set_kind(kind);
        nla.set_length(attribute as u16);
        nla.value_mut().copy_from_slice(value);
        Some(length)
    }
}

/// One message of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    /// An entry's attributes.
    Entry(&'a [u8]),
    /// The table is at its end.
    End,
    /// The kernel refuses.
    Refused(Errno),
}

/// The messages of one datagram that answer the request of that number; those
/// that answer an earlier one, given up by then, are passed over.
pub(super) fn answers(datagram: &[u8], sequence: u32) -> impl Iterator<Item = Answer<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        loop {
            if rest.len() < HEADER {
                return None;
            }
            let message = NetlinkBuffer::new_checked(rest).ok()?;
            let (payload, length) = (message.payload(), message.length() as usize);
            let ours = message.sequence_number() == sequence;
            let kind = message.message_type();
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            if ours && let Some(answer) = answer(kind, payload) {
                return Some(answer);
            }
        }
    })
}

fn answer(kind: u16, payload: &[u8]) -> Option<Answer<'_>> {
    match kind {
        NLMSG_NOOP => None,
        NLMSG_DONE => Some(match code(payload) {
            Some(0) | None => Answer::End,
            Some(errno) => Answer::Refused(Errno::from_raw_os_error(errno)),
        }),
        NLMSG_ERROR => match code(payload) {
            // An acknowledgement.
            Some(0) => None,
            errno => Some(Answer::Refused(Errno::from_raw_os_error(
                errno.unwrap_or(5),
            ))),
        },
        _ => payload.get(GENERIC_HEADER..).map(Answer::Entry),
    }
}

/// The error number a payload begins with; the kernel writes it negated.
fn code(payload: &[u8]) -> Option<i32> {
    let number = i32::from_ne_bytes(*payload.first_chunk()?).checked_neg()?;
    // What is no error number at all is an error all the same.
    Some(if (0..4096).contains(&number) {
        number
    } else {
        5
    })
}

/// An attribute's value. Attributes behind a broken one are not read.
fn value(attributes: &[u8], kind: u16) -> Option<&[u8]> {
    let mut all = NlasIterator::new(attributes).map_while(Result::ok);
    let found = all.find(|nla| nla.kind() == kind)?;
    found
        .into_inner()
        .get(ATTRIBUTE_HEADER..usize::from(found.length()))
}

/// The number of a family, from the controller's answer.
pub(super) fn family(attributes: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(
        value(attributes, FAMILY_ID)?.try_into().ok()?,
    ))
}

/// Whether an interface is the client of an access point.
pub(super) fn is_client(attributes: &[u8]) -> Option<bool> {
    Some(u32::from_ne_bytes(value(attributes, IF_TYPE)?.try_into().ok()?) == CLIENT)
}

/// The stations of one interface: for a client the access point, for an access
/// point its clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stations {
    pub(super) count: u32,
    /// Of all that tell it.
    pub(super) weakest_dbm: Option<i8>,
    /// Sum over those that tell it.
    pub(super) beacon_losses: Option<u64>,
}

impl Stations {
    /// Takes one entry of the table.
    pub(super) fn add(&mut self, attributes: &[u8]) {
        let Some(info) = value(attributes, STATION_INFO) else {
            return;
        };
        self.count = self.count.saturating_add(1);
        // One byte, in dBm; the kernel leaves it out of radios that have no dBm.
        if let Some(&[dbm]) = value(info, SIGNAL) {
            let dbm = i8::from_ne_bytes([dbm]);
            self.weakest_dbm = Some(self.weakest_dbm.map_or(dbm, |weakest| weakest.min(dbm)));
        }
        if let Some(losses) = value(info, BEACON_LOSS).and_then(|bytes| bytes.try_into().ok()) {
            let losses = u64::from(u32::from_ne_bytes(losses));
            self.beacon_losses = Some(self.beacon_losses.unwrap_or(0).saturating_add(losses));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; (ATTRIBUTE_HEADER + value.len()).next_multiple_of(4)];
        let mut nla = NlaBuffer::new(&mut bytes[..]);
        nla.set_kind(kind);
        nla.set_length((ATTRIBUTE_HEADER + value.len()) as u16);
        nla.value_mut().copy_from_slice(value);
        bytes
    }

    fn message(kind: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes.extend(payload);
        let mut header = NetlinkBuffer::new(&mut bytes[..]);
        header.set_length((HEADER + payload.len()) as u32);
        header.set_message_type(kind);
        header.set_sequence_number(sequence);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn station(signal: i8, losses: Option<u32>) -> Vec<u8> {
        let mut info = [
            attribute(1, &7_u32.to_ne_bytes()),
            attribute(SIGNAL, &signal.to_ne_bytes()),
        ]
        .concat();
        info.extend(
            losses
                .map(|n| attribute(BEACON_LOSS, &n.to_ne_bytes()))
                .unwrap_or_default(),
        );
        let mut payload = vec![19, 1, 0, 0];
        payload.extend(attribute(IF_INDEX, &3_u32.to_ne_bytes()));
        payload.extend(attribute(STATION_INFO, &info));
        payload
    }

    fn stations(datagram: &[u8], sequence: u32) -> (Stations, Option<Answer<'_>>) {
        let mut stations = Stations::default();
        for answer in answers(datagram, sequence) {
            match answer {
                Answer::Entry(attributes) => stations.add(attributes),
                other => return (stations, Some(other)),
            }
        }
        (stations, None)
    }

    #[test]
    fn a_request_is_as_the_kernel_wants_it() {
        let mut buffer = [0xff; REQUEST_BYTES];
        let index = 3_u32.to_ne_bytes();
        let request = Request {
            family: 0x1c,
            command: GET_STATION,
            dump: true,
            attribute: (IF_INDEX, &index),
        };
        let length = request.write(9, &mut buffer).expect("fits");
        assert_eq!(length, 28);
        if cfg!(target_endian = "little") {
            let expected = [
                28, 0, 0, 0, 0x1c, 0, 0x01, 0x03, 9, 0, 0, 0, 0, 0, 0, 0, // header
                17, 1, 0, 0, 8, 0, 3, 0, 3, 0, 0, 0,
            ];
            assert_eq!(buffer[..length], expected);
        }
        let too_long = Request {
            attribute: (FAMILY_NAME, &[b'x'; 17]),
            ..request
        };
        assert_eq!(too_long.write(9, &mut buffer), None);
    }

    #[test]
    fn stations_are_counted_and_the_weakest_told() {
        let two = [station(-56, Some(2)), station(-81, Some(1))]
            .map(|s| message(0x1c, 9, &s))
            .concat();
        let datagram = [two, message(NLMSG_DONE, 9, &[0; 4])].concat();
        let expected = Stations {
            count: 2,
            weakest_dbm: Some(-81),
            beacon_losses: Some(3),
        };
        assert_eq!(stations(&datagram, 9), (expected, Some(Answer::End)));
    }

    #[test]
    fn no_station_is_no_signal() {
        let datagram = message(NLMSG_DONE, 9, &[0; 4]);
        assert_eq!(
            stations(&datagram, 9),
            (Stations::default(), Some(Answer::End))
        );
        let datagram = message(0x1c, 9, &station(-56, None));
        assert_eq!(stations(&datagram, 9).0.beacon_losses, None);
    }

    #[test]
    fn an_answer_to_an_earlier_request_is_passed_over() {
        let datagram = [
            message(0x1c, 8, &station(-30, None)),
            message(NLMSG_DONE, 8, &[0; 4]),
            message(NLMSG_DONE, 9, &[0; 4]),
        ]
        .concat();
        assert_eq!(
            stations(&datagram, 9),
            (Stations::default(), Some(Answer::End))
        );
    }

    #[test]
    fn refusals_are_told() {
        let refused =
            |kind, errno: i32| match stations(&message(kind, 9, &(-errno).to_ne_bytes()), 9).1 {
                Some(Answer::Refused(errno)) => Some(errno),
                _ => None,
            };
        assert_eq!(refused(NLMSG_ERROR, 95), Some(Errno::OPNOTSUPP));
        assert_eq!(refused(NLMSG_DONE, 19), Some(Errno::NODEV));
        assert_eq!(refused(NLMSG_ERROR, 0), None, "an acknowledgement");
        assert_eq!(refused(NLMSG_ERROR, -7), Some(Errno::IO));
        assert_eq!(refused(NLMSG_ERROR, i32::MAX), Some(Errno::IO));
    }

    #[test]
    fn the_controllers_and_the_interfaces_answers_are_read() {
        let attributes = [
            attribute(FAMILY_NAME, b"nl80211\0"),
            attribute(FAMILY_ID, &0x1c_u16.to_ne_bytes()),
        ]
        .concat();
        assert_eq!(family(&attributes), Some(0x1c));
        assert_eq!(family(&attributes[..8]), None);
        assert_eq!(
            is_client(&attribute(IF_TYPE, &2_u32.to_ne_bytes())),
            Some(true)
        );
        assert_eq!(
            is_client(&attribute(IF_TYPE, &3_u32.to_ne_bytes())),
            Some(false)
        );
    }

    proptest! {
        // No assertion: a panic is what fails it (sums and places are checked here).
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..64) {
            stations(&bytes, 9);
            // And a good answer with something broken in it.
            let mut datagram = [station(-56, Some(2)), station(-81, None)].map(|s| message(0x1c, 9, &s)).concat();
            let place = at.min(datagram.len() - 1);
            for (to, from) in datagram[place..].iter_mut().zip(&bytes) {
                *to = *from;
            }
            stations(&datagram, 9);
        }
    }
}
