//! Bytes that clients make the gateway hold: counted, and bounded whatever they send
//! and whatever they leave lying.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::Context as _;
use gateway_tests::{Client, Gateway, Http2, eventually, process};
use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;

/// A megabyte in the unit of [`process::resident_kb`].
const MB_KB: u64 = 1024;

async fn gauge(client: &Client, name: &str) -> anyhow::Result<u64> {
    let metrics = client.get("/metrics").await?.expect(200).text();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(&format!("mfg_drone_{name} ")));
    let value: f64 = line.with_context(|| format!("no {name}"))?.parse()?;
    Ok(value as u64)
}

#[tokio::test]
async fn a_body_of_single_bytes_holds_no_more_than_any_other() -> anyhow::Result<()> {
    const BYTES: usize = 5_000;
    // On a busy machine so many small writes take longer than a body usually may.
    let gateway = Gateway::builder()
        .server("body_timeout_s = 600")
        .start()
        .await?;
    let (client, pid) = (gateway.admin()?, gateway.pid().context("not running")?);
    client.get("/metrics").await?.expect(200);
    let (before, _) = process::resident_kb(pid)?;
    let mut stream = client.connect().await?;
    let key = client.key().context("a key")?;
    let head = format!(
        "POST /api/alerts/rules HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        BYTES + 1
    );
    stream.write_all(head.as_bytes()).await?;
    for _ in 0..BYTES {
        // A TLS record each, and a read each: together they would cost little.
        stream.write_all(b" ").await?;
        stream.flush().await?;
        sleep(Duration::from_millis(1)).await;
    }
    client.get("/health").await?.expect(200);
    let (after, _) = process::resident_kb(pid)?;
    let grown = after.saturating_sub(before);
    anyhow::ensure!(
        grown < 4 * MB_KB,
        "{BYTES} bytes made it grow by {grown} kB"
    );
    let share = "held_bytes{share=\"request_bodies\"}";
    eventually("all bytes are counted", || async {
        let held = gauge(&client, share).await?;
        Ok((held >= BYTES as u64).then_some(()))
    })
    .await?;
    stream.write_all(b"\n").await?;
    eventually("they are let go", || async {
        Ok((gauge(&client, share).await? == 0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn answers_that_nobody_takes_fill_their_share_and_nobody_else_s() -> anyhow::Result<()> {
    /// What one address may hold, see `SPECIFICATION.md`.
    const OF_ONE: u64 = 16 * MB_KB * 1024;
    // Made anew for each; what is part of the program is held for nobody.
    const LARGE: &str = "/metrics";
    const CONNECTIONS: usize = 100;
    const STREAMS: u32 = 16;
    let gateway = Gateway::builder()
        .server("write_timeout_s = 3600")
        .access("rate_limit_enabled = false")
        .start()
        .await?;
    let pid = gateway.pid().context("not running")?;
    let deaf = gateway.reader()?;
    let other = deaf
        .clone()
        .with_source(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
    let length = other.get(LARGE).await?.expect(200).body.len() as u64;
    let asked = length * CONNECTIONS as u64 * u64::from(STREAMS);
    assert!(asked > 2 * OF_ONE, "{asked} bytes are no flood");
    let (before, _) = process::resident_kb(pid)?;
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut http2 = Http2::open(&deaf, 0).await?;
        for stream in 0..STREAMS {
            http2.get(1 + 2 * stream, LARGE).await?;
        }
        held.push(http2);
        other.get("/health").await?.expect(200);
    }
    let share = "held_bytes{share=\"answers\"}";
    eventually("the share is full", || async {
        let refused = gauge(&other, "held_bytes_refused_total{share=\"answers\"}").await?;
        Ok((refused > 0).then_some(()))
    })
    .await?;
    let full = gauge(&other, share).await?;
    assert!(full <= OF_ONE + 1024 * 1024, "{full} bytes are held");
    let (after, _) = process::resident_kb(pid)?;
    let grown = after.saturating_sub(before);
    anyhow::ensure!(
        grown < 40 * MB_KB,
        "{asked} bytes made it grow by {grown} kB"
    );
    drop(held);
    eventually("all is let go", || async {
        Ok((gauge(&other, share).await? == 0).then_some(()))
    })
    .await
}
