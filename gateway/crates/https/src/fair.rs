//! A stream that takes turns, and leaves without cutting its peer short.
//!
//! Two things that hyper and the WebSocket's library leave to whoever is below them. A
//! socket that is never empty is read on and on in one turn: of a WebSocket each piece
//! ends the turn, and its frames are counted (`frames`). And a connection that is closed
//! while its peer still sends is reset by the kernel, which takes the answer along: so
//! what is left of a refused body is read and dropped, for a while.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::ServerStats;
use super::activity::Activity;
use super::frames::Frames;

/// Longest time for which the rest of a refused body is read.
const FAREWELL: Duration = Duration::from_secs(5);
/// Most bytes of it: more than any client should send before it looks for an answer.
const FAREWELL_BYTES: usize = 64 * 1024 * 1024;
/// What ends the header of a request.
const END_OF_HEADER: [u8; 4] = *b"\r\n\r\n";

/// The stream.
pub(super) struct Fair<S> {
    stream: S,
    activity: Arc<Activity>,
    stats: Arc<ServerStats>,
    /// The last bytes that came before an upgrade.
    last: [u8; 4],
    frames: Option<Frames>,
    /// The next read of a WebSocket belongs to the next turn.
    had_turn: bool,
    shut: bool,
    farewell: Option<Pin<Box<Sleep>>>,
    dropped: usize,
}

impl<S> Fair<S> {
    pub(super) const fn new(
        stream: S,
        activity: Arc<Activity>,
        stats: Arc<ServerStats>,
    ) -> Fair<S> {
        Fair {
            stream,
            activity,
            stats,
            last: [0; 4],
            frames: None,
            had_turn: false,
            shut: false,
            farewell: None,
            dropped: 0,
        }
    }

    /// Looks at what came.
    fn came(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.activity.is_upgraded() {
            return self.came_upgraded(bytes);
        }
        for byte in bytes
            .iter()
            .skip(bytes.len().saturating_sub(self.last.len()))
        {
            self.last.rotate_left(1);
            self.last[3] = *byte;
        }
        Ok(())
    }

    fn came_upgraded(&mut self, bytes: &[u8]) -> io::Result<()> {
        let invalid = |text: &str| Err(io::Error::new(io::ErrorKind::InvalidData, text.to_owned()));
        // Frames that came with the request are in hyper's buffer: they cannot be counted,
        // and a client must not send any before it has the answer (RFC 6455, 4.1).
        if self.frames.is_none() && self.last != END_OF_HEADER {
            return invalid("frames before the hand-shake's answer");
        }
        self.had_turn = true;
        let followed = self.frames.get_or_insert_default().follow(bytes);
        followed.or_else(|error| {
            let cut = &self.stats.websockets_fragmented;
            cut.fetch_add(1, Ordering::Relaxed);
            invalid(&error.to_string())
        })
    }
}

impl<S: AsyncRead + Unpin> Fair<S> {
    /// Reads and drops what a refused body still brings.
    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.activity.is_body_left() {
            return Poll::Ready(());
        }
        let end = self
            .farewell
            .get_or_insert_with(|| Box::pin(sleep(FAREWELL)));
        let mut room = [0; 4 * 1024];
        while self.dropped < FAREWELL_BYTES && end.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut room);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            self.dropped += buffer.filled().len();
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Fair<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.had_turn) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let came = buffer.filled().get(before..).unwrap_or_default();
        if came.is_empty() {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(self.came(came))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Fair<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.shut = true;
        }
        self.poll_farewell(cx).map(Ok)
    }
}
