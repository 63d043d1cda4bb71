//! Answers: bodies with their type, and the headers every answer carries.
//!
//! All values are static, so that adding them costs no allocation.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use readings::command::CommandId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::scalars::Ts;
use access::RateVerdict;

/// `application/json`.
pub(crate) static JSON: HeaderValue = HeaderValue::from_static("application/json");

/// First capacity of a rendered answer; most answers fit.
const RENDER_CAPACITY_BYTES: usize = 512;

/// `{"success": true, "message": …}` with the time.
#[derive(Serialize, ToSchema)]
pub(crate) struct SuccessResponse {
    /// Always true: a refusal has another shape.
    success: bool,
    /// What was done, for people.
    message: String,
    timestamp: Ts,
    /// Id of the command, in answers to one: `/api/commands/{command_id}` says what
    /// comes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    command_id: Option<CommandId>,
}

impl SuccessResponse {
    /// A success in words.
    pub(crate) fn new(message: impl Into<String>) -> SuccessResponse {
        SuccessResponse {
            success: true,
            message: message.into(),
            timestamp: Ts::now(),
            command_id: None,
        }
    }

    /// The same of a command.
    pub(crate) fn of_command(message: String, id: CommandId) -> SuccessResponse {
        SuccessResponse {
            command_id: Some(id),
            ..SuccessResponse::new(message)
        }
    }
}

/// `value` as JSON bytes.
pub(crate) fn render<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(RENDER_CAPACITY_BYTES);
    // Our own answer types have string keys and write to memory: serialising
    // them cannot fail. Should it ever, the client sees an empty body.
    if let Err(error) = serde_json::to_writer(&mut bytes, value) {
        tracing::error!(%error, "an answer could not be rendered");
        bytes.clear();
    }
    bytes
}

/// A 200 with `value` as JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Response {
    json_bytes(render(value).into())
}

/// A 200 of `frame` with `items` in the place of its first list, which is empty: rendered a
/// piece at a time as the client takes them, for lists that may be long. `held` bytes
/// stay until it is taken.
pub(crate) fn streamed<F: Serialize, T: Serialize>(
    frame: &F,
    items: impl Iterator<Item = T> + Send + 'static,
    held: usize,
) -> Response {
    let rendered = items.map(|item| render(&item));
    streamed_bytes(frame, rendered, held)
}

/// [`streamed`] of items that are rendered already.
pub(crate) fn streamed_bytes<F: Serialize>(
    frame: &F,
    items: impl Iterator<Item = Vec<u8>> + Send + 'static,
    held: usize,
) -> Response {
    let mut head = render(frame);
    let list = head.windows(2).position(|two| two == b"[]");
    // Without a list in it, the frame is an answer by itself.
    let tail = list.map(|at| head.split_off(at + 1)).unwrap_or_default();
    pieces(JSON.clone(), head, ",", items, tail, held)
}

/// A 200 of any type in pieces: `items` are rendered already, and `between` stands where
/// one follows another.
pub(crate) fn pieces(
    content_type: HeaderValue,
    head: Vec<u8>,
    between: &'static str,
    items: impl Iterator<Item = Vec<u8>> + Send + 'static,
    tail: Vec<u8>,
    held: usize,
) -> Response {
    let pieces = Pieces {
        items,
        between,
        next: head,
        tail: Some(tail),
        is_first: true,
    };
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    let mut response = Response::new(body);
    response.extensions_mut().insert(https::Holds(held));
    let headers = response.headers_mut();
    headers.reserve(16);
    headers.insert(header::CONTENT_TYPE, content_type);
    response
}

/// Bytes of a streamed answer that are made at once: what a TLS record holds.
const PIECE_BYTES: usize = 16 * 1024;

/// A list in pieces.
struct Pieces<I> {
    items: I,
    between: &'static str,
    next: Vec<u8>,
    /// None once it was given.
    tail: Option<Vec<u8>>,
    is_first: bool,
}

impl<I: Iterator<Item = Vec<u8>>> Iterator for Pieces<I> {
    type Item = Result<Bytes, Infallible>;

    fn next(&mut self) -> Option<Result<Bytes, Infallible>> {
        self.tail.as_ref()?;
        let mut bytes = std::mem::take(&mut self.next);
        while bytes.len() < PIECE_BYTES {
            let Some(mut item) = self.items.next() else {
                bytes.append(&mut self.tail.take().unwrap_or_default());
                break;
            };
            if !std::mem::take(&mut self.is_first) {
                bytes.extend_from_slice(self.between.as_bytes());
            }
            bytes.append(&mut item);
        }
        Some(Ok(bytes.into()))
    }
}

/// A 200 with JSON that is rendered already.
pub(crate) fn json_bytes(bytes: Bytes) -> Response {
    typed(JSON.clone(), bytes)
}

/// A 200 of any type.
pub(crate) fn typed(content_type: HeaderValue, bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    // Room for all that `decorate` adds, so that the map never grows twice.
    headers.reserve(16);
    headers.insert(header::CONTENT_TYPE, content_type);
    response
}

/// The security headers of contract 1.11. One policy for everything served:
/// our own pages need no other.
static SECURITY: [(HeaderName, HeaderValue); 6] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::X_XSS_PROTECTION,
        HeaderValue::from_static("1; mode=block"),
    ),
    (
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000; includeSubDomains"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'self'"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("strict-origin-when-cross-origin"),
    ),
];

/// Adds what every answer carries; `hsts` is the setting of that name.
pub(crate) fn decorate(headers: &mut HeaderMap, rate: Option<RateVerdict>, hsts: bool) {
    for (name, value) in &SECURITY {
        headers.insert(name, value.clone());
    }
    if !hsts {
        let forget = HeaderValue::from_static("max-age=0");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, forget);
    }
    // (Packed answers vary by their coding as well.)
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    // Pages and static files set their own policy.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Some(rate) = rate.filter(|rate| rate.limit > 0) {
        headers.insert(
            HeaderName::from_static("ratelimit-limit"),
            rate.limit.into(),
        );
        headers.insert(
            HeaderName::from_static("ratelimit-remaining"),
            rate.remaining.into(),
        );
        headers.insert(
            HeaderName::from_static("ratelimit-reset"),
            rate.reset_s.into(),
        );
    }
}

/// The same answer without its body, for `HEAD`: the length stays.
pub(crate) fn without_body(response: Response) -> Response {
    use axum::body::HttpBody as _;
    let (mut parts, body) = response.into_parts();
    // These never have a body, and so no length of one.
    let is_bare = matches!(
        parts.status,
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    );
    if let Some(length) = body.size_hint().exact().filter(|_| !is_bare) {
        parts
            .headers
            .entry(header::CONTENT_LENGTH)
            .or_insert(length.into());
    }
    Response::from_parts(parts, Body::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_list_in_pieces_is_the_list() {
        for count in [0usize, 1, 2, 10_000] {
            let items = (0..count).map(|number| format!("number {number}"));
            let frame = serde_json::json!({"all": [], "count": 3});
            let answer = streamed(&frame, items, 0);
            let body = answer.into_body();
            let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("read");
            let value: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
            let all = value["all"].as_array().expect("a list");
            assert_eq!((all.len(), &value["count"]), (count, &3.into()));
            assert!(
                all.iter()
                    .enumerate()
                    .all(|(n, item)| *item == format!("number {n}"))
            );
        }
    }

    #[test]
    fn a_head_answer_keeps_the_length_and_loses_the_body() {
        use axum::body::HttpBody as _;
        let response = without_body(json_bytes(Bytes::from_static(b"{\"a\":1}")));
        assert_eq!(response.headers()[header::CONTENT_LENGTH], "7");
        assert_eq!(response.body().size_hint().exact(), Some(0));
        let mut bare = Response::new(Body::empty());
        *bare.status_mut() = StatusCode::NO_CONTENT;
        assert!(
            !without_body(bare)
                .headers()
                .contains_key(header::CONTENT_LENGTH)
        );
    }

    #[test]
    fn limits_are_shown_only_where_there_are_any() {
        let mut headers = HeaderMap::new();
        let mut verdict = RateVerdict {
            allowed: true,
            limit: 0,
            remaining: 0,
            reset_s: 0,
        };
        decorate(&mut headers, Some(verdict), true);
        assert!(!headers.contains_key("ratelimit-limit"));
        assert_eq!(headers.len(), SECURITY.len() + 2);
        (verdict.limit, verdict.remaining, verdict.reset_s) = (100, 99, 1);
        decorate(&mut headers, Some(verdict), true);
        assert_eq!(headers["ratelimit-limit"], "100");
    }
}
