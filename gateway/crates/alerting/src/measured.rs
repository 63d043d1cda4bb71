//! The alert service's counters at `/metrics`.

use std::fmt;

use readings::measured::{Measured, Page};

use crate::Alerts;

impl Measured for Alerts {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let summary = self.summary();
        page.gauge("alerts", "Alerts kept", summary.total as f64)?;
        page.gauge(
            "alerts_unresolved",
            "Alerts not resolved",
            summary.unresolved as f64,
        )?;
        page.gauge(
            "alerts_critical_24h",
            "Critical alerts of the last 24 hours",
            summary.critical_24h as f64,
        )
    }
}
