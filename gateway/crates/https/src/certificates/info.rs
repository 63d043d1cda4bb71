//! What people are told of a certificate.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// What to do about an authority of before there were limits.
pub const UNLIMITED: &str = "none: whoever takes its key can speak for any host to those who trust it; \
     `cert renew --authority` makes a limited one, which all have to trust anew";
/// What to do about names that are left out.
pub const LEFT_OUT: &str = "the authority may not vouch for them; \
     `cert renew --authority` makes one that may, which all have to trust anew";

/// Facts of a served certificate.
#[derive(Clone, Debug, PartialEq)]
pub struct CertificateInfo {
    /// The file it is in.
    pub path: PathBuf,
    /// SHA-256 of the leaf, as browsers show it.
    pub fingerprint: String,
    /// SHA-256 of the authority, when it is the device's own.
    pub authority_fingerprint: Option<String>,
    /// Whether the device's own authority may vouch for names of networks like its
    /// own only; none of the owner's files.
    pub authority_limited: Option<bool>,
    /// Names of this host that its authority may not vouch for, so that they are not
    /// in the certificate.
    pub left_out: Vec<String>,
    /// Names and addresses it is for.
    pub names: Vec<String>,
    /// First instant of its validity.
    pub not_before: Timestamp,
    /// Last instant of its validity.
    pub not_after: Timestamp,
}

impl CertificateInfo {
    /// Reads the facts out of a leaf; the error says what it is not.
    pub(super) fn of(path: PathBuf, leaf: &CertificateDer<'_>) -> Result<CertificateInfo, String> {
        let (_, parsed) = X509Certificate::from_der(leaf)
            .map_err(|error| format!("holds no X.509 certificate: {error}"))?;
        let names = match parsed.subject_alternative_name() {
            Ok(Some(extension)) => extension
                .value
                .general_names
                .iter()
                .filter_map(name)
                .collect(),
            _ => Vec::new(),
        };
        let instant = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        Ok(CertificateInfo {
            path,
            fingerprint: fingerprint(leaf),
            authority_fingerprint: None,
            authority_limited: None,
            left_out: Vec::new(),
            names,
            not_before: instant(parsed.validity().not_before.timestamp()),
            not_after: instant(parsed.validity().not_after.timestamp()),
        })
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Some(std::net::Ipv4Addr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string()),
            16 => Some(std::net::Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// SHA-256 in the form that browsers and openssl show: `AA:BB:…`.
pub(super) fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = Sha256::digest(certificate);
    digest
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect::<Vec<_>>()
        .join(":")
}

impl fmt::Display for CertificateInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "file                 {}", self.path.display())?;
        writeln!(f, "SHA-256 fingerprint  {}", self.fingerprint)?;
        if let Some(authority) = &self.authority_fingerprint {
            writeln!(f, "authority's          {authority}")?;
        }
        if self.authority_limited == Some(false) {
            writeln!(f, "authority's limits   {UNLIMITED}")?;
        }
        writeln!(f, "names                {}", self.names.join(", "))?;
        if !self.left_out.is_empty() {
            let names = self.left_out.join(", ");
            writeln!(f, "left out             {names}: {LEFT_OUT}")?;
        }
        writeln!(
            f,
            "valid                {} to {}",
            self.not_before, self.not_after
        )
    }
}
