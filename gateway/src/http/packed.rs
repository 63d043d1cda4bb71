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
/// Level of compression of what is made for one request: a page of metrics shrinks to a
/// tenth by it.
pub(crate) const QUICK: u8 = 1;

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

/// `bytes` as a gzip file (RFC 1952), for an answer that is made anew each time. Quick
/// rather than small: it runs in the time of the request.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    packed.extend(miniz_oxide::deflate::compress_to_vec(bytes, QUICK));
    packed.extend(crc32(0, bytes).to_le_bytes());
    packed.extend((bytes.len() as u32).to_le_bytes());
    packed
}

/// What each byte does to the check sum of a gzip file.
static CRC32: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let (mut crc, mut bit) = (byte as u32, 0);
        while bit < 8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// The check sum of what had `before`, and `bytes` after it.
pub(crate) fn crc32(before: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!before, |crc, byte| {
        (crc >> 8) ^ CRC32[usize::from(crc as u8 ^ byte)]
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_sum_is_the_published_one_and_goes_on() {
        assert_eq!(crc32(0, b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(crc32(0, b"1234"), b"56789"), 0xcbf4_3926);
    }
}
