//! Why an update is not taken, in words for people.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why an update was not taken, or is not known of.
#[derive(Debug, Error)]
pub(crate) enum UpdateError {
    /// Not an image.
    #[error(
        "this gateway was not started from an image ({0} is missing); update its package instead: deploy/install, or apt install ./mfg-drone-gateway_….deb"
    )]
    NotSupported(PathBuf),
    /// The image's own program wrote what this gateway does not understand.
    #[error("{path}: {reason}; update by a stick with the label MFG-UPDATE")]
    Unreadable {
        /// The status file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another one is under way.
    #[error("{0}; one update at a time")]
    Busy(String),
    /// Larger than allowed.
    #[error("the bundle has {length} bytes, at most {limit} are taken (update.max_bundle_bytes)")]
    TooLarge {
        /// Its length.
        length: u64,
        /// The cap.
        limit: u64,
    },
    /// The data partition is too full.
    #[error(
        "the bundle needs {needed} bytes, {free} are free in {dir}: remove recordings, backups or logs there"
    )]
    NoSpace {
        /// With the reserve.
        needed: u64,
        /// What there is.
        free: u64,
        /// Where.
        dir: PathBuf,
    },
    /// Not the bundle that was announced.
    #[error("{0}; nothing is installed, send it again")]
    Different(String),
    /// Cancelled by an operator.
    #[error("the upload was cancelled")]
    Cancelled,
    /// Nothing is there to be cancelled.
    #[error("no bundle is being uploaded")]
    NothingToCancel,
    /// The medium refuses.
    #[error("{path} cannot be written: {source}")]
    Storage {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl UpdateError {
    pub(super) fn storage(path: &Path, source: std::io::Error) -> UpdateError {
        UpdateError::Storage {
            path: path.to_owned(),
            source,
        }
    }
}
