//! A program that plays the vision service behind the gateway, on a socket of
//! its own: it answers, or fails in the ways services fail.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::client::Stream;

/// How it treats a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Conduct {
    /// Answers with that status, further header lines and body; keeps the connection.
    Answer(u16, String, String),
    /// Reads the request and says nothing, for ever.
    Silent,
    /// Reads the header only; takes the body when released.
    Hold,
    /// Reads the request and closes the connection.
    Hangs,
    /// Answers, then closes the connection without having said that it would.
    AnswersAndCloses,
    /// Begins an answer of that many bytes and never ends it.
    Stalls(usize),
    /// Begins an answer, then closes the connection.
    Breaks,
    /// Answers with that many bytes, whose length it does not say.
    Chunked(usize),
    /// Is no HTTP server.
    Garbage,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Number of its connection.
    pub connection: usize,
    /// Request line and header.
    pub head: String,
    /// Body; of large ones the beginning.
    pub body: Vec<u8>,
    /// Length of the body.
    pub length: usize,
}

impl Seen {
    /// A header, empty when absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let pairs = head.lines().filter_map(|line| line.split_once(':'));
    pairs
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .next()
        .unwrap_or_default()
}

/// Most of a body that is kept.
const KEPT_BYTES: usize = 64 * 1024;

struct State {
    seen: Mutex<Vec<Seen>>,
    conduct: Mutex<Conduct>,
    released: watch::Sender<bool>,
    tls: Option<TlsAcceptor>,
}

/// The running service; it ends, with its connections, when dropped.
pub struct Vision {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Drop for Vision {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Vision {
    /// Starts one on a free port, or on `address`.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn start(
        address: Option<SocketAddr>,
        tls: Option<TlsAcceptor>,
    ) -> anyhow::Result<Vision> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::bind(address.unwrap_or(any)).await?;
        let address = listener.local_addr()?;
        let conduct = Mutex::new(Conduct::Answer(200, String::new(), "[]".to_owned()));
        let state = Arc::new(State {
            seen: Mutex::default(),
            conduct,
            released: watch::Sender::new(false),
            tls,
        });
        let task = tokio::spawn(serve(listener, state.clone()));
        Ok(Vision {
            address,
            state,
            task,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Treats requests so from now on.
    pub fn conduct(&self, conduct: Conduct) {
        *lock(&self.state.conduct) = conduct;
    }

    /// Takes the bodies it holds back.
    pub fn release(&self) {
        self.state.released.send_replace(true);
    }

    /// Every request so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.state.seen).clone()
    }

    /// The newest request.
    ///
    /// # Errors
    /// There was none.
    pub fn last(&self) -> anyhow::Result<Seen> {
        lock(&self.state.seen)
            .last()
            .cloned()
            .context("no request came")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    // Ends the connections with the service.
    let mut connections = tokio::task::JoinSet::new();
    let mut number = 0;
    while let Ok((stream, _)) = listener.accept().await {
        let (state, connection) = (state.clone(), number);
        number += 1;
        connections.spawn(async move {
            let stream: Box<dyn Stream> = match &state.tls {
                None => Box::new(stream),
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => Box::new(stream),
                    Err(_) => return,
                },
            };
            // A connection that fails is what some of the tests want.
            drop(talk(stream, &state, connection).await);
        });
    }
}

/// Serves one connection for as long as it lasts.
async fn talk(mut stream: Box<dyn Stream>, state: &State, connection: usize) -> anyhow::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            anyhow::ensure!(stream.read_buf(&mut buffer).await? > 0, "closed");
        };
        let head = String::from_utf8(buffer.drain(..end).collect())?;
        let conduct = lock(&state.conduct).clone();
        lock(&state.seen).push(Seen {
            connection,
            head: head.clone(),
            body: Vec::new(),
            length: 0,
        });
        let index = lock(&state.seen).len() - 1;
        if conduct == Conduct::Hold {
            state
                .released
                .subscribe()
                .wait_for(|released| *released)
                .await?;
        }
        let (body, length) = read_body(&mut stream, &mut buffer, &head).await?;
        if let Some(seen) = lock(&state.seen).get_mut(index) {
            (seen.body, seen.length) = (body, length);
        }
        if !answer(&mut stream, conduct).await? {
            return Ok(());
        }
    }
}

async fn read_body(
    stream: &mut Box<dyn Stream>,
    buffer: &mut Vec<u8>,
    head: &str,
) -> anyhow::Result<(Vec<u8>, usize)> {
    let (mut kept, mut length) = (Vec::new(), 0);
    let mut take = |piece: &[u8]| {
        length += piece.len();
        kept.extend(piece.iter().take(KEPT_BYTES - kept.len().min(KEPT_BYTES)));
    };
    if header(head, "transfer-encoding").eq_ignore_ascii_case("chunked") {
        loop {
            let line = loop {
                if let Some(at) = buffer.windows(2).position(|window| window == b"\r\n") {
                    break String::from_utf8(buffer.drain(..at + 2).collect())?;
                }
                anyhow::ensure!(stream.read_buf(buffer).await? > 0, "closed");
            };
            let size = usize::from_str_radix(line.trim(), 16)?;
            while buffer.len() < size + 2 {
                anyhow::ensure!(stream.read_buf(buffer).await? > 0, "closed");
            }
            take(&buffer[..size]);
            buffer.drain(..size + 2);
            if size == 0 {
                return Ok((kept, length));
            }
        }
    }
    let mut left: usize = header(head, "content-length").parse().unwrap_or(0);
    while left > 0 {
        if buffer.is_empty() {
            anyhow::ensure!(stream.read_buf(buffer).await? > 0, "closed");
        }
        let piece: Vec<u8> = buffer.drain(..buffer.len().min(left)).collect();
        left -= piece.len();
        take(&piece);
    }
    Ok((kept, length))
}

/// Answers; whether the connection goes on.
async fn answer(stream: &mut Box<dyn Stream>, conduct: Conduct) -> anyhow::Result<bool> {
    let plain = |status: u16, more: &str, body: &str| {
        format!(
            "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{more}\r\n{body}",
            body.len()
        )
    };
    let (text, goes_on) = match conduct {
        Conduct::Answer(status, more, body) => (plain(status, &more, &body), true),
        Conduct::Hold => (plain(200, "", "{}"), true),
        Conduct::AnswersAndCloses => (plain(200, "", "[]"), false),
        Conduct::Hangs => (String::new(), false),
        Conduct::Breaks => (
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1, 2".to_owned(),
            false,
        ),
        Conduct::Garbage => ("SSH-2.0-none\r\n\r\n".to_owned(), false),
        Conduct::Chunked(bytes) => {
            let body = "x".repeat(bytes);
            (
                format!(
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{bytes:x}\r\n{body}\r\n0\r\n\r\n"
                ),
                true,
            )
        }
        Conduct::Stalls(bytes) => {
            stream
                .write_all(
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n[").as_bytes(),
                )
                .await?;
            stream.flush().await?;
            std::future::pending().await
        }
        Conduct::Silent => std::future::pending().await,
    };
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await?;
    if !goes_on {
        stream.shutdown().await?;
    }
    Ok(goes_on)
}
