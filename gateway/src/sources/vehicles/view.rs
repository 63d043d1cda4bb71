//! A drone as the API shows it, whatever its kind. Unknown is `None`, never zero.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use readings::SourceId;
use readings::clock::Mono;
use readings::event::LinkChange;

use super::Control;
use crate::config::DroneMode;

/// What the drone is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// On the ground.
    #[default]
    Landed,
    /// On the ground with motors that turn slowly: neither at rest nor airborne.
    Idling,
    /// Told to take off, not confirmed yet.
    TakingOff,
    /// In the air.
    Flying,
    /// Told to land, and not proven to be on the ground.
    Landing,
}

/// What a flight status rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// Nothing: the drone was never heard.
    #[default]
    NeverHeard,
    /// Its states arrive, and prove neither ground nor air yet.
    Unproven,
    /// Its states, which arrive.
    State,
    /// The last that was known before it went silent.
    LastState,
    /// It went silent in the air longer ago than its battery can have lasted.
    BatterySpent,
}

/// A drone's flight as it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flight {
    /// What it is doing, or was when that was last known.
    pub phase: Phase,
    /// What that rests on.
    pub basis: Basis,
}

impl Flight {
    /// Whether the phase is known, not only the last one that was.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.basis == Basis::State
    }

    /// Whether it is, or may still be, in the air.
    #[must_use]
    pub fn may_fly(&self) -> bool {
        !matches!(self.phase, Phase::Landed | Phase::Idling)
    }
}

/// What is known of which drone it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// It said no serial number since it was connected.
    #[default]
    NotVerified,
    /// It is the drone that is meant, or the first to say who it is.
    Verified,
    /// Its firmware knows no serial number, and nothing else tells it apart.
    Unknown,
    /// It is another drone.
    Mistaken,
}

/// What a drone said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its serial number; of old firmware its MAC address.
    pub serial: Option<String>,
    /// Version of its SDK.
    pub sdk: Option<String>,
    /// Its hardware.
    pub hardware: Option<String>,
    /// First words of commands that its firmware said it does not know.
    pub unsupported: Vec<String>,
    /// What is to be thought of it.
    pub verification: Verification,
    /// Why it is taken for another drone, in words.
    pub mistaken: Option<Arc<str>>,
}

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

impl From<LinkState> for LinkChange {
    fn from(state: LinkState) -> LinkChange {
        match state {
            LinkState::Disconnected => LinkChange::Disconnected,
            LinkState::Connecting => LinkChange::Connecting,
            LinkState::Connected => LinkChange::Connected,
            LinkState::Lost => LinkChange::Lost,
        }
    }
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
    /// The network interface on which it is reached, if that is configured.
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
    /// The height that limits and ceilings are judged by, in cm: the highest that any of its
    /// sensors says.
    pub height_under_ceiling_cm: Option<i32>,
    /// Motor time in s.
    pub flight_time_s: Option<u32>,
    /// Speed in cm/s.
    pub speed_cm_s: Option<f64>,
    /// Pitch, roll, yaw in degrees.
    pub attitude_deg: Option<[i32; 3]>,
    /// The mission pad it sees, and where it is over it in cm.
    pub pad: Option<(u8, [i16; 3])>,
    /// What it is doing, and what that rests on. Keeps what was last known while
    /// the drone is lost.
    pub flight: Flight,
    /// Whether it is, or may still be, in the air.
    pub airborne: bool,
    /// Whether the values are of now: its state arrives.
    pub fresh: bool,
    /// Which drone it is.
    pub identity: Identity,
    /// Who has control of it.
    pub control: Option<Control>,
}

#[cfg(test)]
impl DroneView {
    /// A drone of which nothing is known but its link.
    pub(crate) fn unheard(id: &str, link: LinkState) -> DroneView {
        let sources = readings::Sources::default();
        let source = sources.register(id, readings::SourceKind::Drone);
        DroneView {
            id: id.into(),
            name: id.into(),
            mode: DroneMode::Real,
            simulated: false,
            address: None,
            interface: None,
            source: source.expect("room"),
            link,
            reason: None,
            last_seen: None,
            last_seen_mono: None,
            battery_pct: None,
            temperature_c: None,
            height_cm: None,
            height_under_ceiling_cm: None,
            flight_time_s: None,
            speed_cm_s: None,
            attitude_deg: None,
            pad: None,
            flight: Flight::default(),
            airborne: false,
            fresh: false,
            identity: Identity::default(),
            control: None,
        }
    }
}
