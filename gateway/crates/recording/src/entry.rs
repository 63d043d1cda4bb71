//! What is said of a recording: its opening, its closing, its line in the list.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The first record: whose flight, and who recorded it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Opening {
    /// Names the recording; the name of its file.
    pub id: String,
    /// The drone.
    pub drone_id: String,
    /// Its name for people.
    pub drone_name: String,
    /// Whether a simulator flew.
    pub simulated: bool,
    /// Name of the gateway.
    pub gateway: String,
    /// The run of the gateway.
    pub boot: String,
    /// Version of the program.
    pub program: String,
    /// The wall clock at 0 microseconds.
    pub started: Timestamp,
    /// Whether that clock was synchronised; none where that is not known.
    pub clock_synchronised: Option<bool>,
    /// The device's public key, in hexadecimal digits.
    pub public_key: String,
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The drone is on the ground.
    Landed,
    /// Nothing was heard of it any more.
    Silent,
    /// The gateway was stopped.
    Stopped,
    /// The medium refused, or the budget was spent; the flight went on.
    Refused,
    /// The gateway ended without a word, by a power cut as a rule; closed at its next start.
    Interrupted,
}

/// How much of what was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Counts {
    /// State datagrams.
    pub states: u64,
    /// Events.
    pub events: u64,
    /// Alerts raised and changed.
    pub alerts: u64,
    /// Pictures.
    pub pictures: u64,
    /// What the gaps say is missing.
    pub lost: u64,
}

/// The last record.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Closing {
    /// Why it ended.
    pub reason: Reason,
    /// What it holds.
    #[serde(flatten)]
    pub counts: Counts,
}

/// A recording in the list.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Entry {
    /// How it began.
    pub opening: Opening,
    /// How it ended; none while it is being recorded, or when its end is damaged.
    pub closing: Option<Closing>,
    /// Microseconds from its opening to its last record.
    pub duration_us: u64,
    /// Bytes of its file.
    pub size_bytes: u64,
    /// Whether it stays until somebody removes it.
    pub pinned: bool,
    /// Whether it is being recorded now.
    #[serde(skip)]
    pub is_open: bool,
}

impl Entry {
    /// Names it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.opening.id
    }
}
