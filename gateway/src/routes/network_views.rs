//! Drones that were found on the network and how the search goes, as the contract
//! shows them (10.1, 10.3, 10.4): on routes and on the WebSocket.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::scalars::{Ts, round2};
use crate::http::state::App;
use crate::sources::tello::{Detection, Method, Verification};
use crate::sources::vehicles::LinkState;

/// Extent of the space simulated drones fly in, in m (contract 10.4).
const SPACE_M: [f64; 3] = [20.0, 20.0, 10.0];

/// Contract 10.1.
#[derive(Serialize, ToSchema)]
pub(crate) struct DetectedDrone {
    ip_address: String,
    /// Percent; null when it did not say.
    battery_level: Option<u8>,
    /// Tello's firmware tells no signal strength that could be trusted.
    signal_strength: Option<i32>,
    response_time_ms: f64,
    detected_at: Ts,
    /// `tello_command`: it answered; `known_ports`: it streams its state here;
    /// `factory_scan`: a configured drone that is heard.
    detection_method: &'static str,
    hostname: Option<String>,
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
    ip_address: String,
    is_reachable: bool,
    verified_at: Ts,
    is_available_for_connection: bool,
    #[serde(flatten)]
    found: Option<Reached>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Only of a drone that answered.
#[derive(Serialize, ToSchema)]
struct Reached {
    battery_level: Option<u8>,
    signal_strength: Option<i32>,
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
    total_detected_real_drones: usize,
    total_connected_drones: usize,
    real_connected_count: usize,
    simulation_connected_count: usize,
    auto_scan_enabled: bool,
    last_scan_time: Option<Ts>,
}

/// The search.
#[derive(Serialize, ToSchema, PartialEq)]
struct NetworkService {
    scan_statistics: ScanStatistics,
    detected_drones_count: usize,
    verified_drones_count: usize,
    is_scanning: bool,
    auto_scan_enabled: bool,
    /// Seconds; null while it is off.
    auto_scan_interval: Option<f64>,
    scan_ranges: Vec<String>,
    /// Newest first, ten at most.
    last_detections: Vec<LastDetection>,
}

/// Searches since the start.
#[derive(Serialize, ToSchema, PartialEq)]
struct ScanStatistics {
    total_scans: u64,
    successful_detections: u64,
    failed_attempts: u64,
    /// Seconds.
    average_scan_time: f64,
    last_scan_time: Option<Ts>,
}

/// A detection in short.
#[derive(Serialize, ToSchema, PartialEq)]
struct LastDetection {
    ip: String,
    detected_at: Ts,
    method: &'static str,
    verified: bool,
}

/// The configured drones.
#[derive(Serialize, ToSchema, PartialEq)]
struct DroneFactory {
    total_drones: usize,
    real_drones: usize,
    simulation_drones: usize,
    detected_real_drones: usize,
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
