//! Flying: what the gateway adds to a command, and what a full fleet costs.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use gateway_tests::gateway::ADMIN_KEY;
use gateway_tests::{
    Client, Drone, Flyer, Gateway, WebSocket, drone, eventually, process, simulated,
};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use crate::{bare_loop, spread};

/// Commands measured, and the pause between them: a tenth of a second after one that was
/// answered the next one leaves, and that is no delay of its own.
const SAMPLES: usize = 500;
const PAUSE: Duration = Duration::from_millis(110);
/// As many drones as may be configured.
const DRONES: usize = 64;
/// Listeners, as in the suite's crowd.
const LISTENERS: usize = 100;
/// First seconds of a fleet, in which it is greeted; not measured.
const SETTLE: Duration = Duration::from_secs(10);

/// A command sent over a kept-alive TLS connection → datagram at the drone: as a request, and
/// as a message on the WebSocket; beside a bare loop that sends the same datagrams.
/// `moff` is measured: it waits for nothing, the drone answers at once, and that is its end.
/// (A `stop` is repeated until the drone stands: the next request would find it on the wire.)
pub(crate) async fn commands() -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    // (Pads are of SDK 2.0, whose drones say who they are.)
    let peer = Drone::at(gateway.block().host(2)).await?;
    let peer = peer.with_serial("0TQDBENCH0001");
    let to = peer.enter_sdk_mode().await?;
    let shown = drone::Shown {
        motors_run: false,
        height_cm: 0,
        battery_pct: 80,
    };
    let _streaming = peer.stream(to, shown);
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
    requested(&client, &peer).await?;
    messaged(&client, &peer).await?;
    let texts = (0..SAMPLES).map(|_| "moff".to_owned());
    spread("the same datagrams by a bare loop", bare_loop(texts)?);
    Ok(())
}

/// When the drone heard the command; it answers it, and whatever comes before.
async fn heard(peer: &Drone, start: Instant) -> anyhow::Result<f64> {
    loop {
        let (text, from) = peer.hear().await?;
        let at = start.elapsed().as_secs_f64() * 1e6;
        let is_it = text == "moff";
        peer.send(from, if text == "battery?" { b"80" } else { b"ok" })
            .await?;
        if is_it {
            return Ok(at);
        }
    }
}

async fn requested(client: &Client, peer: &Drone) -> anyhow::Result<()> {
    let stream = TokioIo::new(client.connect().await?);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(stream).await?;
    tokio::spawn(connection);
    let request = http::Request::post("/api/drones/d1/moff")
        .header("host", "localhost")
        .header("x-api-key", ADMIN_KEY);
    let request = request.body(Empty::new())?;
    let (mut reached, mut answered) = (Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES));
    for _ in 0..SAMPLES {
        tokio::time::sleep(PAUSE).await;
        sender.ready().await?;
        let start = Instant::now();
        let asked = sender.send_request(request.clone());
        let (at, response) = tokio::join!(heard(peer, start), asked);
        let response = response?;
        anyhow::ensure!(response.status() == 200, "{}", response.status());
        response.into_body().collect().await?;
        reached.push(at?);
        answered.push(start.elapsed().as_secs_f64() * 1e6);
    }
    spread("moff: request → datagram at the drone", reached);
    spread("moff: request → answer", answered);
    Ok(())
}

async fn messaged(client: &Client, peer: &Drone) -> anyhow::Result<()> {
    let mut socket = WebSocket::open(client, "/ws", &[]).await?;
    let message = r#"{"type":"command","drone_id":"d1","command":"moff"}"#;
    let (mut reached, mut answered) = (Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES));
    for _ in 0..SAMPLES {
        tokio::time::sleep(PAUSE).await;
        let start = Instant::now();
        socket.send(message).await?;
        let (at, said) = tokio::join!(heard(peer, start), socket.next_of("command_result"));
        said?;
        reached.push(at?);
        answered.push(start.elapsed().as_secs_f64() * 1e6);
    }
    spread(
        "moff: message on the WebSocket → datagram at the drone",
        reached,
    );
    spread("moff: message on the WebSocket → answer", answered);
    Ok(())
}

/// Members of a group, and turns that each is told.
const MEMBERS: u8 = 8;
const TURNS: usize = 200;

/// One command for a group → datagram at the first member, and from it to the last one,
/// beside a bare loop that sends the same datagrams.
pub(crate) async fn together() -> anyhow::Result<()> {
    let ids: Vec<String> = (0..MEMBERS).map(|n| format!("d{}", n + 2)).collect();
    let group = format!("[[drones.group]]\nid = \"all\"\ndrones = {ids:?}");
    let mut builder = Gateway::builder();
    for (n, id) in ids.iter().enumerate() {
        builder = builder.drone(id, n as u8 + 2);
    }
    let gateway = builder.drones(&group).start().await?;
    let client = gateway.admin()?;
    let flyer = Flyer::open(&client).await?;
    let (heard, mut arrivals) = tokio::sync::mpsc::channel(usize::from(MEMBERS));
    let mut peers = Vec::new();
    for (n, id) in ids.iter().enumerate() {
        let peer = Drone::at(gateway.block().host(n as u8 + 2)).await?;
        let to = peer.enter_sdk_mode().await?;
        let shown = drone::Shown {
            motors_run: true,
            height_cm: 80,
            battery_pct: 80,
        };
        let streaming = peer.stream(to, shown);
        let heard = heard.clone();
        peers.push(tokio::spawn(async move {
            let _streaming = streaming;
            while let Ok((text, from)) = peer.hear().await {
                let is_turn = text.starts_with("cw ");
                if is_turn && heard.send(Instant::now()).await.is_err() {
                    return;
                }
                let answer = if text == "battery?" { "80" } else { "ok" };
                if peer.send(from, answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }));
        let status = format!("/api/drones/{id}/status");
        eventually("it is in the air", || async {
            let status = client.get(&status).await?.expect(200).json();
            let flies =
                status["flight_status"] == "flying" && status["flight_status_known"] == true;
            Ok(flies.then_some(()))
        })
        .await?;
        let control = format!("/api/drones/{id}/control");
        flyer.client().post(&control).await?.expect(200);
    }
    let (mut first, mut apart) = (Vec::new(), Vec::new());
    let turn = serde_json::json!({"direction": "clockwise", "angle": 10});
    for _ in 0..TURNS {
        tokio::time::sleep(PAUSE).await;
        let begun = Instant::now();
        let path = "/api/groups/all/rotate?wait=true";
        let answer = flyer.client().json(http::Method::POST, path, &turn);
        let mut times = Vec::new();
        let all = async {
            while times.len() < ids.len() {
                times.push(arrivals.recv().await.context("a member is gone")?);
            }
            anyhow::Ok(())
        };
        let (answer, all) = tokio::join!(answer, all);
        all?;
        answer?.expect(200);
        let [Some(one), Some(last)] = [times.iter().min(), times.iter().max()] else {
            continue;
        };
        first.push((*one - begun).as_secs_f64() * 1e6);
        apart.push((*last - *one).as_secs_f64() * 1e6);
    }
    for peer in peers {
        peer.abort();
    }
    spread("group of 8: request → datagram at the first", first);
    spread("group of 8: first → last member", apart);
    spread("the same datagrams by a bare loop: first → last", bare()?);
    Ok(())
}

/// The same datagrams between sockets of this process.
fn bare() -> anyhow::Result<Vec<f64>> {
    let here = std::net::UdpSocket::bind("127.0.0.1:0")?;
    let there: Result<Vec<_>, _> = (0..MEMBERS)
        .map(|_| std::net::UdpSocket::bind("127.0.0.1:0"))
        .collect();
    let there = there?;
    let mut buffer = [0; 64];
    let mut apart = Vec::new();
    for _ in 0..TURNS {
        for to in &there {
            here.send_to(b"cw 10", to.local_addr()?)?;
        }
        let mut times = Vec::new();
        for from in &there {
            from.recv(&mut buffer)?;
            times.push(Instant::now());
        }
        if let [one, .., last] = times[..] {
            apart.push((last - one).as_secs_f64() * 1e6);
        }
    }
    Ok(apart)
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
