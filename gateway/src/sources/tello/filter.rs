//! A filter in the kernel that leaves a drone's datagrams whole only when they come by
//! the interface that leads to it.
//!
//! UDP carries no proof of its sender: on any network that reaches this board, anybody can
//! write a drone's address on a datagram. The way it came in by cannot be written on it.
//! The kernel looks at each before it wakes anybody, and empties what came by another way:
//! an empty datagram still says whose name was used, so that it can be counted. Asks for no
//! privilege, unlike a raw socket. IPv4 only, as are Tellos.
//!
//! In a network that a drone shares with others, all come by one interface. There the network
//! card that sent a datagram is looked at as well, once it is known which one the drone has.
//!
//! In a flood (`flood`) it also keeps most of what comes from nobody's address, before that
//! takes room among datagrams of drones; and drops what it would have emptied.

use std::net::Ipv4Addr;

use socket2::SockFilter;

use super::flood::OneIn;

// Instructions of the classic Berkeley packet filter (linux/filter.h).
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const AND: u16 = 0x54;
const IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// Offset at which the network header begins (`SKF_NET_OFF`).
const NETWORK_HEADER: u32 = 0xfff0_0000;
/// Offset of an IPv4 header's source address.
const SOURCE: u32 = NETWORK_HEADER + 12;
/// Where the index of the interface stands (`SKF_AD_OFF + SKF_AD_IFINDEX`).
const INTERFACE: u32 = 0xffff_f000 + 8;

/// Where the sender's address stands in an Ethernet header, as which Wi-Fi is shown, too
/// (`SKF_LL_OFF`, behind the receiver's).
const SENDER: u32 = 0xffe0_0000 + 6;

/// Where a random word stands (`SKF_AD_OFF + SKF_AD_RANDOM`).
const RANDOM: u32 = 0xffff_f000 + 56;

/// Bytes to keep of a datagram that counts: all.
const WHOLE: u32 = u32::MAX;
/// Of one that does not: the kernel leaves the UDP header, and nothing behind it.
const EMPTY: u32 = 1;
/// Of one that is not to take any room.
const NOTHING: u32 = 0;

/// Address of a network card.
pub(crate) type Mac = [u8; 6];

/// The way a drone's datagrams come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Not told apart: loopback addresses, which the kernel takes from this host only; IPv6.
    Any,
    /// The interface of this index.
    Interface(u32),
    /// That network card, behind the interface of this index.
    Card(u32, Mac),
    /// Nothing leads to it now.
    None,
}

/// A filter for a socket that hears these drones. Where nothing is to be told apart it
/// takes everything.
/// `others` are datagrams that are no drone's: where all come in, drones that are not
/// configured are noticed by them.
pub(super) fn program(
    drones: impl Iterator<Item = (Ipv4Addr, Way)>,
    others: OneIn,
) -> Vec<SockFilter> {
    let unheard = match others {
        OneIn::ALL => EMPTY,
        _ => NOTHING,
    };
    let mut program = vec![
        SockFilter::new(LOAD_BYTE, 0, 0, NETWORK_HEADER),
        SockFilter::new(AND, 0, 0, 0xf0),
        SockFilter::new(IF_EQUAL, 1, 0, 0x40),
        SockFilter::new(RETURN, 0, 0, WHOLE),
        SockFilter::new(LOAD_WORD, 0, 0, SOURCE),
    ];
    for (address, way) in drones {
        match way {
            Way::Any if others == OneIn::ALL => {}
            Way::Any => program.extend([
                SockFilter::new(IF_EQUAL, 0, 1, address.to_bits()),
                SockFilter::new(RETURN, 0, 0, WHOLE),
            ]),
            Way::None => program.extend([
                SockFilter::new(IF_EQUAL, 0, 1, address.to_bits()),
                SockFilter::new(RETURN, 0, 0, unheard),
            ]),
            Way::Interface(index) => program.extend([
                SockFilter::new(IF_EQUAL, 0, 4, address.to_bits()),
                SockFilter::new(LOAD_WORD, 0, 0, INTERFACE),
                SockFilter::new(IF_EQUAL, 1, 0, index),
                SockFilter::new(RETURN, 0, 0, unheard),
                SockFilter::new(RETURN, 0, 0, WHOLE),
            ]),
            Way::Card(index, [a, b, c, d, e, f]) => program.extend([
                SockFilter::new(IF_EQUAL, 0, 8, address.to_bits()),
                SockFilter::new(LOAD_WORD, 0, 0, INTERFACE),
                SockFilter::new(IF_EQUAL, 0, 4, index),
                SockFilter::new(LOAD_WORD, 0, 0, SENDER),
                SockFilter::new(IF_EQUAL, 0, 2, u32::from_be_bytes([a, b, c, d])),
                SockFilter::new(LOAD_HALF, 0, 0, SENDER + 4),
                SockFilter::new(IF_EQUAL, 1, 0, u16::from_be_bytes([e, f]).into()),
                SockFilter::new(RETURN, 0, 0, unheard),
                SockFilter::new(RETURN, 0, 0, WHOLE),
            ]),
        }
    }
    if others != OneIn::ALL {
        program.extend([
            SockFilter::new(LOAD_WORD, 0, 0, RANDOM),
            SockFilter::new(AND, 0, 0, others.get() - 1),
            SockFilter::new(IF_EQUAL, 1, 0, 0),
            SockFilter::new(RETURN, 0, 0, NOTHING),
        ]);
    }
    program.push(SockFilter::new(RETURN, 0, 0, WHOLE));
    program
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use socket2::SockRef;

    use super::super::socket::interface_index;
    use super::*;

    /// What arrives of `word` from `sender` by loopback, through that filter.
    fn arrives(filter: &[SockFilter], sender: Ipv4Addr) -> String {
        let ours = UdpSocket::bind("127.0.0.1:0").expect("free");
        SockRef::from(&ours).attach_filter(filter).expect("taken");
        let theirs = UdpSocket::bind((sender, 0)).expect("free");
        let to = ours.local_addr().expect("bound");
        theirs.send_to(b"word", to).expect("sent");
        let mut buffer = [0; 16];
        let (length, from) = ours.recv_from(&mut buffer).expect("arrives");
        assert_eq!(from.ip(), sender);
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn a_drone_is_heard_by_the_way_that_leads_to_it() {
        let loopback = interface_index("lo").expect("there");
        let address = |last| Ipv4Addr::new(127, 0, 0, last);
        let drones = [
            (address(5), Way::Interface(loopback)),
            (address(6), Way::Interface(loopback + 1)),
            (address(7), Way::None),
            (address(8), Way::Any),
            (address(9), Way::Interface(loopback)),
            // (Loopback has a network card of zeros.)
            (address(11), Way::Card(loopback, [0; 6])),
            (address(12), Way::Card(loopback, [0, 0, 0, 0, 0, 1])),
            (address(13), Way::Card(loopback, [1, 0, 0, 0, 0, 0])),
            (address(14), Way::Card(loopback + 1, [0; 6])),
            (address(15), Way::Interface(loopback)),
        ];
        let filter = program(drones.into_iter(), OneIn::ALL);
        for (last, heard) in [
            (5, "word"),
            (6, ""),
            (7, ""),
            (8, "word"),
            (9, "word"),
            (10, "word"),
            (11, "word"),
            (12, ""),
            (13, ""),
            (14, ""),
            (15, "word"),
        ] {
            assert_eq!(arrives(&filter, address(last)), heard, "from .{last}");
        }
        let open = program([(address(8), Way::Any)].into_iter(), OneIn::ALL);
        assert_eq!(arrives(&open, address(10)), "word");
    }

    #[test]
    fn in_a_flood_drones_are_heard_and_few_of_the_rest() {
        let loopback = interface_index("lo").expect("there");
        let address = |last| Ipv4Addr::new(127, 9, 9, last);
        let drones = (2..66).map(|last| match last % 2 {
            0 => (address(last), Way::Any),
            _ => (address(last), Way::Interface(loopback)),
        });
        let drones = drones.chain([(address(99), Way::None)]);
        let ours = UdpSocket::bind("127.0.0.1:0").expect("free");
        ours.set_nonblocking(true).expect("set");
        let filter = program(drones, OneIn::FIRST);
        SockRef::from(&ours).attach_filter(&filter).expect("taken");
        let to = ours.local_addr().expect("bound");
        let arrived = |last| {
            let theirs = UdpSocket::bind((address(last), 0)).expect("free");
            let mut buffer = [0; 8];
            let arrived = (0..256).filter(|_| {
                theirs.send_to(b"word", to).expect("sent");
                ours.recv_from(&mut buffer).is_ok()
            });
            arrived.count()
        };
        for last in [2, 3, 32, 33, 64, 65] {
            assert_eq!(arrived(last), 256, "from .{last}");
        }
        let strangers = arrived(77);
        assert!((1..100).contains(&strangers), "{strangers} of 256");
        assert_eq!(
            arrived(99),
            0,
            "and nothing in a drone's name from elsewhere"
        );
    }
}
