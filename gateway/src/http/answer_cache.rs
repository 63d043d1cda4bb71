//! Expensive reads through the cache: rendered once, copied out after that.
//!
//! The life of an entry is shorter than a person can notice, or its key holds
//! the version of what it shows; so an answer is never older than it claims.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::response::Response;
use bytes::Bytes;
use heapless::String;

use crate::http::respond;
use crate::http::state::App;
use readings::clock::Mono;

/// Life of statistics and gauges: at most ten renderings a second, whatever
/// the number of clients, and no client polls faster than that by hand.
pub(crate) const GAUGES_TTL: Duration = Duration::from_millis(100);

/// Life of answers whose key holds a version: until the version changes, or
/// the cache needs the room.
pub(crate) const VERSIONED_TTL: Duration = Duration::from_secs(60);

/// Longest key. Keys are made of fixed words and numbers only.
const KEY_BYTES: usize = 96;

/// The answer under `key`, or what `render` makes, kept for `ttl`.
pub(crate) fn answer(
    app: &App,
    key: fmt::Arguments<'_>,
    ttl: Duration,
    render: impl FnOnce() -> Vec<u8>,
) -> Response {
    respond::json_bytes(bytes(app, key, ttl, render))
}

/// The bytes of [`answer`].
pub(crate) fn bytes(
    app: &App,
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
    if let Some(bytes) = app.cache.with(&name, now, Bytes::copy_from_slice) {
        return bytes;
    }
    if let Some(bytes) = app.edge.outsize.find(&name, now) {
        return bytes;
    }
    let rendered = Bytes::from(render());
    if !app.cache.put(&name, &rendered, Some(ttl), now) {
        app.edge.outsize.keep(name, rendered.clone(), now.plus(ttl));
    }
    rendered
}

/// The one newest answer that is larger than a cache entry: in practice the
/// list of alerts on a bad day, which is just when everybody looks at it.
#[derive(Default)]
pub struct Outsize {
    kept: ArcSwapOption<Kept>,
}

struct Kept {
    name: String<KEY_BYTES>,
    bytes: Bytes,
    until: Mono,
}

/// Largest answer kept: a full book of alerts. Larger ones are rendered anew.
const MAX_OUTSIZE_BYTES: usize = 1024 * 1024;

impl Outsize {
    fn find(&self, name: &str, now: Mono) -> Option<Bytes> {
        let kept = self.kept.load();
        kept.as_ref()
            .filter(|kept| kept.name == name && now < kept.until)
            .map(|kept| kept.bytes.clone())
    }

    fn keep(&self, name: String<KEY_BYTES>, bytes: Bytes, until: Mono) {
        if bytes.len() <= MAX_OUTSIZE_BYTES {
            self.kept.store(Some(Arc::new(Kept { name, bytes, until })));
        }
    }

    /// Forgets it; whether there was one.
    pub(crate) fn clear(&self) -> bool {
        self.kept.swap(None).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_is_kept_under_its_name_until_its_time() {
        let outsize = Outsize::default();
        let name = |text| String::try_from(text).expect("fits");
        outsize.keep(name("a"), Bytes::from_static(b"1"), Mono::from_millis(10));
        assert_eq!(
            outsize.find("a", Mono::from_millis(9)).as_deref(),
            Some(b"1".as_slice())
        );
        assert_eq!(outsize.find("a", Mono::from_millis(10)), None);
        assert_eq!(outsize.find("b", Mono::ZERO), None);
        outsize.keep(
            name("b"),
            Bytes::from(vec![0; MAX_OUTSIZE_BYTES + 1]),
            Mono::from_millis(10),
        );
        assert_eq!(outsize.find("b", Mono::ZERO), None);
        assert!(outsize.clear() && !outsize.clear());
        assert_eq!(outsize.find("a", Mono::ZERO), None);
    }
}
