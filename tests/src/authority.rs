//! A certificate for programs that play a server behind the gateway.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

/// Writes a certificate for `localhost` to `ca`, and gives its server side.
///
/// # Errors
/// The file cannot be written.
pub fn certificate(ca: &Path) -> anyhow::Result<TlsAcceptor> {
    certificate_for(ca, "localhost")
}

/// The same for another name.
///
/// # Errors
/// The file cannot be written.
pub fn certificate_for(ca: &Path, name: &str) -> anyhow::Result<TlsAcceptor> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(vec![name.to_owned()])?.self_signed(&key)?;
    std::fs::write(ca, certificate.pem())?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?;
    let config = builder
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
