//! Which drone a datagram is from.

use super::*;
use crate::config::{Drone, Drones};
use readings::{SourceKind, Sources};

fn roster(drones: &[(&str, &str, Option<u16>, Option<&str>)]) -> Roster {
    let drone = drones
        .iter()
        .map(|(id, address, command_port, interface)| Drone {
            id: (*id).to_owned(),
            name: None,
            mode: None,
            address: Some(address.parse().expect("an address")),
            command_port: *command_port,
            interface: interface.map(str::to_owned),
            serial: None,
            down: None,
            limits: Default::default(),
        })
        .collect();
    let plan = FleetPlan::new(&Drones {
        drone,
        ..Drones::default()
    })
    .expect("good");
    let sources = Sources::default();
    let ids: Vec<_> = plan
        .drones
        .iter()
        .map(|drone| {
            sources
                .register(&drone.id, SourceKind::Drone)
                .expect("room")
        })
        .collect();
    Roster::new(
        &plan,
        &ids,
        ways::to(plan.drones.iter().map(|drone| (drone, None))),
        (8890, 11111),
    )
}

fn found(roster: &Roster, socket: usize, from: &str) -> Option<String> {
    roster
        .identify(socket, from.parse().expect("an address"))
        .map(|slot| slot.plan.id.to_string())
}

#[test]
fn drones_are_told_apart_by_address_whatever_port_they_send_from() {
    let roster = roster(&[("a", "10.0.0.1", None, None), ("b", "10.0.0.2", None, None)]);
    assert_eq!(found(&roster, 0, "10.0.0.2:8889").as_deref(), Some("b"));
    assert_eq!(found(&roster, 0, "10.0.0.1:50000").as_deref(), Some("a"));
    assert_eq!(
        found(&roster, 0, "[::ffff:10.0.0.1]:50000").as_deref(),
        Some("a")
    );
    assert_eq!(found(&roster, 0, "10.0.0.3:8889"), None);
}

#[test]
fn by_port_where_an_address_is_shared_and_by_interface_on_access_points() {
    let shared = roster(&[
        ("a", "127.0.0.1", Some(9001), None),
        ("b", "127.0.0.1", Some(9002), None),
    ]);
    assert_eq!(found(&shared, 0, "127.0.0.1:9002").as_deref(), Some("b"));
    assert_eq!(found(&shared, 0, "127.0.0.1:9003"), None);
    let wifi = roster(&[
        ("a", "192.168.10.1", None, Some("wlan1")),
        ("b", "192.168.10.1", None, Some("wlan2")),
    ]);
    assert_eq!(found(&wifi, 0, "192.168.10.1:8889").as_deref(), Some("a"));
    assert_eq!(found(&wifi, 1, "192.168.10.1:8889").as_deref(), Some("b"));
    let mixed = roster(&[
        ("a", "192.168.10.1", None, Some("wlan1")),
        ("b", "10.0.0.2", None, None),
    ]);
    assert_eq!(found(&mixed, 0, "10.0.0.2:8889").as_deref(), Some("b"));
    assert_eq!(
        found(&mixed, 1, "192.168.10.1:8889"),
        None,
        "not from another network"
    );
}
