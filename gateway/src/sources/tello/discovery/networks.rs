//! The networks this board is in, from the kernel's routing table.
//!
//! A search goes only where packets arrive without a router: a configured range
//! that lies behind the board's uplink is somebody else's. Each interface is a
//! network of its own, so that two access points with equal addresses are two.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;

use crate::config::Range;
use crate::sources::tello::routes::{self, Route};

/// Most networks looked at: more than a board has interfaces.
const MAX_NETWORKS: usize = 32;

const LOOPBACK: &str = "lo";

/// The board's networks beside that of `interface` which may be searched whole: private
/// ones of /24 at most.
pub(crate) fn networks_beside(interface: &str) -> Vec<Range> {
    let here = here();
    let beside = here.iter().filter(|network| network.is_beside(interface));
    let ranges = beside.filter_map(|one| Range::parse(&one.network.to_string()).ok());
    ranges.collect()
}

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

    /// Whether it is another than that of `interface`. (Loopback is no drone's network: who
    /// simulates drones there moves them within it.)
    pub(super) fn is_beside(&self, interface: &str) -> bool {
        *self.interface != *interface || *self.interface == *LOOPBACK
    }

    pub(super) fn contains(&self, address: Ipv4Addr) -> bool {
        self.network.contains(&address)
    }
}

/// The networks of this board now; loopback is always one.
pub(super) fn here() -> Vec<Network> {
    of(routes::now())
}

/// The networks of those routes that need no router.
fn of(routes: Vec<Route>) -> Vec<Network> {
    // The kernel keeps loopback in another table than the one it shows.
    let loopback = Network {
        interface: LOOPBACK.into(),
        network: Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    };
    // A default route without a router (a modem) leads everywhere.
    let is_near = |route: &Route| route.is_direct() && route.network.prefix_len() != 0;
    let near = routes.into_iter().filter(is_near).map(|route| Network {
        interface: route.interface,
        network: route.network,
    });
    std::iter::once(loopback)
        .chain(near.take(MAX_NETWORKS))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn networks_without_a_router_are_found() {
        let networks = of(routes::parse(routes::tests::TABLE));
        let on = |address: [u8; 4]| -> Vec<&str> {
            let address = Ipv4Addr::from(address);
            networks
                .iter()
                .filter(|network| network.contains(address))
                .map(|network| &*network.interface)
                .collect()
        };
        assert_eq!(on([192, 168, 10, 1]), ["wlan2", "wlan1"]);
        assert_eq!(on([192, 0, 2, 9]), ["eth0"]);
        assert_eq!(on([127, 0, 0, 11]), ["lo"]);
        assert_eq!(on([10, 0, 0, 1]), [""; 0], "behind the router");
    }
}
