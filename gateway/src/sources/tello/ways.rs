//! The interface that leads to each drone, from the kernel's routes.
//!
//! To be looked at once a second, since an adapter may be plugged in and a Wi-Fi joined at
//! any time. A drone to which nothing leads is heard by no way: whoever speaks in its name then
//! is another. Decides nothing about datagrams; `filter` has the kernel do that.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use socket2::SockFilter;
use tello::ACCESS_POINT_ADDRESS;

use super::filter::{self, Mac, Way};
use super::flood::OneIn;
use super::plan::DronePlan;
use super::routes::{self, Route};
use super::socket;

/// The ways to those drones as they are now, in their order; by its network card to one of
/// which that is known.
pub(super) fn to<'a>(drones: impl Iterator<Item = (&'a DronePlan, Option<Mac>)>) -> Box<[Way]> {
    let routes = routes::now();
    let way = |(drone, card): (&DronePlan, Option<Mac>)| match (one(drone, &routes), card) {
        (Way::Interface(index), Some(card)) => Way::Card(index, card),
        (way, _) => way,
    };
    drones.map(way).collect()
}

fn one(drone: &DronePlan, routes: &[Route]) -> Way {
    let IpAddr::V4(address) = drone.address else {
        return Way::Any;
    };
    if address.is_loopback() {
        return Way::Any;
    }
    let interface = match &drone.interface {
        Some(interface) => Some(&**interface),
        // What this host has itself comes to it by loopback.
        None if is_ours(drone.address) => Some("lo"),
        None => routes::leading_to(routes, address)
            // A plain Tello is its own network: behind a router there is none.
            .filter(|route| route.is_direct() || address != ACCESS_POINT_ADDRESS)
            .map(|route| &*route.interface),
    };
    interface
        .and_then(socket::interface_index)
        .map_or(Way::None, Way::Interface)
}

/// Whether this host has the address itself: a simulator beside the gateway.
fn is_ours(address: IpAddr) -> bool {
    let target = SocketAddr::new(address, tello::COMMAND_PORT);
    let local = socket::route(target, None, Ipv4Addr::UNSPECIFIED.into());
    local.is_ok_and(|local| local == address)
}

/// The filter of a state or video socket that is bound to `interface`. A drone that is
/// named by another interface is not looked for there.
pub(super) fn filter_of<'a>(
    drones: impl Iterator<Item = (&'a DronePlan, Way)>,
    interface: &Option<Arc<str>>,
    others: OneIn,
) -> Vec<SockFilter> {
    let is_here = |drone: &DronePlan| drone.interface.is_none() || drone.interface == *interface;
    let addresses = drones
        .filter(|(drone, _)| is_here(drone))
        // A simulator that stands in is of this host.
        .flat_map(|(drone, way)| [(Some(drone.address), way), (drone.stand_in, Way::Any)]);
    let of_ipv4 = addresses.filter_map(|(address, way)| match address?.to_canonical() {
        IpAddr::V4(address) => Some((address, way)),
        IpAddr::V6(_) => None,
    });
    filter::program(of_ipv4, others)
}

#[cfg(test)]
mod tests {
    use super::super::plan::FleetPlan;
    use super::*;
    use crate::config::{Drone, Drones};

    fn way(address: &str, interface: Option<&str>, routes: &[Route]) -> Way {
        let drone = Drone {
            id: "d".into(),
            name: None,
            mode: None,
            address: Some(address.parse().expect("an address")),
            command_port: None,
            interface: interface.map(str::to_owned),
            serial: None,
            down: None,
            limits: Default::default(),
        };
        let plan = FleetPlan::new(&Drones {
            drone: vec![drone],
            ..Drones::default()
        });
        one(&plan.expect("good").drones[0], routes)
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_drone_is_behind_the_interface_that_leads_to_it() {
        // The only interface that is surely there.
        let table = |rest: &str| {
            routes::parse(&format!(
                "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n{rest}"
            ))
        };
        let direct = table("lo\t000AA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0");
        let routed = table("lo\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0");
        let loopback = Way::Interface(socket::interface_index("lo").expect("there"));
        assert_eq!(way("192.168.10.1", None, &direct), loopback);
        assert_eq!(way("192.168.10.1", None, &[]), Way::None);
        assert_eq!(
            way("192.168.10.1", None, &routed),
            Way::None,
            "its Wi-Fi is not joined, and the site's router is not it"
        );
        assert_eq!(way("10.9.8.7", None, &routed), loopback);
        assert_eq!(way("192.168.10.1", Some("lo"), &[]), loopback);
        assert_eq!(way("192.168.10.1", Some("nowhere0"), &direct), Way::None);
        assert_eq!(way("127.0.0.9", None, &[]), Way::Any);
    }
}
