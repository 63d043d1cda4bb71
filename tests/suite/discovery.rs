//! Finding drones: what a search asks, whom it leaves alone, how long it takes;
//! and a fleet of 64 that `simulate` puts on the wire.
#![expect(
    clippy::disallowed_methods,
    reason = "how long a search takes in real time is what is tested"
)]

use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use gateway_tests::{Drone, Gateway, WebSocket, drone, eventually, gateway, spare_port};
use http::Method;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// Answers `command` and `battery?` for as long as it is polled; counts what it hears.
async fn answer(peer: &Drone, heard: &AtomicU16) -> anyhow::Result<()> {
    loop {
        let (text, from) = peer.hear().await?;
        heard.fetch_add(1, Ordering::Relaxed);
        let reply: &[u8] = if text == "battery?" { b"77\r\n" } else { b"ok" };
        peer.send(from, reply).await?;
    }
}

#[tokio::test]
async fn a_drone_in_a_configured_range_is_found_and_nobody_else_is_asked() -> anyhow::Result<()> {
    let builder = Gateway::builder();
    let network = builder.block().host(0);
    let builder = builder.drones(&format!("scan_ranges = [\"{network}/28\"]"));
    let (inside, outside) = (builder.block().host(5), builder.block().host(40));
    let gateway = builder.start().await?;
    let (peer, other) = (Drone::at(inside).await?, Drone::at(outside).await?);
    let (heard, none) = (AtomicU16::new(0), AtomicU16::new(0));
    let client = gateway.admin()?;
    let ask = async {
        let found = client.get("/api/drones/detect?timeout=3").await?;
        let found = found.expect(200).json();
        let ended = Instant::now();
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
        let drone = &found[0];
        assert_eq!(
            (&drone["ip_address"], &drone["battery_level"]),
            (&json!(inside.to_string()), &json!(77))
        );
        assert_eq!(
            (&drone["detection_method"], &drone["is_available"]),
            (&json!("tello_command"), &json!(true))
        );
        assert_eq!(drone["simulated"], true, "loopback holds no real drone");

        // A second search right after is answered from the first; on a machine
        // so slow that it is not right after, it asks again, as it should.
        let before = heard.load(Ordering::Relaxed);
        client.get("/api/drones/detect").await?.expect(200);
        let is_right_after = ended.elapsed() < Duration::from_secs(1);
        assert!(!is_right_after || heard.load(Ordering::Relaxed) == before);

        who_streams_is_known(&gateway, &peer).await?;
        let status = client.get("/api/system/network-status").await?;
        let status = status.expect(200).json();
        let scans = &status["network_service"]["scan_statistics"]["total_scans"];
        assert!(
            scans
                .as_u64()
                .is_some_and(|scans| scans == 1 || !is_right_after && scans == 2),
            "{status}"
        );
        assert_eq!(
            status["network_service"]["last_detections"][0]["ip"],
            json!(inside.to_string())
        );
        assert_eq!(status["total_detected_real_drones"], 1);
        anyhow::Ok(())
    };
    tokio::select! {
        done = ask => done?,
        ended = answer(&peer, &heard) => ended?,
        ended = answer(&other, &none) => ended?,
    }
    assert_eq!(none.load(Ordering::Relaxed), 0, "outside the range");
    Ok(())
}

/// Who streams by itself is known without being asked.
async fn who_streams_is_known(gateway: &Gateway, peer: &Drone) -> anyhow::Result<()> {
    let client = gateway.admin()?;
    let inside = gateway.block().host(5);
    let path = format!("/api/drones/verify-connection?ip_address={inside}");
    let check = eventually("it is heard", || async {
        peer.send(
            (gateway.block().gateway(), drone::STATE_PORT).into(),
            &drone::state(76, 60),
        )
        .await?;
        let check = client.post(&path).await?.expect(200).json();
        Ok((check["battery_level"] == 76).then_some(check))
    })
    .await?;
    assert_eq!(
        (
            &check["is_reachable"],
            &check["is_available_for_connection"]
        ),
        (&json!(true), &json!(true))
    );
    Ok(())
}

#[tokio::test]
async fn nobody_unknown_is_asked_by_who_only_looks_nor_while_a_drone_flies() -> anyhow::Result<()> {
    let builder = Gateway::builder();
    let network = builder.block().host(0);
    let builder = builder.drones(&format!("scan_ranges = [\"{network}/28\"]"));
    let gateway = builder.drone("d1", 2).start().await?;
    let ours = Drone::at(gateway.block().host(2)).await?;
    let to = ours.enter_sdk_mode().await?;
    let shown = drone::Shown {
        motors_run: false,
        height_cm: 0,
        battery_pct: 80,
    };
    let streaming = ours.stream(to, shown);
    let stranger = Drone::at(gateway.block().host(5)).await?;
    let heard = AtomicU16::new(0);
    let (admin, reader) = (gateway.admin()?, gateway.reader()?);
    let search = async {
        let path = "/api/drones/detect?timeout=1";
        let by_reader = reader.get(path).await?.expect(200).json();
        assert_eq!(heard.load(Ordering::Relaxed), 0, "{by_reader:#}");
        streaming.show(true, 80);
        eventually("it flies", || async {
            let status = admin.get("/api/drones/d1/status").await?.expect(200).json();
            Ok((status["flight_status"] == "flying").then_some(()))
        })
        .await?;
        admin.get(path).await?.expect(200);
        let scan = admin.post("/api/drones/scan").await?.expect(200).json();
        let message = scan["message"].as_str().context("a text")?;
        assert!(message.contains("d1 may be in the air"), "{message}");
        let verify = format!(
            "/api/drones/verify-connection?ip_address={}",
            gateway.block().host(5)
        );
        let check = admin.post(&verify).await?.expect(200).json();
        assert_eq!(check["is_reachable"], false, "{check:#}");
        assert_eq!(heard.load(Ordering::Relaxed), 0);
        // On the ground again, and asked by who may.
        streaming.show(false, 0);
        eventually("the stranger is asked", || async {
            admin.get(path).await?.expect(200);
            Ok((heard.load(Ordering::Relaxed) > 0).then_some(()))
        })
        .await
    };
    tokio::select! {
        done = search => done,
        ended = answer(&stranger, &heard) => ended,
    }
}

#[tokio::test]
async fn the_network_routes_refuse_as_documented() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .drones("scan_ranges = []")
        .start()
        .await?;
    let (client, reader) = (gateway.admin()?, gateway.reader()?);
    for timeout in ["0", "61", "soon"] {
        client
            .get(&format!("/api/drones/detect?timeout={timeout}"))
            .await?
            .expect(422);
    }
    assert_eq!(
        reader
            .get("/api/drones/detect?timeout=0.1")
            .await?
            .expect(200)
            .json(),
        json!([])
    );
    let verify = |body: Value| {
        let client = &client;
        async move {
            client
                .json(Method::POST, "/api/drones/verify-connection", &body)
                .await
        }
    };
    verify(json!({})).await?.expect(422);
    verify(json!({"ip_address": "drone.local"}))
        .await?
        .expect(422);
    verify(json!({"ip_address": "8.8.8.8"})).await?.expect(400);
    reader
        .post("/api/drones/verify-connection?ip_address=192.168.10.1")
        .await?
        .expect(403);
    gateway
        .anonymous()?
        .get("/api/drones/detect")
        .await?
        .expect(401);
    Ok(())
}

#[tokio::test]
async fn searching_by_itself_is_started_and_stopped() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .drones("scan_ranges = []")
        .start()
        .await?;
    let (client, reader) = (gateway.admin()?, gateway.reader()?);
    client
        .post("/api/system/auto-scan/start?interval_seconds=0.5")
        .await?
        .expect(422);
    reader
        .post("/api/system/auto-scan/start")
        .await?
        .expect(403);
    for _ in 0..2 {
        client
            .post("/api/system/auto-scan/start?interval_seconds=600")
            .await?
            .expect(200);
    }
    let status = reader
        .get("/api/system/network-status")
        .await?
        .expect(200)
        .json();
    assert_eq!(
        (
            &status["auto_scan_enabled"],
            &status["network_service"]["auto_scan_interval"]
        ),
        (&json!(true), &json!(600.0))
    );
    for _ in 0..2 {
        client.post("/api/system/auto-scan/stop").await?.expect(200);
    }
    let status = reader
        .get("/api/system/network-status")
        .await?
        .expect(200)
        .json();
    assert_eq!(status["auto_scan_enabled"], false);
    Ok(())
}

#[tokio::test]
async fn a_socket_is_served_while_it_searches() -> anyhow::Result<()> {
    let builder = Gateway::builder();
    let network = builder.block().host(0);
    let gateway = builder
        .drones(&format!("scan_ranges = [\"{network}/28\"]"))
        .start()
        .await?;
    let mut socket = WebSocket::open(&gateway.admin()?, "/ws", &[]).await?;
    assert_eq!(socket.next().await?["type"], "connection_established");
    socket
        .send(r#"{"type":"scan_real_drones","timeout":2}"#)
        .await?;
    socket.send(r#"{"type":"ping"}"#).await?;
    for kind in ["scan_started", "pong", "scan_completed"] {
        assert_eq!(socket.next().await?["type"], kind);
    }
    for (message, kind) in [
        (r#"{"type":"get_network_status"}"#, "network_status"),
        (
            r#"{"type":"start_auto_scan","interval_seconds":600}"#,
            "auto_scan_started",
        ),
        (r#"{"type":"stop_auto_scan"}"#, "auto_scan_stopped"),
    ] {
        socket.send(message).await?;
        assert_eq!(socket.next().await?["type"], kind);
    }
    for (message, code) in [
        (
            r#"{"type":"verify_drone_connection"}"#,
            "MISSING_IP_ADDRESS",
        ),
        (
            r#"{"type":"verify_drone_connection","ip_address":"8.8.8.8"}"#,
            "VERIFICATION_ERROR",
        ),
        (r#"{"type":"scan_real_drones","timeout":"x"}"#, "SCAN_ERROR"),
    ] {
        socket.send(message).await?;
        assert_eq!(socket.next().await?["error_code"], code);
    }
    let mut reader = WebSocket::open(&gateway.reader()?, "/ws", &[]).await?;
    reader.next().await?;
    reader.send(r#"{"type":"start_auto_scan"}"#).await?;
    assert_eq!(
        reader.next().await?["error_code"],
        "AUTO_SCAN_START_ERROR",
        "reading is not acting"
    );
    Ok(())
}

/// `simulate` as a user starts it.
fn simulate(drones: usize, command_port: u16) -> anyhow::Result<Child> {
    let mut command = Command::new(gateway::binary());
    command.args([
        "simulate",
        "--drones",
        &drones.to_string(),
        "--command-port",
        &command_port.to_string(),
    ]);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command.spawn().context("simulate does not start")
}

#[tokio::test]
async fn sixty_four_drones_are_told_apart_by_address_on_one_socket() -> anyhow::Result<()> {
    const DRONES: usize = 64;
    let port = spare_port();
    let _simulators = simulate(DRONES, port)?;
    let mut lines = format!("command_port = {port}");
    for n in 0..DRONES {
        let host = n + 2;
        lines.push_str(&format!(
            "\n[[drones.drone]]\nid = \"d{host}\"\nmode = \"real\"\naddress = \"127.0.0.{host}\""
        ));
    }
    let gateway = Gateway::builder().drones(&lines).start().await?;
    let client = gateway.admin()?;
    let statuses = eventually("all 64 are connected", || async {
        let statuses = client.get("/api/drones/status").await?.expect(200).json();
        let all = statuses.as_array().context("a list")?.clone();
        let connected = all
            .iter()
            .filter(|drone| drone["connection_status"] == "connected")
            .count();
        Ok((connected == DRONES).then_some(all))
    })
    .await?;
    // Every third is low on battery: each address has its own drone's values.
    for (n, status) in statuses.iter().enumerate() {
        let battery = status["battery_level"].as_i64().context("a battery")?;
        let full = [87, 15, 64][n % 3];
        assert!((full - 10..=full).contains(&battery), "{status}");
    }
    // A search finds them all and asks nobody.
    let found = client.get("/api/drones/detect").await?.expect(200).json();
    let known = found
        .as_array()
        .context("a list")?
        .iter()
        .filter(|drone| drone["drone_id"].is_string())
        .count();
    assert_eq!(known, DRONES);
    // One is flown, and only that one.
    client
        .post("/api/drones/d2/takeoff?wait=true")
        .await?
        .expect(200);
    let statuses = client.get("/api/drones/status").await?.expect(200).json();
    let flying: Vec<_> = statuses
        .as_array()
        .context("a list")?
        .iter()
        .filter(|drone| drone["status"] == "flying")
        .collect();
    assert_eq!((flying.len(), &flying[0]["id"]), (1, &json!("d2")));
    Ok(())
}
