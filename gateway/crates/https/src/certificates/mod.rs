//! Certificates: the device's own authority and leaf, or the owner's PEM files.
//!
//! Files of the state directory's `tls/` (0700): `ca.pem` is for people to
//! trust, `ca-key.pem` never leaves, `cert.pem` and `key.pem` are served. This
//! module never serves anything itself; `tls` does.

mod authority;
mod clock;
mod constraints;
mod device;
mod error;
mod files;
mod info;
mod judge;
mod names;
mod pair;

use std::path::Path;

use crate::TlsConfig;
use readings::clock::wall_now;

use names::Names;

pub use authority::Authority;
pub use error::CertificateError;
pub use info::{CertificateInfo, LEFT_OUT, UNLIMITED};
pub use judge::{outlook, problems};
pub use pair::Pair;

/// The pair to serve: the owner's files, else the device's own, made or renewed
/// as needed.
///
/// # Errors
/// [`CertificateError`].
pub fn open(config: &TlsConfig, state_dir: &Path) -> Result<Pair, CertificateError> {
    match own_files(config) {
        Some((cert, key)) => files::load(cert, key, wall_now()),
        None => open_own(config, state_dir),
    }
}

/// The device's own pair, whatever is configured.
///
/// # Errors
/// [`CertificateError`].
pub(super) fn open_own(config: &TlsConfig, state_dir: &Path) -> Result<Pair, CertificateError> {
    device::Device::at(state_dir).open(&Names::wanted(&config.names), wall_now())
}

/// Whether this host has a name or an address by now that its own certificate does
/// not know of.
pub(super) fn lacks_names(config: &TlsConfig, info: &CertificateInfo) -> bool {
    let knows = |name: &String| info.names.contains(name) || info.left_out.contains(name);
    info.authority_limited.is_some() && !Names::wanted(&config.names).all.iter().all(knows)
}

/// The facts of the certificate that [`open`] would serve, without making one.
///
/// # Errors
/// [`CertificateError`]; also when there is none yet.
pub fn inspect(config: &TlsConfig, state_dir: &Path) -> Result<CertificateInfo, CertificateError> {
    let pair = match own_files(config) {
        Some((cert, key)) => files::load(cert, key, wall_now())?,
        None => {
            let names = Names::wanted(&config.names);
            device::Device::at(state_dir).load(&names, wall_now())?
        }
    };
    Ok(pair.info)
}

/// The device's own authority, where the certificate of `info` is of it.
pub(super) fn authority(info: &CertificateInfo, state_dir: &Path) -> Option<Authority> {
    let path = device::Device::at(state_dir).authority_path();
    Authority::in_file(&path).filter(|_| info.authority_fingerprint.is_some())
}

/// What is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The leaf: nobody notices.
    Leaf,
    /// The authority as well: everybody has to trust it anew.
    Authority,
}

/// Makes a new leaf from the device's own authority, or from a new one.
///
/// # Errors
/// [`CertificateError`]; the owner's files are not the device's to renew.
pub fn renew(
    config: &TlsConfig,
    state_dir: &Path,
    renewal: Renewal,
) -> Result<CertificateInfo, CertificateError> {
    if let Some((cert, _)) = own_files(config) {
        return Err(CertificateError::file(
            cert,
            "is yours, not the device's: renew it where it was made, then reload",
        ));
    }
    let device = device::Device::at(state_dir);
    if renewal == Renewal::Authority {
        device.forget_authority()?;
    }
    let pair = device.renew(&Names::wanted(&config.names), wall_now())?;
    Ok(pair.info)
}

/// The owner's files, when they are configured.
pub(super) fn own_files(config: &TlsConfig) -> Option<(&Path, &Path)> {
    Some((config.cert.as_deref()?, config.key.as_deref()?))
}
