//! What serving costs at least: programs of a page each that answer every request with the
//! same bytes, with the gateway's pair, its versions of TLS and its runtime. One reads and
//! writes tokio-rustls by hand, the other has hyper on top of it. And a third that tells a
//! WebSocket of each datagram: the path with nothing judged and nothing kept.
//!
//! They are this program again, in processes of their own, so that their CPU can be told.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::SinkExt as _;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::process::{Child, Command};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

use gateway_tests::process;

/// Longest run of pipelined requests that is looked at in one read.
const READ_BYTES: usize = 4096;
/// The headers that the gateway's answers carry, beside `Content-*` and `Date`.
pub(crate) const HEADERS: [(&str, &str); 8] = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("X-XSS-Protection", "1; mode=block"),
    (
        "Strict-Transport-Security",
        "max-age=31536000; includeSubDomains",
    ),
    ("Content-Security-Policy", "default-src 'self'"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("Vary", "Origin"),
    ("Cache-Control", "no-store"),
];

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Floor {
    Tls,
    Hyper,
    Path,
}

impl Floor {
    const fn word(self) -> &'static str {
        match self {
            Floor::Tls => "tls",
            Floor::Hyper => "hyper",
            Floor::Path => "path",
        }
    }
}

/// Such a program, running.
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    /// Starts it on `address`, answering bodies of `bytes`.
    pub(crate) async fn start(
        floor: Floor,
        address: IpAddr,
        tls: &Path,
        bytes: usize,
    ) -> anyhow::Result<Running> {
        let port = match floor {
            Floor::Tls => 9444,
            Floor::Hyper => 9445,
            Floor::Path => 9446,
        };
        let address = SocketAddr::new(address, port);
        let child = Command::new(std::env::current_exe()?)
            .args(["--floor", floor.word(), &address.to_string()])
            .arg(tls)
            .arg(bytes.to_string())
            .kill_on_drop(true)
            .spawn()?;
        gateway_tests::eventually("the floor", || async {
            Ok(TcpStream::connect(address).await.ok())
        })
        .await?;
        Ok(Running { child, address })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU time of it.
    pub(crate) fn cpu(&self) -> anyhow::Result<std::time::Duration> {
        process::cpu(self.child.id().context("the floor ended")?)
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// The program itself: `--floor tls|hyper|path ADDRESS TLS-DIRECTORY BYTES`.
pub(crate) async fn serve(arguments: &[String]) -> anyhow::Result<()> {
    let [word, address, tls, bytes] = arguments else {
        anyhow::bail!("--floor WORD ADDRESS DIRECTORY BYTES");
    };
    let listener = TcpListener::bind(address.as_str()).await?;
    let acceptor = acceptor(Path::new(tls))?;
    let body = "x".repeat(bytes.parse()?);
    let answer: Arc<[u8]> = answer(&body).into_bytes().into();
    if word == Floor::Path.word() {
        return path(&listener, &acceptor, body).await;
    }
    let is_bare = word == Floor::Tls.word();
    let body = Bytes::from(body);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, answer, body) = (acceptor.clone(), answer.clone(), body.clone());
        tokio::spawn(async move {
            // Who connects without a hand-shake only looks whether it is there.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            if !is_bare {
                return by_hyper(TokioIo::new(stream), body).await;
            }
            let mut buffer = [0; READ_BYTES];
            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                for _ in buffer[..length].windows(4).filter(|end| end == b"\r\n\r\n") {
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
                if stream.flush().await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Whatever comes by UDP, the one listener is told at once.
async fn path(listener: &TcpListener, acceptor: &TlsAcceptor, body: String) -> anyhow::Result<()> {
    let socket = UdpSocket::bind(listener.local_addr()?).await?;
    let message = format!("\"{body}\"");
    let mut buffer = [0; READ_BYTES];
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // Who connects without a hand-shake only looks whether it is there.
        let Ok(stream) = acceptor.accept(stream).await else {
            continue;
        };
        let mut socket_to = tokio_tungstenite::accept_async(stream).await?;
        loop {
            socket.recv_from(&mut buffer).await?;
            socket_to.send(Message::text(message.clone())).await?;
        }
    }
}

async fn by_hyper(stream: TokioIo<tokio_rustls::server::TlsStream<TcpStream>>, body: Bytes) {
    // Made once: what a request costs is that they are put in.
    let json = ("content-type", "application/json");
    let named = HEADERS.into_iter().chain([json]).map(|(name, value)| {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        (name.expect("a name"), http::HeaderValue::from_static(value))
    });
    let named: Vec<_> = named.collect();
    let service = service_fn(|_| {
        let mut answer = http::Response::new(Full::new(body.clone()));
        let headers = answer.headers_mut();
        headers.reserve(named.len());
        for (name, value) in &named {
            headers.insert(name, value.clone());
        }
        async { Ok::<_, Infallible>(answer) }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(stream, service);
    // The load goes away in the middle of it.
    drop(connection.await);
}

fn answer(body: &str) -> String {
    let headers: String = HEADERS
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Date: Mon, 30 Nov 2026 12:00:00 GMT\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn acceptor(tls: &Path) -> anyhow::Result<TlsAcceptor> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(tls.join("cert.pem"))?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(tls.join("key.pem"))?;
    let mut config = ServerConfig::builder_with_protocol_versions(&[&version::TLS13])
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
