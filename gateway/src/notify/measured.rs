//! Every channel at `/metrics`: what arrived and what did not.

use std::fmt;

use readings::measured::{Labels, Measured, Page};

use super::Notifier;

impl Measured for Notifier {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let stats = self.stats();
        let labels: Vec<[(&str, &str); 1]> = stats
            .iter()
            .map(|target| [("target", &*target.name)])
            .collect();
        let targets = || {
            stats
                .iter()
                .zip(&labels)
                .map(|(target, labels)| (target, labels.as_slice() as Labels<'_>))
        };
        page.counters(
            "notifications_sent",
            "Notifications that arrived",
            targets().map(|(t, l)| (l, t.sent)),
        )?;
        page.counters(
            "notifications_failed",
            "Attempts that failed",
            targets().map(|(t, l)| (l, t.failed)),
        )?;
        page.counters(
            "notifications_refused",
            "Notifications given up",
            targets().map(|(t, l)| (l, t.refused)),
        )
    }
}
