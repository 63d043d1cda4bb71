//! Sticks: what the gateway adds to a frame, beside a bare loop that sends the same.

use std::time::Duration;

use anyhow::Context as _;
use gateway_tests::drone::Shown;
use gateway_tests::{Drone, Gateway, WebSocket, eventually, process};
use tokio::time::{Instant, sleep};

use crate::{bare_loop, spread};

/// Frames measured: 30 Hz, and a little less, so that none waits for its turn.
const SAMPLES: usize = 600;
const EVERY: Duration = Duration::from_millis(35);

/// Frame sent on the WebSocket → datagram at the drone.
pub(crate) async fn sticks() -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let drone = Drone::at(gateway.block().host(2)).await?;
    let to = drone.enter_sdk_mode().await?;
    let _streaming = drone.stream(
        to,
        Shown {
            motors_run: true,
            height_cm: 80,
            battery_pct: 80,
        },
    );
    let client = gateway.admin()?;
    eventually("it is in the air", || async {
        let path = "/api/drones/d1/status";
        let status = client.get(path).await?.expect(200).json();
        let flies = status["flight_status"] == "flying" && status["flight_status_known"] == true;
        Ok(flies.then_some(()))
    })
    .await?;
    let mut socket = WebSocket::open(&client, "/ws", &[]).await?;
    socket.send(r#"{"type":"presence"}"#).await?;
    socket
        .send(r#"{"type":"take_control","drone_id":"d1"}"#)
        .await?;
    socket.next_of("control_taken").await?;
    let mut delays = Vec::with_capacity(SAMPLES);
    let pid = gateway.pid().context("not running")?;
    let before = process::cpu(pid)?;
    for sample in 0..SAMPLES {
        socket.send(r#"{"type":"presence"}"#).await?;
        // Each differs from the one before, which may be sent again.
        let (roll, pitch) = (sample % 100, sample / 100 + 1);
        let begun = Instant::now();
        socket
            .send(&format!(
                r#"{{"type":"sticks","drone_id":"d1","roll":{roll},"pitch":{pitch},"throttle":0,"yaw":0}}"#
            ))
            .await?;
        let wanted = format!("rc {roll} {pitch} 0 0");
        loop {
            let (text, from) = drone.hear().await?;
            if text == wanted {
                break;
            }
            if !text.starts_with("rc") {
                drone.send(from, b"80").await?;
            }
        }
        let took = begun.elapsed();
        delays.push(took.as_secs_f64() * 1e6);
        sleep(EVERY.saturating_sub(took)).await;
    }
    let used = process::cpu(pid)?.saturating_sub(before);
    spread(
        "sticks: frame on the WebSocket → datagram at the drone",
        delays,
    );
    println!(
        "{} µs of CPU a frame, with its presence, of the whole gateway",
        used.as_micros() / SAMPLES as u128
    );
    let texts = (0..SAMPLES).map(|sample| format!("rc {} {} 0 0", sample % 100, sample / 100 + 1));
    spread("the same datagrams by a bare loop", bare_loop(texts)?);
    Ok(())
}
