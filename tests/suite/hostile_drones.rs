//! Datagrams that no drone should send, from hosts that are no drones.

use std::time::Duration;

use gateway_tests::{Drone, Gateway, WebSocket, drone, eventually};

/// The value of a metric line, 0 when absent.
fn metric(text: &str, line_start: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(line_start));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

#[tokio::test]
async fn noise_is_counted_and_good_datagrams_still_arrive() -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    let odd: &[&[u8]] = &[
        b"",
        b"ok",
        b"\xcc\x18\x01\xb9\x88\x56\x00\xe2\x00\x00\x00\x00\x00",
        b"bat",
        b"bat:",
        b"bat:;",
        b"bat:-14943;temph:60;",
        b";;;;;;;;",
        b"bat:99999999999999999999;",
        b"bat:NaN;temph:inf;",
        b"\xff\xfe\x00\x00",
        &[0; 1400],
        &[b';'; 1400],
    ];
    for datagram in odd {
        peer.send(to, datagram).await?;
    }
    peer.send(to, &drone::state(77, 61)).await?;
    let client = gateway.reader()?;
    eventually("the good datagram", || async {
        let drones = client
            .get("/api/dashboard/drones")
            .await?
            .expect(200)
            .json();
        Ok((drones[0]["battery_level"] == 77).then_some(()))
    })
    .await?;
    let metrics = client.get("/metrics").await?.expect(200).text();
    let faults: f64 = metrics
        .lines()
        .filter(|line| line.starts_with("mfg_drone_datagram_faults_total"))
        .map(|line| metric(line, "mfg_drone"))
        .sum();
    assert!(
        faults >= 8.0,
        "{faults} of {} odd datagrams counted:\n{metrics}",
        odd.len()
    );
    // No invented battery: the implausible one raised nothing.
    let alerts = client
        .get("/api/alerts?alert_type=drone")
        .await?
        .expect(200)
        .json();
    assert_eq!(alerts["total_count"], 0, "{alerts:#}");
    Ok(())
}

#[tokio::test]
async fn a_foreign_sender_is_dropped_and_counted() -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    let stranger = Drone::at(gateway.block().host(3)).await?;
    for _ in 0..5 {
        stranger.send(to, &drone::state(3, 99)).await?;
    }
    peer.send(to, &drone::state(80, 60)).await?;
    let client = gateway.reader()?;
    let metrics = eventually("five foreign datagrams", || async {
        let text = client.get("/metrics").await?.expect(200).text();
        Ok((metric(&text, "mfg_drone_foreign_datagrams_total") >= 5.0).then_some(text))
    })
    .await?;
    assert!(metric(&metrics, "mfg_drone_foreign_datagrams_total") < 6.0);
    let drones = client
        .get("/api/dashboard/drones")
        .await?
        .expect(200)
        .json();
    assert_eq!(drones[0]["battery_level"], 80);
    Ok(())
}

// (Where others compute, the path waits for a processor, and the socket is full of strangers.)
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a machine at rest: .ci/run has it alone"]
async fn a_flood_of_strangers_costs_no_drone_a_datagram() -> anyhow::Result<()> {
    const STATES: u32 = 200;
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    let client = gateway.reader()?;
    let mut socket = WebSocket::open(&client, "/ws", &[]).await?;
    let counted = |line: &'static str| {
        let client = &client;
        async move {
            let text = client.get("/metrics").await?.expect(200).text();
            anyhow::Ok(metric(&text, line))
        }
    };
    let flooded = "mfg_drone_ports_flooded{port=\"state\"}";
    let taken = "mfg_drone_datagrams_total{drone=\"d1\"}";
    let flood = drone::Flood::begin(gateway.block().host(3), to)?;
    eventually("the flood is seen", || async {
        Ok((counted(flooded).await? == 1.0).then_some(()))
    })
    .await?;
    // What came in before it was seen still lies in the socket, and a state may find no
    // room behind it: one that is taken says that all of that is read.
    eventually("the socket is read empty", || async {
        let before = counted(taken).await?;
        peer.send(to, &drone::state(60, 60)).await?;
        Ok((counted(taken).await? > before).then_some(()))
    })
    .await?;
    let before = counted(taken).await?;
    for battery in 0..STATES {
        peer.send(to, &drone::state(60 + (battery % 2) as u8, 60))
            .await?;
        // The pace of drones: faster, the socket of a busy machine would be full of them.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    eventually("every state of the drone", || async {
        Ok((counted(taken).await? - before >= f64::from(STATES)).then_some(()))
    })
    .await?;
    peer.send(to, &drone::state(4, 60)).await?;
    let alert = socket.next_of("alert").await?;
    assert!(alert.to_string().contains("d1"), "{alert}");
    let dropped = counted("mfg_drone_datagrams_dropped_total{port=\"state\"}").await?;
    assert!(dropped > 1_000.0, "{dropped} of {}", flood.sent());
    drop(flood);
    eventually("everybody is heard again", || async {
        Ok((counted(flooded).await? == 0.0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_drone_that_never_answers_is_an_alert_with_a_likely_reason() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .drones("lost_after_s = 0.5")
        .drone("absent", 2)
        .start()
        .await?;
    let client = gateway.reader()?;
    let alert = eventually("the alert", || async {
        let alerts = client
            .get("/api/alerts?unresolved_only=true")
            .await?
            .expect(200)
            .json();
        Ok(alerts["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|alert| alert["title"] == "Drone not heard")
            .cloned())
    })
    .await?;
    let text = format!("{} {}", alert["message"], alert["details"]);
    assert!(text.contains("absent"), "{text}");
    // Loopback answers with `port unreachable`: the host is there, no drone listens.
    assert!(
        text.to_lowercase().contains("listen") || text.to_lowercase().contains("refused"),
        "{text}"
    );

    // It comes up: the alert ends by itself.
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    eventually("the end of the alert", || async {
        peer.send(to, &drone::state(80, 60)).await?;
        let alerts = client
            .get("/api/alerts?unresolved_only=true")
            .await?
            .expect(200)
            .json();
        Ok((!alerts["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .any(|other| other["id"] == alert["id"]))
        .then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_taken_state_port_is_named_and_taken_over_when_free() -> anyhow::Result<()> {
    let prepared = Gateway::builder().drone("d1", 2).prepare()?;
    let address = prepared.block.gateway();
    let holder = tokio::net::UdpSocket::bind((address, 8890)).await?;
    let gateway = prepared.start().await?;
    let client = gateway.reader()?;
    let alert = eventually("the alert", || async {
        let alerts = client
            .get("/api/alerts?unresolved_only=true")
            .await?
            .expect(200)
            .json();
        let found = alerts["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|alert| alert["message"].as_str().unwrap().contains("8890"))
            .cloned();
        Ok(found)
    })
    .await?;
    let message = alert["message"].as_str().unwrap();
    assert!(
        message.contains(&std::process::id().to_string()),
        "{message}"
    );
    assert!(message.contains("drones.state_port"), "{message}");
    drop(holder);
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    eventually("a reading after the port is free", || async {
        peer.send(to, &drone::state(66, 60)).await?;
        let drones = client
            .get("/api/dashboard/drones")
            .await?
            .expect(200)
            .json();
        Ok((drones[0]["battery_level"] == 66).then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_lost_drone_is_told_and_found_again() -> anyhow::Result<()> {
    // Fails at the state that does not come.
    let gateway = Gateway::builder()
        .drones("lost_after_s = 0.5")
        .drone("d1", 2)
        .start()
        .await?;
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    peer.send(to, &drone::state(80, 60)).await?;
    let client = gateway.reader()?;
    let connected = |wanted: &'static str| {
        let client = &client;
        move || async move {
            let drones = client
                .get("/api/dashboard/drones")
                .await?
                .expect(200)
                .json();
            Ok((drones[0]["connection_status"] == wanted).then_some(()))
        }
    };
    eventually("connected", connected("connected")).await?;
    eventually("lost", connected("error")).await?;
    // The gateway asks again, the drone streams again.
    let to = peer.enter_sdk_mode().await?;
    peer.send(to, &drone::state(79, 60)).await?;
    eventually("connected again", connected("connected")).await?;
    Ok(())
}
