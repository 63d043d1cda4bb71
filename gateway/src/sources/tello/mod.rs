//! Tello drones: state datagrams in, commands out, and a simulator that speaks
//! the same UDP. Simulated drones go through the same sockets and code as real
//! ones; nothing may bypass this room.
//!
//! ```text
//!            ┌─ commander (queue, guard) ◄── requests of operators
//! plan ──► fleet ──► state port ─► roster (identify) ─► live (parse, judge) ─► sink
//!            ├─────► video port ─► roster (identify) ─► video (frames) ─► viewers
//!            ├─────► link ─► command_port ─► drone                              ▲
//!            ├─────► simulator (for drones in simulation mode)    link's age, rate, conditions
//!            └─────► discovery (searches configured ranges, on request)
//! ```
//!
//! The protocol is the crate `tello`, the simulator `tello-simulator`. Pure: `plan`, `live`,
//! `motion`, `rate`, `link::machine`, most of `video`, `discovery::{sweep, targets, strangers}`. Thin
//! tasks: `port`, `link::task`.

mod command_port;
mod commander;
mod discovery;
mod fleet;
mod link;
mod live;
mod measured;
mod motion;
mod plan;
mod port;
mod rate;
mod roster;
mod socket;
mod state_readings;
mod video;

pub use commander::{Basis, Flight, Operator, Outcome, Pending, Phase, Presence, Refusal};
pub(crate) use discovery::{Answer, ask_configured};
pub use discovery::{
    Detection, Discovery, DiscoveryStats, Method, NotAllowed, Searched, Verification,
};
pub use fleet::{CommandError, ConnectError, Fleet, FleetOptions, FleetStats, UnknownDrone};
pub use link::Reason;
pub use live::StateStats;
pub use plan::FleetError;
pub(crate) use plan::check_config;
pub use roster::{DroneStats, LinkStats, PortHolder, PortView};
pub use state_readings::readings_of;
pub use video::{MAX_FEED_BYTES, Shown, Sps, Still, VideoCounts, VideoView, Viewer};

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::DroneMode;
use readings::SourceId;
use readings::clock::Mono;

/// State of the link to a drone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Nothing is expected of it.
    Disconnected,
    /// Asked into SDK mode, not heard yet.
    Connecting,
    /// Its state arrives.
    Connected,
    /// It should be heard and is not.
    Lost,
}

/// A drone as the API shows it. Unknown is `None`, never zero.
#[derive(Clone, Debug)]
pub struct DroneView {
    /// Id in the API.
    pub id: Arc<str>,
    /// Name for people.
    pub name: Arc<str>,
    /// Configured mode.
    pub mode: DroneMode,
    /// Whether the drone now behind it is simulated.
    pub simulated: bool,
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its command port.
    pub command_port: u16,
    /// The interface it is reached by, when it is told apart by that.
    pub interface: Option<Arc<str>>,
    /// Its source.
    pub source: SourceId,
    /// State of its link.
    pub link: LinkState,
    /// Why it is lost or cannot be reached, in words.
    pub reason: Option<String>,
    /// When it was last heard.
    pub last_seen: Option<Timestamp>,
    /// When it was last heard.
    pub last_seen_mono: Option<Mono>,
    /// Battery in percent.
    pub battery_pct: Option<u8>,
    /// Highest main-board temperature in °C.
    pub temperature_c: Option<f64>,
    /// Height in cm.
    pub height_cm: Option<i32>,
    /// Motor time in s.
    pub flight_time_s: Option<u32>,
    /// Speed in cm/s.
    pub speed_cm_s: Option<f64>,
    /// Pitch, roll, yaw in degrees.
    pub attitude_deg: Option<[i32; 3]>,
    /// What it is doing, and what that rests on. Keeps what was last known while
    /// the drone is lost.
    pub flight: Flight,
    /// Whether it is, or may still be, in the air.
    pub airborne: bool,
    /// Whether the values are of now: its state arrives.
    pub fresh: bool,
}
