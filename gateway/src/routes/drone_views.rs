//! Drones as the contract shapes them (2.2 and 2.3).
//!
//! Unknown is null, never zero; a drone that is not connected shows no flight
//! values, so that nobody acts on old ones. Its flight status stays the last that
//! was known, and says so: silence is no evidence of the ground.

use serde::Serialize;
use utoipa::ToSchema;

use crate::config::DroneMode;
use crate::http::scalars::{Ts, round1};
use crate::sources::vehicles::{Basis, Control, DroneView, LinkState, Phase, Verification};
use readings::clock::Mono;

/// Contract 2.2.
#[derive(Serialize, ToSchema)]
pub(crate) struct Drone {
    /// Id in the configuration.
    id: String,
    /// Name for people.
    name: String,
    /// `real` or `dummy`: simulated, or not found out yet.
    #[serde(rename = "type")]
    drone_type: &'static str,
    /// Its address; null while it has none.
    ip_address: Option<String>,
    /// `disconnected`, `connected` or `error`.
    status: &'static str,
    last_seen: Option<Ts>,
    /// `auto`, `simulation` or `real`, as configured.
    mode: &'static str,
}

impl From<&DroneView> for Drone {
    fn from(drone: &DroneView) -> Drone {
        let is_real = !drone.simulated && drone.last_seen.is_some();
        Drone {
            id: drone.id.to_string(),
            name: drone.name.to_string(),
            drone_type: if is_real { "real" } else { "dummy" },
            ip_address: drone.address.map(|address| address.to_string()),
            status: connection(drone),
            last_seen: drone.last_seen.map(Ts),
            mode: match drone.mode {
                DroneMode::Auto => "auto",
                DroneMode::Simulation => "simulation",
                DroneMode::Real => "real",
            },
        }
    }
}

/// Contract 2.3.
#[derive(Serialize, ToSchema)]
pub(crate) struct DroneStatus {
    /// Id in the configuration.
    drone_id: String,
    /// `disconnected`, `connected` or `error`.
    connection_status: &'static str,
    /// `landed`, `taking_off`, `flying` or `landing`; of a drone that is silent the
    /// last that was known, see `flight_status_known`.
    flight_status: &'static str,
    /// Whether its motors turn slowly on the ground (`motoron`): keep away from the
    /// propellers.
    motors_idle: bool,
    /// Whether the drone's state shows that now.
    flight_status_known: bool,
    /// What it rests on: `state`; `unproven`: states arrive and prove neither ground
    /// nor air yet; `last_state`: the last before it went silent; `battery_spent`:
    /// silent in the air for longer than its battery can have lasted; `never_heard`.
    flight_status_basis: &'static str,
    /// Since when a drone that was heard is silent, and its status not known.
    flight_status_unknown_since: Option<Ts>,
    /// Percent; null until the drone was heard.
    battery_level: Option<u8>,
    /// How old that is, in seconds.
    battery_age_s: Option<f64>,
    /// Seconds.
    flight_time: Option<u32>,
    /// Centimetres.
    height: Option<i32>,
    /// Highest main-board temperature in °C.
    temperature: Option<f64>,
    /// Centimetres per second.
    speed: Option<f64>,
    /// Percent; Tello's state does not hold it.
    wifi_signal: Option<u8>,
    attitude: Option<Attitude>,
    /// The mission pad it sees (SDK 2.0); absent when it sees none.
    #[serde(skip_serializing_if = "Option::is_none")]
    mission_pad: Option<MissionPad>,
    last_updated: Ts,
    /// The same id.
    id: String,
    /// Name for people.
    name: String,
    /// `disconnected`, `connected`, `flying` or `error`.
    status: &'static str,
    /// Charge in percent; null while it is not known.
    #[serde(rename = "batteryLevel")]
    battery_level_alias: Option<u8>,
    position: Option<Position>,
    #[serde(rename = "lastSeen")]
    last_seen: Ts,
    /// Whether the drone now behind it is simulated.
    simulated: bool,
    /// Why it cannot be reached, in words.
    reason: Option<String>,
    /// Serial number that it said; of firmware before SDK 2.0 its MAC address, where known.
    serial_number: Option<String>,
    /// `verified`, `not_verified`: it has not said who it is since it was connected;
    /// `unknown`: its firmware cannot say; `mistaken`: it is another drone.
    identity: &'static str,
    /// Who flies it; null when it is free.
    control: Option<ControlView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    real_drone_info: Option<RealDrone>,
}

/// Who has control of a drone.
#[derive(Serialize, ToSchema)]
pub(crate) struct ControlView {
    /// Name of the key.
    name: String,
    /// The session, as the greeting of its socket says it.
    session: Option<String>,
    since: Ts,
}

impl From<&Control> for ControlView {
    fn from(control: &Control) -> ControlView {
        ControlView {
            name: control.by.name.to_string(),
            session: control.by.session.map(|session| session.to_string()),
            since: Ts(control.since),
        }
    }
}

/// Degrees.
#[derive(Serialize, ToSchema)]
struct Attitude {
    /// Degrees.
    pitch: f64,
    /// Degrees.
    roll: f64,
    /// Degrees.
    yaw: f64,
}

/// A mission pad, and where the drone is over it, in centimetres.
#[derive(Serialize, ToSchema)]
struct MissionPad {
    /// Its number, 1 to 8.
    id: u8,
    /// Along its arrow.
    x: i16,
    /// To the left of its arrow.
    y: i16,
    /// Height over it.
    z: i16,
}

/// Metres.
#[derive(Serialize, ToSchema)]
struct Position {
    /// Metres.
    x: f64,
    /// Metres.
    y: f64,
    /// Metres.
    z: f64,
}

/// Only for real drones.
#[derive(Serialize, ToSchema)]
struct RealDrone {
    /// State of its link.
    connection_state: &'static str,
    /// Address that it was heard from.
    real_ip_address: String,
    /// What it calls itself (SDK 3.0); null where it does not say.
    hardware_version: Option<String>,
    /// Version of its SDK (2.0 and later); null where it does not say.
    firmware_version: Option<String>,
    /// Its serial number (SDK 2.0 and later); null where it does not say.
    serial_number: Option<String>,
    /// Commands that its firmware said it does not know since it was connected; they are
    /// refused here. Of `ext`, `EXT:` and the word behind it.
    unsupported_commands: Vec<String>,
    /// The network interface on which it is reached, if that is configured.
    interface: Option<String>,
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::NeverHeard => "never_heard",
        Basis::Unproven => "unproven",
        Basis::State => "state",
        Basis::LastState => "last_state",
        Basis::BatterySpent => "battery_spent",
    }
}

fn verification(verification: Verification) -> &'static str {
    match verification {
        Verification::NotVerified => "not_verified",
        Verification::Verified => "verified",
        Verification::Unknown => "unknown",
        Verification::Mistaken => "mistaken",
    }
}

/// The contract's three connection states. One that was in the air before a restart and
/// is not heard since is lost, not merely not there yet.
fn connection(drone: &DroneView) -> &'static str {
    match drone.link {
        LinkState::Connected => "connected",
        LinkState::Connecting if drone.airborne => "error",
        LinkState::Disconnected | LinkState::Connecting => "disconnected",
        LinkState::Lost => "error",
    }
}

impl From<&DroneView> for DroneStatus {
    fn from(drone: &DroneView) -> DroneStatus {
        let is_connected = drone.link == LinkState::Connected;
        let flying = is_connected && drone.airborne;
        let is_silent = matches!(drone.flight.basis, Basis::LastState | Basis::BatterySpent);
        let now = Ts::now();
        let last_seen = drone.last_seen.map_or(now, Ts);
        let real = (!drone.simulated && drone.last_seen.is_some())
            .then_some(drone.address)
            .flatten();
        DroneStatus {
            drone_id: drone.id.to_string(),
            connection_status: connection(drone),
            flight_status: match drone.flight.phase {
                // The contract knows no other word for it; `motors_idle` says the rest.
                Phase::Landed | Phase::Idling => "landed",
                Phase::TakingOff => "taking_off",
                Phase::Flying => "flying",
                Phase::Landing => "landing",
            },
            motors_idle: drone.flight.phase == Phase::Idling,
            flight_status_known: drone.flight.is_known(),
            flight_status_basis: basis(drone.flight.basis),
            flight_status_unknown_since: drone.last_seen.filter(|_| is_silent).map(Ts),
            battery_level: drone.battery_pct,
            battery_age_s: drone
                .last_seen_mono
                .filter(|_| drone.battery_pct.is_some())
                .map(|seen| round1(Mono::now().since(seen).as_secs_f64())),
            flight_time: drone.flight_time_s.filter(|_| is_connected),
            // The barometer drifts below the take-off point; the contract has no such heights.
            height: drone
                .height_cm
                .filter(|_| is_connected)
                .map(|height| height.max(0)),
            temperature: drone.temperature_c.filter(|_| is_connected),
            speed: drone.speed_cm_s.filter(|_| is_connected).map(round1),
            wifi_signal: None,
            attitude: drone
                .attitude_deg
                .filter(|_| is_connected)
                .map(|[pitch, roll, yaw]| Attitude {
                    pitch: pitch.into(),
                    roll: roll.into(),
                    yaw: yaw.into(),
                }),
            mission_pad: drone
                .pad
                .filter(|_| is_connected)
                .map(|(id, [x, y, z])| MissionPad { id, x, y, z }),
            last_updated: last_seen,
            id: drone.id.to_string(),
            name: drone.name.to_string(),
            status: if flying { "flying" } else { connection(drone) },
            battery_level_alias: drone.battery_pct,
            position: None,
            last_seen,
            simulated: drone.simulated,
            reason: drone.reason.clone(),
            serial_number: drone.identity.serial.clone(),
            identity: verification(drone.identity.verification),
            control: drone.control.as_ref().map(ControlView::from),
            real_drone_info: real.map(|address| RealDrone {
                connection_state: if drone.link == LinkState::Connecting {
                    "connecting"
                } else {
                    connection(drone)
                },
                real_ip_address: address.to_string(),
                hardware_version: drone.identity.hardware.clone(),
                firmware_version: drone.identity.sdk.clone(),
                serial_number: drone.identity.serial.clone(),
                unsupported_commands: drone.identity.unsupported.clone(),
                interface: drone.interface.as_deref().map(str::to_owned),
            }),
        }
    }
}

/// Contract 10.2: what is behind a drone.
#[derive(Serialize, ToSchema)]
pub(crate) struct TypeInfo {
    /// Id in the configuration.
    drone_id: String,
    /// Name for people.
    name: String,
    /// `real` or `dummy`.
    #[serde(rename = "type")]
    drone_type: &'static str,
    /// Its address; null while it has none.
    ip_address: Option<String>,
    /// Whether its state arrives.
    is_connected: bool,
    /// `disconnected`, `connected` or `error`.
    connection_status: &'static str,
    last_seen: Option<Ts>,
    /// `real` or `simulation`.
    drone_class: &'static str,
    /// False of a simulated drone.
    is_real_drone: bool,
    /// Only of a connected real drone.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_state: Option<&'static str>,
    /// Address of a connected real drone.
    #[serde(skip_serializing_if = "Option::is_none")]
    real_ip_address: Option<String>,
    /// Only of a connected simulated drone.
    #[serde(skip_serializing_if = "Option::is_none")]
    simulation_running: Option<bool>,
}

impl From<&DroneView> for TypeInfo {
    fn from(view: &DroneView) -> TypeInfo {
        let drone = Drone::from(view);
        let is_connected = view.link == LinkState::Connected;
        let is_connected_real = is_connected && !view.simulated;
        TypeInfo {
            drone_id: drone.id,
            name: drone.name,
            drone_type: drone.drone_type,
            is_connected,
            connection_status: drone.status,
            last_seen: drone.last_seen,
            drone_class: if view.simulated { "simulation" } else { "real" },
            is_real_drone: !view.simulated,
            connection_state: is_connected_real.then_some(drone.status),
            real_ip_address: drone.ip_address.clone().filter(|_| is_connected_real),
            simulation_running: (is_connected && view.simulated).then_some(true),
            ip_address: drone.ip_address,
        }
    }
}

#[cfg(test)]
#[path = "drone_views_tests.rs"]
mod tests;
