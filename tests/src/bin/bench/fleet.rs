//! Flying: what the gateway adds to a command, and what a full fleet costs.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use gateway_tests::gateway::ADMIN_KEY;
use gateway_tests::{Drone, Gateway, WebSocket, drone, eventually, process, simulated};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use crate::spread;

/// Commands measured.
const SAMPLES: usize = 2_000;
/// As many drones as may be configured.
const DRONES: usize = 64;
/// Listeners, as in the suite's crowd.
const LISTENERS: usize = 100;
/// First seconds of a fleet, in which it is greeted; not measured.
const SETTLE: Duration = Duration::from_secs(10);

/// Request sent over a kept-alive TLS connection → datagram at the drone.
/// `stop` is measured: it waits for nothing, and the drone answers at once.
pub(crate) async fn commands() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .drones("lost_after_s = 60.0")
        .drone("d1", 2)
        .start()
        .await?;
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    peer.send(to, &drone::state(80, 60)).await?;
    let client = gateway.admin()?;
    eventually("connected", || async {
        let status = client
            .get("/api/drones/d1/status")
            .await?
            .expect(200)
            .json();
        Ok((status["connection_status"] == "connected").then_some(()))
    })
    .await?;
    let stream = TokioIo::new(client.connect().await?);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(stream).await?;
    tokio::spawn(connection);
    let request = http::Request::post("/api/drones/d1/stop")
        .header("host", "localhost")
        .header("x-api-key", ADMIN_KEY);
    let request = request.body(Empty::new())?;
    let (mut reached, mut answered) = (Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES));
    for _ in 0..SAMPLES {
        sender.ready().await?;
        let start = Instant::now();
        let heard = async {
            let (text, from) = peer.hear().await?;
            let at = start.elapsed();
            anyhow::ensure!(text == "stop", "{text}");
            peer.send(from, b"ok").await?;
            anyhow::Ok(at)
        };
        let (at, response) = tokio::join!(heard, sender.send_request(request.clone()));
        let response = response?;
        anyhow::ensure!(response.status() == 200, "{}", response.status());
        response.into_body().collect().await?;
        reached.push(at?.as_secs_f64() * 1e6);
        answered.push(start.elapsed().as_secs_f64() * 1e6);
    }
    spread("stop: request → datagram at the drone", reached);
    spread("stop: request → answer", answered);
    Ok(())
}

/// CPU and memory with 64 drones at 10 Hz, without and with a hundred listeners.
pub(crate) async fn fleet(stretch: Duration) -> anyhow::Result<()> {
    let (gateway, _drones) = simulated::fleet(DRONES).await?;
    let (client, pid) = (gateway.reader()?, gateway.pid().context("not running")?);
    let measured = |what: String| async move {
        tokio::time::sleep(SETTLE).await;
        let (before, start) = (process::cpu(pid)?, Instant::now());
        tokio::time::sleep(stretch).await;
        let used =
            process::cpu(pid)?.saturating_sub(before).as_secs_f64() / start.elapsed().as_secs_f64();
        let (now, peak) = process::resident_kb(pid)?;
        println!(
            "{what}: {:.2} % of a core, {:.3} % a drone; {now} kB resident, {peak} kB at the peak",
            used * 100.0,
            used * 100.0 / DRONES as f64
        );
        anyhow::Ok(())
    };
    measured(format!("{DRONES} drones at 10 Hz")).await?;
    let mut listeners = Vec::new();
    for _ in 0..LISTENERS {
        let mut socket = WebSocket::open(&client, "/ws", &[]).await?;
        listeners.push(tokio::spawn(
            async move { while socket.next().await.is_ok() {} },
        ));
    }
    measured(format!("{DRONES} drones and {LISTENERS} listeners")).await?;
    for listener in listeners {
        listener.abort();
    }
    Ok(())
}
