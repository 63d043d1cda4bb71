//! The kernel's IPv4 routes, from the table it shows to everybody.
//!
//! Which network an address is in, and which interface leads to it. Reads a file of
//! the kernel; sends nothing. Routes of other tables than the main one (policy
//! routing) are not seen: a drone behind such a one is named by its `interface`.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;

use super::filter::Mac;

/// Where Linux shows them.
const ROUTES: &str = "/proc/net/route";

/// Where it shows which neighbour has which address.
const NEIGHBOURS: &str = "/proc/net/arp";

/// A neighbour that has answered.
const COMPLETE: u32 = 2;

/// The route is up.
const UP: u32 = 1;

/// Most routes looked at: a board has a handful, a host with many containers some dozens.
const MAX_ROUTES: usize = 256;

/// A route that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) interface: Arc<str>,
    pub(super) network: Ipv4Net,
    /// The router; unspecified where none is needed.
    gateway: Ipv4Addr,
    metric: u32,
}

impl Route {
    /// Whether packets arrive without a router.
    pub(super) fn is_direct(&self) -> bool {
        self.gateway.is_unspecified()
    }
}

/// The routes as they are now.
pub(super) fn now() -> Vec<Route> {
    parse(&std::fs::read_to_string(ROUTES).unwrap_or_default())
}

/// The route that packets to `address` take: the narrowest, then the cheapest.
pub(super) fn leading_to(routes: &[Route], address: Ipv4Addr) -> Option<&Route> {
    let fitting = routes
        .iter()
        .filter(|route| route.network.contains(&address));
    fitting.min_by_key(|route| {
        let width = 32 - route.network.prefix_len();
        (width, route.metric)
    })
}

/// MAC address of the neighbour that has `address`, by that interface if it is named: the
/// kernel asked for it when something was sent there.
pub(super) fn neighbour(address: Ipv4Addr, interface: Option<&str>) -> Option<String> {
    let table = std::fs::read_to_string(NEIGHBOURS).ok()?;
    neighbour_of(&table, address, interface)
}

/// A MAC address from its text.
pub(super) fn mac(text: &str) -> Option<Mac> {
    let mut bytes = text.split(':').map(|byte| u8::from_str_radix(byte, 16));
    let mut mac = Mac::default();
    for place in &mut mac {
        *place = bytes.next()?.ok()?;
    }
    bytes.next().is_none().then_some(mac)
}

/// `IP address  HW type  Flags  HW address  Mask  Device`.
fn neighbour_of(table: &str, address: Ipv4Addr, interface: Option<&str>) -> Option<String> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [ip, _, flags, mac, _, device] = fields[..] else {
            return None;
        };
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok()?;
        let is_it = ip.parse() == Ok(address)
            && flags & COMPLETE != 0
            && interface.is_none_or(|interface| interface == device);
        is_it.then(|| mac.to_owned())
    })
}

/// The routes of a table.
pub(super) fn parse(table: &str) -> Vec<Route> {
    let lines = table.lines().skip(1);
    lines.filter_map(line).take(MAX_ROUTES).collect()
}

/// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, addresses and flags in
/// hex, addresses in the byte order of the machine.
fn line(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [
        interface,
        destination,
        gateway,
        flags,
        _,
        _,
        metric,
        mask,
        ..,
    ] = fields[..]
    else {
        return None;
    };
    // The four bytes of an address, printed as one number of the machine.
    let address = |hex: &str| {
        let number = u32::from_str_radix(hex, 16).ok()?;
        Some(Ipv4Addr::from(number.to_ne_bytes()))
    };
    let is_up = u32::from_str_radix(flags, 16).ok()? & UP != 0;
    let network = Ipv4Net::with_netmask(address(destination)?, address(mask)?).ok()?;
    is_up.then_some(Route {
        interface: interface.into(),
        network,
        gateway: address(gateway)?,
        metric: metric.parse().ok()?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A board with a cable to the site, two drones of one address, and a modem.
    pub(in super::super) const TABLE: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
         eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
         eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
         wlan2\t000AA8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n\
         wlan1\t000AA8C0\t00000000\t0001\t0\t0\t500\t00FFFFFF\t0\t0\t0\n\
         wlan3\t000AA8C0\t00000000\t0000\t0\t0\t1\t00FFFFFF\t0\t0\t0\n\
         wwan0\t00000000\t00000000\t0001\t0\t0\t9\t00000000\t0\t0\t0\n\
         broken\n";

    #[test]
    fn a_neighbour_is_known_by_its_interface_once_it_has_answered() {
        let table = "IP address HW type Flags HW address Mask Device\n\
             192.168.10.1 0x1 0x2 60:60:1f:00:00:01 * wlan1\n\
             192.168.10.1 0x1 0x2 60:60:1f:00:00:02 * wlan2\n\
             192.168.10.9 0x1 0x0 00:00:00:00:00:00 * wlan2\n";
        let mac = |last, interface| neighbour_of(table, [192, 168, 10, last].into(), interface);
        assert_eq!(mac(1, Some("wlan2")).as_deref(), Some("60:60:1f:00:00:02"));
        assert_eq!(mac(1, None).as_deref(), Some("60:60:1f:00:00:01"));
        assert_eq!((mac(9, None), mac(8, None)), (None, None));
        let bytes = super::mac("60:60:1f:00:00:02");
        assert_eq!(bytes, Some([0x60, 0x60, 0x1f, 0, 0, 2]));
        for text in [
            "",
            "60:60:1f:00:00",
            "60:60:1f:00:00:02:03",
            "x0:60:1f:0:0:0",
        ] {
            assert_eq!(super::mac(text), None, "{text}");
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_narrowest_and_then_the_cheapest_route_leads() {
        let routes = parse(TABLE);
        let leads = |address: [u8; 4]| {
            let route = leading_to(&routes, address.into()).expect("a route");
            (&*route.interface, route.is_direct())
        };
        assert_eq!(leads([192, 168, 10, 1]), ("wlan1", true));
        assert_eq!(leads([192, 0, 2, 9]), ("eth0", true));
        assert_eq!(leads([10, 0, 0, 1]), ("eth0", false), "by the router");
        assert_eq!(leading_to(&[], [10, 0, 0, 1].into()), None);
    }
}
