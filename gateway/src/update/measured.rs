//! Updates at `/metrics`: which version runs in which slot, and what came of uploads.

use std::fmt;
use std::sync::atomic::Ordering;

use readings::measured::{Measured, Page};

use super::Updates;

impl Measured for Updates {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        if let Ok(status) = self.status() {
            let version = status.running.version.as_deref().unwrap_or("unknown");
            let labels = [
                ("slot", &*status.running.slot),
                ("version", version),
                ("state", status.state.word()),
            ];
            page.gauges(
                "update_info",
                "The root slot that runs, and the last update",
                [(labels.as_slice(), 1.0)],
            )?;
        }
        let stats = self.stats();
        page.counter(
            "update_uploads",
            "Bundles handed over",
            stats.accepted.load(Ordering::Relaxed),
        )?;
        page.counter(
            "update_uploads_refused",
            "Uploads that came to nothing",
            stats.refused.load(Ordering::Relaxed),
        )?;
        page.counter(
            "update_received_bytes",
            "Bytes of bundles received",
            stats.bytes.load(Ordering::Relaxed),
        )
    }
}
