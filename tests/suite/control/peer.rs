//! A real drone, played by the test: what is on the wire, and who may do what.

use gateway_tests::Flyer;

use super::*;

/// A gateway with one real drone on the ground that streams, played by the test.
pub(super) async fn with_peer(battery_pct: u8) -> anyhow::Result<(Gateway, Drone, Streaming)> {
    let gateway = Gateway::builder()
        .drones("operator_grace_s = 0.5")
        .drone("d1", 2)
        .start()
        .await?;
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    let on_the_ground = Shown {
        motors_run: false,
        height_cm: 0,
        battery_pct,
    };
    let states = peer.stream(to, on_the_ground);
    let client = gateway.admin()?;
    let known = eventually("connected, on the ground, and asked who it is", || async {
        let status = status(&client, "d1").await?;
        let is_there = status["connection_status"] == "connected";
        let is_asked = status["identity"] == "unknown";
        Ok((is_there && is_asked && status["flight_status_known"] == true).then_some(()))
    });
    tokio::select! {
        known = known => known?,
        heard = peer.hear() => anyhow::bail!("nothing was asked of it: {heard:?}"),
    }
    Ok((gateway, peer, states))
}

/// Has the drone take off, as it would.
pub(super) async fn take_off(
    client: &Client,
    peer: &Drone,
    states: &Streaming,
) -> anyhow::Result<std::net::SocketAddr> {
    client.post("/api/drones/d1/takeoff").await?.expect(200);
    let (text, from) = peer.hear().await?;
    anyhow::ensure!(text == "takeoff", "{text}");
    states.show(true, 80);
    peer.send(from, b"ok").await?;
    until(client, "d1", "flying").await?;
    Ok(from)
}

#[tokio::test]
async fn one_command_is_in_flight_and_a_landing_overtakes() -> anyhow::Result<()> {
    let (gateway, peer, states) = with_peer(80).await?;
    let client = gateway.admin()?;
    client.post("/api/drones/d1/connect").await?.expect(409);
    client.post("/api/drones/d1/takeoff").await?.expect(200);
    for angle in [90, 45] {
        let turn = json!({"direction": "clockwise", "angle": angle});
        client
            .json(Method::POST, "/api/drones/d1/rotate", &turn)
            .await?
            .expect(200);
    }
    let (text, from) = peer.hear().await?;
    assert_eq!(text, "takeoff");
    states.show(true, 80);
    // The app's binary packet is no reply; the doubled `ok` is not the turn's.
    for reply in [&b"\xcc\x18\x01"[..], b"ok", b"ok"] {
        peer.send(from, reply).await?;
    }
    assert_eq!(peer.hear().await?.0, "cw 90");
    client.post("/api/drones/d1/land").await?.expect(200);
    assert_eq!(peer.hear().await?.0, "land", "at once");
    // Firmware of SDK 1.3: busy, no `stop`, and then the `ok` of the turn.
    peer.send(from, b"error Not joystick").await?;
    assert_eq!(peer.hear().await?.0, "stop");
    peer.send(from, b"unknown command: stop").await?;
    peer.send(from, b"ok").await?;
    assert_eq!(peer.hear().await?.0, "land", "it is still at 80 cm");
    assert_eq!(status(&client, "d1").await?["flight_status"], "landing");
    client.post("/api/drones/d1/land").await?.expect(200);
    states.show(false, 0);
    until(&client, "d1", "landed").await?;
    client.post("/api/drones/d1/land").await?.expect(503);

    // Who did it, in the security log.
    let output = gateway.output();
    let landing = output
        .lines()
        .find(|line| line.contains("drone_command") && line.contains("d1: land"));
    assert!(
        landing.is_some_and(|line| line.contains("actor") && line.contains("client")),
        "{output}"
    );
    Ok(())
}

#[tokio::test]
async fn a_drone_silent_in_the_air_stays_in_the_air_and_can_be_told_to_land() -> anyhow::Result<()>
{
    let (gateway, peer, states) = with_peer(80).await?;
    let client = gateway.admin()?;
    take_off(&client, &peer, &states).await?;
    drop(states);
    let silent = eventually("lost", || async {
        let status = status(&client, "d1").await?;
        Ok((status["connection_status"] == "error").then_some(status))
    })
    .await?;
    assert_eq!(
        (
            &silent["flight_status"],
            &silent["flight_status_known"],
            &silent["flight_status_basis"]
        ),
        (&"flying".into(), &false.into(), &"last_state".into()),
        "{silent}"
    );
    assert!(
        silent["flight_status_unknown_since"].is_string(),
        "{silent}"
    );
    assert_eq!(silent["battery_level"], 80);
    assert!(silent["battery_age_s"].as_f64() > Some(1.0), "{silent}");
    let metrics = client.get("/metrics").await?.expect(200).text();
    assert!(!metrics.contains("drone_battery_percent{"), "{metrics}");
    client.post("/api/drones/d1/land").await?.expect(200);
    // No `command`, no keep-alive: the next it hears is the landing.
    assert_eq!(peer.hear().await?.0, "land");
    let emergency = client
        .post("/api/drones/d1/emergency")
        .await?
        .expect(200)
        .json();
    assert!(
        emergency["message"]
            .as_str()
            .unwrap()
            .contains("not confirmed"),
        "{emergency}"
    );
    assert_eq!(
        status(&client, "d1").await?["flight_status"],
        "flying",
        "nothing is believed from what nobody may have heard"
    );
    Ok(())
}

#[tokio::test]
async fn all_drones_are_told_at_once_and_one_that_is_not_there_keeps_none() -> anyhow::Result<()> {
    let (gateway, peer, states) = with_peer(80).await?;
    let client = gateway.admin()?;
    let all = |what: &'static str| {
        let client = &client;
        async move { client.post(&format!("/api/drones/{what}-all")).await }
    };
    let grounded = all("land").await?.expect(200).json();
    assert_eq!(
        (&grounded["success"], &grounded["results"][0]["result"]),
        (&true.into(), &"not_needed".into()),
        "{grounded}"
    );
    take_off(&client, &peer, &states).await?;
    for what in ["stop", "land", "emergency"] {
        let told = all(what).await?.expect(200).json();
        assert_eq!(told["command"], what, "{told}");
        let result = &told["results"][0];
        assert_eq!(
            (&result["drone_id"], &result["result"]),
            (&"d1".into(), &"sent".into()),
            "{told}"
        );
        while peer.hear().await?.0 != what {}
    }
    gateway
        .reader()?
        .post("/api/drones/land-all")
        .await?
        .expect(403);
    Ok(())
}

/// The gateway lands the drone, which obeys.
pub(super) async fn lands_for_its_operator(peer: &Drone, states: &Streaming) -> anyhow::Result<()> {
    // A keep-alive of before may come first; after it nothing but the landing.
    loop {
        let (text, from) = peer.hear().await?;
        if text == "land" {
            peer.send(from, b"ok").await?;
            states.show(false, 0);
            return Ok(());
        }
        assert_eq!(text, "battery?");
        peer.send(from, b"80").await?;
    }
}

#[tokio::test]
async fn a_drone_whose_operator_vanishes_is_landed() -> anyhow::Result<()> {
    let (gateway, peer, states) = with_peer(80).await?;
    let client = gateway.admin()?;
    let flyer = Flyer::open(&client).await?;
    take_off(flyer.client(), &peer, &states).await?;
    drop(flyer);
    lands_for_its_operator(&peer, &states).await?;
    until(&client, "d1", "landed").await?;
    Ok(())
}

#[tokio::test]
async fn a_low_battery_keeps_a_drone_on_the_ground() -> anyhow::Result<()> {
    let (gateway, _peer, _states) = with_peer(9).await?;
    let refused = gateway
        .admin()?
        .post("/api/drones/d1/takeoff")
        .await?
        .expect(400)
        .json();
    assert_eq!(refused["error_code"], "DRONE_NOT_READY");
    Ok(())
}
