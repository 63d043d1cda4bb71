//! The cache's counters at `/metrics`.

use std::fmt;

use readings::clock::Mono;
use readings::measured::{Measured, Page};

use super::Cache;

impl Measured for Cache {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let cache = self.stats(Mono::now());
        page.gauge("cache_entries", "Cache entries", cache.total_entries as f64)?;
        page.gauge(
            "cache_capacity",
            "Most cache entries",
            cache.capacity as f64,
        )?;
        page.gauge(
            "cache_bytes",
            "Bytes of cache entries",
            cache.size_bytes as f64,
        )?;
        page.counter("cache_hits", "Look-ups that hit", cache.hits)?;
        page.counter("cache_misses", "Look-ups that missed", cache.misses)?;
        page.counter(
            "cache_evictions",
            "Entries evicted to make room",
            cache.evictions,
        )?;
        page.counter(
            "cache_oversize",
            "Values larger than an entry",
            cache.oversize,
        )
    }
}
