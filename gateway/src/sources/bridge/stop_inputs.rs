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

/// Remembers what it heard last; for tests.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Heard(std::sync::Mutex<Option<Option<bool>>>);

#[cfg(test)]
impl Heard {
    pub(super) fn last(&self) -> Option<Option<bool>> {
        *self.0.lock().expect("nobody panicked")
    }
}

#[cfg(test)]
impl StopInputs for Heard {
    fn bridges(&self, _bridges: &[Bridge]) {}

    fn stop_input(&self, _bridge: &str, engaged: Option<bool>) {
        *self.0.lock().expect("nobody panicked") = Some(engaged);
    }
}
