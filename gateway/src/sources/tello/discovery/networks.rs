//! The networks this board is in, from the kernel's routing table.
//!
//! A search goes only where packets arrive without a router: a configured range
//! that lies behind the board's uplink is somebody else's. Each interface is a
//! network of its own, so that two access points with equal addresses are two.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;

/// Where Linux shows its IPv4 routes.
const ROUTES: &str = "/proc/net/route";

/// The route is up.
const UP: u32 = 1;

/// Most networks looked at: more than a board has interfaces.
const MAX_NETWORKS: usize = 32;

/// A network that an interface is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) interface: Arc<str>,
    network: Ipv4Net,
}

impl Network {
    #[cfg(test)]
    pub(super) fn new(interface: &str, network: Ipv4Addr, prefix: u8) -> Network {
        Network {
            interface: interface.into(),
            network: Ipv4Net::new_assert(network, prefix),
        }
    }

    pub(super) fn contains(&self, address: Ipv4Addr) -> bool {
        self.network.contains(&address)
    }
}

/// The networks of this board now; loopback is always one.
pub(super) fn here() -> Vec<Network> {
    let table = std::fs::read_to_string(ROUTES).unwrap_or_default();
    parse(&table)
}

/// The networks of a routing table that need no router.
fn parse(table: &str) -> Vec<Network> {
    // The kernel keeps loopback in another table than the one it shows.
    let loopback = Network {
        interface: "lo".into(),
        network: Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    };
    let found = table.lines().skip(1).filter_map(line).take(MAX_NETWORKS);
    std::iter::once(loopback).chain(found).collect()
}

/// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, numbers in hex
/// and in the byte order of the machine.
fn line(line: &str) -> Option<Network> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [interface, destination, gateway, flags, _, _, _, mask, ..] = fields[..] else {
        return None;
    };
    // The four bytes of an address, printed as one number of the machine.
    let address = |hex: &str| {
        let number = u32::from_str_radix(hex, 16).ok()?;
        Some(Ipv4Addr::from(number.to_ne_bytes()))
    };
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let (network, gateway, mask) = (address(destination)?, address(gateway)?, address(mask)?);
    let network = Ipv4Net::with_netmask(network, mask).ok()?;
    // A default route without a gateway (a modem) leads everywhere.
    let is_near = gateway.is_unspecified() && network.prefix_len() != 0;
    (flags & UP != 0 && is_near).then(|| Network {
        interface: interface.into(),
        network,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn networks_without_a_router_are_found() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                     eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                     eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
                     wlan1\t000AA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
                     wlan2\t000AA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
                     wwan0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n\
                     broken\n";
        let networks = parse(table);
        let on = |address: [u8; 4]| -> Vec<&str> {
            let address = Ipv4Addr::from(address);
            networks
                .iter()
                .filter(|network| network.contains(address))
                .map(|network| &*network.interface)
                .collect()
        };
        assert_eq!(on([192, 168, 10, 1]), ["wlan1", "wlan2"]);
        assert_eq!(on([192, 0, 2, 9]), ["eth0"]);
        assert_eq!(on([127, 0, 0, 11]), ["lo"]);
        assert_eq!(on([10, 0, 0, 1]), [""; 0], "behind the router");
    }
}
