//! Why there is no usable certificate.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why there is no usable certificate. Names the file and what to do.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// A file cannot be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what it should hold.
        reason: String,
    },
    /// A file is not there, or not for us.
    #[error(
        "{path} cannot be read: {reason}; put it back, or remove tls.cert and tls.key to use the device's own"
    )]
    Gone {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// Certificate and key do not belong together.
    #[error("{key} is not the key of {cert}: replace both by a matching pair")]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate's time is over.
    #[error(
        "{path} expired on {on}; replace it, or remove tls.cert and tls.key to use the device's own"
    )]
    Expired {
        /// The certificate's file.
        path: PathBuf,
        /// Its last day.
        on: String,
    },
    /// A certificate could not be made.
    #[error("cannot make the device's certificate: {0}")]
    Making(String),
}

impl CertificateError {
    /// Whether it can befall a configuration that was sound once: such a one must
    /// not keep the gateway, and every landing with it, from starting.
    #[must_use]
    pub const fn comes_with_time(&self) -> bool {
        matches!(
            self,
            CertificateError::Gone { .. } | CertificateError::Expired { .. }
        )
    }

    pub(super) fn file(path: &Path, reason: impl ToString) -> CertificateError {
        CertificateError::File {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}
