//! Expensive reads through the cache: rendered once, copied out after that.
//!
//! The life of an entry is shorter than a person can notice, or its key holds
//! the version of what it shows; so an answer is never older than it claims.

use std::fmt::{self, Write as _};
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use heapless::String;

use super::respond;
use super::state::App;
use crate::clock::Mono;

/// Life of statistics and gauges: at most ten renderings a second, whatever
/// the number of clients, and no client polls faster than that by hand.
pub(super) const GAUGES_TTL: Duration = Duration::from_millis(100);

/// Life of answers whose key holds a version: until the version changes, or
/// the cache needs the room.
pub(super) const VERSIONED_TTL: Duration = Duration::from_secs(60);

/// Longest key. Keys are made of fixed words and numbers only.
const KEY_BYTES: usize = 96;

/// The answer under `key`, or what `render` makes, kept for `ttl`.
pub(super) fn answer(app: &App, key: fmt::Arguments<'_>, ttl: Duration, render: impl FnOnce() -> Vec<u8>) -> Response {
    respond::json_bytes(bytes(app, key, ttl, render))
}

/// The bytes of [`answer`].
pub(super) fn bytes(app: &App, key: fmt::Arguments<'_>, ttl: Duration, render: impl FnOnce() -> Vec<u8>) -> Bytes {
    let mut name = String::<KEY_BYTES>::new();
    if name.write_fmt(key).is_err() {
        // A key that does not fit could be another's beginning: do without.
        return render().into();
    }
    let now = Mono::now();
    if let Some(bytes) = app.cache.with(&name, now, Bytes::copy_from_slice) {
        return bytes;
    }
    let rendered = render();
    // Too large for an entry is not an error: it is rendered each time.
    app.cache.put(&name, &rendered, Some(ttl), now);
    rendered.into()
}
