//! The one way from a reading to an alert: telemetry first, then the rules.
//!
//! Every source publishes through here, so that no reading can reach the
//! histories without being judged, or the other way round. Allocates nothing
//! once a source has reported each of its metrics.

use std::sync::Arc;

use alerting::Alerts;
use readings::clock::{Mono, wall_now};
use readings::telemetry::Telemetry;
use readings::{Reading, SourceId};

/// Where sources publish their readings; clones share it.
#[derive(Clone)]
pub struct Pipeline {
    telemetry: Arc<Telemetry>,
    alerts: Alerts,
}

impl Pipeline {
    /// A pipeline into `telemetry` and `alerts`.
    #[must_use]
    pub fn new(telemetry: Arc<Telemetry>, alerts: Alerts) -> Pipeline {
        Pipeline { telemetry, alerts }
    }

    /// Publishes a batch of readings of one source, taken now.
    pub fn publish(&self, source: SourceId, readings: &[Reading]) {
        let now = Mono::now();
        self.telemetry.publish(source, readings, now, wall_now());
        self.alerts.observe(source, readings, now);
    }

    /// Forgets the history and the rules' state of a source whose place another takes.
    pub fn forget(&self, source: SourceId) {
        self.telemetry.forget(source);
        self.alerts.forget(source);
    }

    /// The telemetry behind it.
    #[must_use]
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// The alerts behind it, for conditions that are not readings.
    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }
}
