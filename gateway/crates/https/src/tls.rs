//! TLS as the listeners use it: one provider, a certificate that can be
//! replaced while serving, resumption, ALPN.
//!
//! All of rustls that the gateway touches is here and in `certificates`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use readings::clock::{self, Mono, wall_now};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{self, cipher_suite};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use thiserror::Error;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::TlsConfig;
use super::certificates::{self, Authority, CertificateError, CertificateInfo, Pair, Renewal};

/// How often the owner's files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How often this host is asked for names and addresses that its certificate lacks:
/// an address comes minutes after the start, and nobody waits an hour for it.
const NAMES_INTERVAL: Duration = Duration::from_secs(15);
/// How often the device's own certificate is checked for being due.
const RENEW_INTERVAL: Duration = Duration::from_secs(3600);
/// Tickets sent per TLS 1.3 hand-shake; one is enough to resume once.
const TICKETS: usize = 1;

/// Why TLS cannot be served.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The authorities of clients.
    #[error("tls.client_ca {path}: {reason}")]
    ClientAuthority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// rustls refuses the combination.
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
}

/// Serving TLS with a certificate that can change.
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    info: ArcSwap<CertificateInfo>,
    source: Mutex<Source>,
    problem: Option<CertificateError>,
}

/// Where the certificate comes from.
struct Source {
    config: TlsConfig,
    state_dir: PathBuf,
    /// Modification times of the owner's files as last loaded.
    stamps: Vec<Option<SystemTime>>,
}

/// The certificate of the moment.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// Loads (or makes) the certificate and prepares to serve it. The device's own
    /// takes the place of an owner's that is gone or over, see [`Tls::problem`].
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(config: &TlsConfig, state_dir: &Path) -> Result<Arc<Tls>, TlsError> {
        let provider = Arc::new(provider());
        let (pair, problem) = match certificates::open(config, state_dir) {
            Err(error) if error.comes_with_time() => {
                (certificates::open_own(config, state_dir)?, Some(error))
            }
            opened => (opened?, None),
        };
        let info = pair.info.clone();
        let current = Arc::new(Current(ArcSwap::from_pointee(certified(pair, &provider)?)));
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let builder = match &config.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => builder.with_client_cert_verifier(client_verifier(path, provider)?),
        };
        let mut server = builder.with_cert_resolver(current.clone());
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        server.ticketer = ring::Ticketer::new()?;
        server.send_tls13_tickets = TICKETS;
        // The suites are in the order that suits this processor.
        server.ignore_client_order = true;
        let source = Source {
            config: config.clone(),
            state_dir: state_dir.to_owned(),
            stamps: stamps(config),
        };
        Ok(Arc::new(Tls {
            acceptor: TlsAcceptor::from(Arc::new(server)),
            current,
            info: ArcSwap::from_pointee(info),
            source: Mutex::new(source),
            problem,
        }))
    }

    /// Why the device's own certificate was served at the start in place of the
    /// owner's.
    #[must_use]
    pub const fn problem(&self) -> Option<&CertificateError> {
        self.problem.as_ref()
    }

    /// For hand-shakes.
    #[must_use]
    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Facts of the certificate served now.
    #[must_use]
    pub fn info(&self) -> Arc<CertificateInfo> {
        self.info.load_full()
    }

    /// The device's own authority, when it vouches for what is served now.
    #[must_use]
    pub fn authority(&self) -> Option<Authority> {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let state_dir = source.state_dir.clone();
        drop(source);
        certificates::authority(&self.info(), &state_dir)
    }

    /// Loads the certificate again, from the files that `config` names. New
    /// hand-shakes use it; on an error the old one stays.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn reload(&self, config: &TlsConfig) -> Result<(), TlsError> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        // Remembered before loading, also of a bad file: it is complained about
        // once, and looked at again when it changes.
        source.stamps = stamps(config);
        let pair = certificates::open(config, &source.state_dir)?;
        source.config = config.clone();
        let info = pair.info.clone();
        self.current
            .0
            .store(Arc::new(certified(pair, &provider())?));
        self.info.store(Arc::new(info));
        Ok(())
    }

    /// Makes a new leaf from the device's own authority, or from a new one, and
    /// serves it.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn renew(&self, renewal: Renewal) -> Result<Arc<CertificateInfo>, TlsError> {
        let (config, state_dir) = {
            let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
            (source.config.clone(), source.state_dir.clone())
        };
        certificates::renew(&config, &state_dir, renewal)?;
        self.reload(&config)?;
        Ok(self.info())
    }

    /// Reloads when the owner's files change, and renews the device's own when
    /// it is due, until `stop`. Tells `outcome` of every attempt.
    pub async fn watch(
        &self,
        stop: CancellationToken,
        outcome: impl Fn(Result<(), TlsError>) + Send,
    ) {
        let (mut since_renewal, mut since_names) = (Duration::ZERO, Duration::ZERO);
        let mut clock = clock::Steps::new(Mono::now(), wall_now());
        while tokio::select! { () = sleep(LOOK_INTERVAL) => true, () = stop.cancelled() => false } {
            since_renewal += LOOK_INTERVAL;
            since_names += LOOK_INTERVAL;
            let (config, changed) = {
                let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
                (
                    source.config.clone(),
                    stamps(&source.config) != source.stamps,
                )
            };
            let due = certificates::own_files(&config).is_none() && since_renewal >= RENEW_INTERVAL;
            let unnamed = since_names >= NAMES_INTERVAL && {
                since_names = Duration::ZERO;
                certificates::lacks_names(&config, &self.info())
            };
            // What was not yet valid may be now, what was made without a clock is not to stay.
            let stepped = clock.stepped(Mono::now(), wall_now()).is_some();
            if changed || due || stepped || (unnamed && certificates::own_files(&config).is_none())
            {
                since_renewal = Duration::ZERO;
                outcome(self.reload(&config));
            }
        }
    }
}

fn stamps(config: &TlsConfig) -> Vec<Option<SystemTime>> {
    let Some((cert, key)) = certificates::own_files(config) else {
        return Vec::new();
    };
    [cert, key]
        .map(|path| {
            std::fs::metadata(path)
                .and_then(|meta| meta.modified())
                .ok()
        })
        .into()
}

fn certified(pair: Pair, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    Ok(CertifiedKey::from_der(pair.chain, pair.key, provider)?)
}

/// ring, with ChaCha20 first on processors without AES instructions, such as a
/// Raspberry Pi 4's: software AES is several times slower there.
pub(crate) fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    if !has_aes() {
        let chacha = [
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ];
        // Stable: the order among the others stays.
        provider
            .cipher_suites
            .sort_by_key(|suite| !chacha.contains(suite));
    }
    provider
}

#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(target_arch = "x86_64")]
fn has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
fn has_aes() -> bool {
    false
}

pub(crate) fn client_verifier(
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let wrong = |reason: String| TlsError::ClientAuthority {
        path: path.to_owned(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("holds no PEM certificate".to_owned()));
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| wrong(error.to_string()))
}
