//! Answers that lie compressed in the program: pages and the API's document.
//!
//! A client that takes gzip gets the bytes as they are. One that does not say so
//! (curl, a test) gets them unpacked: those are made for the request and counted as
//! held like any other answer.

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use crate::http::envelope::ApiError;
use crate::http::respond;

/// What the answer depends on besides the address.
pub(crate) const VARY: HeaderValue = HeaderValue::from_static("Accept-Encoding");

/// Header and trailer of a gzip file as `build.rs` writes it.
const HEADER_BYTES: usize = 10;
const TRAILER_BYTES: usize = 8;

/// Compressed bytes.
pub(crate) struct Packed {
    /// A gzip file.
    pub(crate) gzip: &'static [u8],
    /// Bytes when unpacked.
    pub(crate) len: usize,
}

impl Packed {
    /// A 200 with these bytes, in the coding that the client of `headers` takes.
    pub(crate) fn answer(
        &self,
        headers: &HeaderMap,
        media_type: HeaderValue,
    ) -> Result<Response, ApiError> {
        let mut response = if takes_gzip(headers) {
            let mut response = respond::typed(media_type, Bytes::from_static(self.gzip));
            response.extensions_mut().insert(https::NotHeld);
            let gzip = HeaderValue::from_static("gzip");
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, gzip);
            response
        } else {
            respond::typed(media_type, self.unpack()?.into())
        };
        response.headers_mut().insert(header::VARY, VARY);
        Ok(response)
    }

    /// The bytes.
    pub(crate) fn unpack(&self) -> Result<Vec<u8>, ApiError> {
        let end = self.gzip.len().saturating_sub(TRAILER_BYTES);
        let packed = self.gzip.get(HEADER_BYTES..end).unwrap_or_default();
        miniz_oxide::inflate::decompress_to_vec_with_limit(packed, self.len)
            .map_err(|_| ApiError::internal())
    }
}

/// Whether the client says that it takes gzip, and not with weight nought.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight.trim().trim_start_matches("q=");
            let is_nought = weight.starts_with('0') && weight.trim_matches(['0', '.']).is_empty();
            name.trim().eq_ignore_ascii_case("gzip") && !is_nought
        })
}
