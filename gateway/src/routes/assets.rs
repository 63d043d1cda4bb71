//! Files of the pages, compressed by `build.rs` and embedded.
//!
//! Every file has an entity tag, and one asked for by the version of all of them is
//! kept by browsers for ever. Packing and unpacking is [`crate::http::packed`]'s.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::http::envelope::{ApiError, Outcome};
use crate::http::packed::{self, Packed};

/// One file under `gateway/web`.
struct Asset {
    /// Path below that folder.
    name: &'static str,
    /// Of its content.
    tag: &'static str,
    bytes: Packed,
}

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// How long a browser may keep an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// It asks each time, so that an update of the gateway is seen at once.
    Asking,
    /// The address holds the version.
    ForEver,
}

/// The file of that name, for the client that sent `headers`.
///
/// # Errors
/// 404 when there is none.
pub(super) fn serve(headers: &HeaderMap, name: &str, keep: Keep) -> Outcome {
    let asset = ASSETS
        .iter()
        .find(|asset| asset.name == name)
        .ok_or_else(|| ApiError::not_found("Not Found"))?;
    let coding = if packed::takes_gzip(headers) {
        "-gzip"
    } else {
        ""
    };
    let tag = format!("\"{}{coding}\"", asset.tag);
    let mut response = if is_known(headers, &tag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        asset.bytes.answer(headers, media_type(name))?
    };
    let headers = response.headers_mut();
    headers.insert(
        header::ETAG,
        HeaderValue::try_from(tag).map_err(|_| ApiError::internal())?,
    );
    headers.insert(header::VARY, packed::VARY);
    let caching = match keep {
        Keep::Asking => "no-cache",
        Keep::ForEver => "public, max-age=31536000, immutable",
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    Ok(response)
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag))
}

fn media_type(name: &str) -> HeaderValue {
    HeaderValue::from_static(
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("json") => "application/json",
            Some("webmanifest") => "application/manifest+json",
            _ => "application/octet-stream",
        },
    )
}

#[cfg(test)]
#[path = "assets_tests.rs"]
mod tests;
