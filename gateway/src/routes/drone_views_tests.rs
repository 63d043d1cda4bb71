use readings::clock::wall_now;
use serde_json::{Value, json};

use super::*;
use crate::sources::vehicles::Flight;

fn unheard(link: LinkState) -> DroneView {
    DroneView::unheard("d1", link)
}

/// A real drone in the air, of which everything is known.
fn flying() -> DroneView {
    DroneView {
        address: Some([192, 168, 10, 1].into()),
        last_seen: Some(wall_now()),
        last_seen_mono: Some(Mono::now()),
        battery_pct: Some(55),
        temperature_c: Some(61.0),
        height_cm: Some(120),
        flight_time_s: Some(33),
        speed_cm_s: Some(12.34),
        attitude_deg: Some([1, 2, 3]),
        flight: Flight {
            phase: Phase::Flying,
            basis: Basis::State,
        },
        airborne: true,
        fresh: true,
        ..unheard(LinkState::Connected)
    }
}

fn status(drone: &DroneView) -> Value {
    serde_json::to_value(DroneStatus::from(drone)).expect("JSON")
}

#[test]
fn a_connected_drone_shows_what_is_known_of_it() {
    let shown = status(&flying());
    for (member, wanted) in [
        ("status", json!("flying")),
        ("connection_status", json!("connected")),
        ("flight_status", json!("flying")),
        ("flight_status_known", json!(true)),
        ("flight_status_basis", json!("state")),
        ("flight_status_unknown_since", Value::Null),
        ("battery_level", json!(55)),
        ("batteryLevel", json!(55)),
        ("height", json!(120)),
        ("flight_time", json!(33)),
        ("temperature", json!(61.0)),
        ("speed", json!(12.3)),
        ("wifi_signal", Value::Null),
        ("position", Value::Null),
        ("attitude", json!({"pitch": 1.0, "roll": 2.0, "yaw": 3.0})),
    ] {
        assert_eq!(shown[member], wanted, "{member}");
    }
    assert_eq!(shown["real_drone_info"]["real_ip_address"], "192.168.10.1");
    assert_eq!(shown["real_drone_info"]["connection_state"], "connected");
    let sunken = DroneView {
        height_cm: Some(-30),
        airborne: false,
        ..flying()
    };
    let shown = status(&sunken);
    assert_eq!(
        (&shown["height"], &shown["status"]),
        (&json!(0), &json!("connected"))
    );
}

#[test]
fn a_drone_that_is_silent_shows_no_flight_values_and_since_when() {
    for (link, basis, connection, known_since) in [
        (LinkState::Lost, Basis::LastState, "error", true),
        (LinkState::Lost, Basis::BatterySpent, "error", true),
        // In the air when the gateway last ran, and not heard since: that is a loss.
        (LinkState::Connecting, Basis::Unproven, "error", false),
        (
            LinkState::Disconnected,
            Basis::NeverHeard,
            "disconnected",
            false,
        ),
    ] {
        let flight = Flight {
            phase: Phase::Landing,
            basis,
        };
        let shown = status(&DroneView {
            link,
            flight,
            ..flying()
        });
        for member in ["flight_time", "height", "temperature", "speed", "attitude"] {
            assert_eq!(shown[member], Value::Null, "{member} of {basis:?}");
        }
        assert_eq!(shown["battery_level"], 55, "the last that was known");
        assert!(
            shown["battery_age_s"]
                .as_f64()
                .is_some_and(|age| age < 60.0)
        );
        assert_eq!(shown["status"], connection);
        assert_eq!(shown["flight_status"], "landing");
        assert_eq!(shown["flight_status_known"], false);
        assert_eq!(
            shown["flight_status_unknown_since"].is_string(),
            known_since,
            "{basis:?}"
        );
    }
    let shown = status(&unheard(LinkState::Lost));
    assert_eq!(
        (&shown["battery_level"], &shown["battery_age_s"]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        shown.get("real_drone_info").is_none(),
        "nothing answered yet"
    );
}

#[test]
fn what_is_behind_a_drone_is_told_apart() {
    let of = |drone: &DroneView| {
        let (drone, info) = (Drone::from(drone), TypeInfo::from(drone));
        (
            serde_json::to_value(drone).expect("JSON"),
            serde_json::to_value(info).expect("JSON"),
        )
    };
    let (drone, info) = of(&flying());
    assert_eq!(
        (&drone["type"], &drone["mode"]),
        (&json!("real"), &json!("real"))
    );
    assert_eq!(
        (&info["type"], &info["drone_class"]),
        (&json!("real"), &json!("real"))
    );
    assert_eq!(info["real_ip_address"], "192.168.10.1");
    assert_eq!(info["connection_state"], "connected");
    assert!(info.get("simulation_running").is_none());

    let simulated = DroneView {
        simulated: true,
        mode: DroneMode::Simulation,
        ..flying()
    };
    let (drone, info) = of(&simulated);
    assert_eq!(
        (&drone["type"], &drone["mode"]),
        (&json!("dummy"), &json!("simulation"))
    );
    assert_eq!(
        (&info["drone_class"], &info["is_real_drone"]),
        (&json!("simulation"), &json!(false))
    );
    assert_eq!(info["simulation_running"], true);
    assert!(info.get("real_ip_address").is_none());
    assert!(status(&simulated).get("real_drone_info").is_none());

    // Nobody knows yet what is there.
    let (drone, info) = of(&DroneView {
        mode: DroneMode::Auto,
        ..unheard(LinkState::Connecting)
    });
    assert_eq!(
        (&drone["type"], &drone["mode"]),
        (&json!("dummy"), &json!("auto"))
    );
    assert_eq!(info["is_connected"], false);
    assert!(info.get("connection_state").is_none());
    let connecting = DroneView {
        link: LinkState::Connecting,
        ..flying()
    };
    let shown = status(&connecting);
    assert_eq!(shown["real_drone_info"]["connection_state"], "connecting");
}

#[test]
fn every_basis_and_phase_has_its_word() {
    for (phase, word) in [
        (Phase::Landed, "landed"),
        (Phase::TakingOff, "taking_off"),
        (Phase::Flying, "flying"),
        (Phase::Landing, "landing"),
    ] {
        for (basis, of) in [
            (Basis::NeverHeard, "never_heard"),
            (Basis::Unproven, "unproven"),
            (Basis::State, "state"),
            (Basis::LastState, "last_state"),
            (Basis::BatterySpent, "battery_spent"),
        ] {
            let flight = Flight { phase, basis };
            let shown = status(&DroneView { flight, ..flying() });
            assert_eq!(shown["flight_status"], word);
            assert_eq!(shown["flight_status_basis"], of);
            assert_eq!(shown["flight_status_known"], basis == Basis::State);
        }
    }
}
