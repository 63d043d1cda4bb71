//! A fixed-size TTL cache for rendered answers, on heapless and embassy-sync.
//!
//! Capacity, entry size and key length are constants; nothing is allocated
//! after construction. Keys that come from outside are hashed with a seeded
//! hash before they reach the table.

use std::time::Duration;

use crate::clock::Mono;

/// Counters and sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CacheStats {
    /// Entries, expired ones included.
    pub total_entries: usize,
    /// Entries not expired.
    pub active_entries: usize,
    /// Sum of the hits of the entries present.
    pub entry_hits: u64,
    /// Bytes of the entries present.
    pub size_bytes: usize,
    /// Most entries.
    pub capacity: usize,
    /// Look-ups that hit, since start.
    pub hits: u64,
    /// Look-ups that missed, since start.
    pub misses: u64,
    /// Entries evicted to make room.
    pub evictions: u64,
    /// Values refused because they are larger than an entry.
    pub oversize: u64,
}

/// The cache; shared by reference.
pub struct Cache {}

impl Cache {
    /// An empty cache whose entries live `ttl` unless told otherwise.
    #[must_use]
    pub fn new(ttl: Duration) -> Cache {
        let _ = ttl;
        unimplemented!()
    }

    /// Calls `read` with the value when present and fresh.
    pub fn with<R>(&self, key: &str, now: Mono, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let _ = (key, now, read);
        unimplemented!()
    }

    /// Stores a value; whether it fitted.
    pub fn put(&self, key: &str, value: &[u8], ttl: Option<Duration>, now: Mono) -> bool {
        let _ = (key, value, ttl, now);
        unimplemented!()
    }

    /// Drops everything; how many entries there were.
    pub fn clear(&self) -> usize {
        unimplemented!()
    }

    /// Drops expired entries; how many there were. `dry_run` only counts.
    pub fn purge_expired(&self, now: Mono, dry_run: bool) -> usize {
        let _ = (now, dry_run);
        unimplemented!()
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self, now: Mono) -> CacheStats {
        let _ = now;
        unimplemented!()
    }
}
