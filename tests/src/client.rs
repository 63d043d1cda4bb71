//! An HTTP client as small as the assertions need: one connection a request,
//! real TLS, nothing retried, nothing hidden.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

/// A stream of either kind.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Where requests go and with which key.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    tls: Option<TlsConnector>,
    key: Option<String>,
    headers: Vec<(String, String)>,
    receive_buffer: Option<u32>,
    source: Option<IpAddr>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON: the test has failed.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{} is no JSON ({error}): {}", self.status, self.text()))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header as text, empty when absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// This answer, if it has the status.
    ///
    /// # Panics
    /// When it has not, with the body.
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status.as_u16(), status, "body: {}", self.text());
        self
    }
}

/// TLS settings that trust the certificates in `ca`.
///
/// # Errors
/// The file cannot be read or holds no certificate.
pub fn trusting(ca: &Path) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(ca).with_context(|| ca.display().to_string())?
    {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

impl Client {
    /// A client for an HTTPS listener whose certificate `ca` vouches for.
    ///
    /// # Errors
    /// As [`trusting`].
    pub fn https(address: SocketAddr, ca: &Path) -> anyhow::Result<Client> {
        let tls = Some(TlsConnector::from(Arc::new(trusting(ca)?)));
        Ok(Client {
            address,
            tls,
            key: None,
            headers: Vec::new(),
            receive_buffer: None,
            source: None,
        })
    }

    /// A client for a plain listener.
    #[must_use]
    pub const fn plain(address: SocketAddr) -> Client {
        Client {
            address,
            tls: None,
            key: None,
            headers: Vec::new(),
            receive_buffer: None,
            source: None,
        }
    }

    /// The same with `X-API-Key`.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Client {
        self.key = Some(key.to_owned());
        self
    }

    /// The same with a further header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Client {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same whose kernel keeps at most so many bytes that were not read.
    #[must_use]
    pub fn with_receive_buffer(mut self, bytes: u32) -> Client {
        self.receive_buffer = Some(bytes);
        self
    }

    /// The same from another address of this host, such as `127.0.0.2`.
    #[must_use]
    pub const fn with_source(mut self, address: IpAddr) -> Client {
        self.source = Some(address);
        self
    }

    /// The key this client sends.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The address it goes to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connected stream, after the TLS hand-shake if there is one.
    ///
    /// # Errors
    /// Connection refused, or the certificate is not trusted.
    pub async fn connect(&self) -> anyhow::Result<Box<dyn Stream>> {
        let socket = if self.address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(source) = self.source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let stream = socket.connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(connector) => {
                let name = ServerName::from(self.address.ip());
                // The certificate names 127.0.0.1 and localhost; tests use
                // other loopback addresses, so they ask for `localhost`.
                let name = if self.address.ip().is_loopback() {
                    ServerName::try_from("localhost")?
                } else {
                    name
                };
                Box::new(connector.connect(name, stream).await?)
            }
        })
    }

    /// A connected stream whose hand-shake was a full one: nothing is resumed.
    ///
    /// # Errors
    /// As [`Client::connect`], or the client is a plain one.
    pub async fn connect_without_resumption(&self) -> anyhow::Result<Box<dyn Stream>> {
        let mut config = ClientConfig::clone(self.tls.as_ref().context("no TLS")?.config());
        config.resumption = rustls::client::Resumption::disabled();
        let fresh = Client {
            tls: Some(TlsConnector::from(Arc::new(config))),
            ..self.clone()
        };
        fresh.connect().await
    }

    /// A connected stream of a client that speaks HTTP/2 only.
    ///
    /// # Errors
    /// As [`Client::connect`], or the client is a plain one.
    pub async fn connect_http2(&self) -> anyhow::Result<Box<dyn Stream>> {
        let mut config = ClientConfig::clone(self.tls.as_ref().context("no TLS")?.config());
        config.alpn_protocols = vec![b"h2".to_vec()];
        let http2 = Client {
            tls: Some(TlsConnector::from(Arc::new(config))),
            ..self.clone()
        };
        http2.connect().await
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// The connection fails before an answer is complete.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            // As it is, also what begins with two slashes.
            .uri(path.parse::<PathAndQuery>()?)
            .header("host", self.address.to_string());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
        }
        let (kind, bytes) = body.unzip();
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let request = request.body(Full::new(bytes.unwrap_or_default()))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(self.connect().await?)).await?;
        let driver = tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        driver.abort();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    /// `GET`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, path, None).await
    }

    /// `POST` without a body.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn post(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::POST, path, None).await
    }

    /// A request with a JSON body.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn json(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(
            method,
            path,
            Some(("application/json", Bytes::from(body.to_string()))),
        )
        .await
    }

    /// `DELETE`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::DELETE, path, None).await
    }
}
