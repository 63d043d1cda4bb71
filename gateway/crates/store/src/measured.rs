//! The store's counters at `/metrics`.

use std::fmt;

use readings::measured::{Measured, Page};

use crate::Store;

impl Measured for Store {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let store = self.stats();
        page.counter(
            "store_commits",
            "Commits that reached the medium",
            store.commits,
        )?;
        page.counter("store_failures", "Commits that failed", store.failures)?;
        page.counter("store_syncs", "Syncs issued", store.syncs)?;
        page.counter("store_written_bytes", "Bytes written", store.bytes)?;
        page.gauge("store_queued", "Changes waiting", store.queued as f64)?;
        page.counter(
            "store_dropped",
            "Deferred changes dropped at capacity",
            store.dropped,
        )?;
        page.gauge(
            "store_healthy",
            "1 while the medium takes writes",
            f64::from(u8::from(store.healthy)),
        )
    }
}
