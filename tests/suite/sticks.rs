//! Sticks over the WebSocket: thirty frames a second, and what a drone hears of them.

use std::time::Duration;

use gateway_tests::drone::{Shown, Streaming};
use gateway_tests::{Drone, Gateway, PATIENCE, WebSocket, eventually};
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

/// Whoever holds the sticks of a drone that moves by them.
async fn held() -> anyhow::Result<(Gateway, Drone, Streaming, WebSocket)> {
    let (gateway, drone, streaming) = flying().await?;
    let mut socket = WebSocket::open(&gateway.admin()?, "/ws", &[]).await?;
    socket.next_of("connection_established").await?;
    socket.send(r#"{"type":"presence"}"#).await?;
    socket.send(TAKE).await?;
    socket.next_of("control_taken").await?;
    let heard = hold(&mut socket, &frame(60, 0), next_rc(&drone)).await?;
    assert_eq!(heard, FORWARD);
    streaming.move_at(6);
    Ok((gateway, drone, streaming, socket))
}

const FORWARD: &str = "rc 0 60 0 0";
const ZERO: &str = "rc 0 0 0 0";

/// The next of the sticks that is not the frame which was held.
async fn after_the_frame(drone: &Drone) -> anyhow::Result<String> {
    loop {
        let heard = next_rc(drone).await?;
        if heard != FORWARD {
            return Ok(heard);
        }
    }
}

/// The mode, as it stands among the commands once it is over.
async fn ended(gateway: &Gateway) -> anyhow::Result<String> {
    let client = gateway.admin()?;
    eventually("the mode is over", || async {
        let all = client.get("/api/commands").await?.expect(200).json();
        let list = all.as_array().cloned().unwrap_or_default();
        let of_sticks = list.iter().find(|one| one["command"] == FORWARD);
        let state = of_sticks.and_then(|one| one["state"].as_str().map(str::to_owned));
        Ok(state.filter(|state| !["queued", "sent"].contains(&state.as_str())))
    })
    .await
}

#[tokio::test]
async fn a_zero_that_is_lost_is_followed_by_another_until_the_drone_stands() -> anyhow::Result<()> {
    let (gateway, drone, streaming, mut socket) = held().await?;
    // The thumb is lifted; the drone has not heard the first three, and moves on.
    for _ in 0..3 {
        assert_eq!(after_the_frame(&drone).await?, ZERO);
    }
    streaming.move_at(0);
    let over = hold_presence(&mut socket, ended(&gateway)).await?;
    assert_eq!(over, "confirmed");

    // One that hears none at all is sent zero for a second, and then nothing.
    let (gateway, drone, _streaming, mut socket) = held().await?;
    let (ends, zeros) = (ended(&gateway), async {
        let mut zeros = 0;
        loop {
            match tokio::time::timeout(PATIENCE / 4, after_the_frame(&drone)).await {
                Ok(heard) => {
                    assert_eq!(heard?, ZERO);
                    zeros += 1;
                }
                Err(_) => return anyhow::Ok(zeros),
            }
        }
    });
    let both = async { tokio::try_join!(ends, zeros) };
    let (over, zeros) = hold_presence(&mut socket, both).await?;
    assert_eq!(over, "unconfirmed");
    assert!(
        (4..=11).contains(&zeros),
        "{zeros} zeros, a tenth of a second apart"
    );
    Ok(())
}

/// Says that somebody is there, and holds nothing, as long as `until` takes.
async fn hold_presence<T>(
    socket: &mut WebSocket,
    until: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    let mut until = std::pin::pin!(until);
    loop {
        tokio::select! {
            done = &mut until => return done,
            _ = ticks.tick() => socket.send(r#"{"type":"presence"}"#).await?,
        }
    }
}

#[tokio::test]
async fn a_page_that_is_gone_is_a_lifted_thumb_and_then_a_landing() -> anyhow::Result<()> {
    let (_gateway, drone, streaming, socket) = held().await?;
    drop(socket);
    assert_eq!(after_the_frame(&drone).await?, ZERO);
    streaming.move_at(0);
    loop {
        let (text, from) = drone.hear().await?;
        if text == "land" {
            return Ok(());
        }
        assert!(!text.starts_with("rc") || text == ZERO, "{text}");
        drone.send(from, b"80").await?;
    }
}

#[tokio::test]
async fn a_drone_that_falls_silent_is_sent_zero_and_nothing_into_the_dark() -> anyhow::Result<()> {
    let (gateway, drone, streaming, mut socket) = held().await?;
    drop(streaming);
    // The thumb goes on all the time.
    let heard = hold(&mut socket, &frame(60, 0), after_the_frame(&drone)).await?;
    assert_eq!(heard, ZERO);
    let client = gateway.admin()?;
    let lost = eventually("the drone is lost", || async {
        let status = client
            .get("/api/drones/d1/status")
            .await?
            .expect(200)
            .json();
        Ok((status["connection_status"] != "connected").then_some(()))
    });
    let mut later = Vec::new();
    let hears = async {
        loop {
            let (text, _) = drone.hear().await?;
            if text.starts_with("rc") {
                later.push(text);
            }
        }
    };
    let lost = async {
        tokio::select! {
            lost = lost => lost,
            broken = hears => broken,
        }
    };
    hold(&mut socket, &frame(60, 0), lost).await?;
    assert!(later.iter().all(|text| text == ZERO), "{later:?}");
    assert!(later.len() <= 10, "for a second at most: {later:?}");
    Ok(())
}

#[tokio::test]
async fn a_gateway_that_ends_centres_the_sticks_and_one_that_was_killed_when_it_is_back()
-> anyhow::Result<()> {
    let (mut gateway, drone, _streaming, mut socket) = held().await?;
    let ends = async {
        let (stopped, heard) = tokio::join!(gateway.stop(), after_the_frame(&drone));
        stopped?;
        heard
    };
    let mut ends = std::pin::pin!(ends);
    let mut ticks = tokio::time::interval(Duration::from_millis(33));
    // (The socket goes with the gateway.)
    let heard = loop {
        tokio::select! {
            heard = &mut ends => break heard?,
            _ = ticks.tick() => drop(socket.send(&frame(60, 0).to_string()).await),
        }
    };
    assert_eq!(heard, ZERO);

    let (mut gateway, drone, streaming, mut socket) = held().await?;
    // Who flies is written some time after it is seen; what is not written is not recalled.
    let record = gateway.state().join("flights.json");
    let written = eventually("its flight is on the disk", || async {
        let kept = std::fs::read_to_string(&record).unwrap_or_default();
        Ok(kept.contains("d1").then_some(()))
    });
    hold(&mut socket, &frame(60, 0), written).await?;
    gateway.kill().await?;
    // What it sent before is in the drone's buffer yet.
    let restarted = gateway.restart();
    let answers = async {
        loop {
            let (text, from) = drone.hear().await?;
            match text.as_str() {
                ZERO => return anyhow::Ok(()),
                "command" => drone.send(from, b"ok").await?,
                _ => drone.send(from, b"80").await?,
            }
        }
    };
    let (restarted, braked) = tokio::join!(restarted, answers);
    restarted?;
    braked?;
    streaming.move_at(0);
    Ok(())
}
