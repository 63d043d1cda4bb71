//! The task that looks after all bridges: time, rates for boards just met, and
//! the level of the lamps.

use std::time::Duration;

use alerting::Level;
use firmware_bridge::message::IndicatorLevel;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Bridges;

/// How often time passes for guards and the emergency stop.
const TICK: Duration = Duration::from_secs(1);

/// Runs until `stop`, then ends every link.
pub(super) async fn run(bridges: Bridges, stop: CancellationToken) {
    let mut worst = bridges.inner.panel.worst.clone();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            changed = worst.changed() => match changed {
                Ok(()) => bridges.indicate(),
                // Whoever set the level has ended, and so has the gateway.
                Err(_) => break,
            },
            () = bridges.inner.met.notified() => {
                bridges.greet();
                bridges.resolve_gone().await;
                bridges.hand_on_presses();
            }
            _ = ticks.tick() => bridges.tick(),
            () = stop.cancelled() => break,
        }
    }
    bridges.end();
}

/// What lamps and buzzers show for an alert of that level. A buzzer that sounds
/// without end is for what cannot wait: `error` is shown as a warning.
pub(super) fn indicator(worst: Option<Level>) -> IndicatorLevel {
    match worst {
        None => IndicatorLevel::Clear,
        Some(Level::Info) => IndicatorLevel::Info,
        Some(Level::Warning | Level::Error) => IndicatorLevel::Warning,
        Some(Level::Critical) => IndicatorLevel::Critical,
    }
}
