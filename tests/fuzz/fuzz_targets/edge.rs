//! Any bytes at the HTTP edge, over a real socket: hyper, the deadlines and turns around it,
//! bodies read whole and WebSocket frames. The first byte says whether a hand-shake for a
//! WebSocket goes before them. A request after it is answered as ever.
#![no_main]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, WebSocketUpgrade};
use axum::routing::{any, get};
use https::{ConnectionLimiter, Limits, Listener, Server, Via};
use libfuzzer_sys::fuzz_target;

const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const QUESTION: &[u8] = b"GET /alive HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// What is long in the field is short here: each input ends.
const SOON: Duration = Duration::from_millis(200);

async fn whole(request: Request) -> String {
    let read = https::read_whole(request.into_body(), 64 * 1024, None).await;
    format!("{:?}", read.map(|whole| whole.bytes.len()))
}

async fn socket(upgrade: WebSocketUpgrade) -> axum::response::Response<Body> {
    upgrade
        .max_message_size(16 * 1024)
        .on_upgrade(|mut socket| async move {
            while let Some(Ok(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
        })
}

/// One server for the life of the process.
static ADDRESS: LazyLock<SocketAddr> = LazyLock::new(|| {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            let socket_ = https::bind("127.0.0.1:0".parse().expect("an address"), "listen").expect("free");
            tell.send(socket_.local_addr().expect("bound")).expect("heard");
            let limits = Limits {
                handshake: SOON,
                header: SOON,
                body: SOON,
                idle: SOON,
                write: SOON,
                drain: SOON,
            };
            let ledger = https::ledger::Ledger::new(64 << 20);
            let server = Server {
                limits,
                limiter: ConnectionLimiter::new(64, 64),
                budgets: https::ledger::Budgets::of(&ledger).expect("room"),
                stats: Arc::default(),
                stop: Default::default(),
            };
            let app = Router::new()
                .route("/alive", get(async || "alive"))
                .route("/ws", get(socket))
                .fallback(any(whole));
            let listener = Listener {
                socket: socket_,
                via: Via::Http,
                tls: None,
            };
            https::serve(listener, app, Arc::new(server)).await;
        });
    });
    told.recv().expect("bound")
});

fn connect() -> TcpStream {
    let stream = TcpStream::connect(*ADDRESS).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    stream
}

fuzz_target!(|data: &[u8]| {
    let Some((&first, bytes)) = data.split_first() else {
        return;
    };
    let mut stream = connect();
    if first & 1 == 1 {
        stream.write_all(UPGRADE).expect("taken");
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("an answer");
            answer.push(byte[0]);
        }
    }
    // It may be cut off while it still sends.
    let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "it is left open"),
    }
    let mut stream = connect();
    stream.write_all(QUESTION).expect("taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("alive"), "{answer}");
});
