//! The body of an answer, handed over in pieces whose end is seen.
//!
//! A protocol's writer keeps what the client has no room for, in whatever layer
//! that is: so a piece tells of itself when it is written, not when it is handed
//! over. Must never copy a body.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Buf, Frame, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use readings::clock::Mono;

use super::activity::InFlight;
use super::ledger::Held;

/// Largest piece: what a TLS record holds. A client has the write time-out for each,
/// so this is also what makes a trickle too slow.
const PIECE_BYTES: usize = 16 * 1024;

/// Marks an answer whose bytes are not held for its client: part of the program, or
/// passed on by the piece as they come, whatever its length says.
#[derive(Clone, Copy, Debug)]
pub struct NotHeld;

/// Bytes that an answer without a length holds until it is taken: what it is made from,
/// piece by piece. Without it such an answer would count for nothing.
#[derive(Clone, Copy, Debug)]
pub struct Holds(pub usize);

/// The body of an answer. Its request counts as in flight until the last piece of
/// it is written, so that a long answer is never taken for idleness.
pub(super) struct Answer {
    body: Body,
    /// What is left of the body's last chunk.
    rest: Bytes,
    holding: Arc<Holding>,
}

/// What an answer holds until its last piece is written.
struct Holding {
    in_flight: InFlight,
    _held: Held,
}

/// Makes an answer of what the application says; `held` counts it as long as it is
/// there. While too much lies untaken, what is longer than a piece is refused.
pub(super) fn answer(
    response: Response<Body>,
    in_flight: InFlight,
    mut held: Held,
) -> Response<Answer> {
    let length = |response: &Response<Body>| match response.extensions().get::<Holds>() {
        Some(holds) => holds.0,
        None => response.body().size_hint().exact().unwrap_or_default() as usize,
    };
    let bytes = length(&response);
    let is_held = response.extensions().get::<NotHeld>().is_none();
    let response = if !is_held || bytes <= PIECE_BYTES || held.grow(bytes) {
        response
    } else {
        no_room()
    };
    let bytes = length(&response);
    if is_held {
        held.grow_anyway(bytes - held.bytes());
    }
    in_flight.answered(bytes);
    response.map(|body| Answer {
        body,
        rest: Bytes::new(),
        holding: Arc::new(Holding {
            in_flight,
            _held: held,
        }),
    })
}

/// 503, to be tried again when others have taken theirs.
fn no_room() -> Response<Body> {
    const WORDS: &str = "Too many answers wait to be taken; take them, or try again\n";
    let mut response = Response::new(Body::from(WORDS));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    response
}

impl Answer {
    fn piece(&mut self) -> Piece {
        let length = self.rest.len().min(PIECE_BYTES);
        self.holding.in_flight.handed_over(Mono::now());
        Piece {
            bytes: self.rest.split_to(length),
            holding: self.holding.clone(),
        }
    }
}

impl HttpBody for Answer {
    type Data = Piece;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                // Trailers: they have no length to be waited for.
                Err(other) => return Poll::Ready(Some(Ok(other.map_data(|_| self.piece())))),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(self.piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        // The upper bound first: a lower one above it is refused.
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(body.lower().saturating_add(rest));
        hint
    }
}

/// A part of an answer on its way to the client.
pub(super) struct Piece {
    bytes: Bytes,
    holding: Arc<Holding>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.holding.in_flight.taken(Mono::now());
    }
}
