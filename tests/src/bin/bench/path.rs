//! The path the product exists for: from a drone's datagram to an alert.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use gateway_tests::{Client, Drone, Gateway, WebSocket, drone, eventually};
use tokio::net::UdpSocket;
use tokio::time::Instant;

use gateway_tests::process;

use crate::floor::{Floor, Running};
use crate::spread;

/// Gateways, drones of each, and so alerts measured: the first of each drone, since what
/// comes and goes is told late, and later each time. A round takes seconds, in which the
/// drones are met.
const ROUNDS: usize = 10;
const DRONES: u8 = 50;
/// Of an alert's message.
const ALERT_BYTES: usize = 500;

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
    spread(
        "one UDP and one TLS socket in one program, nothing judged: datagram → message on the WebSocket",
        least().await?,
    );
    Ok(())
}

/// The same by the program that does nothing but tell, as often and as far apart.
async fn least() -> anyhow::Result<Vec<f64>> {
    let gateway = Gateway::builder().start().await?;
    let (host, tls) = (gateway.block().host(1), gateway.state().join("tls"));
    let running = Running::start(Floor::Path, host, &tls, ALERT_BYTES).await?;
    let client = Client::https(running.address(), &tls.join("ca.pem"))?;
    let mut socket = WebSocket::open(&client, "/", &[]).await?;
    let drone = UdpSocket::bind((gateway.block().host(2), 0)).await?;
    let mut samples = Vec::new();
    for _ in 0..ROUNDS * usize::from(DRONES) {
        for is_measured in [false, true] {
            let start = Instant::now();
            drone
                .send_to(&drone::state(10, 60), running.address())
                .await?;
            socket.next().await?;
            if is_measured {
                samples.push(start.elapsed().as_secs_f64() * 1e6);
            } else {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    running.stop().await?;
    Ok(samples)
}

async fn alerts(state: &std::path::Path) -> anyhow::Result<Vec<f64>> {
    alerts_of(state, false).await
}

async fn alerts_of(state: &std::path::Path, flooded: bool) -> anyhow::Result<Vec<f64>> {
    let (mut samples, mut rates) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let dir = state.join(format!("state-{round}"));
        rates.extend(first_alerts(&dir, flooded, &mut samples).await?);
    }
    if !rates.is_empty() {
        let rate = rates.iter().sum::<f64>() / rates.len() as f64;
        println!("{rate:.0} datagrams/s from a stranger");
    }
    Ok(samples)
}

async fn enter(gateway: &Gateway, host: u8) -> anyhow::Result<(Drone, SocketAddr)> {
    let peer = Drone::at(gateway.block().host(host)).await?;
    let to = peer.enter_sdk_mode().await?;
    Ok((peer, to))
}

/// Takes a sample of each drone of one gateway; how many datagrams/s a stranger sent.
async fn first_alerts(
    state: &std::path::Path,
    flooded: bool,
    samples: &mut Vec<f64>,
) -> anyhow::Result<Option<f64>> {
    let hosts = 2..2 + DRONES;
    let builder = Gateway::builder().state(state).config(
        "[alerts]\ndefault_rules = false\n[[alerts.rule]]\nname = \"Edge\"\nmetric = \"battery_level\"\n\
         operator = \"<\"\nthreshold = 20\nlevel = \"warning\"\ntype = \"drone\"\ncooldown_minutes = 0\n",
    );
    let drones = hosts.clone();
    let builder = drones.fold(builder, |builder, host| {
        builder.drone(&format!("d{host}"), host)
    });
    let gateway = builder.start().await?;
    let mut socket = WebSocket::open(&gateway.reader()?, "/ws", &[]).await?;
    socket.next_of("system_status").await?;
    // All at once: one that answers late is asked again later, and later each time.
    let entering = hosts.clone().map(|host| enter(&gateway, host));
    let peers = futures_util::future::try_join_all(entering).await?;
    let stranger = gateway.block().host(hosts.end);
    let to = peers.first().context("a drone")?.1;
    let flood = flooded
        .then(|| drone::Flood::begin(stranger, to))
        .transpose()?;
    let began = Instant::now();
    for (peer, to) in &peers {
        peer.send(*to, &drone::state(50, 60)).await?;
        // Drones send every 100 ms; a short pause lets the first value be taken.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let start = Instant::now();
        peer.send(*to, &drone::state(10, 60)).await?;
        // (A drone that waits for its turn is silent, and may be told as lost.)
        while !socket
            .next_of("alert")
            .await?
            .to_string()
            .contains("battery_level")
        {}
        samples.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(flood.map(|flood| flood.sent() as f64 / began.elapsed().as_secs_f64()))
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
