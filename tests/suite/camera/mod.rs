//! Video and photos: simulated cameras, several viewers, slow ones and deaf ones,
//! photos with and without a stream, their cap, drones that send garbage.

mod faults;
mod photos;
mod players;
mod rtsp;
mod viewers;

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use gateway_tests::video::picture;
use gateway_tests::{
    Answer, Client, Drone, Gateway, GatewayBuilder, Simulated, WebSocket, drone, eventually,
    skipped, spare_port,
};
use serde_json::json;

const NOT_CONNECTED: &str = "ドローンが接続されていません";

/// A decoder that is there on machines with ffmpeg only.
const FFMPEG: &str = "/usr/bin/ffmpeg";

/// A gateway with one simulated drone and no decoder.
fn simulated(camera: &str) -> GatewayBuilder {
    decoding("", camera)
}

/// The same with a decoder.
fn decoding(decoder: &str, camera: &str) -> GatewayBuilder {
    let (command, video) = (spare_port(), spare_port());
    Gateway::builder().config(&format!("[camera]\ndecoder = \"{decoder}\"\n{camera}")).drones(&format!(
        "connect_at_start = false\ncommand_port = {command}\nvideo_port = {video}\nconnect_timeout_s = 20.0\n\
             [[drones.drone]]\nid = \"cam_1\"\nmode = \"simulation\""
    ))
}

async fn connected(gateway: &Gateway) -> anyhow::Result<Client> {
    let client = gateway.admin()?;
    client.post("/api/drones/cam_1/connect").await?.expect(200);
    Ok(client)
}

/// A counter or gauge of `/metrics`, with its labels as written.
async fn metric(client: &Client, name: &str) -> anyhow::Result<f64> {
    let page = client.get("/metrics").await?.expect(200).text();
    let value = page
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.ok_or_else(|| anyhow::anyhow!("{name} is not in\n{page}"))
}

async fn until(client: &Client, name: &str, least: f64) -> anyhow::Result<()> {
    eventually(name, || async {
        Ok((metric(client, name).await? >= least).then_some(()))
    })
    .await
}

/// The next whole picture; asked for again while there is none.
async fn fetched(client: &Client, path: &str) -> anyhow::Result<Answer> {
    eventually("a whole picture", || async {
        let answer = client.get(path).await?;
        Ok((answer.status != http::StatusCode::NO_CONTENT).then_some(answer))
    })
    .await
}

/// Kinds of the NAL units in a frame.
fn kinds(frame: &[u8]) -> Vec<u8> {
    frame
        .windows(4)
        .filter(|window| window[..3] == [0, 0, 1])
        .map(|window| window[3] & 0x1f)
        .collect()
}

/// A gateway with one real drone, played by the test.
fn peer_gateway(camera: &str) -> GatewayBuilder {
    Gateway::builder()
        .config(&format!("[camera]\ndecoder = \"\"\n{camera}"))
        .drones("lost_after_s = 60.0")
        .drone("cam_1", 2)
}

/// The drone of [`peer_gateway`], heard and connected.
async fn play(gateway: &Gateway) -> anyhow::Result<(Client, Drone, IpAddr)> {
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    peer.send(to, &drone::state(80, 60)).await?;
    let client = gateway.admin()?;
    eventually("connected", || async {
        let status = client
            .get("/api/drones/cam_1/status")
            .await?
            .expect(200)
            .json();
        Ok((status["connection_status"] == "connected").then_some(()))
    })
    .await?;
    Ok((client, peer, gateway.block().gateway()))
}

/// Sends whole pictures, and obeys, until `request` is answered.
async fn film_until<T>(
    request: tokio::task::JoinHandle<anyhow::Result<T>>,
    peer: &Drone,
    to: IpAddr,
    length: usize,
) -> anyhow::Result<T> {
    async fn film(peer: &Drone, to: IpAddr, length: usize) -> anyhow::Result<Infallible> {
        loop {
            peer.film(to, &picture(true, length)).await?;
            // A drone's pace, about; the machine's socket buffers are small.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    async fn obey(peer: &Drone) -> anyhow::Result<Infallible> {
        loop {
            // Silence is nothing bad: nobody has to ask a drone anything.
            let Ok((_, from)) = peer.hear().await else {
                continue;
            };
            peer.send(from, b"ok").await?;
        }
    }
    let failed = tokio::select! {
        answer = request => return answer?,
        Err(failed) = film(peer, to, length) => failed,
        Err(failed) = obey(peer) => failed,
    };
    Err(failed)
}
