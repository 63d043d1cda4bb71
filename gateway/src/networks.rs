//! The IPv6 networks that this host is attached to, from the kernel's routes.
//!
//! Limits and lock-outs tell neighbours on these networks apart, who would
//! otherwise count as one. Unknown is none: then a /64 counts as one client.

use std::net::Ipv6Addr;

use access::AttachedNetwork;

/// Most networks looked at: a board has a handful, a host with many containers
/// some dozens. Every request by IPv6 is compared with them.
const MAX_NETWORKS: usize = 32;

/// Flag of a route that goes by way of another host.
const RTF_GATEWAY: u32 = 0x2;
/// Flag of a route to nowhere.
const RTF_REJECT: u32 = 0x200;

/// The networks as they are now.
pub(crate) fn attached() -> Vec<AttachedNetwork> {
    let routes = std::fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
    attached_by(&routes)
}

fn attached_by(routes: &str) -> Vec<AttachedNetwork> {
    let mut networks = Vec::new();
    for network in routes.lines().filter_map(network) {
        if networks.len() < MAX_NETWORKS && !networks.contains(&network) {
            networks.push(network);
        }
    }
    networks
}

/// The network of a route that needs no gateway. Columns: destination, its prefix,
/// source, its prefix, next hop, metric, two counters, flags, device; all but the
/// last in hexadecimal.
fn network(route: &str) -> Option<AttachedNetwork> {
    let mut columns = route.split_ascii_whitespace();
    let address = u128::from_str_radix(columns.next()?, 16).ok()?;
    let bits = u8::from_str_radix(columns.next()?, 16).ok()?;
    let flags = u32::from_str_radix(columns.nth(6)?, 16).ok()?;
    let (address, device) = (Ipv6Addr::from_bits(address), columns.next()?);
    let is_attached =
        flags & (RTF_GATEWAY | RTF_REJECT) == 0 && device != "lo" && !address.is_multicast();
    AttachedNetwork::new(address, bits).filter(|_| is_attached)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a kernel writes it: a site's network, link-local addresses, a route by way
    /// of a router, loopback, multicast, a tunnel, and one to nowhere.
    const ROUTES: &str = "\
20010db8000100020000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001    wlan0
20010db8000900000000000000000000 40 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000003 00000000 80200001       lo
ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001     eth0
20000000000000000000000000000000 03 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001     tun0
20010db8000a00000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200     eth0
";

    #[test]
    fn networks_without_a_gateway_are_attached() {
        let network = |text: &str| {
            AttachedNetwork::new(text.parse().expect("an address"), 64).expect("a network")
        };
        assert_eq!(
            attached_by(ROUTES),
            [network("2001:db8:1:2::"), network("fe80::")]
        );
        assert!(attached_by("rubbish\n\n00 1").is_empty());
    }
}
