//! The emergency stop of a board, and its starts.
//!
//! What a frame says of the stop is handed on at once, on the link's own thread: drones
//! may be in the air. That nothing is heard ends nothing.

use alerting::BRIDGE_STOP_UNKNOWN;
use firmware_bridge::message::ResetCause;
use readings::{Metric, Reading};

use super::super::conditions::RESTARTS;
use super::{Link, LinkRecord};
use crate::sources::sink::ReadingSink as _;

impl Link {
    /// Takes what the board says of its stop.
    pub(super) fn stop(&self, engaged: bool, now_ms: u64) {
        let mut state = self.lock();
        let change = state.stop.set(engaged, now_ms);
        let is_news = state.stop.is_news(engaged);
        self.tell_stop(&state);
        drop(state);
        self.publish_stop(change);
        self.pipeline.clear(BRIDGE_STOP_UNKNOWN, &self.subject);
        if is_news && self.may_log() {
            let bridge = &self.config.name;
            if engaged {
                tracing::warn!(bridge, "emergency stop engaged");
            } else {
                tracing::info!(bridge, "emergency stop released");
            }
        }
    }

    /// The board was asked, and does not say.
    pub(super) fn stop_unknown(&self) {
        if self.may_log() {
            let bridge = &self.config.name;
            tracing::warn!(bridge, "the board does not say whether it is stopped");
        }
        self.pipeline.raise(self.wording().stop_unknown());
    }

    /// Says what is known of the stop to whoever acts on it. Called with the record
    /// locked, so that two threads cannot say it in the wrong order.
    pub(super) fn tell_stop(&self, state: &LinkRecord) {
        self.stops.stop_input(&self.config.name, state.stop.heard());
    }

    pub(super) fn publish_stop(&self, engaged: Option<bool>) {
        if let (Some(source), Some(engaged)) = (self.source, engaged) {
            let value = f64::from(u8::from(engaged));
            self.pipeline.publish(
                source,
                &[Reading {
                    metric: Metric::EmergencyStop,
                    value,
                }],
            );
        }
    }

    /// The board started anew.
    pub(super) fn restarted(&self, cause: ResetCause, now_ms: u64) {
        if self.lock().restarts.started(now_ms) {
            self.pipeline.raise(self.wording().restarts(cause));
        }
    }

    /// It has run for long enough since its last start, if it has.
    pub(super) fn settle(&self, now_ms: u64) {
        if self.lock().restarts.settled(now_ms) {
            self.pipeline.clear(RESTARTS, &self.subject);
        }
    }
}
