//! Where this room's readings and conditions go.
//!
//! A trait, so that a drone's sockets and state machines can be driven without
//! a store and rules behind them; [`Pipeline`] is the one used by the gateway.

use crate::sources::sink::Pipeline;
use alerting::Condition;
use readings::{Reading, SourceId};

/// Takes readings and conditions.
pub trait Outlet: Send + Sync + 'static {
    /// Takes readings of one source, taken now. Called for every state
    /// datagram: must not allocate, block or wait.
    fn publish(&self, source: SourceId, readings: &[Reading]);

    /// Raises a condition unless it stands already.
    fn raise(&self, condition: Condition);

    /// Ends a condition, if it stands.
    fn clear(&self, key: &'static str, subject: &str);
}

impl Outlet for Pipeline {
    fn publish(&self, source: SourceId, readings: &[Reading]) {
        Pipeline::publish(self, source, readings);
    }

    fn raise(&self, condition: Condition) {
        self.alerts().raise(condition);
    }

    fn clear(&self, key: &'static str, subject: &str) {
        self.alerts().clear(key, subject);
    }
}
