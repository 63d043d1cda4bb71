//! Actions at `/metrics`.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use readings::measured::{Measured, Page};

use super::Safety;

impl Measured for Safety {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let counts = &self.0.counts;
        page.counter(
            "actions_sent",
            "Commands given to drones for a rule, a limit or an emergency stop",
            counts.sent.load(Relaxed),
        )?;
        page.counter(
            "actions_not_taken",
            "Those of them that were not taken, and given again",
            counts.not_taken.load(Relaxed),
        )?;
        page.counter(
            "landings_announced",
            "Landings of which a flyer was warned",
            counts.announced.load(Relaxed),
        )?;
        page.counter(
            "landings_vetoed",
            "Landings that a flyer vetoed",
            counts.vetoed.load(Relaxed),
        )?;
        let (refused, latched) = {
            let table = self.table();
            let latched = table.stops.all().filter(|stop| stop.latched_us.is_some());
            (table.causes.refused(), latched.count())
        };
        page.counter(
            "action_causes_refused",
            "Reasons to act for which there was no room",
            refused,
        )?;
        page.gauge(
            "emergency_stops_latched",
            "Emergency stops that nobody has reset",
            latched as f64,
        )
    }
}
