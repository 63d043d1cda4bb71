//! Sticks over the WebSocket: thirty frames a second, and what a drone hears of them.

use std::time::Duration;

use gateway_tests::drone::{Shown, Streaming};
use gateway_tests::{Drone, Gateway, WebSocket, eventually};
use serde_json::{Value, json};

/// A drone in the air.
async fn flying() -> anyhow::Result<(Gateway, Drone, Streaming)> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let drone = Drone::at(gateway.block().host(2)).await?;
    let to = drone.enter_sdk_mode().await?;
    let shown = Shown {
        motors_run: true,
        height_cm: 80,
        battery_pct: 80,
    };
    let streaming = drone.stream(to, shown);
    let client = gateway.admin()?;
    eventually("it is in the air", || async {
        let path = "/api/drones/d1/status";
        let status = client.get(path).await?.expect(200).json();
        let flies = status["flight_status"] == "flying" && status["flight_status_known"] == true;
        Ok(flies.then_some(()))
    })
    .await?;
    Ok((gateway, drone, streaming))
}

/// The next sticks that the drone hears, whatever else it hears before them.
async fn next_rc(drone: &Drone) -> anyhow::Result<String> {
    loop {
        let (text, from) = drone.hear().await?;
        if text.starts_with("rc ") {
            return Ok(text);
        }
        let answer = if text == "battery?" { "80" } else { "ok" };
        drone.send(from, answer.as_bytes()).await?;
    }
}

/// Holds the sticks, and says that somebody is there, as long as `until` takes.
async fn hold<T>(
    socket: &mut WebSocket,
    frame: &Value,
    until: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut ticks = tokio::time::interval(Duration::from_millis(33));
    let mut until = std::pin::pin!(until);
    loop {
        tokio::select! {
            done = &mut until => return done,
            _ = ticks.tick() => {
                socket.send(r#"{"type":"presence"}"#).await?;
                socket.send(&frame.to_string()).await?;
            }
        }
    }
}

fn frame(pitch: i8, throttle: i8) -> Value {
    json!({"type": "sticks", "drone_id": "d1", "roll": 0, "pitch": pitch, "throttle": throttle, "yaw": 0})
}

const TAKE: &str = r#"{"type":"take_control","drone_id":"d1"}"#;

#[tokio::test]
async fn a_thumb_flies_with_control_and_a_lost_one_is_zero() -> anyhow::Result<()> {
    let (gateway, drone, _streaming) = flying().await?;
    let mut socket = WebSocket::open(&gateway.admin()?, "/ws", &[]).await?;
    socket.next_of("connection_established").await?;
    socket.send(r#"{"type":"presence"}"#).await?;

    // Why a frame was not taken is said with the next one.
    for _ in 0..2 {
        socket.send(&frame(60, 0).to_string()).await?;
        tokio::task::yield_now().await;
    }
    let mut refused = None;
    for _ in 0..50 {
        socket.send(&frame(60, 0).to_string()).await?;
        socket.send(r#"{"type":"ping"}"#).await?;
        let said = socket.next().await?;
        if said["error_code"] == "STICKS_ERROR" {
            refused = Some(said);
            break;
        }
    }
    let words = refused.map(|said| said["message"].to_string());
    assert!(
        words
            .as_deref()
            .is_some_and(|text| text.contains("take control")),
        "{words:?}"
    );

    socket.send(TAKE).await?;
    socket.next_of("control_taken").await?;
    let heard = hold(&mut socket, &frame(60, 0), next_rc(&drone)).await?;
    assert_eq!(heard, "rc 0 60 0 0");
    // Nothing more comes from the thumb: zero, until the drone is seen to stand.
    let zero = async {
        loop {
            let heard = next_rc(&drone).await?;
            if heard != "rc 0 60 0 0" {
                return anyhow::Ok(heard);
            }
        }
    };
    assert_eq!(zero.await?, "rc 0 0 0 0");

    // As one command it stands among the others, and the frames are counted.
    let client = gateway.admin()?;
    let ended = eventually("the mode is over", || async {
        let all = client.get("/api/commands").await?.expect(200).json();
        let list = all.as_array().cloned().unwrap_or_default();
        let is_it = |one: &&Value| one["command"] == "rc 0 60 0 0" && one["state"] == "confirmed";
        Ok(list.iter().find(is_it).cloned())
    });
    ended.await?;
    let page = client.get("/metrics").await?.expect(200).text();
    assert!(
        page.contains("drone_stick_frames_total{drone=\"d1\"}"),
        "{page}"
    );
    Ok(())
}

#[tokio::test]
async fn who_was_told_down_needs_control_anew_and_what_is_no_frame_is_said() -> anyhow::Result<()> {
    let (gateway, drone, _streaming) = flying().await?;
    let client = gateway.admin()?;
    let mut socket = WebSocket::open(&client, "/ws", &[]).await?;
    socket.next_of("connection_established").await?;
    socket.send(r#"{"type":"presence"}"#).await?;
    for wrong in [
        json!({"type": "sticks", "drone_id": "d1", "roll": 101, "pitch": 0, "throttle": 0, "yaw": 0}),
        json!({"type": "sticks", "drone_id": "d1"}),
        json!({"type": "sticks", "drone_id": "nobody", "roll": 0, "pitch": 0, "throttle": 0, "yaw": 0}),
    ] {
        socket.send(&wrong.to_string()).await?;
        let said = socket.next_of("error").await?;
        assert_eq!(said["error_code"], "STICKS_ERROR", "{said}");
    }
    socket.send(TAKE).await?;
    socket.next_of("control_taken").await?;
    hold(&mut socket, &frame(0, -40), next_rc(&drone)).await?;

    let landed = client.post("/api/drones/d1/land");
    let told = async {
        loop {
            let (text, _) = drone.hear().await?;
            if text == "land" {
                return anyhow::Ok(());
            }
        }
    };
    let (landed, told) = tokio::join!(landed, told);
    landed?.expect(200);
    told?;
    // The thumbs go on, and nothing of them reaches the drone.
    let refused = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(33));
        loop {
            tokio::select! {
                said = socket.next_of("error") => return said,
                _ = ticks.tick() => {}
            }
            socket.send(&frame(0, -40).to_string()).await?;
        }
    };
    let refused = refused.await?;
    let words = refused["message"].as_str().unwrap_or_default();
    assert!(words.contains("control anew"), "{refused}");
    Ok(())
}
