//! Where the emergency stops of boards are heard.
//!
//! What a stop does to drones is no bridge's business: a bridge only says what its board
//! says, at once and on its own thread. `safety` is at the other end.

use crate::config::Bridge;

/// Hears of emergency stops.
pub trait StopInputs: Send + Sync + 'static {
    /// The bridges that there are from now on. Told before any of them says anything.
    fn bridges(&self, bridges: &[Bridge]);

    /// What the emergency stop of a bridge is; none: the bridge is lost. Told whenever it
    /// is heard, also when nothing changed. Must not wait.
    fn stop_input(&self, bridge: &str, engaged: Option<bool>);
}

/// Hears nothing.
#[cfg(test)]
pub(super) struct Deaf;

#[cfg(test)]
impl StopInputs for Deaf {
    fn bridges(&self, _bridges: &[Bridge]) {}

    fn stop_input(&self, _bridge: &str, _engaged: Option<bool>) {}
}
