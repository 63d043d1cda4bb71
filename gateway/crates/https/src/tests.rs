//! Listeners on real sockets: caps, time-outs, resumption, drain.

use std::sync::atomic::Ordering;

use axum::routing::get;
use axum::{Extension, Router};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;

/// Short enough to wait for, long enough not to strike a slow machine first.
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(60);

struct Serving {
    address: SocketAddr,
    server: Arc<Server>,
    task: tokio::task::JoinHandle<()>,
    _state: tempfile::TempDir,
    state_dir: std::path::PathBuf,
}

fn limits() -> Limits {
    Limits {
        handshake: LONG,
        header: LONG,
        body: LONG,
        idle: LONG,
        write: LONG,
        drain: LONG,
    }
}

async fn serving(limits: Limits, tls: bool) -> Serving {
    let state = tempfile::tempdir().expect("directory");
    let state_dir = state.path().to_owned();
    let socket = bind("127.0.0.1:0".parse().expect("address"), "test").expect("bound");
    let address = socket.local_addr().expect("address");
    let tls = tls.then(|| Tls::open(&TlsConfig::default(), &state_dir).expect("certificate"));
    let server = Arc::new(Server {
        limits,
        limiter: ConnectionLimiter::new(4, 8),
        budgets: ledger::Budgets::of(&ledger::Ledger::new(ledger::HELD_BYTES)).expect("room"),
        stats: Arc::default(),
        stop: CancellationToken::new(),
    });
    let app = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/key", get(key))
        .route("/slow", get(slow));
    let listener = Listener {
        socket,
        via: Via::Https,
        tls,
    };
    let task = tokio::spawn(serve(listener, app, server.clone()));
    Serving {
        address,
        server,
        task,
        _state: state,
        state_dir,
    }
}

/// Whoever asks for this has a good key.
async fn key(Extension(connection): Extension<Connection>) -> &'static str {
    connection.authenticated(true);
    "welcome"
}

/// An answer that takes longer than the idle time-out of its test, piece by piece.
async fn slow() -> axum::body::Body {
    let pieces = futures_util::stream::unfold(0, |sent| async move {
        tokio::time::sleep(SHORT / 3).await;
        (sent < 9).then_some((Ok::<_, std::io::Error>("piece"), sent + 1))
    });
    axum::body::Body::from_stream(pieces)
}

fn connector(
    serving: &Serving,
    version: &'static rustls::SupportedProtocolVersion,
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(serving.state_dir.join("tls/ca.pem")).expect("authority")
    {
        roots.add(certificate.expect("certificate")).expect("root");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// One request over TLS; how the hand-shake was done.
async fn request(connector: &TlsConnector, address: SocketAddr) -> Option<HandshakeKind> {
    let stream = TcpStream::connect(address).await.expect("connected");
    let name = ServerName::try_from("localhost").expect("name");
    let mut stream = connector.connect(name, stream).await.expect("hand-shake");
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("answered");
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"hello"));
    stream.get_ref().1.handshake_kind()
}

async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset closes as well.
    drop(stream.read_to_end(&mut rest).await);
}

#[tokio::test]
async fn sessions_are_resumed_on_both_versions() {
    let serving = serving(limits(), true).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let connector = connector(&serving, version);
        assert_eq!(
            request(&connector, serving.address).await,
            Some(HandshakeKind::Full)
        );
        assert_eq!(
            request(&connector, serving.address).await,
            Some(HandshakeKind::Resumed)
        );
    }
    let stats = &serving.server.stats;
    assert_eq!(stats.handshakes_tls12.load(Ordering::Relaxed), 2);
    assert_eq!(stats.handshakes_tls13.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_silent_client_does_not_keep_others_waiting() {
    let serving = serving(
        Limits {
            handshake: SHORT,
            ..limits()
        },
        true,
    )
    .await;
    let mut silent = TcpStream::connect(serving.address)
        .await
        .expect("connected");
    request(
        &connector(&serving, &rustls::version::TLS13),
        serving.address,
    )
    .await;
    closed(&mut silent).await;
    assert_eq!(
        serving
            .server
            .stats
            .handshake_timeouts
            .load(Ordering::Relaxed),
        1
    );
}

#[tokio::test]
async fn a_first_request_that_never_comes_and_a_slow_header_are_cut_off() {
    let serving = serving(
        Limits {
            header: SHORT,
            ..limits()
        },
        false,
    )
    .await;
    let mut silent = TcpStream::connect(serving.address)
        .await
        .expect("connected");
    let mut slow = TcpStream::connect(serving.address)
        .await
        .expect("connected");
    slow.write_all(b"GET / HTTP/1.1\r\nHost:")
        .await
        .expect("sent");
    closed(&mut silent).await;
    closed(&mut slow).await;
    assert_eq!(
        serving.server.stats.header_timeouts.load(Ordering::Relaxed),
        2
    );
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let serving = serving(
        Limits {
            idle: SHORT,
            ..limits()
        },
        false,
    )
    .await;
    let mut client = TcpStream::connect(serving.address)
        .await
        .expect("connected");
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("sent");
    closed(&mut client).await;
    assert_eq!(
        serving.server.stats.idle_timeouts.load(Ordering::Relaxed),
        1
    );
}

#[tokio::test]
async fn a_long_answer_is_not_idleness() {
    let serving = serving(
        Limits {
            idle: SHORT,
            ..limits()
        },
        false,
    )
    .await;
    let mut client = TcpStream::connect(serving.address)
        .await
        .expect("connected");
    client
        .write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("sent");
    let mut answer = Vec::new();
    // Ends when the connection is idle after the answer, not within it.
    client.read_to_end(&mut answer).await.expect("answered");
    assert!(
        answer.ends_with(b"0\r\n\r\n"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert_eq!(String::from_utf8_lossy(&answer).matches("piece").count(), 9);
}

#[tokio::test]
async fn the_cap_holds_and_permits_come_back() {
    let serving = serving(limits(), false).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut client = TcpStream::connect(serving.address)
            .await
            .expect("connected");
        client
            .write_all(b"GET /key HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .expect("sent");
        let mut first = [0u8; 12];
        client.read_exact(&mut first).await.expect("answered");
        held.push(client);
    }
    let mut refused = TcpStream::connect(serving.address)
        .await
        .expect("connected");
    closed(&mut refused).await;
    assert_eq!(
        serving
            .server
            .stats
            .refused_total_cap
            .load(Ordering::Relaxed),
        1
    );
    held.clear();
    while serving.server.limiter.open() > 0 {
        tokio::task::yield_now().await;
    }
    let mut again = TcpStream::connect(serving.address)
        .await
        .expect("connected");
    again
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .expect("sent");
    let mut answer = Vec::new();
    again.read_to_end(&mut answer).await.expect("answered");
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn the_oldest_silent_connection_gives_way_in_any_state() {
    for tls in [false, true] {
        let serving = serving(limits(), tls).await;
        let mut silent = TcpStream::connect(serving.address)
            .await
            .expect("connected");
        // Accepted before the others are.
        while serving.server.limiter.open() < 1 {
            tokio::task::yield_now().await;
        }
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(
                TcpStream::connect(serving.address)
                    .await
                    .expect("connected"),
            );
        }
        while serving.server.limiter.open() < 4 {
            tokio::task::yield_now().await;
        }
        let _newcomer = TcpStream::connect(serving.address)
            .await
            .expect("connected");
        closed(&mut silent).await;
        let stats = &serving.server.stats;
        assert_eq!(stats.gave_way.load(Ordering::Relaxed), 1);
        assert_eq!(stats.handshake_failures.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn a_stop_ends_idle_connections_at_once() {
    let serving = serving(limits(), false).await;
    let mut client = TcpStream::connect(serving.address)
        .await
        .expect("connected");
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("sent");
    let mut first = [0u8; 12];
    client.read_exact(&mut first).await.expect("answered");
    serving.server.stop.cancel();
    closed(&mut client).await;
    serving.task.await.expect("ended");
    assert!(TcpStream::connect(serving.address).await.is_err());
}
