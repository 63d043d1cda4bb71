//! A bundle on its way from a connection to the medium.
//!
//! One thread writes; the connection waits when it is behind, so a gigabyte
//! passes through a few pieces of memory. Dropped before its end, or cancelled,
//! nothing stays of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{InstallRequest, Progress, UpdateError, Updates};

/// Pieces that wait for the medium; of a connection's read buffer each.
const PIECES_WAITING: usize = 8;

enum Piece {
    Data(Bytes),
    End(InstallRequest),
}

/// An upload; the only one.
#[derive(Debug)]
pub(crate) struct Upload {
    updates: Arc<Updates>,
    progress: Arc<Progress>,
    pieces: Option<mpsc::Sender<Piece>>,
    writer: JoinHandle<Result<Option<String>, UpdateError>>,
    accepted: bool,
}

impl Updates {
    /// Begins an upload of `length` bytes.
    ///
    /// # Errors
    /// As [`super::Spool::begin`].
    pub(crate) async fn begin(self: &Arc<Updates>, length: u64) -> Result<Upload, UpdateError> {
        let (pieces, arriving) = mpsc::channel(PIECES_WAITING);
        let (begun, has_begun) = oneshot::channel();
        let spool = self.spool.clone();
        let writer = tokio::task::spawn_blocking(move || {
            let incoming = spool.begin(length)?;
            // Nobody waits any more: the connection is gone, and so is this.
            if begun.send(()).is_err() {
                return Ok(None);
            }
            write(incoming, arriving)
        });
        let progress = Arc::new(Progress {
            length,
            received: AtomicU64::new(0),
            cancel: CancellationToken::new(),
        });
        let mut upload = Upload {
            updates: self.clone(),
            progress,
            pieces: Some(pieces),
            writer,
            accepted: false,
        };
        if has_begun.await.is_err() {
            return Err(upload.failure().await);
        }
        self.uploading.store(Some(upload.progress.clone()));
        Ok(upload)
    }
}

/// Writes what arrives. Without an end the bundle is dropped.
fn write(
    mut incoming: super::Incoming,
    mut arriving: mpsc::Receiver<Piece>,
) -> Result<Option<String>, UpdateError> {
    while let Some(piece) = arriving.blocking_recv() {
        match piece {
            Piece::Data(bytes) => incoming.write(&bytes)?,
            Piece::End(install) => return incoming.finish(&install).map(Some),
        }
    }
    Ok(None)
}

impl Upload {
    /// Takes the next bytes; waits while the medium is behind.
    ///
    /// # Errors
    /// [`UpdateError`]: cancelled, more than announced, the medium refuses.
    pub(crate) async fn take(&mut self, bytes: Bytes) -> Result<(), UpdateError> {
        let length = bytes.len() as u64;
        self.send(Piece::Data(bytes)).await?;
        self.progress.received.fetch_add(length, Ordering::Relaxed);
        self.updates
            .stats
            .bytes
            .fetch_add(length, Ordering::Relaxed);
        Ok(())
    }

    /// Ends when an operator cancels the upload.
    pub(crate) fn cancelled(&self) -> impl Future<Output = ()> + Send + use<> {
        self.progress.cancel.clone().cancelled_owned()
    }

    /// Hands the bundle over; the answer is the request's id.
    ///
    /// # Errors
    /// As [`super::Incoming::finish`].
    pub(crate) async fn finish(mut self, install: InstallRequest) -> Result<String, UpdateError> {
        self.send(Piece::End(install)).await?;
        self.pieces = None;
        let id = self.outcome().await?.ok_or(UpdateError::Cancelled)?;
        self.accepted = true;
        Ok(id)
    }

    async fn send(&mut self, piece: Piece) -> Result<(), UpdateError> {
        let sent = match &self.pieces {
            Some(pieces) => pieces.send(piece).await.is_ok(),
            None => false,
        };
        if sent {
            Ok(())
        } else {
            Err(self.failure().await)
        }
    }

    /// Why the writer ended early.
    async fn failure(&mut self) -> UpdateError {
        self.pieces = None;
        self.outcome().await.err().unwrap_or(UpdateError::Cancelled)
    }

    async fn outcome(&mut self) -> Result<Option<String>, UpdateError> {
        let ended = (&mut self.writer).await;
        ended.unwrap_or_else(|error| {
            Err(UpdateError::Different(format!("the writer ended: {error}")))
        })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.updates.count(self.accepted);
        let current = self.updates.uploading.load_full();
        if current.is_some_and(|current| Arc::ptr_eq(&current, &self.progress)) {
            self.updates.uploading.store(None);
        }
    }
}
