//! What lamps, buttons and emergency stops of boards are connected to.
//!
//! A lamp shows the alerts of the whole gateway, a button acknowledges them, and an
//! emergency stop is for every drone: none of it is a source's business. So a bridge gets
//! no alerts and no drones, only the level that lamps are to show, a queue for presses,
//! and a place where it says what its stop is; `app` is at the other end.

use std::sync::Arc;

use alerting::Level;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

/// Presses that may wait to be acted on. Each acts on everything that stood, so one
/// more is nothing lost: it is dropped, and counted as a press held back.
const MAX_PRESSES: usize = 8;

/// Somebody at a board has seen the lamp and pressed the button that acknowledges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Press {
    /// The board, as who acknowledged.
    pub by: Arc<str>,
    /// Since when at the latest an alert must have stood to be meant.
    pub stood_at: Timestamp,
}

/// What is known of the emergency stop of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopState {
    /// Nobody knows: there is no link, or the board does not say. It may be engaged.
    Unknown,
    /// Released, for long enough to be no bounce.
    Released,
    /// Engaged: told on the link's own thread, as soon as its frame is here.
    Engaged,
}

/// The emergency stop of a configured bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopInput {
    /// The bridge as a source: `bridge/<name>`.
    pub bridge: Arc<str>,
    /// What is known of it now.
    pub state: StopState,
}

/// The boards' end; clones share it.
#[derive(Clone)]
pub struct Panel {
    pub(super) stops: Stops,
    pub(super) worst: watch::Receiver<Option<Level>>,
    pub(super) presses: mpsc::Sender<Press>,
}

/// The emergency stops of all bridges that are configured and not switched off; bounded
/// by their number.
#[derive(Clone)]
pub(super) struct Stops(watch::Sender<Vec<StopInput>>);

impl Stops {
    /// Says what is known of the stop of `bridge`; wakes whoever waits for a change.
    pub(super) fn set(&self, bridge: &Arc<str>, state: StopState) {
        self.0.send_if_modified(|all| {
            if let Some(known) = all.iter_mut().find(|known| known.bridge == *bridge) {
                return std::mem::replace(&mut known.state, state) != state;
            }
            let bridge = bridge.clone();
            all.push(StopInput { bridge, state });
            true
        });
    }

    /// The bridge is no longer configured.
    pub(super) fn remove(&self, bridge: &str) {
        self.0.send_if_modified(|all| {
            let before = all.len();
            all.retain(|known| &*known.bridge != bridge);
            all.len() != before
        });
    }
}

/// The gateway's end.
pub struct PanelControl {
    /// What is known of each emergency stop; changes as soon as a frame says so. A bridge
    /// is in it from its start on, as [`StopState::Unknown`].
    #[cfg_attr(not(test), expect(dead_code, reason = "what acts on a stop reads it"))]
    pub stops: watch::Receiver<Vec<StopInput>>,
    /// The worst level that is not resolved; none when nothing is wrong.
    pub worst: watch::Sender<Option<Level>>,
    /// What was pressed.
    pub presses: mpsc::Receiver<Press>,
}

/// Both ends of the boards' lamps and buttons.
#[must_use]
pub fn panel() -> (Panel, PanelControl) {
    let (worst, shown) = watch::channel(None);
    let (pressed, presses) = mpsc::channel(MAX_PRESSES);
    let (told, stops) = watch::channel(Vec::new());
    let panel = Panel {
        stops: Stops(told),
        worst: shown,
        presses: pressed,
    };
    let control = PanelControl {
        stops,
        worst,
        presses,
    };
    (panel, control)
}
