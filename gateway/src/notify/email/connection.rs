//! A connection to a mail server, of which only so much is read.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Most bytes that a server is listened to, TLS included: greetings, certificates and a
/// dozen answers are a tenth of it. The client library keeps an answer whole, however
/// long it is.
const MAX_BYTES: usize = 64 << 10;

/// A stream that ends with an error when the server says more than [`MAX_BYTES`].
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    left: usize,
    peer: SocketAddr,
}

impl Metered<TcpStream> {
    /// Meters `stream`.
    pub(super) fn new(stream: TcpStream) -> io::Result<Metered<TcpStream>> {
        let peer = stream.peer_addr()?;
        Ok(Metered {
            stream,
            left: MAX_BYTES,
            peer,
        })
    }
}

impl Metered<TlsStream<Metered<TcpStream>>> {
    /// What comes out of TLS, which is metered below already.
    pub(super) fn encrypted(stream: TlsStream<Metered<TcpStream>>) -> Self {
        let peer = stream.get_ref().0.peer;
        Metered {
            stream,
            left: MAX_BYTES,
            peer,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        match self.left.checked_sub(read) {
            Some(left) => self.left = left,
            None => {
                return Poll::Ready(Err(io::Error::other(format!(
                    "the mail server says more than {MAX_BYTES} bytes"
                ))));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S> AsyncTokioStream for Metered<S>
where
    S: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug,
{
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
