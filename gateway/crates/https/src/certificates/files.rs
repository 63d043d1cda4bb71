//! The owner's PEM files, with an error for every way they can be wrong.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::error::CertificateError;
use super::info::CertificateInfo;
use super::pair::Pair;

/// Before this instant the wall clock is certainly wrong: a board without a
/// clock battery, not synchronised yet. Then validity is not judged.
pub(super) const PLAUSIBLE_CLOCK_S: i64 = 1_767_225_600; // 2026-01-01

/// Reads and checks a pair.
pub(super) fn load(cert: &Path, key: &Path, now: Timestamp) -> Result<Pair, CertificateError> {
    let mut chain = chain(cert)?;
    without_root(&mut chain);
    let private = private_key(key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    match CertifiedKey::from_der(chain.clone(), private.clone_key(), &provider) {
        Ok(_) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(CertificateError::Mismatch {
                cert: cert.to_owned(),
                key: key.to_owned(),
            });
        }
        Err(error) => {
            return Err(CertificateError::file(
                key,
                format!("cannot be used: {error}"),
            ));
        }
    }
    let info = CertificateInfo::of(cert.to_owned(), &chain[0])
        .map_err(|reason| CertificateError::file(cert, reason))?;
    if now.as_second() >= PLAUSIBLE_CLOCK_S {
        if now > info.not_after {
            let on = info.not_after.to_string();
            return Err(CertificateError::Expired {
                path: cert.to_owned(),
                on,
            });
        }
        if now < info.not_before {
            // A clock that is a little behind must not keep the gateway down.
            tracing::warn!(file = %cert.display(), from = %info.not_before, "the certificate is not valid yet");
        }
    }
    Ok(Pair {
        chain,
        key: private,
        info,
    })
}

fn text(path: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(path).map_err(|error| CertificateError::Gone {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let bytes = text(path)?;
    let wrong = |reason: &str| CertificateError::file(path, reason);
    if bytes.trim_ascii().is_empty() {
        return Err(wrong(
            "is empty; it should hold the certificate chain in PEM form, leaf first",
        ));
    }
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&format!("is damaged PEM: {error}")))?;
    match chain.is_empty() {
        false => Ok(chain),
        true if contains(&bytes, b"PRIVATE KEY") => Err(wrong(
            "holds a private key, not a certificate; are tls.cert and tls.key swapped?",
        )),
        true => Err(wrong(
            "holds no PEM certificate (-----BEGIN CERTIFICATE-----)",
        )),
    }
}

/// Takes the root out of what is sent: whoever trusts it has it, to others it says
/// nothing, and hand-shakes that carry it take clients half as long again.
fn without_root(chain: &mut Vec<CertificateDer<'static>>) {
    let is_leaf = |at: usize| at == 0;
    let is_root = |certificate: &CertificateDer<'_>| {
        X509Certificate::from_der(certificate)
            .is_ok_and(|(_, parsed)| parsed.subject() == parsed.issuer())
    };
    let mut at = 0;
    chain.retain(|certificate| {
        let stays = is_leaf(at) || !is_root(certificate);
        at += 1;
        stays
    });
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let bytes = text(path)?;
    let wrong = |reason: String| CertificateError::file(path, reason);
    if contains(&bytes, b"ENCRYPTED") {
        let reason = "is encrypted; a gateway starts without anybody to ask, store it decrypted with mode 0600";
        return Err(wrong(reason.to_owned()));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        if contains(&bytes, b"BEGIN CERTIFICATE") {
            wrong(
                "holds a certificate, not a private key; are tls.cert and tls.key swapped?"
                    .to_owned(),
            )
        } else {
            wrong(format!(
                "holds no usable private key (-----BEGIN PRIVATE KEY-----): {error}"
            ))
        }
    })
}
