//! Counters and state of one link, for `/metrics` and for people.

use std::sync::Arc;

use super::event::LostReason;
use crate::channel::ReceiveStats;
use crate::message::IndicatorLevel;

/// Where a link stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// No usable link, and why.
    Down(LostReason),
    /// The port is open, the board is being asked who it is.
    Greeting,
    /// Readings flow.
    Live,
}

/// Counters of one link since it was spawned. They only grow, except where
/// said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStats {
    /// Where the link stands now.
    pub state: LinkState,
    /// The port tried last, when the selector named one.
    pub port: Option<Arc<str>>,
    /// Bytes read from the port.
    pub bytes_received: u64,
    /// Bytes written to the port.
    pub bytes_sent: u64,
    /// Frames, check-sum errors, losses.
    pub receive: ReceiveStats,
    /// Readings handed to the sink.
    pub readings: u64,
    /// Readings for a sensor the board does not have, outside its range, or
    /// before it was described: not handed on.
    pub readings_refused: u64,
    /// Times the port was opened.
    pub opened: u64,
    /// Times the board was fully known, restarts included.
    pub connected: u64,
    /// Times the board started anew, by what it says of itself.
    pub restarts: u64,
    /// Times the port took none of what was to be written.
    pub writes_blocked: u64,
    /// Commands the board answered with `Done`.
    pub commands_done: u64,
    /// Commands refused by the board or never answered.
    pub commands_failed: u64,
    /// Commands refused because the queue was full.
    pub commands_dropped: u64,
    /// What the board itself dropped at its queues since it started (falls
    /// back to zero when it restarts).
    pub board_dropped: u32,
    /// Time between the last ping and its answer, in microseconds.
    pub round_trip_us: Option<u64>,
    /// The level the board says its indicator shows.
    pub indicator: Option<IndicatorLevel>,
}

impl Default for LinkStats {
    fn default() -> Self {
        Self {
            state: LinkState::Down(LostReason::NotFound),
            port: None,
            bytes_received: 0,
            bytes_sent: 0,
            receive: ReceiveStats::default(),
            readings: 0,
            readings_refused: 0,
            opened: 0,
            connected: 0,
            restarts: 0,
            writes_blocked: 0,
            commands_done: 0,
            commands_failed: 0,
            commands_dropped: 0,
            board_dropped: 0,
            round_trip_us: None,
            indicator: None,
        }
    }
}
