//! Bodies on their way through: counted, capped, watched for standstill.
//!
//! Neither is ever held as a whole: a frame is passed on as it comes, and the
//! next is asked for only when it has gone.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Error;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::link::Link;
use crate::shares::Share;
use readings::clock::Mono;

/// Whose turn it is while a request's body is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The upstream's: to take what it was given, or to answer.
    Upstream = 0,
    /// The client's: to send the next piece.
    Client = 1,
    /// Over: the body is larger than allowed.
    TooLarge = 2,
    /// Over: the client's body broke off.
    Broken = 3,
}

/// How far a request has come; shared by its body and by whoever waits for the answer.
#[derive(Debug, Default)]
pub(super) struct Pace {
    stage: AtomicU8,
    moved_ms: AtomicU64,
}

impl Pace {
    pub(super) fn started(now: Mono) -> Arc<Pace> {
        let pace = Pace::default();
        pace.note(Stage::Upstream, now);
        Arc::new(pace)
    }

    fn note(&self, stage: Stage, now: Mono) {
        self.stage.store(stage as u8, Ordering::Relaxed);
        self.moved_ms.store(now.as_millis(), Ordering::Relaxed);
    }

    /// Whose turn it is, and since when.
    pub(super) fn read(&self) -> (Stage, Mono) {
        let stage = match self.stage.load(Ordering::Relaxed) {
            1 => Stage::Client,
            2 => Stage::TooLarge,
            3 => Stage::Broken,
            _ => Stage::Upstream,
        };
        (
            stage,
            Mono::from_millis(self.moved_ms.load(Ordering::Relaxed)),
        )
    }
}

/// A client's body on its way to the upstream.
pub(super) struct Outward {
    pub(super) inner: Body,
    pub(super) left: u64,
    pub(super) pace: Arc<Pace>,
    pub(super) link: Arc<Link>,
}

impl HttpBody for Outward {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        let end = |stage: Stage, words: &'static str| {
            this.pace.note(stage, Mono::now());
            Poll::Ready(Some(Err(Error::new(io::Error::other(words)))))
        };
        match &polled {
            Poll::Pending => {
                // Noted once: its time runs from when its turn began.
                if this.pace.read().0 != Stage::Client {
                    this.pace.note(Stage::Client, Mono::now());
                }
            }
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                let Some(left) = this.left.checked_sub(length) else {
                    return end(Stage::TooLarge, "the request's body is larger than allowed");
                };
                this.left = left;
                this.link
                    .counters
                    .sent_bytes
                    .fetch_add(length, Ordering::Relaxed);
                this.pace.note(Stage::Upstream, Mono::now());
            }
            Poll::Ready(Some(Err(_))) => return end(Stage::Broken, "the request's body broke off"),
            Poll::Ready(None) => this.pace.note(Stage::Upstream, Mono::now()),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The upstream's body on its way to the client. Holds the request's place
/// among those under way.
pub(super) struct Inward {
    inner: Incoming,
    left: u64,
    timeout: Duration,
    timer: Pin<Box<Sleep>>,
    /// Whether the timer runs: only while the upstream is waited for, never
    /// while the client is.
    waiting: bool,
    link: Arc<Link>,
    _place: Share,
}

impl Inward {
    pub(super) fn new(
        inner: Incoming,
        limit: u64,
        timeout: Duration,
        link: Arc<Link>,
        place: Share,
    ) -> Inward {
        Inward {
            inner,
            left: limit,
            timeout,
            timer: Box::pin(sleep(timeout)),
            waiting: false,
            link,
            _place: place,
        }
    }

    /// Ends the body: the client sees a transfer that was cut, not a whole one.
    fn cut(&self, words: String) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.link.counters.cut.fetch_add(1, Ordering::Relaxed);
        self.link.ill(&words, Mono::now());
        Poll::Ready(Some(Err(Error::new(io::Error::other(words)))))
    }
}

impl HttpBody for Inward {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Pending => {
                if !std::mem::replace(&mut this.waiting, true) {
                    this.timer.as_mut().reset(Instant::now() + this.timeout);
                }
                match this.timer.as_mut().poll(cx) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(()) => this.cut(format!(
                        "its answer stood still for {} s",
                        this.timeout.as_secs()
                    )),
                }
            }
            Poll::Ready(Some(Ok(frame))) => {
                this.waiting = false;
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                let Some(left) = this.left.checked_sub(length) else {
                    return this
                        .cut("its answer is larger than upstream.max_response_bytes".to_owned());
                };
                this.left = left;
                this.link
                    .counters
                    .received_bytes
                    .fetch_add(length, Ordering::Relaxed);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => this.cut(format!("its answer broke off: {error}")),
            Poll::Ready(None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
