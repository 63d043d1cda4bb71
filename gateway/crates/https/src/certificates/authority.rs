//! The device's authority as clients install it. Nothing of its key is read.

use std::path::Path;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::info::fingerprint;

/// What there is to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The certificate, in DER form.
    pub der: Vec<u8>,
    /// Its SHA-256, as browsers and phones show it.
    pub fingerprint: String,
    /// Its common name.
    pub name: String,
    /// Last instant of its validity.
    pub not_after: Timestamp,
}

impl Authority {
    /// The certificate in this file; none when it cannot be read.
    pub(crate) fn in_file(path: &Path) -> Option<Authority> {
        let der = CertificateDer::from_pem_file(path).ok()?;
        let (_, parsed) = X509Certificate::from_der(&der).ok()?;
        let common = parsed.subject().iter_common_name().next();
        let name = common
            .and_then(|name| name.as_str().ok())
            .unwrap_or_default();
        let ends = parsed.validity().not_after.timestamp();
        Some(Authority {
            fingerprint: fingerprint(&der),
            name: name.to_owned(),
            not_after: Timestamp::from_second(ends).unwrap_or(Timestamp::MAX),
            der: der.to_vec(),
        })
    }
}
