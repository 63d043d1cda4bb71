//! A certificate that can be served.

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::info::CertificateInfo;

/// A chain with its key, and what people are told of it.
#[derive(Debug)]
pub struct Pair {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
    /// For people.
    pub info: CertificateInfo,
}
