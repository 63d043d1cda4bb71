//! The address a limit is counted against.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Bits of an IPv6 address that tell one client beyond the site from another.
const NETWORK_BITS: u8 = 64;

/// What one client can be told apart by: an IPv4 address; an IPv6 address of an
/// attached network; or the /64 of any other IPv6 address.
///
/// Beyond the site a single host owns all of its /64, and would never be counted
/// twice by its addresses. On the site's own networks a /64 is everybody: one
/// neighbour's typing errors must not lock the others out. IPv4-mapped addresses
/// count as IPv4, so a client is the same on a dual-stack listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientAddress {
    /// This address.
    Whole(IpAddr),
    /// Every address of the /64 that begins here.
    Network(Ipv6Addr),
}

impl ClientAddress {
    /// What `address` counts as, where `attached` are the site's own networks.
    pub(super) fn of(address: IpAddr, attached: &[AttachedNetwork]) -> ClientAddress {
        match address.to_canonical() {
            IpAddr::V6(v6) if !attached.iter().any(|network| network.contains(v6)) => {
                ClientAddress::Network(network(v6, NETWORK_BITS))
            }
            other => ClientAddress::Whole(other),
        }
    }
}

impl Default for ClientAddress {
    /// Nobody.
    fn default() -> ClientAddress {
        ClientAddress::Whole(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientAddress::Whole(address) => address.fmt(formatter),
            ClientAddress::Network(first) => write!(formatter, "{first}/{NETWORK_BITS}"),
        }
    }
}

impl FromStr for ClientAddress {
    type Err = ();

    /// As it is shown.
    fn from_str(text: &str) -> Result<ClientAddress, ()> {
        match text.split_once('/') {
            None => {
                let address: IpAddr = text.parse().map_err(drop)?;
                Ok(ClientAddress::Whole(address.to_canonical()))
            }
            Some((address, bits)) if bits.parse() == Ok(NETWORK_BITS) => {
                let address = address.parse().map_err(drop)?;
                Ok(ClientAddress::Network(network(address, NETWORK_BITS)))
            }
            Some(_) => Err(()),
        }
    }
}

/// An IPv6 network that this host is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttachedNetwork {
    first: Ipv6Addr,
    bits: u8,
}

impl AttachedNetwork {
    /// The network of `address` with a prefix of `bits`. None for one that is
    /// larger than a /64: no site's network is, but the route into a tunnel, and
    /// whoever is behind it is far away.
    #[must_use]
    pub fn new(address: Ipv6Addr, bits: u8) -> Option<AttachedNetwork> {
        (NETWORK_BITS..=128)
            .contains(&bits)
            .then(|| AttachedNetwork {
                first: network(address, bits),
                bits,
            })
    }

    /// Its first address, and the bits of its prefix.
    #[must_use]
    pub const fn parts(self) -> (Ipv6Addr, u8) {
        (self.first, self.bits)
    }

    fn contains(self, address: Ipv6Addr) -> bool {
        network(address, self.bits) == self.first
    }
}

/// The first address of a network. `bits` is between 1 and 128.
fn network(address: Ipv6Addr, bits: u8) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & u128::MAX << (128 - u32::from(bits)))
}

/// Whether `address` is this host, also when written as an IPv4-mapped address.
pub(super) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientAddress {
        ClientAddress::of(text.parse().expect("an address"), &[])
    }

    #[test]
    fn beyond_the_site_a_64_is_one_client_and_the_next_is_another() {
        assert_eq!(
            client("2001:db8:1:2::1"),
            client("2001:db8:1:2:ffff:ffff:ffff:ffff")
        );
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
    }

    #[test]
    fn on_the_sites_networks_neighbours_are_told_apart() {
        let site = "2001:db8:1:2::".parse().expect("an address");
        let attached = [AttachedNetwork::new(site, 64).expect("a site's network")];
        let client = |text: &str| ClientAddress::of(text.parse().expect("an address"), &attached);
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:2::2"));
        assert_eq!(client("2001:db8:9::1"), client("2001:db8:9::2"));
        assert_eq!(AttachedNetwork::new(site, 3), None, "a tunnel");
    }

    #[test]
    fn mapped_addresses_are_the_ipv4_client() {
        assert_eq!(client("::ffff:192.0.2.7"), client("192.0.2.7"));
        assert_ne!(client("::ffff:192.0.2.7"), client("::ffff:192.0.2.8"));
        assert_ne!(client("0.0.0.0"), client("::1"), "the families do not mix");
        assert!(is_loopback("::ffff:127.0.0.1".parse().expect("an address")));
    }

    #[test]
    fn a_client_is_read_as_it_is_shown() {
        let site = "fe80::".parse().expect("an address");
        let attached = [AttachedNetwork::new(site, 64).expect("a site's network")];
        for (address, shown) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("fe80::1", "fe80::1"),
            ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ] {
            let client = ClientAddress::of(address.parse().expect("an address"), &attached);
            assert_eq!(client.to_string(), shown);
            assert_eq!(shown.parse(), Ok(client));
        }
        assert_eq!("2001:db8:1:2::9/64".parse(), Ok(client("2001:db8:1:2::1")));
        for wrong in ["", "x", "192.0.2.7/64", "2001:db8::/48", "::1/64/64"] {
            assert_eq!(wrong.parse::<ClientAddress>(), Err(()), "{wrong:?}");
        }
    }
}
