//! Drones that were found on the network and how the search goes, as the contract
//! shows them (10.1, 10.3, 10.4): on routes and on the WebSocket.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::scalars::{self, Ts, round2};
use crate::http::state::App;
use crate::sources::tello::{Detection, Method, Verification};
use crate::sources::vehicles::LinkState;

/// Extent of the space simulated drones fly in, in m (contract 10.4).
const SPACE_M: [f64; 3] = [20.0, 20.0, 10.0];

/// Contract 10.1.
#[derive(Serialize, ToSchema)]
pub(crate) struct DetectedDrone {
    /// Address that it answered from.
    ip_address: String,
    /// Percent; null when it did not say.
    battery_level: Option<u8>,
    /// Tello's firmware tells no signal strength that could be trusted.
    signal_strength: Option<i32>,
    /// Time until it answered.
    response_time_ms: f64,
    detected_at: Ts,
    /// `tello_command`: it answered; `known_ports`: it streams its state here;
    /// `factory_scan`: a configured drone that is heard.
    detection_method: &'static str,
    /// Always null: no name is asked for.
    hostname: Option<String>,
    /// Whether it can be connected.
    is_available: bool,
    /// Why it is not available, in words.
    reason: Option<String>,
    /// The configured drone that it is.
    drone_id: Option<String>,
    /// The interface it was met on.
    interface: Option<String>,
    /// Whether it is a simulator on this board.
    simulated: bool,
}

impl From<&Detection> for DetectedDrone {
    fn from(found: &Detection) -> DetectedDrone {
        DetectedDrone {
            ip_address: found.address.to_string(),
            battery_level: found.battery_pct,
            signal_strength: None,
            response_time_ms: millis(found.response),
            detected_at: Ts(found.at),
            detection_method: name(found.method),
            hostname: None,
            is_available: found.hindrance.is_none(),
            reason: found.hindrance.clone(),
            drone_id: found.drone.as_deref().map(str::to_owned),
            interface: found.interface.as_deref().map(str::to_owned),
            simulated: found.is_simulated(),
        }
    }
}

const fn name(method: Method) -> &'static str {
    match method {
        Method::Configured => "factory_scan",
        Method::Heard => "known_ports",
        Method::Asked => "tello_command",
    }
}

fn millis(duration: Duration) -> f64 {
    round2(duration.as_secs_f64() * 1e3)
}

/// Contract 10.3.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionCheck {
    /// The address that was asked.
    ip_address: String,
    /// Whether it answered.
    is_reachable: bool,
    verified_at: Ts,
    /// Whether it can be connected: it answered, and nothing hinders it.
    is_available_for_connection: bool,
    #[serde(flatten)]
    #[schema(schema_with = scalars::optional::<Reached>)]
    found: Option<Reached>,
    /// Why it cannot be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Only of a drone that answered.
#[derive(Serialize, ToSchema)]
struct Reached {
    /// Charge in percent, if it said so.
    battery_level: Option<u8>,
    /// Always null: a drone does not say.
    signal_strength: Option<i32>,
    /// Time until it answered.
    response_time_ms: f64,
}

impl ConnectionCheck {
    pub(super) fn new(address: Ipv4Addr, verification: Verification) -> ConnectionCheck {
        let (found, error) = match &verification {
            Verification::Found(found) => (Some(found), found.hindrance.clone()),
            Verification::NotFound(why) => (None, Some(why.clone())),
        };
        ConnectionCheck {
            ip_address: address.to_string(),
            is_reachable: found.is_some(),
            verified_at: Ts::now(),
            is_available_for_connection: found.is_some_and(|found| found.hindrance.is_none()),
            found: found.map(|found| Reached {
                battery_level: found.battery_pct,
                signal_strength: None,
                response_time_ms: millis(found.response),
            }),
            error,
        }
    }
}

/// Contract 10.4.
#[derive(Serialize, ToSchema, PartialEq)]
pub(crate) struct NetworkStatus {
    network_service: NetworkService,
    drone_factory: DroneFactory,
    /// Real drones that searches have found.
    total_detected_real_drones: usize,
    /// Drones that are connected.
    total_connected_drones: usize,
    /// Real drones that are connected.
    real_connected_count: usize,
    /// Simulated drones that are connected.
    simulation_connected_count: usize,
    /// Whether the gateway searches by itself.
    auto_scan_enabled: bool,
    last_scan_time: Option<Ts>,
}

/// The search.
#[derive(Serialize, ToSchema, PartialEq)]
struct NetworkService {
    scan_statistics: ScanStatistics,
    /// Drones that searches have found.
    detected_drones_count: usize,
    /// Those that can be connected.
    verified_drones_count: usize,
    /// Whether a search is under way.
    is_scanning: bool,
    /// Whether the gateway searches by itself.
    auto_scan_enabled: bool,
    /// Seconds; null while it is off.
    auto_scan_interval: Option<f64>,
    /// Networks that may be searched.
    scan_ranges: Vec<String>,
    /// Newest first, ten at most.
    last_detections: Vec<LastDetection>,
}

/// Searches since the start.
#[derive(Serialize, ToSchema, PartialEq)]
struct ScanStatistics {
    /// Searches.
    total_scans: u64,
    /// Drones found, each time counted.
    successful_detections: u64,
    /// Searches that could not be made.
    failed_attempts: u64,
    /// Seconds.
    average_scan_time: f64,
    last_scan_time: Option<Ts>,
}

/// A detection in short.
#[derive(Serialize, ToSchema, PartialEq)]
struct LastDetection {
    /// Address that it answered from.
    ip: String,
    detected_at: Ts,
    /// How it was found.
    method: &'static str,
    /// Whether it can be connected: nothing hinders it.
    verified: bool,
}

/// The configured drones.
#[derive(Serialize, ToSchema, PartialEq)]
struct DroneFactory {
    /// Drones in the configuration.
    total_drones: usize,
    /// Those that are not simulated.
    real_drones: usize,
    /// Those that are simulated.
    simulation_drones: usize,
    /// Real drones that searches have found.
    detected_real_drones: usize,
    /// Drones in the configuration.
    configured_drones: usize,
    /// Metres.
    space_bounds: [f64; 3],
}

impl NetworkStatus {
    /// As it is now.
    pub(crate) fn now(app: &App) -> NetworkStatus {
        let (discovery, drones) = (app.fleet.discovery(), app.vehicles.views());
        let (stats, known, auto) = (
            discovery.stats(),
            discovery.known(),
            discovery.auto_interval(),
        );
        let connected = drones
            .iter()
            .filter(|drone| drone.link == LinkState::Connected);
        let (simulated, real): (Vec<_>, Vec<_>) = connected.partition(|drone| drone.simulated);
        let simulation_drones = drones.iter().filter(|drone| drone.simulated).count();
        let last_scan_time = stats.last_scan.map(Ts);
        NetworkStatus {
            network_service: NetworkService {
                scan_statistics: ScanStatistics {
                    total_scans: stats.scans,
                    successful_detections: stats.detections,
                    failed_attempts: stats.failed,
                    average_scan_time: round2(stats.mean_scan.as_secs_f64()),
                    last_scan_time,
                },
                detected_drones_count: known.len(),
                verified_drones_count: known
                    .iter()
                    .filter(|found| found.hindrance.is_none())
                    .count(),
                is_scanning: discovery.is_scanning(),
                auto_scan_enabled: auto.is_some(),
                auto_scan_interval: auto.map(|interval| interval.as_secs_f64()),
                scan_ranges: discovery.ranges().iter().map(ToString::to_string).collect(),
                last_detections: discovery
                    .newest()
                    .iter()
                    .map(|found| LastDetection {
                        ip: found.address.to_string(),
                        detected_at: Ts(found.at),
                        method: name(found.method),
                        verified: found.hindrance.is_none(),
                    })
                    .collect(),
            },
            drone_factory: DroneFactory {
                total_drones: drones.len(),
                real_drones: drones.len() - simulation_drones,
                simulation_drones,
                detected_real_drones: known.len(),
                configured_drones: drones.len(),
                space_bounds: SPACE_M,
            },
            total_detected_real_drones: known.len(),
            total_connected_drones: real.len() + simulated.len(),
            real_connected_count: real.len(),
            simulation_connected_count: simulated.len(),
            auto_scan_enabled: auto.is_some(),
            last_scan_time,
        }
    }
}

#[cfg(test)]
mod tests {
    use readings::clock::wall_now;
    use serde_json::{Value, json};

    use super::*;

    fn found(hindrance: Option<&str>, method: Method) -> Detection {
        Detection {
            address: [192, 168, 10, 1].into(),
            interface: Some("wlan1".into()),
            battery_pct: Some(44),
            response: Duration::from_micros(12_345),
            at: wall_now(),
            method,
            hindrance: hindrance.map(str::to_owned),
            drone: Some("d1".into()),
        }
    }

    fn shown(detection: &Detection) -> Value {
        serde_json::to_value(DetectedDrone::from(detection)).expect("JSON")
    }

    #[test]
    fn a_drone_that_was_found_says_how_and_whether_it_can_be_used() {
        let free = shown(&found(None, Method::Asked));
        for (member, wanted) in [
            ("ip_address", json!("192.168.10.1")),
            ("battery_level", json!(44)),
            ("signal_strength", Value::Null),
            ("response_time_ms", json!(12.35)),
            ("detection_method", json!("tello_command")),
            ("is_available", json!(true)),
            ("reason", Value::Null),
            ("drone_id", json!("d1")),
            ("interface", json!("wlan1")),
            ("simulated", json!(false)),
        ] {
            assert_eq!(free[member], wanted, "{member}");
        }
        let taken = shown(&found(Some("another client holds it"), Method::Heard));
        assert_eq!(
            (&taken["is_available"], &taken["reason"]),
            (&json!(false), &json!("another client holds it"))
        );
        assert_eq!(taken["detection_method"], "known_ports");
        let own = Detection {
            address: [127, 0, 0, 2].into(),
            ..found(None, Method::Configured)
        };
        let own = shown(&own);
        assert_eq!(
            (&own["detection_method"], &own["simulated"]),
            (&json!("factory_scan"), &json!(true))
        );
    }

    #[test]
    fn a_check_says_whether_it_answers_and_whether_it_is_free() {
        let check = |verification| {
            let check = ConnectionCheck::new(Ipv4Addr::new(192, 168, 10, 1), verification);
            serde_json::to_value(check).expect("JSON")
        };
        let free = check(Verification::Found(found(None, Method::Asked)));
        assert_eq!(
            (&free["is_reachable"], &free["is_available_for_connection"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(
            (&free["battery_level"], free.get("error")),
            (&json!(44), None)
        );
        assert_eq!(free["response_time_ms"], 12.35);
        let taken = check(Verification::Found(found(Some("taken"), Method::Asked)));
        assert_eq!(
            (
                &taken["is_reachable"],
                &taken["is_available_for_connection"]
            ),
            (&json!(true), &json!(false))
        );
        assert_eq!(taken["error"], "taken");
        let away = check(Verification::NotFound("no answer".to_owned()));
        assert_eq!(
            (&away["is_reachable"], &away["is_available_for_connection"]),
            (&json!(false), &json!(false))
        );
        assert_eq!(
            (&away["error"], away.get("battery_level")),
            (&json!("no answer"), None)
        );
    }
}
