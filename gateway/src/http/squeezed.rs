//! Answers of JSON and CSV compressed on their way out, where the client takes gzip.
//!
//! Piece by piece, and each by itself: what a compressor remembers takes more memory than
//! the piece, so none may lie about while a client takes its time. Only what is read
//! (`GET`) is compressed. No such answer holds a secret beside what somebody else can
//! write, or its length would tell of it (BREACH); keys, tickets and links are answers to
//! `POST`.

use axum::body::{Body, HttpBody as _};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{HeaderValue, StatusCode, header};
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params,
};

use crate::http::csv::TEXT_CSV;
use crate::http::packed::{self, QUICK};
use crate::http::respond::JSON;

/// Shorter answers fit a packet or two as they are.
const WORTH_BYTES: u64 = 1024;
/// Of zlib's: a bare stream, its window the largest.
const BARE: i32 = -15;
/// The header of a gzip file without name and time (RFC 1952).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// A last block with nothing in it (RFC 1951).
const LAST: [u8; 2] = [3, 0];

/// `response` compressed, if it is of a kind that is, and long enough.
pub(crate) fn squeezed(response: Response) -> Response {
    let length = response.body().size_hint().exact();
    if !is_wanted(&response, length) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let headers = &mut parts.headers;
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.append(header::VARY, packed::VARY);
    // As it is now it has no length any more, and is held all the same.
    if let Some(length) = length {
        parts.extensions.insert(https::Holds(length as usize));
    }
    Response::from_parts(parts, Body::from_stream(pieces(body)))
}

fn is_wanted(response: &Response, length: Option<u64>) -> bool {
    let headers = response.headers();
    let kind = headers.get(header::CONTENT_TYPE);
    response.status() == StatusCode::OK
        && length.is_none_or(|length| length >= WORTH_BYTES)
        && kind.is_some_and(|kind| kind == JSON || kind == TEXT_CSV)
        && !headers.contains_key(header::CONTENT_ENCODING)
        // What is passed on is the upstream's to compress.
        && response.extensions().get::<https::NotHeld>().is_none()
}

/// A gzip file being written.
struct Gzip {
    crc: u32,
    length: u32,
    is_begun: bool,
}

fn pieces(body: Body) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send {
    let gzip = Gzip {
        crc: 0,
        length: 0,
        is_begun: false,
    };
    let begun = Some((body.into_data_stream(), gzip));
    stream::unfold(begun, |state| async {
        let (mut body, mut gzip) = state?;
        match body.next().await {
            Some(Ok(piece)) => {
                let packed = gzip.piece(&piece);
                Some((Ok(packed), Some((body, gzip))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Ok(gzip.end()), None)),
        }
    })
}

impl Gzip {
    fn piece(&mut self, bytes: &[u8]) -> Bytes {
        self.crc = packed::crc32(self.crc, bytes);
        self.length = self.length.wrapping_add(bytes.len() as u32);
        let mut out = self.head();
        out.reserve(bytes.len() / 4);
        let flags = create_comp_flags_from_zip_params(i32::from(QUICK), BARE, 0);
        let mut compressor = CompressorOxide::new(flags);
        // Up to a whole byte, and without an end: the next piece follows.
        compress_to_output(&mut compressor, bytes, TDEFLFlush::Full, |more| {
            out.extend_from_slice(more);
            true
        });
        out.into()
    }

    fn end(mut self) -> Bytes {
        let mut out = self.head();
        out.extend(LAST);
        out.extend(self.crc.to_le_bytes());
        out.extend(self.length.to_le_bytes());
        out.into()
    }

    /// The header, once.
    fn head(&mut self) -> Vec<u8> {
        match std::mem::replace(&mut self.is_begun, true) {
            true => Vec::new(),
            false => HEADER.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::respond;

    async fn bytes(response: Response) -> Vec<u8> {
        let body = axum::body::to_bytes(response.into_body(), usize::MAX);
        body.await.expect("read").to_vec()
    }

    #[tokio::test]
    async fn what_is_long_is_unpacked_as_it_was() {
        let numbers = || 0..50_000u32;
        let list = || respond::streamed(&[(); 0], numbers(), 9);
        let plain = bytes(list()).await;
        let answer = squeezed(list());
        assert_eq!(answer.headers()[header::CONTENT_ENCODING], "gzip");
        assert!(
            answer
                .extensions()
                .get::<https::Holds>()
                .is_some_and(|holds| holds.0 == 9)
        );
        let gzip = bytes(answer).await;
        assert!(
            gzip.len() < plain.len() / 2,
            "{} of {}",
            gzip.len(),
            plain.len()
        );
        let (packed, end) = gzip.split_at(gzip.len() - 8);
        let unpacked = miniz_oxide::inflate::decompress_to_vec(&packed[HEADER.len()..]);
        assert_eq!(unpacked.expect("deflate"), plain);
        let crc = packed::crc32(0, &plain).to_le_bytes();
        assert_eq!(end, [crc, (plain.len() as u32).to_le_bytes()].concat());
    }

    #[tokio::test]
    async fn what_is_short_or_of_another_kind_stays() {
        let short = squeezed(respond::json(&"x".repeat(1000)));
        assert!(!short.headers().contains_key(header::CONTENT_ENCODING));
        let picture = respond::typed(HeaderValue::from_static("image/jpeg"), vec![0; 9999].into());
        assert!(
            !squeezed(picture)
                .headers()
                .contains_key(header::CONTENT_ENCODING)
        );
        let long = squeezed(respond::json(&"x".repeat(1100)));
        assert_eq!(
            long.extensions().get::<https::Holds>().map(|holds| holds.0),
            Some(1102)
        );
        assert!(bytes(long).await.len() < 100);
    }
}
