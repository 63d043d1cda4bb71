//! `[drones]`: which drones there are, how they are reached, and what keeps them safe.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::flight_limits::FlightLimits;
use super::limits::{Limit, both, limit};

/// The ranges of its numbers.
pub(super) const LIMITS: &[Limit] = &[
    // What the tables are sized for, and tested to.
    limit("drones", "max_drones", (1.0, MAX_DRONES as f64), ""),
    limit("drones", "lost_after_s", both(&LOST_AFTER_S), " seconds")
        .hint(" (a Tello sends its state every 0.1 s)"),
    limit(
        "drones",
        "operator_grace_s",
        both(&DRONE_WAITS_S),
        " seconds",
    ),
    limit(
        "drones",
        "connect_timeout_s",
        both(&DRONE_WAITS_S),
        " seconds",
    ),
    limit("drones", "warn_battery_pct", (0.0, 100.0), " percent"),
    limit("drones", "takeoff_battery_pct", (0.0, 100.0), " percent"),
    limit("drones", "land_battery_pct", (0.0, 100.0), " percent"),
    limit(
        "drones",
        "auto_scan_interval_s",
        (5.0, 86_400.0),
        " seconds",
    )
    .or_zero("off"),
];

/// Most drones the tables are sized for, and tested to.
pub const MAX_DRONES: usize = 64;
/// Seconds of silence after which a drone may count as lost. Shorter takes one
/// lost datagram for a lost drone; longer helps nobody who stands beside it.
pub const LOST_AFTER_S: RangeInclusive<f64> = 0.5..=60.0;
/// Seconds that other waits for a drone or its operator may take.
pub(super) const DRONE_WAITS_S: RangeInclusive<f64> = 0.5..=60.0;

/// How drones without a mode of their own are resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DroneMode {
    /// The real drone if it answers, else a simulated one on `connect`.
    #[default]
    Auto,
    /// Simulated only.
    Simulation,
    /// Real only.
    Real,
}

/// What becomes of a flying drone whose operator's connection is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnOperatorLoss {
    /// It lands where it is.
    #[default]
    Land,
    /// It stops and hovers; without another command it lands by itself after 15 s.
    Hover,
    /// Nothing is sent; it lands by itself 15 s after its last command.
    Nothing,
}

/// What the gateway does where it would land a drone by itself: for a rule, a limit or an
/// emergency stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Down {
    /// It lands where it is.
    #[default]
    Land,
    /// It stops and hovers, over water or people; somebody has to bring it away.
    Hover,
}

/// `[drones]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Drones {
    /// Default mode.
    pub mode: DroneMode,
    /// Address the sockets towards drones bind to.
    pub bind: IpAddr,
    /// UDP port on which drones send their state.
    pub state_port: u16,
    /// UDP port on which drones take commands.
    pub command_port: u16,
    /// UDP port on which drones send video.
    pub video_port: u16,
    /// Seconds of silence after which a drone counts as lost.
    pub lost_after_s: f64,
    /// Most drones.
    pub max_drones: usize,
    /// Whether drones are connected from the start, as if each had been asked to.
    pub connect_at_start: bool,
    /// What becomes of a flying drone at whose session nobody is any more.
    pub on_operator_loss: OnOperatorLoss,
    /// Seconds that session may be silent before that happens; three at the least, since a
    /// client speaks each second.
    pub operator_grace_s: f64,
    /// Battery in percent under which a flying drone is an alert; 0: never.
    pub warn_battery_pct: u8,
    /// Battery in percent under which a take-off is refused; 0: never.
    pub takeoff_battery_pct: u8,
    /// Battery in percent at which a flying drone is landed; 0: never.
    pub land_battery_pct: u8,
    /// Seconds a `connect` waits for the drone's state.
    pub connect_timeout_s: f64,
    /// Networks (CIDR) that may be searched for drones, each /24 or smaller and
    /// private. Of these only what the board reaches without a router is touched.
    pub scan_ranges: Vec<String>,
    /// Seconds between searches that the gateway makes by itself; 0: none until asked.
    pub auto_scan_interval_s: u32,
    /// What stands for a landing that the gateway makes by itself.
    pub down: Down,
    /// What no flight may exceed.
    #[serde(skip_serializing_if = "FlightLimits::is_empty")]
    pub limits: FlightLimits,
    /// The drones.
    pub drone: Vec<Drone>,
    /// Groups of them, which are told together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<DroneGroup>,
}

impl Default for Drones {
    fn default() -> Self {
        Drones {
            mode: DroneMode::Auto,
            bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            state_port: tello::STATE_PORT,
            command_port: tello::COMMAND_PORT,
            video_port: tello::VIDEO_PORT,
            lost_after_s: 3.0,
            max_drones: 64,
            connect_at_start: true,
            on_operator_loss: OnOperatorLoss::Land,
            operator_grace_s: 3.0,
            warn_battery_pct: 15,
            takeoff_battery_pct: 10,
            land_battery_pct: 5,
            connect_timeout_s: 3.0,
            scan_ranges: [
                "192.168.1.0/24",
                "192.168.10.0/24",
                "192.168.4.0/24",
                "10.0.0.0/24",
            ]
            .map(str::to_owned)
            .into(),
            auto_scan_interval_s: 0,
            down: Down::Land,
            limits: FlightLimits::default(),
            drone: Vec::new(),
            group: Vec::new(),
        }
    }
}

/// `[[drones.drone]]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Drone {
    /// Id in the API: letters, digits, `_`, `-`.
    pub id: String,
    /// Name for people; the id when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Mode of this drone.
    #[serde(default)]
    pub mode: Option<DroneMode>,
    /// Its address; 192.168.10.1 when absent and not simulated.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// Its command port, when it is not `drones.command_port`.
    #[serde(default)]
    pub command_port: Option<u16>,
    /// Network interface on which it is reached, for drones that share an address.
    #[serde(default)]
    pub interface: Option<String>,
    /// Its serial number, which says that it is this drone wherever it stands; learnt from
    /// the drone when absent. Of firmware before SDK 2.0 its MAC address.
    #[serde(default)]
    pub serial: Option<String>,
    /// `drones.down` of this drone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<Down>,
    /// `[drones.limits]` of this drone; what it does not say is the site's.
    #[serde(default, skip_serializing_if = "FlightLimits::is_empty")]
    pub limits: FlightLimits,
}

/// `[[drones.group]]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DroneGroup {
    /// Id in the API: letters, digits, `_`, `-`.
    pub id: String,
    /// Ids of its drones.
    pub drones: Vec<String>,
}

/// Most groups: as many as drones.
pub(super) const MAX_GROUPS: usize = MAX_DRONES;

impl Drones {
    /// The limits of one of the drones.
    #[must_use]
    pub(crate) fn limits_of(&self, drone: &Drone) -> FlightLimits {
        drone.limits.over(self.limits)
    }
}
