//! The configuration: what can be set, and the defaults that work without a file.
//!
//! Each section has a file of its own. The structures there are the one description
//! of `gateway.toml`: names, units (at the end of each name), defaults. Reading the
//! file, the environment and checking what the types cannot say live in `load` and
//! `validate`.
//! Unknown keys are refused everywhere.

mod actions;
mod board;
mod bridge;
mod camera;
mod drones;
mod flight_limits;
mod gateway;
mod id;
mod limits;
mod load;
mod logging;
mod mqtt;
pub mod notify;
mod packed;
mod place;
mod ranges;
mod recording;
mod reload;
mod server;
mod shown;
mod update;
mod upstream;
mod validate;
mod validate_drones;

use serde::{Deserialize, Serialize};

pub use access::{Config as Access, Profile};
pub use actions::action_problem;
pub use alerting::{Config as Alerts, RuleText as Rule};
pub use board::Board;
pub use bridge::{Bridge, ButtonAction, MAX_BRIDGES, OnBridgeLost, OnEmergencyStop};
pub use camera::Camera;
pub use drones::{
    Down, Drone, DroneGroup, DroneMode, Drones, LOST_AFTER_S, MAX_DRONES, OnOperatorLoss,
};
pub use flight_limits::FlightLimits;
pub use gateway::Gateway;
pub use https::TlsConfig as Tls;
pub use id::{MAX_ID_BYTES, is_id};
pub use load::{Flag, Loaded};
pub use logging::{Journal, LogFormat, Logging};
pub use mqtt::Mqtt;
pub use notify::Notify;
pub use packed::{example, schema};
pub use place::{ConfigError, Place, Problem};
pub use ranges::{MAX_RANGES, Range, RangeError};
pub use recording::{RecordedVideo, Recording};
pub use reload::Reload;
pub use server::Server;
pub use shown::Shown;
pub use store::Config as Storage;
pub use update::Update;
pub use upstream::Upstream;

/// The ranges of every section's numbers, in the order in which they are judged.
const LIMITS: &[&[limits::Limit]] = &[
    server::LIMITS,
    limits::ACCESS,
    limits::STORAGE,
    limits::ALERTS,
    logging::LIMITS,
    board::LIMITS,
    drones::LIMITS,
    camera::LIMITS,
    mqtt::LIMITS,
    recording::LIMITS,
    upstream::LIMITS,
    update::LIMITS,
];

/// The configuration as a table, every key that has a value among them.
fn to_table(config: &Config) -> toml::Table {
    // Cannot fail: every field is a type of TOML. (By way of its text, as below.)
    toml::to_string(config)
        .ok()
        .and_then(|text| toml::from_str(&text).ok())
        .unwrap_or_default()
}

/// A configuration from a table, by way of its text: so only one deserialiser of
/// this whole structure is in the binary.
fn from_table(table: &toml::Table) -> Result<Config, toml::de::Error> {
    let text = toml::to_string(table).map_err(serde::de::Error::custom)?;
    toml::from_str(&text)
}

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What this gateway is called, and where its page is.
    pub gateway: Gateway,
    /// Listeners, time-outs and caps.
    pub server: Server,
    /// Certificates.
    pub tls: Tls,
    /// Who may do what, and how often.
    pub access: Access,
    /// Where durable state lives and how much may be written.
    pub storage: Storage,
    /// Log files and their limits.
    pub logging: Logging,
    /// The drones.
    pub drones: Drones,
    /// Their video, and photos.
    pub camera: Camera,
    /// Flights that are kept.
    pub recording: Recording,
    /// The broker of the site, and what it is told.
    pub mqtt: Mqtt,
    /// The board's own sensors.
    pub board: Board,
    /// Microcontrollers on serial lines.
    pub bridge: Vec<Bridge>,
    /// Alert rules, retention and evaluation.
    pub alerts: Alerts,
    /// Outgoing notifications.
    pub notify: Notify,
    /// The service behind vision, datasets and models.
    pub upstream: Upstream,
    /// Updates of the whole system.
    pub update: Update,
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod schema_tests;
