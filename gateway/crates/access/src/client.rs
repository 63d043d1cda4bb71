//! The address a limit is counted against.

use std::net::IpAddr;

/// What one client can be told apart by: an IPv4 address, or the /64 of an
/// IPv6 address, because a single host owns all of its /64 and would never be
/// counted twice otherwise. IPv4-mapped addresses count as IPv4, so a client
/// is the same on a dual-stack listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct ClientAddress {
    v6: bool,
    bits: u64,
}

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> ClientAddress {
        match address.to_canonical() {
            IpAddr::V4(v4) => ClientAddress {
                v6: false,
                bits: v4.to_bits().into(),
            },
            IpAddr::V6(v6) => ClientAddress {
                v6: true,
                bits: (v6.to_bits() >> 64) as u64,
            },
        }
    }
}

/// Whether `address` is this host, also when written as an IPv4-mapped address.
pub(super) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientAddress {
        text.parse::<IpAddr>().expect("an address").into()
    }

    #[test]
    fn a_64_is_one_client_and_the_next_is_another() {
        assert_eq!(
            client("2001:db8:1:2::1"),
            client("2001:db8:1:2:ffff:ffff:ffff:ffff")
        );
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
    }

    #[test]
    fn mapped_addresses_are_the_ipv4_client() {
        assert_eq!(client("::ffff:192.0.2.7"), client("192.0.2.7"));
        assert_ne!(client("::ffff:192.0.2.7"), client("::ffff:192.0.2.8"));
        assert_ne!(client("0.0.0.0"), client("::1"), "the families do not mix");
        assert!(is_loopback("::ffff:127.0.0.1".parse().expect("an address")));
    }
}
