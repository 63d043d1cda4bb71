//! Expensive reads: rendered once, copied out after that.
//!
//! The life of a response is shorter than a person can notice, or its key holds
//! the version of what it shows; so an answer is never older than it claims.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
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

/// Largest response kept beside the cache: a full book of alerts. Larger ones are
/// rendered anew.
const MAX_LARGE_BYTES: usize = 1024 * 1024;

/// Responses by key: small ones in the cache, and the newest of the large ones.
pub(crate) struct ResponseCache {
    small: Arc<Cache>,
    large: LargeResponse,
}

impl ResponseCache {
    /// Nothing yet; small responses go to `cache`.
    #[must_use]
    pub(crate) fn new(cache: Arc<Cache>) -> ResponseCache {
        ResponseCache {
            small: cache,
            large: LargeResponse::default(),
        }
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
        let mut name = String::<KEY_BYTES>::new();
        if name.write_fmt(key).is_err() {
            // A key that does not fit could be another's beginning: do without.
            return render().into();
        }
        let now = Mono::now();
        if let Some(bytes) = self.small.with(&name, now, Bytes::copy_from_slice) {
            return bytes;
        }
        if let Some(bytes) = self.large.find(&name, now) {
            return bytes;
        }
        let rendered = Bytes::from(render());
        if !self.small.put(&name, &rendered, Some(ttl), now) {
            self.large.keep(name, rendered.clone(), now.plus(ttl));
        }
        rendered
    }

    /// Counters of the cache.
    pub(crate) fn stats(&self) -> CacheStats {
        self.small.stats(Mono::now())
    }

    /// Drops what has expired, or with `dry_run` only counts it.
    pub(crate) fn purge_expired(&self, now: Mono, dry_run: bool) -> usize {
        self.small.purge_expired(now, dry_run)
    }

    /// Drops everything; how many responses there were.
    pub(crate) fn clear(&self) -> usize {
        self.small.clear() + usize::from(self.large.clear())
    }
}

/// The one newest response that is larger than an entry of the cache: in practice
/// the list of alerts on a bad day, which is just when everybody looks at it.
#[derive(Default)]
struct LargeResponse {
    kept: ArcSwapOption<Rendered>,
}

struct Rendered {
    name: String<KEY_BYTES>,
    bytes: Bytes,
    until: Mono,
}

impl LargeResponse {
    fn find(&self, name: &str, now: Mono) -> Option<Bytes> {
        let kept = self.kept.load();
        kept.as_ref()
            .filter(|kept| kept.name == name && now < kept.until)
            .map(|kept| kept.bytes.clone())
    }

    fn keep(&self, name: String<KEY_BYTES>, bytes: Bytes, until: Mono) {
        if bytes.len() <= MAX_LARGE_BYTES {
            self.kept
                .store(Some(Arc::new(Rendered { name, bytes, until })));
        }
    }

    /// Forgets it; whether there was one.
    fn clear(&self) -> bool {
        self.kept.swap(None).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_large_response_is_kept_under_its_name_until_its_time() {
        let large = LargeResponse::default();
        let name = |text| String::try_from(text).expect("fits");
        large.keep(name("a"), Bytes::from_static(b"1"), Mono::from_millis(10));
        assert_eq!(
            large.find("a", Mono::from_millis(9)).as_deref(),
            Some(b"1".as_slice())
        );
        assert_eq!(large.find("a", Mono::from_millis(10)), None);
        assert_eq!(large.find("b", Mono::ZERO), None);
        large.keep(
            name("b"),
            Bytes::from(vec![0; MAX_LARGE_BYTES + 1]),
            Mono::from_millis(10),
        );
        assert_eq!(large.find("b", Mono::ZERO), None);
        assert!(large.clear() && !large.clear());
        assert_eq!(large.find("a", Mono::ZERO), None);
    }

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
    fn responses_are_rendered_once_whatever_their_size() {
        let responses = ResponseCache::new(Arc::new(Cache::new(VERSIONED_TTL)));
        assert_eq!(rendered(&responses, "small", 10), 1);
        assert_eq!(rendered(&responses, "large", MAX_LARGE_BYTES), 1);
        assert_eq!(rendered(&responses, "huge", MAX_LARGE_BYTES + 1), 3);
        assert_eq!(responses.stats().total_entries, 1);
        assert_eq!(responses.clear(), 2);
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
