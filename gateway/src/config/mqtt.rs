//! `[mqtt]`: the broker of the site, and what it is told.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::limits::{Limit, limit};
use super::notify::Language;

/// The ranges of its numbers.
pub(super) const LIMITS: &[Limit] = &[limit("mqtt", "readings_every_s", (1.0, 3600.0), " s")];

/// `[mqtt]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mqtt {
    /// The broker: `mqtts://HOST` (TLS) anywhere, `mqtt://HOST` in clear. Absent: none.
    pub url: Option<String>,
    /// PEM file of the authority that signed the broker's certificate.
    pub ca: Option<PathBuf>,
    /// PEM file of a certificate for the gateway, where the broker asks for one.
    pub cert: Option<PathBuf>,
    /// PEM file of its key.
    pub key: Option<PathBuf>,
    /// Name at the broker.
    pub username: Option<String>,
    /// File holding the password there.
    pub password_file: Option<PathBuf>,
    /// What topics begin with; `mfg-drone/` and the gateway's name when absent.
    pub topic: Option<String>,
    /// How often the values of drones and board are told.
    pub readings_every_s: u32,
    /// Least level of alerts that are told.
    pub min_level: Option<String>,
    /// Language of the sentences of alerts.
    pub language: Language,
    /// Whether Home Assistant finds drones and gateway by itself.
    pub home_assistant: bool,
    /// Whether drones land and stop by a message, as Home Assistant's buttons send it. Nobody
    /// on a broker has a key: the broker's own list must say who may write there.
    pub commands: bool,
}

impl Default for Mqtt {
    fn default() -> Mqtt {
        Mqtt {
            url: None,
            ca: None,
            cert: None,
            key: None,
            username: None,
            password_file: None,
            topic: None,
            readings_every_s: 10,
            min_level: None,
            language: Language::default(),
            home_assistant: false,
            commands: false,
        }
    }
}
