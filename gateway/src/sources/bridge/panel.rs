//! What lamps and buttons of boards are connected to.
//!
//! A lamp shows the alerts of the whole gateway and a button acknowledges them: neither is
//! a source's business. So a bridge gets no alerts, only the level that lamps are to show
//! and a queue for presses; `app` is at the other end. (Emergency stops: `stop_inputs`.)

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

/// The boards' end; clones share it.
#[derive(Clone)]
pub struct Panel {
    pub(super) worst: watch::Receiver<Option<Level>>,
    pub(super) presses: mpsc::Sender<Press>,
}

/// The gateway's end.
pub struct PanelControl {
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
    let panel = Panel {
        worst: shown,
        presses: pressed,
    };
    let control = PanelControl { worst, presses };
    (panel, control)
}
