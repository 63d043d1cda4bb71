//! Requests and hand-shakes a second, and what each costs the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use gateway_tests::{Client, Drone, Gateway};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use crate::floor::{Floor, Running};
use crate::nginx::Nginx;
use gateway_tests::process;

use crate::median;

/// Connections of the load: enough to keep two cores busy.
const CONNECTIONS: usize = 8;
/// Alternating rounds; medians are of these.
const ROUNDS: usize = 3;
/// The paths that dashboards poll.
const PATHS: [&str; 3] = [
    "/api/alerts",
    "/api/dashboard/system",
    "/api/performance/summary",
];

/// One stretch of load.
struct Load {
    per_second: f64,
    server_us_each: f64,
}

async fn gateway_with_drones() -> anyhow::Result<(Gateway, Vec<Drone>)> {
    let mut builder = Gateway::builder();
    for (id, last) in [("d1", 2), ("d2", 3), ("d3", 4)] {
        builder = builder.drone(id, last);
    }
    let gateway = builder
        .server("max_connections_per_address = 200")
        .start()
        .await?;
    let mut drones = Vec::new();
    for last in 2..=4 {
        let drone = Drone::at(gateway.block().host(last)).await?;
        let to = drone.enter_sdk_mode().await?;
        drone.send(to, &gateway_tests::drone::state(9, 95)).await?;
        drones.push(drone);
    }
    Ok((gateway, drones))
}

/// Requests over kept-alive TLS connections: the gateway, nginx doing the same work, and
/// what serving costs at least, in turn.
pub(crate) async fn requests(stretch: Duration) -> anyhow::Result<()> {
    let (gateway, _drones) = gateway_with_drones().await?;
    let client = gateway.reader()?;
    let mut bodies = Vec::new();
    for path in PATHS {
        bodies.push((path, client.get(path).await?.expect(200).body.len()));
    }
    let (host, tls) = (gateway.block().host(1), gateway.state().join("tls"));
    let key = client.key().unwrap_or_default();
    let nginx = Nginx::start(host, &tls, &bodies, key).await?;
    let trusted = tls.join("ca.pem");
    let of = |address| anyhow::Ok(Client::https(address, &trusted)?.with_key(key));
    let beside = of(nginx.address())?;
    let pid = gateway.pid().context("not running")?;
    println!(
        "{CONNECTIONS} connections, {ROUNDS} rounds of {stretch:?} each, in turn; CPU of the server per request"
    );
    println!(
        "| path | bytes | gateway req/s | nginx req/s | ratio | gateway µs | nginx µs | ratio | tokio-rustls µs | ratio | hyper on it µs |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for (path, size) in bodies {
        let bare = Running::start(Floor::Tls, host, &tls, size).await?;
        let hyper = Running::start(Floor::Hyper, host, &tls, size).await?;
        let (of_bare, of_hyper) = (of(bare.address())?, of(hyper.address())?);
        let [mut ours, mut theirs, mut least, mut less] = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            ours.push(keep_alive(&client, path, stretch, || process::cpu(pid)).await?);
            theirs.push(keep_alive(&beside, path, stretch, || nginx.cpu()).await?);
            least.push(keep_alive(&of_bare, path, stretch, || bare.cpu()).await?);
            less.push(keep_alive(&of_hyper, path, stretch, || hyper.cpu()).await?);
        }
        bare.stop().await?;
        hyper.stop().await?;
        let [our, least, less] = [&ours, &least, &less]
            .map(|loads| median(loads.iter().map(|load| load.server_us_each).collect()));
        let floors = format!(" {least:.1} | {:.2} | {less:.1} |", our / least);
        row(&format!("{path} | {size}"), &ours, &theirs, &floors);
    }
    nginx.stop().await
}

/// Full hand-shakes without resumption, gateway and nginx in turn.
pub(crate) async fn handshakes(stretch: Duration) -> anyhow::Result<()> {
    let (gateway, _drones) = gateway_with_drones().await?;
    let client = gateway.reader()?;
    let nginx = Nginx::start(
        gateway.block().host(1),
        &gateway.state().join("tls"),
        &[("/", 10)],
        "",
    )
    .await?;
    let beside = Client::https(nginx.address(), &gateway.state().join("tls/ca.pem"))?;
    let pid = gateway.pid().context("not running")?;
    println!("{CONNECTIONS} clients, TLS 1.3, no resumption, {ROUNDS} rounds of {stretch:?} each");
    println!("| hand-shakes | gateway /s | nginx /s | ratio | gateway µs | nginx µs | ratio |");
    println!("|---|---|---|---|---|---|---|");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(shake(&client, stretch, || process::cpu(pid)).await?);
        theirs.push(shake(&beside, stretch, || nginx.cpu()).await?);
    }
    row("full", &ours, &theirs, "");
    nginx.stop().await
}

fn row(name: &str, ours: &[Load], theirs: &[Load], further: &str) {
    let of = |loads: &[Load], value: fn(&Load) -> f64| median(loads.iter().map(value).collect());
    let (our_rate, their_rate) = (
        of(ours, |load| load.per_second),
        of(theirs, |load| load.per_second),
    );
    let (our_cpu, their_cpu) = (
        of(ours, |load| load.server_us_each),
        of(theirs, |load| load.server_us_each),
    );
    println!(
        "| {name} | {our_rate:.0} | {their_rate:.0} | {:.2} | {our_cpu:.1} | {their_cpu:.1} | {:.2} |{further}",
        our_rate / their_rate,
        our_cpu / their_cpu
    );
}

async fn keep_alive(
    client: &Client,
    path: &str,
    stretch: Duration,
    cpu: impl Fn() -> anyhow::Result<Duration>,
) -> anyhow::Result<Load> {
    let (done, stop) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let stream = TokioIo::new(client.connect().await?);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(stream).await?;
        tokio::spawn(connection);
        let request = http::Request::builder()
            .uri(path)
            .header("host", "localhost")
            .header("x-api-key", client.key().unwrap_or_default())
            .body(Empty::new())?;
        let (done, stop) = (done.clone(), stop.clone());
        tasks.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                sender.ready().await?;
                let response = sender.send_request(request.clone()).await?;
                anyhow::ensure!(response.status() == 200, "{}", response.status());
                response.into_body().collect().await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }));
    }
    measure(stretch, &done, &stop, tasks, cpu).await
}

async fn shake(
    client: &Client,
    stretch: Duration,
    cpu: impl Fn() -> anyhow::Result<Duration>,
) -> anyhow::Result<Load> {
    let (done, stop) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let tasks = (0..CONNECTIONS)
        .map(|_| {
            let (client, done, stop) = (client.clone(), done.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    // The client of this crate keeps no tickets across
                    // connectors, and one byte read proves the hand-shake done.
                    drop(client.connect_without_resumption().await?);
                    done.fetch_add(1, Ordering::Relaxed);
                }
                anyhow::Ok(())
            })
        })
        .collect();
    measure(stretch, &done, &stop, tasks, cpu).await
}

async fn measure(
    stretch: Duration,
    done: &AtomicU64,
    stop: &AtomicBool,
    tasks: Vec<tokio::task::JoinHandle<anyhow::Result<()>>>,
    cpu: impl Fn() -> anyhow::Result<Duration>,
) -> anyhow::Result<Load> {
    let (cpu_before, count_before, start) = (cpu()?, done.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(stretch).await;
    let count = done.load(Ordering::Relaxed) - count_before;
    let (elapsed, used) = (start.elapsed(), cpu()? - cpu_before);
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    anyhow::ensure!(count > 0, "nothing was answered");
    Ok(Load {
        per_second: count as f64 / elapsed.as_secs_f64(),
        server_us_each: used.as_secs_f64() * 1e6 / count as f64,
    })
}
