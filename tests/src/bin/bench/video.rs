//! What relaying video costs.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context as _;
use gateway_tests::video::picture;
use gateway_tests::{Drone, Gateway, WebSocket, drone, eventually};
use tokio::time::{MissedTickBehavior, interval};

use gateway_tests::process;

/// Viewers of the drone.
const VIEWERS: usize = 8;
/// A Tello's frame rate.
const FPS: u64 = 30;
/// Bytes of a frame and of a whole picture, of which each second has one: 2 Mbit/s.
const FRAME_BYTES: (usize, usize) = (7_500, 30_000);

/// A player's stream, over TLS.
const TS: &str = "/api/drones/d1/camera/stream.ts";

/// CPU and memory of one drone at 2 Mbit/s, without viewers, with eight, and with eight
/// players.
pub(crate) async fn relay(stretch: Duration) -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .drones("lost_after_s = 60.0")
        .drone("d1", 2)
        .start()
        .await?;
    let pid = gateway.pid().context("not running")?;
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    peer.send(to, &drone::state(80, 60)).await?;
    // Players are let in where the gateway has asked for video.
    let admin = gateway.admin()?;
    let (begun, heard) = tokio::join!(
        admin.post("/api/drones/d1/camera/stream/start"),
        peer.obey("streamon")
    );
    begun?.expect(200);
    heard?;
    let filming = tokio::spawn(film(peer, gateway.block().gateway()));
    for (kind, viewers) in [("viewers", 0), ("viewers", VIEWERS), ("players", VIEWERS)] {
        let mut reading = Vec::new();
        for _ in 0..viewers {
            if kind == "players" {
                let client = gateway.reader()?;
                reading.push(tokio::spawn(async move {
                    // (For as long as the drone films.)
                    client.get(TS).await.map_or(0, |answer| answer.body.len())
                }));
                continue;
            }
            let mut viewer = WebSocket::open(&gateway.reader()?, "/ws/video/d1", &[]).await?;
            viewer.next_frame().await?;
            reading.push(tokio::spawn(async move {
                let mut bytes = 0;
                while let Ok(frame) = viewer.next_frame().await {
                    bytes += frame.len();
                }
                bytes
            }));
        }
        let client = gateway.reader()?;
        let watched = format!("\nmfg_drone_video_viewers {viewers}\n");
        eventually("as many watch", || async {
            let page = client.get("/metrics").await?.expect(200).text();
            Ok(page.contains(&watched).then_some(()))
        })
        .await?;
        eventually("video", || async {
            let camera = client
                .get("/api/drones/d1/camera")
                .await?
                .expect(200)
                .json();
            Ok((camera["fps"].as_u64() >= Some(FPS - 2)).then_some(()))
        })
        .await?;
        let (before, begun) = (process::cpu(pid)?, tokio::time::Instant::now());
        tokio::time::sleep(stretch).await;
        let share = (process::cpu(pid)? - before).as_secs_f64() / begun.elapsed().as_secs_f64();
        let camera = client
            .get("/api/drones/d1/camera")
            .await?
            .expect(200)
            .json();
        println!(
            "{viewers} {kind} of {} fps, {} kbit/s: {:.2} % of a core, {} kB resident",
            camera["fps"],
            camera["bitrate_kbps"],
            share * 100.0,
            process::resident_kb(pid)?.0
        );
        reading.iter().for_each(tokio::task::JoinHandle::abort);
    }
    filming.abort();
    Ok(())
}

/// Films for ever: a whole picture each second, frames between them.
async fn film(peer: Drone, gateway: IpAddr) -> anyhow::Result<()> {
    let mut frames = interval(Duration::from_micros(1_000_000 / FPS));
    frames.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0u64.. {
        frames.tick().await;
        let key = number.is_multiple_of(FPS);
        let bytes = if key { FRAME_BYTES.1 } else { FRAME_BYTES.0 };
        peer.film(gateway, &picture(key, bytes)).await?;
    }
    Ok(())
}
