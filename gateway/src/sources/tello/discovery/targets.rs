//! Which addresses a search asks, by which interface, and in what order.
//!
//! Pure. A target lies in a configured range, or is a configured drone's
//! address, and in a network this board is in. Left out is who is known to be
//! there already: a second client makes some firmware stream twice, and any
//! command puts off a landing.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tello::ACCESS_POINT_ADDRESS;

use super::networks::Network;
use super::sweep::Target;
use crate::config::Range;

/// An address, on one interface or on whichever leads to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) interface: Option<Arc<str>>,
    pub(super) address: Ipv4Addr,
}

impl Endpoint {
    fn covers(&self, interface: &str, address: Ipv4Addr) -> bool {
        self.address == address && self.interface.as_deref().is_none_or(|own| own == interface)
    }
}

/// What a search is to know.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    /// The configured ranges.
    pub(super) ranges: &'a [Range],
    /// Configured drones that are not connected: asked wherever they are.
    pub(super) configured: Vec<Endpoint>,
    /// Who must not be asked.
    pub(super) left_alone: Vec<Endpoint>,
    /// Who was found lately: asked first.
    pub(super) lately: Vec<Ipv4Addr>,
}

/// The targets, likely ones first, and the interfaces their sockets are bound to.
pub(super) fn choose(wanted: &Wanted<'_>, networks: &[Network]) -> (Vec<Arc<str>>, Vec<Target>) {
    let (mut interfaces, mut targets) = (Vec::new(), Vec::new());
    for network in networks {
        let configured = wanted.configured.iter().map(|endpoint| endpoint.address);
        let mut addresses: Vec<Ipv4Addr> = configured
            .clone()
            .filter(|address| {
                wanted
                    .configured
                    .iter()
                    .any(|endpoint| endpoint.covers(&network.interface, *address))
            })
            .chain(wanted.ranges.iter().flat_map(Range::hosts))
            .filter(|address| network.contains(*address))
            .filter(|address| {
                !wanted
                    .left_alone
                    .iter()
                    .any(|endpoint| endpoint.covers(&network.interface, *address))
            })
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            continue;
        }
        let socket = interfaces
            .iter()
            .position(|known| *known == network.interface)
            .unwrap_or_else(|| {
                interfaces.push(network.interface.clone());
                interfaces.len() - 1
            });
        targets.extend(
            addresses
                .into_iter()
                .map(|address| Target { socket, address }),
        );
    }
    targets.sort_by_key(|target| {
        let is_configured = wanted
            .configured
            .iter()
            .any(|endpoint| endpoint.address == target.address);
        let is_likely =
            target.address == ACCESS_POINT_ADDRESS || wanted.lately.contains(&target.address);
        !(is_configured || is_likely)
    });
    targets.dedup();
    (interfaces, targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks() -> Vec<Network> {
        let net = |interface, last| Network::new(interface, Ipv4Addr::new(192, 168, last, 0), 24);
        vec![net("wlan1", 10), net("wlan2", 10), net("eth0", 1)]
    }

    fn named(wanted: &Wanted<'_>) -> Vec<String> {
        let (interfaces, targets) = choose(wanted, &networks());
        targets
            .iter()
            .map(|target| format!("{}%{}", target.address, interfaces[target.socket]))
            .collect()
    }

    #[test]
    fn only_configured_ranges_in_our_own_networks_are_asked() {
        let ranges =
            ["192.168.10.0/30", "10.0.0.0/30"].map(|text| Range::parse(text).expect("good"));
        let wanted = Wanted {
            ranges: &ranges,
            ..Wanted::default()
        };
        assert_eq!(
            named(&wanted),
            [
                "192.168.10.1%wlan1",
                "192.168.10.1%wlan2",
                "192.168.10.2%wlan1",
                "192.168.10.2%wlan2"
            ],
            "each access point by itself, the likeliest first, nothing behind a router"
        );
    }

    #[test]
    fn who_is_known_is_left_alone_where_it_is_known() {
        let ranges = [Range::parse("192.168.10.1/32").expect("good")];
        let known = Endpoint {
            interface: Some("wlan1".into()),
            address: Ipv4Addr::new(192, 168, 10, 1),
        };
        let wanted = Wanted {
            ranges: &ranges,
            left_alone: vec![known.clone()],
            ..Wanted::default()
        };
        assert_eq!(named(&wanted), ["192.168.10.1%wlan2"]);
        let anywhere = Endpoint {
            interface: None,
            ..known
        };
        let wanted = Wanted {
            ranges: &ranges,
            left_alone: vec![anywhere],
            ..Wanted::default()
        };
        assert_eq!(named(&wanted), [""; 0]);
    }

    #[test]
    fn a_configured_drone_is_asked_first_and_outside_the_ranges_too() {
        let ranges =
            ["192.168.1.0/30", "192.168.1.0/31"].map(|text| Range::parse(text).expect("good"));
        let configured = vec![Endpoint {
            interface: None,
            address: Ipv4Addr::new(192, 168, 1, 77),
        }];
        let wanted = Wanted {
            ranges: &ranges,
            configured,
            ..Wanted::default()
        };
        assert_eq!(
            named(&wanted),
            [
                "192.168.1.77%eth0",
                "192.168.1.0%eth0",
                "192.168.1.1%eth0",
                "192.168.1.2%eth0"
            ],
            "no address twice"
        );
    }
}
