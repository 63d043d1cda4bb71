//! What is wrong with the files and names of `[tls]`, found without serving.
//!
//! Uses the very functions that serving uses, so that a start cannot stumble
//! over what was judged sound. Reads; makes and changes nothing.

use std::path::Path;
use std::sync::Arc;

use rcgen::CertificateParams;

use super::names::Names;
use super::{CertificateError, device, files, own_files};
use crate::TlsConfig;
use crate::tls;
use readings::clock::wall_now;

/// Everything wrong with `[tls]`: the key, and what is wrong with it. Not what comes
/// with time: a start does without it.
#[must_use]
pub fn problems(config: &TlsConfig) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if let Some((cert, key)) = own_files(config)
        && let Err(error) = files::load(cert, key, wall_now())
        && !error.comes_with_time()
    {
        found.push(("cert", error.to_string()));
    }
    for name in &config.names {
        if CertificateParams::new(vec![name.to_lowercase()]).is_err() {
            let reason = format!(
                "{name:?} cannot stand in a certificate; write an address or a host name in ASCII (xn--…)"
            );
            found.push(("names", reason));
        }
    }
    if let Some(path) = &config.client_ca
        && let Err(error) = tls::client_verifier(path, Arc::new(tls::provider()))
    {
        found.push(("client_ca", error.to_string()));
    }
    found
}

/// Whether [`super::open`] would come to a certificate, without making one.
///
/// # Errors
/// [`CertificateError`], as opening it would.
pub fn outlook(config: &TlsConfig, state_dir: &Path) -> Result<(), CertificateError> {
    match own_files(config) {
        Some((cert, key)) => files::load(cert, key, wall_now()).map(drop),
        None => device::Device::at(state_dir).outlook(&Names::wanted(&config.names), wall_now()),
    }
}
