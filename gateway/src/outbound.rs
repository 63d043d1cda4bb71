//! What all outgoing HTTP has in common: where it may go, whom it trusts, what
//! went wrong, and the secrets it carries.
//!
//! Webhooks (`notify`) and the vision service (`upstream`) both use it. It must
//! never log a secret, and never let one leave in clear: `http://` is for this
//! host only.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_rustls::ConfigBuilderExt;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::timeout;
use tower::{Service, ServiceExt as _};
use zeroize::Zeroizing;

/// How long a connection is tried that is not used: `check` waits for it.
const REACH_WITHIN: Duration = Duration::from_secs(3);

/// A parsed `url` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    /// As it was written.
    pub(crate) uri: Uri,
    /// Its host, without the brackets of IPv6.
    pub(crate) host: String,
}

impl Destination {
    /// Parses `url`.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead.
    pub(crate) fn parse(url: &str) -> Result<Destination, String> {
        let uri: Uri = url.parse().map_err(|error| format!("url: {error}"))?;
        let host = uri.host().ok_or("url: it names no host")?;
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let local = host.eq_ignore_ascii_case("localhost")
            || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if local => {}
            Some("http") => {
                return Err("url: http:// is for loopback only; use https://".to_owned());
            }
            _ => return Err("url: it must begin with https://".to_owned()),
        }
        Ok(Destination { uri, host })
    }
}

/// TLS settings that trust the authorities in `ca`, or the public ones.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn tls(ca: Option<&Path>) -> Result<rustls::ClientConfig, String> {
    tls_as(ca, None)
}

/// The same, with a certificate and its key to show where the other side asks for one.
///
/// # Errors
/// What is wrong with a file.
pub(crate) fn tls_as(
    ca: Option<&Path>,
    identity: Option<(&Path, &Path)>,
) -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    let builder = match ca {
        None => builder.with_webpki_roots(),
        Some(path) => builder.with_root_certificates(authorities(path)?),
    };
    let Some((cert, key)) = identity else {
        return Ok(builder.with_no_client_auth());
    };
    let fail = |name: &str, path: &Path, error: &dyn std::fmt::Display| {
        format!("{name} {}: {error}", path.display())
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fail("cert", cert, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| fail("key", key, &error))?;
    builder
        .with_client_auth_cert(chain, secret)
        .map_err(|error| fail("cert", cert, &error))
}

fn authorities(path: &Path) -> Result<rustls::RootCertStore, String> {
    let fail = |error: &dyn std::fmt::Display| format!("ca {}: {error}", path.display());
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| fail(&error))? {
        let certificate = certificate.map_err(|error| fail(&error))?;
        roots.add(certificate).map_err(|error| fail(&error))?;
    }
    if roots.is_empty() {
        return Err(fail(&"it holds no certificate"));
    }
    Ok(roots)
}

/// A secret that stands in the configuration under `name`, or in the file that
/// `name_file` names.
///
/// # Errors
/// Both are set, or the file cannot be read.
pub(crate) fn secret(
    name: &str,
    inline: Option<&str>,
    file: Option<&Path>,
) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
    match (inline, file) {
        (Some(_), Some(_)) => Err(format!("{name} and {name}_file are both set; keep one")),
        (Some(secret), None) => Ok(Some(Zeroizing::new(secret.as_bytes().to_vec()))),
        (None, Some(path)) => {
            let bytes = std::fs::read(path)
                .map_err(|error| format!("{name}_file {}: {error}", path.display()))?;
            // An editor's newline is no part of the secret.
            Ok(Some(Zeroizing::new(
                Zeroizing::new(bytes).trim_ascii_end().to_vec(),
            )))
        }
        (None, None) => Ok(None),
    }
}

/// Whether a connection to `uri` comes about, with TLS where it has that. Nothing
/// is sent over it.
///
/// # Errors
/// Why not, in words.
pub(crate) async fn reach<C>(connector: C, uri: Uri) -> Result<(), String>
where
    C: Service<Uri>,
    C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match timeout(REACH_WITHIN, connector.oneshot(uri)).await {
        Ok(Ok(_closed)) => Ok(()),
        Ok(Err(error)) => Err(chain(&*error.into())),
        Err(_) => Err(format!("no connection in {} s", REACH_WITHIN.as_secs())),
    }
}

/// An error with its causes: hyper's own text says only "client error".
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_leave_this_host_by_tls_only() {
        for url in [
            "https://vision.example/v1",
            "http://127.0.0.1:9000",
            "http://localhost:1",
            "http://[::1]:1/x",
        ] {
            assert!(Destination::parse(url).is_ok(), "{url}");
        }
        for url in [
            "http://192.168.1.9:8000",
            "http://vision.example",
            "ftp://127.0.0.1/",
            "/vision",
            "not a url",
        ] {
            assert!(Destination::parse(url).is_err(), "{url}");
        }
        let parsed = Destination::parse("https://[fd00::1]:8443/a").expect("parsed");
        assert_eq!(parsed.host, "fd00::1");
    }

    #[test]
    fn a_secret_stands_in_one_place() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(file.path(), "from-file\n").expect("written");
        let read = secret("key", None, Some(file.path()))
            .expect("read")
            .expect("there");
        assert_eq!(read.as_slice(), b"from-file");
        assert!(
            secret("key", Some("x"), Some(file.path()))
                .expect_err("both")
                .contains("key_file")
        );
        let absent = secret("key", None, Some(Path::new("/nowhere/key"))).expect_err("absent");
        assert!(absent.contains("key_file /nowhere/key"), "{absent}");
    }
}
