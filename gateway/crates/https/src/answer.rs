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
use readings::clock::Mono;

use super::activity::InFlight;

/// Largest piece: what a TLS record holds. A client has the write time-out for each,
/// so this is also what makes a trickle too slow.
const PIECE_BYTES: usize = 16 * 1024;

/// The body of an answer. Its request counts as in flight until the last piece of
/// it is written, so that a long answer is never taken for idleness.
pub(super) struct Answer {
    body: Body,
    /// What is left of the body's last chunk.
    rest: Bytes,
    in_flight: Arc<InFlight>,
}

impl Answer {
    pub(super) fn new(body: Body, in_flight: InFlight) -> Answer {
        Answer {
            body,
            rest: Bytes::new(),
            in_flight: Arc::new(in_flight),
        }
    }

    fn piece(&mut self) -> Piece {
        let length = self.rest.len().min(PIECE_BYTES);
        self.in_flight.handed_over(Mono::now());
        Piece {
            bytes: self.rest.split_to(length),
            in_flight: self.in_flight.clone(),
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
    in_flight: Arc<InFlight>,
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
        self.in_flight.taken(Mono::now());
    }
}
