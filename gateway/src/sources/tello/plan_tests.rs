//! Tests of the plan: what is settled, and what is refused.

use super::*;

fn drone(id: &str) -> Drone {
    Drone {
        id: id.to_owned(),
        name: None,
        mode: None,
        address: None,
        command_port: None,
        interface: None,
        serial: None,
        down: None,
        limits: Default::default(),
    }
}

fn plan(drones: Vec<Drone>) -> Result<FleetPlan, FleetError> {
    FleetPlan::new(&Drones {
        drone: drones,
        ..Drones::default()
    })
}

fn at(id: &str, address: [u8; 4]) -> Drone {
    Drone {
        address: Some(IpAddr::from(address)),
        ..drone(id)
    }
}

#[test]
fn defaults_are_settled() {
    let plan = plan(vec![drone("a")]).expect("good");
    assert_eq!(plan.drones[0].address, IpAddr::V4(ACCESS_POINT_ADDRESS));
    assert_eq!(
        (plan.drones[0].command_port, &*plan.drones[0].name),
        (8889, "a")
    );
    assert!(!plan.drones[0].simulated);
    assert_eq!(plan.state_sockets(), [None]);
}

#[test]
fn no_drone_is_invented() {
    assert!(plan(Vec::new()).expect("good").drones.is_empty());
}

#[test]
fn ids_must_fit_the_pattern_and_differ() {
    for id in ["", "drone@001", "drone 1", "dröhn", &"x".repeat(65)] {
        assert!(
            matches!(plan(vec![drone(id)]), Err(FleetError::BadId { .. })),
            "{id:?}"
        );
    }
    let twice = plan(vec![at("a", [10, 0, 0, 1]), at("a", [10, 0, 0, 2])]);
    assert!(matches!(twice, Err(FleetError::DuplicateId { .. })));
}

#[test]
fn access_point_drones_need_an_interface_each() {
    let error = plan(vec![drone("a"), drone("b")]).expect_err("same address");
    assert!(error.to_string().contains("interface"), "{error}");
    let on = |id: &str, interface: &str| Drone {
        interface: Some(interface.to_owned()),
        ..drone(id)
    };
    let plan = plan(vec![
        on("a", "wlan1"),
        on("b", "wlan2"),
        at("c", [10, 0, 0, 3]),
    ])
    .expect("apart");
    assert_eq!(plan.state_sockets().len(), 3);
}

#[test]
fn loopback_simulators_may_share_an_address_with_ports_of_their_own() {
    let port = |id: &str, port| Drone {
        command_port: Some(port),
        ..at(id, [127, 0, 0, 1])
    };
    let good = plan(vec![port("a", 9001), port("b", 9002), port("c", 9003)]).expect("apart");
    assert!(
        good.drones
            .iter()
            .all(|drone| drone.told_apart_by_port && drone.simulated)
    );
    assert!(plan(vec![port("a", 9001), port("b", 9001)]).is_err());
    let off_loopback = |id: &str, port| Drone {
        command_port: Some(port),
        ..drone(id)
    };
    assert!(plan(vec![off_loopback("a", 9001), off_loopback("b", 9002)]).is_err());
}

#[test]
fn a_simulated_drone_without_an_address_gets_a_simulator_of_its_own() {
    let simulated = |id: &str| Drone {
        mode: Some(DroneMode::Simulation),
        ..drone(id)
    };
    let plan = plan(vec![simulated("a"), simulated("b")]).expect("good");
    assert!(
        plan.drones
            .iter()
            .all(|drone| drone.simulated && drone.own_simulator)
    );
    assert_ne!(plan.drones[0].address, plan.drones[1].address);
}

#[test]
fn nonsense_is_refused() {
    for address in [[0, 0, 0, 0], [224, 0, 0, 1], [255, 255, 255, 255]] {
        assert!(matches!(
            plan(vec![at("a", address)]),
            Err(FleetError::BadAddress { .. })
        ));
    }
    let interface = Drone {
        interface: Some("wlan0/../x".to_owned()),
        ..drone("a")
    };
    assert!(matches!(
        plan(vec![interface]),
        Err(FleetError::BadInterface { .. })
    ));
    for lost_after_s in [f64::NAN, 0.0, -1.0, f64::INFINITY] {
        let config = Drones {
            lost_after_s,
            ..Drones::default()
        };
        assert!(matches!(
            FleetPlan::new(&config),
            Err(FleetError::BadLostAfter(_))
        ));
    }
    let of = |id: &str, last: u8, serial: &str| Drone {
        serial: Some(serial.to_owned()),
        ..at(id, [10, 0, 0, last])
    };
    assert!(matches!(
        plan(vec![of("a", 1, "two words")]),
        Err(FleetError::BadSerial { .. })
    ));
    assert!(matches!(
        plan(vec![of("a", 1, "S1"), of("b", 2, "S1")]),
        Err(FleetError::SameSerial { .. })
    ));
    let many = (0..65)
        .map(|n| at(&format!("d{n}"), [10, 0, 0, n]))
        .collect();
    assert!(matches!(
        plan(many),
        Err(FleetError::TooMany {
            configured: 65,
            allowed: 64
        })
    ));
}
