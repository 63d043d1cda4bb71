//! The cache against a naive model, and what a caller relies on.

use proptest::prelude::*;

use super::*;

const TTL: Duration = Duration::from_secs(300);

fn at(millis: u64) -> Mono {
    Mono::from_millis(millis)
}

fn look_up(cache: &Cache, key: &str, now: Mono) -> Option<Vec<u8>> {
    cache.with(key, now, <[u8]>::to_vec)
}

#[test]
fn an_entry_expires_exactly_at_its_time_and_the_look_up_removes_it() {
    let cache = Cache::new(TTL);
    assert!(cache.put("a", b"1", None, at(0)));
    assert_eq!(look_up(&cache, "a", at(299_999)), Some(b"1".to_vec()));
    assert_eq!(cache.purge_expired(at(300_000), true), 1);
    assert_eq!(cache.stats(at(300_000)).active_entries, 0);
    assert_eq!(cache.stats(at(300_000)).total_entries, 1);
    assert_eq!(look_up(&cache, "a", at(300_000)), None);
    let stats = cache.stats(at(300_000));
    assert_eq!((stats.total_entries, stats.hits, stats.misses), (0, 1, 1));
}

#[test]
fn a_panicking_reader_leaves_the_cache_in_order() {
    let cache = Cache::new(TTL);
    cache.put("a", b"1", None, at(0));
    let read = std::panic::AssertUnwindSafe(|| cache.with("a", at(0), |_| panic!("in the reader")));
    assert!(std::panic::catch_unwind(read).is_err());
    assert_eq!(look_up(&cache, "a", at(0)), Some(b"1".to_vec()));
}

#[derive(Clone, Debug)]
enum Step {
    Put {
        key: usize,
        length: usize,
        ttl_ms: Option<u64>,
    },
    Find(usize),
    Purge {
        dry_run: bool,
    },
    Clear,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    // More keys than places, so that eviction happens; times around the TTLs.
    let key = || 0..CAPACITY + 12;
    prop_oneof![
        12 => (key(), 0_usize..40, prop::option::of(0_u64..3_000))
            .prop_map(|(key, length, ttl_ms)| Step::Put { key, length, ttl_ms }),
        1 => (key(), Just(MAX_VALUE_BYTES + 1)).prop_map(|(key, length)| Step::Put { key, length, ttl_ms: None }),
        12 => key().prop_map(Step::Find),
        1 => any::<bool>().prop_map(|dry_run| Step::Purge { dry_run }),
        1 => Just(Step::Clear),
        3 => (0_u64..2_000).prop_map(Step::Wait),
    ]
}

/// A list of entries, least recently used first, searched from end to end.
#[derive(Default)]
struct Model {
    entries: Vec<(usize, Vec<u8>, u64, u64)>,
    stats: CacheStats,
}

impl Model {
    fn put(&mut self, key: usize, value: Vec<u8>, expires: u64, now: u64) -> bool {
        self.entries.retain(|(other, ..)| *other != key);
        if value.len() > MAX_VALUE_BYTES {
            self.stats.oversize += 1;
            return false;
        }
        if self.entries.len() == CAPACITY {
            let expired = self
                .entries
                .iter()
                .position(|(_, _, expires, _)| *expires <= now);
            self.stats.evictions += u64::from(expired.is_none());
            self.entries.remove(expired.unwrap_or(0));
        }
        self.entries.push((key, value, expires, 0));
        true
    }

    fn find(&mut self, key: usize, now: u64) -> Option<Vec<u8>> {
        let found = self
            .entries
            .iter()
            .position(|(other, ..)| *other == key)
            .map(|index| self.entries.remove(index));
        let Some(mut entry) = found.filter(|(_, _, expires, _)| now < *expires) else {
            self.stats.misses += 1;
            return None;
        };
        self.stats.hits += 1;
        entry.3 += 1;
        let value = entry.1.clone();
        self.entries.push(entry);
        Some(value)
    }

    fn purge(&mut self, now: u64, dry_run: bool) -> usize {
        let expired = self
            .entries
            .iter()
            .filter(|(_, _, expires, _)| *expires <= now)
            .count();
        if !dry_run {
            self.entries.retain(|(_, _, expires, _)| now < *expires);
        }
        expired
    }

    fn stats(&self, now: u64) -> CacheStats {
        CacheStats {
            total_entries: self.entries.len(),
            active_entries: self
                .entries
                .iter()
                .filter(|(_, _, expires, _)| now < *expires)
                .count(),
            entry_hits: self.entries.iter().map(|(.., hits)| hits).sum(),
            size_bytes: self.entries.iter().map(|(_, value, ..)| value.len()).sum(),
            capacity: CAPACITY,
            ..self.stats
        }
    }
}

proptest! {
    #[test]
    fn the_cache_agrees_with_a_list(steps in prop::collection::vec(step(), 1..400)) {
        let (cache, mut model, mut now) = (Cache::new(Duration::from_secs(1)), Model::default(), 0);
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put { key, length, ttl_ms } => {
                    let value = vec![number as u8; length];
                    let ttl = ttl_ms.map(Duration::from_millis);
                    let stored = cache.put(&format!("key {key}"), &value, ttl, at(now));
                    prop_assert_eq!(stored, model.put(key, value, now + ttl_ms.unwrap_or(1_000), now));
                }
                Step::Find(key) => {
                    prop_assert_eq!(look_up(&cache, &format!("key {key}"), at(now)), model.find(key, now));
                }
                Step::Purge { dry_run } => {
                    prop_assert_eq!(cache.purge_expired(at(now), dry_run), model.purge(now, dry_run));
                }
                Step::Clear => {
                    prop_assert_eq!(cache.clear(), model.entries.len());
                    model.entries.clear();
                }
                Step::Wait(millis) => now += millis,
            }
            prop_assert_eq!(cache.stats(at(now)), model.stats(now));
        }
    }
}
