//! A request's body, read whole into one piece of memory that is counted.
//!
//! A body comes in as many chunks as its sender likes, and each pins the buffer that it
//! was read into: one byte a TLS record held kilobytes a byte. So chunks are copied
//! and let go.

use std::net::IpAddr;

use axum::body::{Body, Bytes, HttpBody as _};
use hyper::body::Frame;
use thiserror::Error;

use super::ledger::{Held, Share};
use super::upload::is_stalled;

/// Room that a body is given at first; it doubles when it is used up.
const FIRST_BYTES: usize = 4 * 1024;

/// Where bodies of requests are counted; a request extension.
#[derive(Clone, Debug)]
pub struct Bodies {
    pub(super) share: Share,
    pub(super) client: IpAddr,
}

/// A body, counted until it is dropped.
#[derive(Debug)]
pub struct Whole {
    /// Its bytes.
    pub bytes: Vec<u8>,
    _held: Option<Held>,
}

/// Why a body is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// It is longer than the limit.
    #[error("the body is longer than the limit")]
    TooLarge,
    /// Too many bytes are held for others, or for this client.
    #[error("no room to hold the body")]
    NoRoom,
    /// It came too slowly.
    #[error("the body came too slowly")]
    Stalled,
    /// It broke off.
    #[error("the body broke off")]
    Broken,
}

/// Reads a body of at most `limit` bytes; counted if it came through a listener.
///
/// # Errors
/// [`ReadError`].
pub async fn read_whole(
    mut body: Body,
    limit: usize,
    bodies: Option<&Bodies>,
) -> Result<Whole, ReadError> {
    let mut held = bodies.map(|bodies| bodies.share.entry(bodies.client));
    let mut bytes = Vec::new();
    while let Some(frame) = next(&mut body).await {
        let frame = frame.map_err(|error| {
            if is_stalled(&error) {
                ReadError::Stalled
            } else {
                ReadError::Broken
            }
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = bytes.len() + data.len();
        if length > limit {
            return Err(ReadError::TooLarge);
        }
        if length > bytes.capacity() {
            let room = length.max(bytes.capacity() * 2).max(FIRST_BYTES).min(limit);
            let more = room - bytes.capacity();
            if held.as_mut().is_some_and(|held| !held.grow(more)) {
                return Err(ReadError::NoRoom);
            }
            bytes.reserve_exact(room - bytes.len());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Whole { bytes, _held: held })
}

async fn next(body: &mut Body) -> Option<Result<Frame<Bytes>, axum::Error>> {
    std::future::poll_fn(|cx| std::pin::Pin::new(&mut *body).poll_frame(cx)).await
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Ledger;
    use super::*;

    const LIMIT: usize = 64 * 1024;

    fn bytes(count: usize) -> Body {
        let chunks = (0..count).map(|_| Ok::<_, std::io::Error>("x"));
        Body::from_stream(futures_util::stream::iter(chunks))
    }

    #[tokio::test]
    async fn a_body_of_single_bytes_holds_no_more_than_twice_its_length() {
        let share = Ledger::new(4 * LIMIT)
            .share("bodies", 4 * LIMIT)
            .expect("room");
        let bodies = Bodies {
            share: share.clone(),
            client: [10, 0, 0, 1].into(),
        };
        let whole = read_whole(bytes(LIMIT), LIMIT, Some(&bodies))
            .await
            .expect("read");
        assert_eq!(whole.bytes.len(), LIMIT);
        assert!(
            (LIMIT..=2 * LIMIT).contains(&share.held()),
            "{}",
            share.held()
        );
        drop(whole);
        assert_eq!(share.held(), 0);
    }

    #[tokio::test]
    async fn a_body_beyond_its_limit_or_its_share_is_refused() {
        let refused = |result: Result<Whole, ReadError>| result.expect_err("refused");
        let error = refused(read_whole(bytes(LIMIT + 1), LIMIT, None).await);
        assert_eq!(error, ReadError::TooLarge);
        let bodies = Bodies {
            share: Ledger::new(LIMIT).share("bodies", LIMIT).expect("room"),
            client: [10, 0, 0, 1].into(),
        };
        let error = refused(read_whole(bytes(LIMIT), LIMIT, Some(&bodies)).await);
        assert_eq!(error, ReadError::NoRoom);
        assert_eq!(bodies.share.held(), 0);
    }
}
