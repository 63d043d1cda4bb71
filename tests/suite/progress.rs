//! Progress or out: whoever takes no answer and sends no body gives up the
//! connection, whatever the protocol.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use gateway_tests::http2::kind;
use gateway_tests::{Client, Gateway, Http2, PATIENCE, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

/// Large and open to every key: some 125 kB.
const LARGE: &str = "/openapi.json";
/// A small part of the time-outs here.
const MOMENT: Duration = Duration::from_millis(100);

/// Three seconds for what a peer must take, an hour for everything else.
async fn impatient_with_readers() -> anyhow::Result<Gateway> {
    let lines = "write_timeout_s = 3\nidle_timeout_s = 3600\nheader_timeout_s = 3600";
    Gateway::builder().server(lines).start().await
}

/// Reads until the gateway closes, and answers whatever wants an answer.
async fn until_closed(http2: &mut Http2) -> anyhow::Result<()> {
    let closed = async {
        while let Some(frame) = http2.next().await {
            if frame.wants_ack() {
                drop(http2.acknowledge(&frame).await);
            }
        }
    };
    timeout(PATIENCE, closed).await.context("never closed")
}

async fn counted(client: &Client, line: &str) -> anyhow::Result<()> {
    let metrics = client.get("/metrics").await?.expect(200).text();
    anyhow::ensure!(metrics.contains(line), "no {line:?} in\n{metrics}");
    Ok(())
}

#[tokio::test]
async fn an_http2_stream_without_a_window_ends() -> anyhow::Result<()> {
    let gateway = impatient_with_readers().await?;
    let client = gateway.admin()?;
    let mut deaf = Http2::open(&client, 0).await?;
    for stream in [1, 3, 5] {
        deaf.get(stream, LARGE).await?;
    }
    until_closed(&mut deaf).await?;
    counted(&client, "mfg_drone_write_timeouts_total 1").await
}

#[tokio::test]
async fn an_answer_taken_byte_by_byte_ends() -> anyhow::Result<()> {
    let gateway = impatient_with_readers().await?;
    let client = gateway.admin()?;
    let mut trickle = Http2::open(&client, 1).await?;
    trickle.get(1, LARGE).await?;
    let closed = async {
        while let Some(frame) = trickle.next().await {
            if frame.wants_ack() {
                drop(trickle.acknowledge(&frame).await);
            } else if frame.kind == kind::DATA {
                sleep(MOMENT).await;
                drop(trickle.make_room(1, 1).await);
            }
        }
    };
    timeout(PATIENCE, closed).await.context("never closed")?;
    counted(&client, "mfg_drone_write_timeouts_total 1").await
}

#[tokio::test]
async fn a_slow_reader_that_goes_on_reading_gets_all() -> anyhow::Result<()> {
    /// A TLS record's worth takes a small part of the time-out, the whole more than it.
    const STEP: u32 = 4 * 1024;
    let gateway = impatient_with_readers().await?;
    let client = gateway.admin()?;
    let whole = client.get(LARGE).await?.expect(200).body.len();
    let mut slow = Http2::open(&client, STEP).await?;
    slow.get(1, LARGE).await?;
    let mut taken = 0;
    while let Some(frame) = slow.next().await {
        if frame.wants_ack() {
            slow.acknowledge(&frame).await?;
        } else if frame.kind == kind::DATA {
            taken += frame.payload.len();
            if frame.ends_stream() {
                break;
            }
            sleep(MOMENT).await;
            slow.make_room(1, frame.payload.len() as u32).await?;
        }
    }
    assert_eq!(taken, whole);
    Ok(())
}

#[tokio::test]
async fn an_http2_peer_that_answers_no_ping_is_gone() -> anyhow::Result<()> {
    let gateway = impatient_with_readers().await?;
    let client = gateway.admin()?;
    let (mut silent, mut alive) = (
        Http2::open(&client, 65_535).await?,
        Http2::open(&client, 65_535).await?,
    );
    silent.get(1, "/health").await?;
    let gone = async { while silent.next().await.is_some() {} };
    let (mut pings, mut answered) = (0, false);
    let stays = async {
        while let Some(frame) = alive.next().await {
            pings += usize::from(frame.kind == kind::PING && frame.wants_ack());
            if frame.wants_ack() {
                alive.acknowledge(&frame).await?;
            }
            if pings == 2 && !answered {
                alive.get(1, "/health").await?;
                answered = true;
            } else if frame.ends_stream() {
                return Ok(());
            }
        }
        anyhow::bail!("a peer that answers was closed")
    };
    // At the same time: whoever waits for the other answers no ping either.
    let (gone, stays) = tokio::join!(timeout(PATIENCE, gone), timeout(PATIENCE, stays));
    gone.context("never closed")?;
    stays.context("no answer")?
}

#[tokio::test]
async fn the_kernel_asks_after_silent_peers() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let stream = tokio::net::TcpStream::connect(gateway.address()).await?;
    let client = stream.local_addr()?;
    eventually("a keep-alive timer", || async {
        Ok((timer(gateway.address(), client)? == Some(KEEP_ALIVE)).then_some(()))
    })
    .await
}

/// The timer of a socket that waits for its peer's sign of life, see `proc(5)`.
const KEEP_ALIVE: u8 = 2;

/// The timer of the gateway's end of a connection, as the kernel lists it.
fn timer(gateway: SocketAddr, client: SocketAddr) -> anyhow::Result<Option<u8>> {
    let hex = |address: SocketAddr| match address {
        SocketAddr::V4(v4) => format!(
            "{:08X}:{:04X}",
            u32::from_ne_bytes(v4.ip().octets()),
            v4.port()
        ),
        SocketAddr::V6(_) => String::new(),
    };
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    let ends = format!("{} {}", hex(gateway), hex(client));
    let line = table.lines().find(|line| line.contains(&ends));
    // `sl local remote state queues timer:when …`
    let timer = line.and_then(|line| line.split_whitespace().nth(5)?.split_once(':'));
    Ok(timer.and_then(|(kind, _)| kind.parse().ok()))
}

#[tokio::test]
async fn an_upload_byte_by_byte_does_not_hold_its_turn() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    std::fs::create_dir(dir.path().join("spool"))?;
    let status = serde_json::json!({
        "format": 1, "state": "idle", "reason": null, "changed_at": "2026-11-25T18:00:00Z", "progress_pct": null,
        "update": {"id": null, "source": null, "version": null},
        "running": {"slot": "A", "version": "0.1.0"},
        "other": {"slot": "B", "version": null, "bootable": false},
    });
    std::fs::write(dir.path().join("status.json"), status.to_string())?;
    let gateway = Gateway::builder()
        .server("body_timeout_s = 1")
        .config(&format!("[update]\ndir = {:?}", dir.path()))
        .start()
        .await?;
    let client = gateway.admin()?;
    let mut stream = client.connect().await?;
    let key = client.key().context("a key")?;
    let head = format!(
        "POST /api/system/update HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let trickle = async {
        while writer.write_all(b"x").await.is_ok() && writer.flush().await.is_ok() {
            sleep(MOMENT).await;
        }
    };
    let mut answer = Vec::new();
    let ended = reader.read_to_end(&mut answer);
    tokio::select! {
        ended = timeout(PATIENCE, ended) => drop(ended.context("never ended")?),
        () = trickle => {}
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    Ok(())
}
