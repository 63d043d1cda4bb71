//! The cache's table: entries in a heapless map, values in fixed slots. Pure.
//!
//! The map holds only what a look-up needs; the values stay where they are, so
//! that moving an entry inside the map never copies one. Slots are taken last
//! in, first out: memory that no value has reached yet is never touched.

use heapless::Vec;
use heapless::index_map::FnvIndexMap;

use super::{CAPACITY, CacheStats, MAX_KEY_BYTES, MAX_VALUE_BYTES};
use readings::clock::Mono;

/// Entries by the seeded hash of their key. FNV alone would let whoever chooses
/// keys choose collisions; of a seeded hash it only mixes the bits.
pub(super) struct Table {
    entries: FnvIndexMap<u64, CacheEntry, CAPACITY>,
    free: Vec<u8, CAPACITY>,
    /// `CAPACITY` slots of `MAX_VALUE_BYTES`.
    values: Box<[u8]>,
    /// Counts uses, to know the least recently used.
    clock: u64,
    stats: CacheStats,
}

struct CacheEntry {
    /// Two keys may share a hash: the key decides.
    key: Vec<u8, MAX_KEY_BYTES>,
    slot: u8,
    length: usize,
    expires: Mono,
    used: u64,
    hits: u64,
}

impl CacheEntry {
    fn is_expired(&self, now: Mono) -> bool {
        now >= self.expires
    }
}

impl Table {
    pub(super) fn new() -> Table {
        Table {
            entries: FnvIndexMap::new(),
            free: (0..CAPACITY as u8).rev().collect(),
            values: vec![0; CAPACITY * MAX_VALUE_BYTES].into_boxed_slice(),
            clock: 0,
            stats: CacheStats {
                capacity: CAPACITY,
                ..CacheStats::default()
            },
        }
    }

    /// The value under `key`, counted as a hit; an expired one is removed and
    /// counted as a miss.
    pub(super) fn find(&mut self, hash: u64, key: &[u8], now: Mono) -> Option<&[u8]> {
        let known = self.entries.get(&hash).filter(|entry| entry.key == key);
        if known.is_some_and(|entry| entry.is_expired(now)) {
            self.remove(hash);
        } else if known.is_some() {
            self.clock += 1;
            self.stats.hits += 1;
            let entry = self.entries.get_mut(&hash)?;
            (entry.used, entry.hits) = (self.clock, entry.hits + 1);
            let start = usize::from(entry.slot) * MAX_VALUE_BYTES;
            return self.values.get(start..start + entry.length);
        }
        self.stats.misses += 1;
        None
    }

    /// Stores a value in place of what was under `key`; whether it fitted.
    pub(super) fn put(
        &mut self,
        hash: u64,
        key: &[u8],
        value: &[u8],
        expires: Mono,
        now: Mono,
    ) -> bool {
        // What does not fit must not leave the former value behind either.
        self.remove(hash);
        let Ok(key) = Vec::from_slice(key) else {
            return self.refuse();
        };
        if value.len() > MAX_VALUE_BYTES {
            return self.refuse();
        }
        let Some(slot) = self.free_slot(now) else {
            return self.refuse();
        };
        let start = usize::from(slot) * MAX_VALUE_BYTES;
        self.values[start..start + value.len()].copy_from_slice(value);
        self.clock += 1;
        let entry = CacheEntry {
            key,
            slot,
            length: value.len(),
            expires,
            used: self.clock,
            hits: 0,
        };
        // There is room: a slot was free, and there are as many places as slots.
        self.entries.insert(hash, entry).is_ok()
    }

    fn refuse(&mut self) -> bool {
        self.stats.oversize += 1;
        false
    }

    /// A free slot; at capacity that of an expired entry, else that of the
    /// least recently used one, which counts as an eviction.
    fn free_slot(&mut self, now: Mono) -> Option<u8> {
        if self.free.is_empty() {
            let rank = |entry: &CacheEntry| (!entry.is_expired(now), entry.used);
            let (hash, entry) = self.entries.iter().min_by_key(|(_, entry)| rank(entry))?;
            let (hash, is_live) = (*hash, !entry.is_expired(now));
            self.stats.evictions += u64::from(is_live);
            self.remove(hash);
        }
        self.free.pop()
    }

    fn remove(&mut self, hash: u64) {
        if let Some(entry) = self.entries.remove(&hash) {
            // Never full: every slot in it came out of it.
            let _ = self.free.push(entry.slot);
        }
    }

    /// Drops everything; how many entries there were.
    pub(super) fn clear(&mut self) -> usize {
        let count = self.entries.len();
        self.entries.clear();
        self.free = (0..CAPACITY as u8).rev().collect();
        count
    }

    /// Expired entries; dropped unless it is only a question.
    pub(super) fn purge_expired(&mut self, now: Mono, dry_run: bool) -> usize {
        let expired: Vec<u64, CAPACITY> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.is_expired(now))
            .map(|(hash, _)| *hash)
            .collect();
        if !dry_run {
            expired.iter().for_each(|hash| self.remove(*hash));
        }
        expired.len()
    }

    pub(super) fn stats(&self, now: Mono) -> CacheStats {
        CacheStats {
            total_entries: self.entries.len(),
            active_entries: self
                .entries
                .values()
                .filter(|entry| !entry.is_expired(now))
                .count(),
            entry_hits: self.entries.values().map(|entry| entry.hits).sum(),
            size_bytes: self.entries.values().map(|entry| entry.length).sum(),
            ..self.stats
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Mono = Mono::from_millis(1000);
    const LATER: Mono = Mono::from_millis(2000);

    #[test]
    fn two_keys_of_one_hash_are_not_mixed_up() {
        let mut table = Table::new();
        assert!(table.put(7, b"first", b"1", LATER, NOW));
        assert_eq!(table.find(7, b"second", NOW), None);
        assert_eq!(table.find(7, b"first", NOW), Some(&b"1"[..]));
        assert!(table.put(7, b"second", b"2", LATER, NOW));
        assert_eq!(table.find(7, b"first", NOW), None);
        assert_eq!(table.find(7, b"second", NOW), Some(&b"2"[..]));
        assert_eq!(table.stats(NOW).total_entries, 1);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_leaves_nothing_stale() {
        let mut table = Table::new();
        assert!(table.put(1, b"k", b"old", LATER, NOW));
        assert!(!table.put(1, b"k", &vec![0; MAX_VALUE_BYTES + 1], LATER, NOW));
        assert_eq!(table.find(1, b"k", NOW), None);
        assert!(table.put(1, b"k", &vec![9; MAX_VALUE_BYTES], LATER, NOW));
        assert!(!table.put(2, &[b'k'; MAX_KEY_BYTES + 1], b"v", LATER, NOW));
        assert_eq!(table.stats(NOW).oversize, 2);
        assert_eq!(table.stats(NOW).size_bytes, MAX_VALUE_BYTES);
    }

    #[test]
    fn no_slot_is_lost_or_shared() {
        let mut table = Table::new();
        for round in 0..5_u64 {
            for n in 0..100_u64 {
                assert!(table.put(n, &n.to_le_bytes(), &(n + round).to_le_bytes(), LATER, NOW));
            }
            let present: std::vec::Vec<u64> =
                (0..100).filter(|n| table.entries.contains_key(n)).collect();
            assert_eq!(
                present,
                (100 - CAPACITY as u64..100).collect::<std::vec::Vec<u64>>()
            );
            for n in present {
                assert_eq!(
                    table.find(n, &n.to_le_bytes(), NOW),
                    Some(&(n + round).to_le_bytes()[..])
                );
            }
            if round % 2 == 0 {
                assert_eq!(table.clear(), CAPACITY);
            } else {
                assert_eq!(table.purge_expired(LATER, true), CAPACITY);
                assert_eq!(table.purge_expired(LATER, false), CAPACITY);
            }
            assert_eq!(table.free.len(), CAPACITY);
        }
    }
}
