//! Size, start-up and memory.

use anyhow::Context as _;
use gateway_tests::{Client, Drone, Gateway, drone};
use tokio::time::Instant;

use gateway_tests::process;

use crate::median;

/// Starts measured.
const STARTS: usize = 9;
/// TLS clients held open for the memory figure.
const CLIENTS: usize = 50;

/// Bytes of the binary, which the shipping profile strips.
pub(crate) fn size() -> anyhow::Result<()> {
    let path = gateway_tests::gateway::binary();
    // (Without its path, which is of one machine: results are kept in the repository.)
    println!(
        "the gateway: {:.2} MB",
        std::fs::metadata(path)?.len() as f64 / 1e6
    );
    Ok(())
}

/// From the start of the process to the first 200 over TLS, keys and
/// certificate present.
pub(crate) async fn start() -> anyhow::Result<()> {
    let mut gateway = Gateway::builder().start().await?;
    let client = gateway.anonymous()?;
    let mut samples = Vec::new();
    for _ in 0..STARTS {
        gateway.stop().await?;
        let start = Instant::now();
        gateway.restart().await?;
        client.get("/health").await?.expect(200);
        samples.push(start.elapsed().as_secs_f64() * 1e3);
    }
    println!(
        "start to first 200: median of {STARTS} {:.0} ms",
        median(samples)
    );
    Ok(())
}

/// Resident memory idle and with three drones and fifty TLS clients.
pub(crate) async fn memory() -> anyhow::Result<()> {
    let gateway = three_drones().await?;
    let pid = gateway.pid().context("not running")?;
    println!("idle: {} kB", process::resident_kb(pid)?.0);
    let drones = speak(&gateway).await?;
    println!("three drones: {} kB", process::resident_kb(pid)?.0);
    let client = gateway.reader()?;
    let mut held = Vec::new();
    for _ in 0..CLIENTS {
        held.push(kept_open(&client).await?);
    }
    let (now, peak) = process::resident_kb(pid)?;
    println!("three drones and {CLIENTS} TLS clients: {now} kB (peak {peak} kB)");
    drop((held, drones));
    Ok(())
}

/// Memory before and after a million requests and a million datagrams.
pub(crate) async fn soak() -> anyhow::Result<()> {
    const MILLION: usize = 1_000_000;
    const CONNECTIONS: usize = 8;
    let gateway = three_drones().await?;
    let pid = gateway.pid().context("not running")?;
    let drones = speak(&gateway).await?;
    let client = gateway.reader()?;
    for path in [
        "/api/alerts",
        "/api/dashboard/system",
        "/api/performance/summary",
    ] {
        client.get(path).await?.expect(200);
    }
    println!("before: {} kB", process::resident_kb(pid)?.0);
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut sender = kept_open(&client).await?;
        let key = client.key().unwrap_or_default().to_owned();
        tasks.push(tokio::spawn(async move {
            use http_body_util::BodyExt as _;
            for _ in 0..MILLION / CONNECTIONS {
                sender.ready().await?;
                let response = sender.send_request(request("/api/alerts", &key)?).await?;
                response.into_body().collect().await?;
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    println!(
        "after a million requests: {} kB",
        process::resident_kb(pid)?.0
    );
    let to = (gateway.block().gateway(), 8890).into();
    for n in 0..MILLION {
        drones[n % drones.len()]
            .send(to, &drone::state((n % 101) as u8, 60))
            .await?;
        if n % 32 == 0 {
            tokio::task::yield_now().await;
        }
    }
    println!(
        "after a million datagrams: {} kB",
        process::resident_kb(pid)?.0
    );
    Ok(())
}

async fn three_drones() -> anyhow::Result<Gateway> {
    let builder = Gateway::builder()
        .as_the_service()
        .drone("d1", 2)
        .drone("d2", 3)
        .drone("d3", 4);
    builder
        .server("max_connections_per_address = 200")
        .start()
        .await
}

async fn speak(gateway: &Gateway) -> anyhow::Result<Vec<Drone>> {
    let mut drones = Vec::new();
    for last in 2..=4 {
        let peer = Drone::at(gateway.block().host(last)).await?;
        let to = peer.enter_sdk_mode().await?;
        for _ in 0..100 {
            peer.send(to, &drone::state(80, 60)).await?;
        }
        drones.push(peer);
    }
    Ok(drones)
}

type Sender = hyper::client::conn::http1::SendRequest<http_body_util::Empty<bytes::Bytes>>;

fn request(
    path: &str,
    key: &str,
) -> anyhow::Result<http::Request<http_body_util::Empty<bytes::Bytes>>> {
    let request = http::Request::builder()
        .uri(path)
        .header("host", "localhost")
        .header("x-api-key", key);
    Ok(request.body(http_body_util::Empty::new())?)
}

/// A kept-alive connection that has made one request.
async fn kept_open(client: &Client) -> anyhow::Result<Sender> {
    use http_body_util::BodyExt as _;
    let stream = hyper_util::rt::TokioIo::new(client.connect().await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    tokio::spawn(connection);
    let response = sender
        .send_request(request(
            "/api/dashboard/system",
            client.key().unwrap_or_default(),
        )?)
        .await?;
    anyhow::ensure!(response.status() == 200, "{}", response.status());
    response.into_body().collect().await?;
    Ok(sender)
}
