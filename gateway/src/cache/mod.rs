//! A fixed-size TTL cache for rendered answers, on heapless and embassy-sync.
//!
//! Capacity, entry size and key length are constants; nothing is allocated
//! after construction. Keys that come from outside are hashed with a seeded
//! hash before they reach the table.
//!
//! At capacity an expired entry makes room, else the least recently used one.
//! A value or key too large for its place is refused and counted; the caller
//! serves it uncached. This room must never hold a value past its time: an
//! expired entry is a miss and is dropped by the look-up that finds it.
//!
//! One short lock guards the table, of its own (see `raw_mutex`); a look-up
//! holds it while the caller copies the value out.

mod measured;
mod raw_mutex;
mod table;

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use embassy_sync::blocking_mutex::Mutex;

use readings::clock::Mono;

use raw_mutex::InstanceRawMutex;
use table::Table;

/// Most entries; a power of two, as the map needs. The API caches a handful of
/// expensive reads, some of them once per query.
pub const CAPACITY: usize = 32;
/// Largest value: the performance summary with every route called is the
/// largest answer cached. The slots take 1 MiB of address space, of which only
/// what values have filled ever becomes resident.
pub const MAX_VALUE_BYTES: usize = 32 * 1024;
/// Longest key.
pub const MAX_KEY_BYTES: usize = 96;

/// Counters and sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CacheStats {
    /// Entries, expired ones included.
    pub total_entries: usize,
    /// Entries not expired.
    pub active_entries: usize,
    /// Sum of the hits of the entries present.
    pub entry_hits: u64,
    /// Bytes of the values present.
    pub size_bytes: usize,
    /// Most entries.
    pub capacity: usize,
    /// Look-ups that hit, since start.
    pub hits: u64,
    /// Look-ups that missed, since start.
    pub misses: u64,
    /// Entries evicted before their time to make room.
    pub evictions: u64,
    /// Values refused because they, or their key, are larger than an entry.
    pub oversize: u64,
}

/// The cache; shared by reference.
pub struct Cache {
    seed: RandomState,
    ttl: Duration,
    table: Mutex<InstanceRawMutex, RefCell<Table>>,
}

impl Cache {
    /// An empty cache whose entries live `ttl` unless told otherwise.
    #[must_use]
    pub fn new(ttl: Duration) -> Cache {
        Cache {
            seed: RandomState::new(),
            ttl,
            table: Mutex::new(RefCell::new(Table::new())),
        }
    }

    /// Calls `read` with the value when present and fresh.
    ///
    /// `read` runs under the cache's lock: it copies and returns, and must not
    /// use the cache itself.
    pub fn with<R>(&self, key: &str, now: Mono, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let hash = self.seed.hash_one(key);
        self.locked(|table| table.find(hash, key.as_bytes(), now).map(read))
    }

    /// Stores a value; whether it fitted. An entry expires when
    /// `now ≥ stored + ttl`.
    pub fn put(&self, key: &str, value: &[u8], ttl: Option<Duration>, now: Mono) -> bool {
        let hash = self.seed.hash_one(key);
        let expires = now.plus(ttl.unwrap_or(self.ttl));
        self.locked(|table| table.put(hash, key.as_bytes(), value, expires, now))
    }

    /// Drops everything; how many entries there were.
    pub fn clear(&self) -> usize {
        self.locked(Table::clear)
    }

    /// Drops expired entries; how many there were. `dry_run` only counts.
    pub fn purge_expired(&self, now: Mono, dry_run: bool) -> usize {
        self.locked(|table| table.purge_expired(now, dry_run))
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self, now: Mono) -> CacheStats {
        self.locked(|table| table.stats(now))
    }

    fn locked<R>(&self, section: impl FnOnce(&mut Table) -> R) -> R {
        self.table.lock(|table| section(&mut table.borrow_mut()))
    }
}

#[cfg(test)]
mod tests;
