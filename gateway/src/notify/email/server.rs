//! The mail server of a section: where it is, whom it is believed to be, who we are there.
//!
//! Off this host nothing is said before TLS. The name is resolved at each connection, and
//! only to addresses that are allowed.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use http::Uri;
use lettre::address::Envelope;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::connection::Metered;
use crate::config::notify as config;
use crate::notify::allowed::Allowed;
use crate::notify::channel::NotDelivered;
use crate::notify::resolve;
use crate::outbound;

/// Port of `smtps://` where none is written: submission over TLS (RFC 8314).
const SUBMISSIONS_PORT: u16 = 465;
/// Of `smtp://`: submission (RFC 6409), where STARTTLS and passwords are.
const SUBMISSION_PORT: u16 = 587;
/// Of `smtp://` on this host: a mail server that takes what local programs give it.
const SMTP_PORT: u16 = 25;

/// Where mail is handed over.
pub(super) struct Server {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    allowed: Arc<Allowed>,
}

/// How a connection becomes a private one.
enum Security {
    /// TLS at once.
    Tls(TlsConnector, ServerName<'static>),
    /// STARTTLS, or nothing is sent.
    StartTls(TlsParameters),
    /// None is needed: it does not leave this host.
    Local,
}

impl Server {
    /// The server of a section.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(super) fn parse(section: &config::Email, allowed: &Arc<Allowed>) -> Result<Server, String> {
        let uri: Uri = section
            .smtp
            .trim()
            .parse()
            .map_err(|error| format!("smtp: {error}"))?;
        let host = uri
            .host()
            .ok_or("smtp: it names no host, as smtps://mail.example does")?;
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
            return Err(
                "smtp: set username and password_file instead of writing them here".to_owned(),
            );
        }
        let is_local = host.eq_ignore_ascii_case("localhost")
            || host
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback());
        let allowed = allowed.or_own(&host);
        if !allowed.may_lead_to(&host) {
            return Err(format!(
                "smtp: {host} is not allowed; add it, or its network, to notify.allow"
            ));
        }
        let (security, port) = match uri.scheme_str() {
            Some("smtps") => {
                let name = ServerName::try_from(host.clone());
                let name = name.map_err(|error| format!("smtp: {host}: {error}"))?;
                let settings = outbound::tls(section.ca.as_deref())?;
                (
                    Security::Tls(TlsConnector::from(Arc::new(settings)), name),
                    SUBMISSIONS_PORT,
                )
            }
            // Who names an authority wants it proved on this host as well.
            Some("smtp") if is_local && section.ca.is_none() => (Security::Local, SMTP_PORT),
            Some("smtp") => (
                Security::StartTls(start_tls(&host, section.ca.as_deref())?),
                SUBMISSION_PORT,
            ),
            _ => return Err("smtp: it must begin with smtps:// or smtp://".to_owned()),
        };
        Ok(Server {
            port: uri.port_u16().unwrap_or(port),
            host,
            security,
            credentials: credentials(section)?,
            allowed,
        })
    }

    /// Hands a mail over.
    pub(super) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), NotDelivered> {
        let mut connection = self.open().await?;
        let taken = connection.send(envelope, mail).await;
        // (Whether it is heard makes no difference to a mail that was taken.)
        connection.abort().await;
        taken.map(drop).map_err(judged)
    }

    /// Whether it would take mail from us; none is sent.
    pub(super) async fn reach(&self) -> Result<(), NotDelivered> {
        let mut connection = self.open().await?;
        connection.abort().await;
        Ok(())
    }

    /// A connection by which mail may be sent.
    async fn open(&self) -> Result<AsyncSmtpConnection, NotDelivered> {
        let found = resolve::addresses(&self.allowed, &self.host, self.port).await;
        let stream = TcpStream::connect(&*found.map_err(NotDelivered::retry)?).await;
        let stream = stream.map_err(NotDelivered::retry)?;
        // Its address says who we are to the server without a name that nobody knows there.
        let hello = stream
            .local_addr()
            .map(|address| match address.ip().to_canonical() {
                IpAddr::V4(address) => ClientId::Ipv4(address),
                IpAddr::V6(address) => ClientId::Ipv6(address),
            });
        let hello = hello.map_err(NotDelivered::retry)?;
        let stream = Metered::new(stream).map_err(NotDelivered::retry)?;
        let mut connection = match &self.security {
            Security::Tls(connector, name) => {
                let stream = connector.connect(name.clone(), stream).await;
                let stream = stream
                    .map_err(|error: io::Error| NotDelivered::retry(outbound::chain(&error)))?;
                let stream = Box::new(Metered::encrypted(stream));
                AsyncSmtpConnection::connect_with_transport(stream, &hello).await
            }
            Security::StartTls(_) | Security::Local => {
                AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await
            }
        }
        .map_err(judged)?;
        if let Security::StartTls(parameters) = &self.security {
            let upgraded = connection.starttls(parameters.clone(), &hello).await;
            upgraded.map_err(judged)?;
        }
        if let Some(credentials) = &self.credentials {
            let known = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            known.map_err(judged)?;
        }
        Ok(connection)
    }
}

/// The settings of STARTTLS, which the client library does itself.
fn start_tls(host: &str, ca: Option<&Path>) -> Result<TlsParameters, String> {
    // Judged as for every other connection: the words are better.
    outbound::tls(ca)?;
    let mut builder = TlsParameters::builder(host.to_owned());
    builder = match ca {
        None => builder.certificate_store(CertificateStore::WebpkiRoots),
        Some(path) => {
            let pem =
                std::fs::read(path).map_err(|error| format!("ca {}: {error}", path.display()))?;
            let authority = Certificate::from_pem(&pem)
                .map_err(|error| format!("ca {}: {error}", path.display()))?;
            builder
                .certificate_store(CertificateStore::None)
                .add_root_certificate(authority)
        }
    };
    builder
        .build_rustls()
        .map_err(|error| format!("smtp: {host}: {error}"))
}

fn credentials(section: &config::Email) -> Result<Option<Credentials>, String> {
    let password = outbound::secret(
        "password",
        section.password.as_deref(),
        section.password_file.as_deref(),
    )?;
    match (&section.username, password) {
        (None, None) => Ok(None),
        (Some(name), Some(password)) => {
            let password =
                std::str::from_utf8(&password).map_err(|_| "password: it is not UTF-8")?;
            Ok(Some(Credentials::new(name.clone(), password.to_owned())))
        }
        (Some(_), None) => Err("username: set password_file as well".to_owned()),
        (None, Some(_)) => Err("password: set username as well".to_owned()),
    }
}

/// What an error means: a refusal is an answer that the same mail would get again.
fn judged(error: smtp::Error) -> NotDelivered {
    match error.is_permanent() {
        true => NotDelivered::Refused(outbound::chain(&error)),
        false => NotDelivered::retry(outbound::chain(&error)),
    }
}
