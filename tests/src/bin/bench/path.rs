//! The path the product exists for: from a drone's datagram to an alert.

use std::time::Duration;

use anyhow::Context as _;
use gateway_tests::{Drone, Gateway, WebSocket, drone, eventually};
use tokio::time::Instant;

use gateway_tests::process;

use crate::spread;

/// Alerts measured.
const SAMPLES: usize = 500;

/// Datagram sent → alert received on a WebSocket over TLS.
pub(crate) async fn latency() -> anyhow::Result<()> {
    // A state directory in memory shows the gateway's own share; the system's
    // temporary directory adds what its medium needs for a durable commit.
    for (name, dir) in [
        ("state in memory", "/dev/shm".into()),
        ("state on disk", crate::on_disk()?),
    ] {
        let state = tempfile::tempdir_in(dir)?;
        spread(
            &format!("{name}: datagram → alert on the WebSocket"),
            alerts(state.path()).await.context(name)?,
        );
    }
    Ok(())
}

async fn alerts(state: &std::path::Path) -> anyhow::Result<Vec<f64>> {
    alerts_of(state, false).await
}

async fn alerts_of(state: &std::path::Path, flooded: bool) -> anyhow::Result<Vec<f64>> {
    let gateway = Gateway::builder()
        .state(&state.join("state"))
        .drone("d1", 2)
        .config(
            "[alerts]\ndefault_rules = false\n[[alerts.rule]]\nname = \"Edge\"\nmetric = \"battery_level\"\n\
             operator = \"<\"\nthreshold = 20\nlevel = \"warning\"\ntype = \"drone\"\ncooldown_minutes = 0\n",
        )
        .start()
        .await?;
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    let mut socket = WebSocket::open(&gateway.reader()?, "/ws", &[]).await?;
    socket.next_of("system_status").await?;
    let stranger = gateway.block().host(3);
    let flood = flooded
        .then(|| drone::Flood::begin(stranger, to))
        .transpose()?;
    let (began, mut samples) = (Instant::now(), Vec::with_capacity(SAMPLES));
    for _ in 0..SAMPLES {
        peer.send(to, &drone::state(50, 60)).await?;
        // Drones send every 100 ms; a short pause lets the clearing be done.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let start = Instant::now();
        peer.send(to, &drone::state(10, 60)).await?;
        socket.next_of("alert").await?;
        samples.push(start.elapsed().as_secs_f64() * 1e6);
    }
    if let Some(flood) = flood {
        let rate = flood.sent() as f64 / began.elapsed().as_secs_f64();
        println!("{rate:.0} datagrams/s from a stranger");
    }
    Ok(samples)
}

/// The same while a stranger sends as fast as one thread can.
pub(crate) async fn flood() -> anyhow::Result<()> {
    let state = tempfile::tempdir_in("/dev/shm")?;
    spread(
        "beside a flood: datagram → alert on the WebSocket",
        alerts_of(state.path(), true).await?,
    );
    Ok(())
}

/// Datagrams a second at full speed, and the server's CPU for each.
pub(crate) async fn datagrams(stretch: Duration) -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let pid = gateway.pid().context("not running")?;
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    let datagram = drone::state(80, 60);
    let client = gateway.reader()?;
    let taken = || async {
        let text = client.get("/metrics").await?.expect(200).text();
        let line = text
            .lines()
            .find(|line| line.starts_with("mfg_drone_datagrams_total{drone=\"d1\"}"));
        anyhow::Ok(
            line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .unwrap_or(0.0),
        )
    };
    peer.send(to, &datagram).await?;
    eventually("the first datagram", || async {
        Ok((taken().await? > 0.0).then_some(()))
    })
    .await?;
    let (cpu_before, taken_before, start) = (process::cpu(pid)?, taken().await?, Instant::now());
    let mut sent = 0u64;
    while start.elapsed() < stretch {
        for _ in 0..64 {
            peer.send(to, &datagram).await?;
            sent += 1;
        }
    }
    let elapsed = start.elapsed().as_secs_f64();
    let taken = taken().await? - taken_before;
    let used = process::cpu(pid)?.saturating_sub(cpu_before).as_secs_f64();
    println!(
        "{sent} sent in {elapsed:.1} s, {taken:.0} taken ({:.1} %): {:.0} /s, {:.2} µs of CPU each, {:.0} per core and second",
        taken / sent as f64 * 100.0,
        taken / elapsed,
        used * 1e6 / taken,
        taken / used,
    );
    Ok(())
}
