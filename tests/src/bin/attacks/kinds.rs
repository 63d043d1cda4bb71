//! The attacks. Each is a number of tasks that go on until they are dropped, and come back
//! when they are cut off.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use gateway_tests::drone::Flood;
use gateway_tests::http2::{Http2, kind};
use gateway_tests::{Client, Gateway};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink, split};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// One kind of attack.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) begin: fn(Target) -> Attackers,
}

/// Ends with this.
pub(crate) struct Attackers {
    _tasks: JoinSet<()>,
    _flood: Option<Flood>,
}

/// What they know.
#[derive(Clone)]
pub(crate) struct Target {
    /// A holder of a key.
    insider: Client,
    /// Somebody without one.
    outsider: Client,
    state_port: SocketAddr,
    stranger: IpAddr,
}

impl Target {
    pub(crate) fn of(gateway: &Gateway, state_port: SocketAddr) -> anyhow::Result<Target> {
        Ok(Target {
            insider: gateway.admin()?.with_source(address(7)),
            outsider: gateway.anonymous()?.with_source(address(8)),
            state_port,
            stranger: gateway.block().host(3),
        })
    }
}

pub(crate) const KINDS: &[Kind] = &[
    // Two addresses fill all places with sockets that say nothing.
    Kind {
        name: "silent",
        begin: |target| {
            let gateway = target.outsider.address();
            many(256, move |n| silent(gateway, address(9 + (n % 2) as u8)))
        },
    },
    Kind {
        name: "handshakes",
        begin: |target| many(4, move |_| handshakes(target.outsider.clone())),
    },
    Kind {
        name: "guesses",
        begin: |target| many(4, move |_| guesses(target.outsider.clone())),
    },
    Kind {
        name: "pipelined",
        begin: |target| many(2, move |_| pipelined(target.outsider.clone())),
    },
    Kind {
        name: "windowless",
        begin: |target| many(48, move |n| windowless(target.insider.clone(), n)),
    },
    Kind {
        name: "trickle",
        begin: |target| many(16, move |_| trickle(target.insider.clone())),
    },
    Kind {
        name: "fragments",
        begin: |target| many(2, move |_| fragments(target.insider.clone())),
    },
    Kind {
        name: "pings",
        begin: |target| many(4, move |_| frames(target.insider.clone(), kind::PING)),
    },
    Kind {
        name: "resets",
        begin: |target| many(4, move |_| frames(target.insider.clone(), kind::RST_STREAM)),
    },
    Kind {
        name: "datagrams",
        begin: |target| Attackers {
            _flood: Flood::begin(target.stranger, target.state_port).ok(),
            ..many(0, |_| std::future::pending())
        },
    },
];

const fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

/// So many tasks, each doing what `make` makes over and over: being cut off is expected.
fn many<F>(count: usize, make: impl Fn(usize) -> F + Clone + Send + 'static) -> Attackers
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let make = make.clone();
        tasks.spawn(async move {
            loop {
                drop(make(number).await);
                // Who is refused at the door does not spend the machine on asking again.
                sleep(Duration::from_millis(10)).await;
            }
        });
    }
    Attackers {
        _tasks: tasks,
        _flood: None,
    }
}

async fn silent(gateway: SocketAddr, from: IpAddr) -> anyhow::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0))?;
    let mut stream = socket.connect(gateway).await?;
    stream.read_u8().await?;
    Ok(())
}

async fn handshakes(client: Client) -> anyhow::Result<()> {
    loop {
        drop(client.connect_without_resumption().await?);
    }
}

/// A key that is none, again and again.
async fn guesses(client: Client) -> anyhow::Result<()> {
    repeat(
        client,
        "GET /api/alerts HTTP/1.1\r\nHost: x\r\nX-API-Key: wrong\r\n\r\n",
    )
    .await
}

/// Requests for what there is not, without waiting for answers, which are read.
async fn pipelined(client: Client) -> anyhow::Result<()> {
    repeat(client, "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n").await
}

async fn repeat(client: Client, request: &str) -> anyhow::Result<()> {
    let requests = request.repeat(64);
    let (mut answers, mut questions) = split(client.connect().await?);
    let reader = async { Ok(copy(&mut answers, &mut sink()).await.map(|_bytes| ())?) };
    let writer = async {
        loop {
            questions.write_all(requests.as_bytes()).await?;
        }
    };
    tokio::select! {
        ended = reader => ended,
        ended = writer => ended,
    }
}

/// Sixteen large answers, different from everybody's, that nobody ever takes.
async fn windowless(client: Client, number: usize) -> anyhow::Result<()> {
    let mut http2 = Http2::open(&client, 0).await?;
    for stream in 0..16 {
        let minutes = 1440 - 16 * (number % 48) as u32 - stream;
        let path = match stream % 2 {
            0 => format!("/api/performance/metrics?duration_minutes={minutes}"),
            _ => "/metrics".to_owned(),
        };
        http2.get(1 + 2 * stream, &path).await?;
    }
    while let Some(frame) = http2.next().await {
        if frame.wants_ack() {
            http2.acknowledge(&frame).await?;
        }
    }
    Ok(())
}

/// A body in TLS records of one byte.
async fn trickle(client: Client) -> anyhow::Result<()> {
    let mut stream = client.connect().await?;
    let key = client.key().context("a key")?;
    let head = format!(
        "POST /api/alerts/rules HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    for _ in 0..1_000_000 {
        stream.write_all(b" ").await?;
        stream.flush().await?;
    }
    Ok(())
}

/// Messages of a WebSocket in as many empty frames as one may have.
async fn fragments(client: Client) -> anyhow::Result<()> {
    const EMPTY: [u8; 6] = [0, 0x80, 0, 0, 0, 0];
    let mut message = vec![1, 0x80, 0, 0, 0, 0];
    message.extend(EMPTY.repeat(200));
    message.extend([0x80, 0x80, 0, 0, 0, 0]);
    let (mut answers, mut questions) = split(client.connect().await?);
    let key = client.key().context("a key")?;
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    questions.write_all(head.as_bytes()).await?;
    let reader = async { Ok(copy(&mut answers, &mut sink()).await.map(|_bytes| ())?) };
    let writer = async {
        loop {
            questions.write_all(&message).await?;
        }
    };
    tokio::select! {
        ended = reader => ended,
        ended = writer => ended,
    }
}

/// Frames that cost their sender nothing: pings, or requests taken back at once.
async fn frames(client: Client, kind_of: u8) -> anyhow::Result<()> {
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    let mut http2 = Http2::open(&client, 65_535).await?;
    let mut stream = 1;
    loop {
        for _ in 0..16 {
            if kind_of == kind::PING {
                http2.send(kind_of, 0, 0, &[0; 8]).await?;
            } else {
                http2.get(stream, "/metrics").await?;
                http2.send(kind_of, 0, stream, &CANCEL).await?;
                stream += 2;
            }
        }
        // (Something comes for each: an answer to a ping, or to a request that was quicker.)
        let frame = http2.next().await.context("closed")?;
        if frame.wants_ack() {
            http2.acknowledge(&frame).await?;
        }
    }
}
