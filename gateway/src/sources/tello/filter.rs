//! A filter in the kernel that leaves a drone's datagrams whole only when they come by
//! the interface that leads to it.
//!
//! UDP carries no proof of its sender: on any network that reaches this board, anybody can
//! write a drone's address on a datagram. The way it came in by cannot be written on it.
//! The kernel looks at each before it wakes anybody, and empties what came by another way:
//! an empty datagram still says whose name was used, so that it can be counted. Asks for no
//! privilege, unlike a raw socket. IPv4 only, as are Tellos.

use std::net::Ipv4Addr;

use socket2::SockFilter;

// Instructions of the classic Berkeley packet filter (linux/filter.h).
const LOAD_WORD: u16 = 0x20;
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

/// Bytes to keep of a datagram that counts: all.
const WHOLE: u32 = u32::MAX;
/// Of one that does not: the kernel leaves the UDP header, and nothing behind it.
const EMPTY: u32 = 1;

/// The way a drone's datagrams come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Not told apart: loopback addresses, which the kernel takes from this host only; IPv6.
    Any,
    /// The interface of this index.
    Interface(u32),
    /// Nothing leads to it now.
    None,
}

/// A filter for a socket that hears these drones; none where nothing is to be told apart.
pub(super) fn program(drones: impl Iterator<Item = (Ipv4Addr, Way)>) -> Vec<SockFilter> {
    let mut program = vec![
        SockFilter::new(LOAD_BYTE, 0, 0, NETWORK_HEADER),
        SockFilter::new(AND, 0, 0, 0xf0),
        SockFilter::new(IF_EQUAL, 1, 0, 0x40),
        SockFilter::new(RETURN, 0, 0, WHOLE),
        SockFilter::new(LOAD_WORD, 0, 0, SOURCE),
    ];
    let without_drones = program.len();
    for (address, way) in drones {
        match way {
            Way::Any => {}
            Way::None => program.extend([
                SockFilter::new(IF_EQUAL, 0, 1, address.to_bits()),
                SockFilter::new(RETURN, 0, 0, EMPTY),
            ]),
            Way::Interface(index) => program.extend([
                SockFilter::new(IF_EQUAL, 0, 4, address.to_bits()),
                SockFilter::new(LOAD_WORD, 0, 0, INTERFACE),
                SockFilter::new(IF_EQUAL, 1, 0, index),
                SockFilter::new(RETURN, 0, 0, EMPTY),
                SockFilter::new(RETURN, 0, 0, WHOLE),
            ]),
        }
    }
    if program.len() == without_drones {
        return Vec::new();
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
        ];
        let filter = program(drones.into_iter());
        for (last, heard) in [
            (5, "word"),
            (6, ""),
            (7, ""),
            (8, "word"),
            (9, "word"),
            (10, "word"),
        ] {
            assert_eq!(arrives(&filter, address(last)), heard, "from .{last}");
        }
        assert!(program([(address(8), Way::Any)].into_iter()).is_empty());
    }
}
