//! Expensive reads: rendered once, copied out after that.
//!
//! The life of a response is shorter than a person can notice, or its key holds
//! the version of what it shows; so an answer is never older than it claims.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use heapless::String;

use crate::cache::{Cache, CacheStats};
use crate::http::respond;
use readings::clock::Mono;

/// Life of statistics and gauges: at most ten renderings a second, whatever
/// the number of clients, and no client polls faster than that by hand.
pub(crate) const GAUGES_TTL: Duration = Duration::from_millis(100);

/// Life of answers whose key holds a version: until the version changes, or
/// the cache needs the room.
pub(crate) const VERSIONED_TTL: Duration = Duration::from_secs(60);

/// Longest key. Keys are made of fixed words and numbers only.
const KEY_BYTES: usize = 96;

/// Responses by key. One that is larger than an entry of the cache is rendered anew.
pub(crate) struct ResponseCache(Arc<Cache>);

impl ResponseCache {
    /// Responses go to `cache`.
    #[must_use]
    pub(crate) fn new(cache: Arc<Cache>) -> ResponseCache {
        ResponseCache(cache)
    }

    /// The response under `key`, or what `render` makes, kept for `ttl`.
    pub(crate) fn answer(
        &self,
        key: fmt::Arguments<'_>,
        ttl: Duration,
        render: impl FnOnce() -> Vec<u8>,
    ) -> Response {
        respond::json_bytes(self.bytes(key, ttl, render))
    }

    /// The bytes of [`ResponseCache::answer`].
    pub(crate) fn bytes(
        &self,
        key: fmt::Arguments<'_>,
        ttl: Duration,
        render: impl FnOnce() -> Vec<u8>,
    ) -> Bytes {
        self.find(key)
            .unwrap_or_else(|| self.keep(key, ttl, render().into()))
    }

    /// What is kept under `key`.
    pub(crate) fn find(&self, key: fmt::Arguments<'_>) -> Option<Bytes> {
        self.0
            .with(&name(key)?, Mono::now(), Bytes::copy_from_slice)
    }

    /// Keeps `rendered`, if there is room for it, and gives it back.
    pub(crate) fn keep(&self, key: fmt::Arguments<'_>, ttl: Duration, rendered: Bytes) -> Bytes {
        if let Some(name) = name(key) {
            self.0.put(&name, &rendered, Some(ttl), Mono::now());
        }
        rendered
    }

    /// Counters of the cache.
    pub(crate) fn stats(&self) -> CacheStats {
        self.0.stats(Mono::now())
    }

    /// Drops what has expired, or with `dry_run` only counts it.
    pub(crate) fn purge_expired(&self, now: Mono, dry_run: bool) -> usize {
        self.0.purge_expired(now, dry_run)
    }

    /// Drops everything; how many responses there were.
    pub(crate) fn clear(&self) -> usize {
        self.0.clear()
    }
}

/// The key as text; none when it does not fit: cut, it could be another's.
fn name(key: fmt::Arguments<'_>) -> Option<String<KEY_BYTES>> {
    let mut name = String::new();
    name.write_fmt(key).ok().map(|()| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache whose every response was rendered once and is looked for again.
    fn rendered(responses: &ResponseCache, key: &str, bytes: usize) -> usize {
        let mut renderings = 0;
        for _ in 0..3 {
            let got = responses.bytes(format_args!("{key}"), VERSIONED_TTL, || {
                renderings += 1;
                vec![b'x'; bytes]
            });
            assert_eq!(got.len(), bytes);
        }
        renderings
    }

    #[test]
    fn responses_are_rendered_once_while_they_fit() {
        let responses = ResponseCache::new(Arc::new(Cache::new(VERSIONED_TTL)));
        assert_eq!(rendered(&responses, "small", 10), 1);
        assert_eq!(rendered(&responses, "large", 1024 * 1024), 3);
        assert_eq!(responses.stats().total_entries, 1);
        assert_eq!(responses.clear(), 1);
        assert_eq!(rendered(&responses, "small", 10), 1);
    }

    #[test]
    fn a_key_that_does_not_fit_is_not_cut() {
        let responses = ResponseCache::new(Arc::new(Cache::new(VERSIONED_TTL)));
        let longest = "k".repeat(KEY_BYTES);
        assert_eq!(rendered(&responses, &longest, 1), 1);
        assert_eq!(rendered(&responses, &format!("{longest}k"), 1), 3);
    }
}
