//! What a search says of a drone.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

/// How a drone was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// It is configured, and heard.
    Configured,
    /// It streams its state to this board without being configured.
    Heard,
    /// It answered a search.
    Asked,
}

/// A real drone that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Its address.
    pub address: IpAddr,
    /// The interface it was met on, if that tells it apart.
    pub interface: Option<Arc<str>>,
    /// Battery in percent, as far as it said.
    pub battery_pct: Option<u8>,
    /// Time to its answer; for one that is heard, age of its newest state.
    pub response: Duration,
    /// When it answered or was heard.
    pub at: Timestamp,
    /// How it was found.
    pub method: Method,
    /// Why it cannot be used, in words.
    pub hindrance: Option<String>,
    /// The configured drone that it is.
    pub drone: Option<Arc<str>>,
}

impl Detection {
    /// Whether it is a simulator: no real drone is on loopback.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.address.is_loopback()
    }
}

/// The end of a search.
#[derive(Clone, Debug)]
pub struct Searched {
    /// Why nobody was asked, if nobody was: only who streams by itself is found.
    pub withheld: Option<String>,
    /// Who is there.
    pub found: Vec<Detection>,
    /// How long it took.
    pub took: Duration,
}

/// What became of a verification.
#[derive(Clone, Debug)]
pub enum Verification {
    /// It is there.
    Found(Detection),
    /// It is not, or not now; why, in words.
    NotFound(String),
}

/// The address may not be asked.
#[derive(Debug, Error)]
#[error("{0} is outside 192.168.0.0/16, 10.0.0.0/8 and the configured scan ranges")]
pub struct NotAllowed(pub Ipv4Addr);
