//! The body of a request, under a deadline of progress.
//!
//! Handlers have limits for whole bodies; this one is for all of them alike, also
//! for those that may take an hour: a client that trickles holds a permit, and
//! often a turn, of others.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use readings::clock::Mono;
use thiserror::Error;
use tokio::time::{Sleep, sleep};

use super::activity::Activity;

/// Bytes that count as progress. With the default time-out 136 bytes a second,
/// which every link that can fly a drone carries.
const PROGRESS_BYTES: usize = 4 * 1024;

/// A request's body came too slowly.
#[derive(Debug, Error)]
#[error("the body came slower than {PROGRESS_BYTES} bytes in {} s", .0.as_secs())]
pub struct BodyStalled(Duration);

/// Whether `error`, or what caused it, is [`BodyStalled`].
#[must_use]
pub fn is_stalled(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| cause.is::<BodyStalled>())
}

/// How long the client has kept its handler waiting, and what it brought meanwhile.
#[derive(Debug)]
struct Progress {
    limit: Duration,
    /// Time waited since the last progress; the handler's own is not the client's.
    waited: Duration,
    /// Bytes since the last progress.
    bytes: usize,
    waiting_since: Option<Mono>,
}

impl Progress {
    const fn new(limit: Duration) -> Progress {
        Progress {
            limit,
            waited: Duration::ZERO,
            bytes: 0,
            waiting_since: None,
        }
    }

    /// Notes that the handler waits; time left for progress.
    fn waits(&mut self, now: Mono) -> Duration {
        let since = *self.waiting_since.get_or_insert(now);
        self.limit.saturating_sub(self.waited + now.since(since))
    }

    /// Notes bytes that came.
    fn came(&mut self, bytes: usize, now: Mono) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += now.since(since);
        }
        self.bytes += bytes;
        if self.bytes >= PROGRESS_BYTES {
            (self.bytes, self.waited) = (0, Duration::ZERO);
        }
    }
}

/// A request's body.
pub(super) struct Upload {
    body: Incoming,
    activity: Arc<Activity>,
    ended: bool,
    progress: Progress,
    /// Set while the handler waits.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Upload {
    pub(super) const fn new(body: Incoming, limit: Duration, activity: Arc<Activity>) -> Upload {
        Upload {
            body,
            activity,
            ended: false,
            progress: Progress::new(limit),
            deadline: None,
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.ended && !self.body.is_end_stream() {
            self.activity.leave_body();
        }
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            let bytes = match &frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                _ => 0,
            };
            this.progress.came(bytes, Mono::now());
            this.deadline = None;
            this.ended = frame.is_none();
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let left = this.progress.waits(Mono::now());
        let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(left)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyStalled(this.progress.limit).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a body may go on for `seconds`, of which each brings `bytes` and is
    /// followed by `busy` seconds of the handler's own.
    fn may_go_on(seconds: u64, bytes: usize, busy: u64) -> bool {
        let mut progress = Progress::new(Duration::from_secs(30));
        (0..seconds).all(|second| {
            let asked = second * (1 + busy) * 1000;
            let left = progress.waits(Mono::from_millis(asked));
            progress.came(bytes, Mono::from_millis(asked + 1000));
            left > Duration::ZERO
        })
    }

    #[test]
    fn a_long_body_may_take_its_time_and_a_trickle_may_not() {
        assert!(may_go_on(3600, PROGRESS_BYTES, 0));
        assert!(may_go_on(20, 1, 0));
        assert!(!may_go_on(3600, 1, 0));
    }

    #[test]
    fn the_handler_s_own_time_is_not_the_client_s() {
        assert!(may_go_on(20, 1, 300));
    }
}
