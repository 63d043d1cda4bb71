//! Updates of the whole system, where it was started from an image.
//!
//! The gateway is unprivileged: it lays a bundle and a request into the spool
//! and reads what the image's own program (`deploy/updater`) says in
//! `status.json`. That program verifies the signature and refuses downgrades;
//! nothing here may decide what is installed, so that a stolen key of the
//! gateway's installs nothing without the key that signs. Where the directory
//! does not exist (the package on another system), everything is refused with
//! [`UpdateError::NotSupported`].

mod error;
mod measured;
mod notices;
mod report;
mod spool;
mod status;
mod upload;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use tokio_util::sync::CancellationToken;
use update_status::StatusFile;

use crate::config;

pub(crate) use error::UpdateError;
pub(crate) use report::watch;
pub(crate) use spool::{Incoming, InstallRequest, Spool};
pub(crate) use upload::Upload;

/// What was done since the start, for `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct UpdateStats {
    /// Bundles handed to the image's program.
    pub accepted: AtomicU64,
    /// Uploads that were refused or came to nothing.
    pub refused: AtomicU64,
    /// Bytes of bundles received.
    pub bytes: AtomicU64,
}

/// Updates as the running gateway sees them.
#[derive(Debug)]
pub(crate) struct Updates {
    spool: Spool,
    uploading: ArcSwapOption<Progress>,
    stats: UpdateStats,
}

/// An upload that goes on.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Its announced length.
    pub length: u64,
    /// What has arrived of it.
    pub received: AtomicU64,
    cancel: CancellationToken,
}

impl Updates {
    /// On the directory of the configuration; it need not exist.
    #[must_use]
    pub(crate) fn new(config: &config::Update) -> Arc<Updates> {
        let spool = Spool::new(config);
        Arc::new(Updates {
            spool,
            uploading: ArcSwapOption::empty(),
            stats: UpdateStats::default(),
        })
    }

    /// What the image's program says.
    ///
    /// # Errors
    /// [`UpdateError::NotSupported`], [`UpdateError::Unreadable`].
    pub(crate) fn status(&self) -> Result<StatusFile, UpdateError> {
        self.spool.status()
    }

    /// Whether a bundle waits for the image's program to take it.
    #[must_use]
    pub(crate) fn is_waiting(&self) -> bool {
        self.spool.is_waiting()
    }

    /// The upload that goes on, if any.
    #[must_use]
    pub(crate) fn uploading(&self) -> Option<Arc<Progress>> {
        self.uploading.load_full()
    }

    /// Gives up the upload that goes on.
    ///
    /// # Errors
    /// [`UpdateError::NothingToCancel`]; once handed over, an update is not stopped.
    pub(crate) fn cancel(&self) -> Result<(), UpdateError> {
        match self.uploading() {
            Some(upload) => upload.cancel.cancel(),
            None => return Err(UpdateError::NothingToCancel),
        }
        Ok(())
    }

    /// Counters.
    #[must_use]
    pub(crate) fn stats(&self) -> &UpdateStats {
        &self.stats
    }

    fn notices(&self) -> &Path {
        &self.spool.notices
    }

    /// What was told of `outcome` stays told over a restart.
    fn mark_reported(&self, outcome: &str) {
        if let Err(error) = self.spool.mark_reported(outcome) {
            tracing::warn!("the outcome of the update will be told again: {error}");
        }
    }

    fn was_reported(&self, outcome: &str) -> bool {
        self.spool.was_reported(outcome)
    }

    fn count(&self, accepted: bool) {
        let counter = if accepted {
            &self.stats.accepted
        } else {
            &self.stats.refused
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
