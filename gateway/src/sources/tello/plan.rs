//! The configured drones, checked: what can be wrong is said before anything
//! starts.
//!
//! Turns `[drones]` into [`FleetPlan`]; behind it every address, port and
//! interface is settled. Pure; opens nothing.
//!
//! No drone is invented: a gateway without configured drones has none, since an
//! expected drone that does not exist would be a standing alert.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use readings::SourcesFull;
use tello::ACCESS_POINT_ADDRESS;
use thiserror::Error;

use super::commander::{Policy, Word, word};
use super::routes;
use crate::config::{
    Drone, DroneMode, Drones, LOST_AFTER_S, MAX_DRONES, MAX_ID_BYTES, Range, RangeError, is_id,
};

/// Longest interface name Linux has (IFNAMSIZ without its NUL).
const MAX_INTERFACE_BYTES: usize = 15;

/// Network of the simulators this process starts itself, one address a drone;
/// apart from 127.0.0.x, where people put their own.
const SIMULATOR_NETWORK: [u8; 3] = [127, 0, 77];

/// Why the configured fleet cannot be started. Each says what to change.
#[derive(Debug, Error)]
pub enum FleetError {
    /// An id that cannot stand in a path.
    #[error("drone id {id:?}: use 1–{MAX_ID_BYTES} letters, digits, `_` and `-`")]
    BadId {
        /// The id.
        id: String,
    },
    /// Two drones with one id.
    #[error("drone id {id:?} is given twice; ids must differ")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// Two drones that could not be told apart.
    #[error(
        "drones {first:?} and {second:?} both have the address {address}: give each the `interface` it is reached by \
         (for example interface = \"wlan1\"), or its own `address`"
    )]
    SameAddress {
        /// The earlier one.
        first: String,
        /// The later one.
        second: String,
        /// Their address.
        address: IpAddr,
    },
    /// An address no drone can have.
    #[error("drone {id:?}: {address} is not the address of one host")]
    BadAddress {
        /// The drone.
        id: String,
        /// The address.
        address: IpAddr,
    },
    /// A name no interface can have.
    #[error(
        "drone {id:?}: {interface:?} is not the name of a network interface (1–15 bytes, no `/` or space)"
    )]
    BadInterface {
        /// The drone.
        id: String,
        /// The name.
        interface: String,
    },
    /// A serial number that no drone says.
    #[error("drone {id:?}: {serial:?} is no serial number (1–32 letters, digits and -:._)")]
    BadSerial {
        /// The drone.
        id: String,
        /// The number.
        serial: String,
    },
    /// Two drones with one serial number.
    #[error("drones {first:?} and {second:?} both have the serial number {serial}")]
    SameSerial {
        /// The earlier one.
        first: String,
        /// The later one.
        second: String,
        /// Their number.
        serial: String,
    },
    /// More drones than allowed.
    #[error(
        "{configured} drones are configured and {allowed} allowed; raise drones.max_drones (at most {MAX_DRONES}) or \
         remove some"
    )]
    TooMany {
        /// How many there are.
        configured: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// A time that makes no sense.
    #[error("drones.lost_after_s = {0}: use a number of seconds from {min} to {max}", min = LOST_AFTER_S.start(), max = LOST_AFTER_S.end())]
    BadLostAfter(f64),
    /// A network that may not be searched.
    #[error("drones.scan_ranges: {0}")]
    BadRange(#[from] RangeError),
    /// No room for another source.
    #[error(transparent)]
    Sources(#[from] SourcesFull),
}

impl FleetError {
    /// The drone and its key that are at fault, when it is a single one.
    pub(crate) fn at(&self) -> Option<(&str, &'static str)> {
        match self {
            FleetError::BadId { id } | FleetError::DuplicateId { id } => Some((id, "id")),
            FleetError::SameAddress { second, .. } => Some((second, "address")),
            FleetError::BadAddress { id, .. } => Some((id, "address")),
            FleetError::BadInterface { id, .. } => Some((id, "interface")),
            FleetError::BadSerial { id, .. } => Some((id, "serial")),
            FleetError::SameSerial { second, .. } => Some((second, "serial")),
            FleetError::TooMany { .. }
            | FleetError::BadLostAfter(_)
            | FleetError::BadRange(_)
            | FleetError::Sources(_) => None,
        }
    }
}

/// One drone, settled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DronePlan {
    pub(crate) id: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) mode: DroneMode,
    pub(crate) address: IpAddr,
    pub(crate) command_port: u16,
    pub(crate) interface: Option<Arc<str>>,
    /// Its serial number, when that is configured.
    pub(crate) serial: Option<Word>,
    /// Address its commands leave from (`drones.bind`); unspecified is any.
    pub(crate) from: IpAddr,
    /// Whether what is behind it is a simulator.
    pub(crate) simulated: bool,
    /// Whether the simulator is ours to start.
    pub(crate) own_simulator: bool,
    /// Whether another drone shares address and interface, so that only the
    /// source port tells them apart (simulators on one loopback address).
    pub(crate) told_apart_by_port: bool,
    /// Where its stand-in lives when a `connect` does not find the real drone:
    /// drones in mode `auto`. None for one named by its interface, whose state
    /// socket cannot hear loopback.
    pub(crate) stand_in: Option<IpAddr>,
    pub(crate) policy: Policy,
}

/// The fleet, settled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FleetPlan {
    pub(crate) drones: Vec<DronePlan>,
    pub(crate) bind: IpAddr,
    pub(crate) state_port: u16,
    pub(crate) video_port: u16,
    pub(crate) lost_after: Duration,
    /// Whether drones are wanted from the start.
    pub(crate) connect_at_start: bool,
    /// How long a `connect` waits for the drone's state.
    pub(crate) connect_timeout: Duration,
    /// What may be searched for drones.
    pub(crate) ranges: Vec<Range>,
    /// The usual command port, where drones that are not configured are asked.
    pub(crate) command_port: u16,
    /// How often the gateway searches by itself, if it does.
    pub(crate) auto_scan: Option<Duration>,
}

/// Whether a fleet can be started from `[drones]`, without starting it.
///
/// # Errors
/// [`FleetError`].
pub(crate) fn check_config(config: &Drones) -> Result<(), FleetError> {
    FleetPlan::new(config).map(drop)
}

impl FleetPlan {
    /// Checks `[drones]`.
    ///
    /// # Errors
    /// [`FleetError`].
    pub(crate) fn new(config: &Drones) -> Result<FleetPlan, FleetError> {
        let allowed = config.max_drones.min(MAX_DRONES);
        if config.drone.len() > allowed {
            return Err(FleetError::TooMany {
                configured: config.drone.len(),
                allowed,
            });
        }
        if !LOST_AFTER_S.contains(&config.lost_after_s) {
            return Err(FleetError::BadLostAfter(config.lost_after_s));
        }
        let mut drones: Vec<DronePlan> = Vec::with_capacity(config.drone.len());
        for (index, drone) in config.drone.iter().enumerate() {
            let mut plan = settle(config, drone, index)?;
            if drones.iter().any(|earlier| earlier.id == plan.id) {
                return Err(FleetError::DuplicateId {
                    id: drone.id.clone(),
                });
            }
            keep_apart(&mut drones, &mut plan)?;
            let same =
                |earlier: &&DronePlan| plan.serial.is_some() && earlier.serial == plan.serial;
            if let Some((first, serial)) = drones.iter().find(same).zip(plan.serial.as_ref()) {
                return Err(FleetError::SameSerial {
                    first: first.id.to_string(),
                    second: drone.id.clone(),
                    serial: serial.as_str().to_owned(),
                });
            }
            drones.push(plan);
        }
        Ok(FleetPlan {
            drones,
            bind: config.bind,
            state_port: config.state_port,
            video_port: config.video_port,
            lost_after: Duration::from_secs_f64(config.lost_after_s),
            connect_at_start: config.connect_at_start,
            connect_timeout: seconds(config.connect_timeout_s),
            ranges: config
                .scan_ranges
                .iter()
                .map(|text| Range::parse(text))
                .collect::<Result<_, _>>()?,
            command_port: config.command_port,
            auto_scan: match config.auto_scan_interval_s {
                0 => None,
                interval_s => Some(Duration::from_secs(interval_s.into())),
            },
        })
    }

    /// The interfaces that need a state and a video socket of their own; `None` is the one
    /// socket for all drones told apart by address.
    pub(crate) fn state_sockets(&self) -> Vec<Option<Arc<str>>> {
        let mut sockets = Vec::new();
        for drone in &self.drones {
            if !sockets.contains(&drone.interface) {
                sockets.push(drone.interface.clone());
            }
        }
        if sockets.is_empty() {
            // Nobody to listen to yet; but who streams must be heard, or a search
            // would ask a drone in the air.
            sockets.push(None);
        }
        sockets
    }
}

/// Seconds of the configuration, which has checked their range.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn settle(config: &Drones, drone: &Drone, index: usize) -> Result<DronePlan, FleetError> {
    let id = &drone.id;
    if !is_id(id, MAX_ID_BYTES) {
        return Err(FleetError::BadId { id: id.clone() });
    }
    if let Some(interface) = &drone.interface {
        let good = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
        if interface.is_empty()
            || interface.len() > MAX_INTERFACE_BYTES
            || !interface.bytes().all(good)
        {
            return Err(FleetError::BadInterface {
                id: id.clone(),
                interface: interface.clone(),
            });
        }
    }
    let mode = drone.mode.unwrap_or(config.mode);
    let own_simulator = mode == DroneMode::Simulation && drone.address.is_none();
    let [a, b, c] = SIMULATOR_NETWORK;
    let simulator: IpAddr = Ipv4Addr::new(a, b, c, index as u8 + 1).into(); // index < MAX_DRONES
    let address = match drone.address {
        Some(address) => address,
        None if own_simulator => simulator,
        None => ACCESS_POINT_ADDRESS.into(),
    };
    if address.is_unspecified()
        || address.is_multicast()
        || address == IpAddr::V4(Ipv4Addr::BROADCAST)
    {
        return Err(FleetError::BadAddress {
            id: id.clone(),
            address,
        });
    }
    Ok(DronePlan {
        id: id.as_str().into(),
        name: drone.name.as_deref().unwrap_or(id).into(),
        mode,
        address,
        command_port: drone.command_port.unwrap_or(config.command_port),
        interface: drone.interface.as_deref().map(Arc::from),
        serial: drone
            .serial
            .as_deref()
            .map(|text| serial(id, text))
            .transpose()?,
        from: config.bind,
        // A real drone is never on loopback, so whatever answers there is a simulator.
        simulated: mode == DroneMode::Simulation
            || (address.is_loopback() && mode != DroneMode::Real),
        own_simulator,
        told_apart_by_port: false,
        policy: policy(config, drone),
        stand_in: (mode == DroneMode::Auto && drone.interface.is_none()).then_some(simulator),
    })
}

fn serial(id: &str, text: &str) -> Result<Word, FleetError> {
    // The kernel writes a MAC address in small letters; people copy it from a label.
    let small = routes::mac(text.trim()).map(|_| text.to_ascii_lowercase());
    word(small.as_deref().unwrap_or(text)).ok_or_else(|| FleetError::BadSerial {
        id: id.to_owned(),
        serial: text.to_owned(),
    })
}

/// What keeps one drone safe: its own limits before those of the site.
fn policy(config: &Drones, drone: &Drone) -> Policy {
    let limits = config.limits_of(drone);
    Policy {
        on_operator_loss: config.on_operator_loss,
        operator_grace: seconds(config.operator_grace_s),
        warn_battery_pct: limits.warn_battery_pct.unwrap_or(config.warn_battery_pct),
        takeoff_battery_pct: limits
            .takeoff_battery_pct
            .unwrap_or(config.takeoff_battery_pct),
        land_battery_pct: limits.land_battery_pct.unwrap_or(config.land_battery_pct),
        height_limit_cm: limits.land_height_cm,
        pad_limit_cm: limits.pad_distance_cm,
    }
}

/// Same address and interface is only possible for simulators on loopback with
/// ports of their own.
fn keep_apart(earlier: &mut [DronePlan], plan: &mut DronePlan) -> Result<(), FleetError> {
    for other in earlier.iter_mut() {
        if other.address != plan.address || other.interface != plan.interface {
            continue;
        }
        if !plan.address.is_loopback() || other.command_port == plan.command_port {
            return Err(FleetError::SameAddress {
                first: other.id.to_string(),
                second: plan.id.to_string(),
                address: plan.address,
            });
        }
        other.told_apart_by_port = true;
        plan.told_apart_by_port = true;
    }
    Ok(())
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
