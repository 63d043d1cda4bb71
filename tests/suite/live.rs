//! `/ws`: greeting, ping, errors, broadcasts.

use gateway_tests::{Drone, Gateway, WebSocket};

#[tokio::test]
async fn the_greeting_comes_first_and_ping_is_answered() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let mut socket = WebSocket::open(&gateway.reader()?, "/ws", &[]).await?;
    let greeting = socket.next().await?;
    assert_eq!(greeting["type"], "connection_established");
    assert!(greeting["message"].is_string() && greeting["timestamp"].is_string());
    socket
        .send(r#"{"type":"ping","timestamp":"ignored"}"#)
        .await?;
    assert_eq!(socket.next().await?["type"], "pong");
    for (sent, code) in [
        ("no json", "INVALID_JSON"),
        ("[1]", "MESSAGE_HANDLING_ERROR"),
        (r#"{"type":"dance"}"#, "UNKNOWN_MESSAGE_TYPE"),
    ] {
        socket.send(sent).await?;
        let error = socket.next_of("error").await?;
        assert_eq!(error["error_code"], code, "{sent}");
    }
    socket.send(r#"{"type":"ping"}"#).await?;
    assert_eq!(socket.next_of("pong").await?["type"], "pong");
    Ok(())
}

#[tokio::test]
async fn a_drone_s_battery_reaches_every_listener_as_an_alert() -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let drone = Drone::at(gateway.block().host(2)).await?;
    let to = drone.enter_sdk_mode().await?;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(WebSocket::open(&gateway.reader()?, "/ws", &[]).await?);
    }
    for socket in &mut sockets {
        assert_eq!(socket.next().await?["type"], "connection_established");
        // Broadcasts begin after the quiet period; the first is the system's.
        let system = socket.next_of("system_status").await?;
        assert!(system["status"]["cpu_usage"].is_number(), "{system:#}");
    }
    drone.send(to, &gateway_tests::drone::state(5, 60)).await?;
    for socket in &mut sockets {
        // The drone was silent since its `command`: other alerts may come first.
        let alert = loop {
            let alert = socket.next_of("alert").await?;
            if alert["alert"]["message"]
                .as_str()
                .unwrap()
                .contains("battery_level")
            {
                break alert;
            }
        };
        assert!(
            ["warning", "error"].contains(&alert["alert"]["severity"].as_str().unwrap()),
            "{alert:#}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_handshake_needs_a_key_or_a_ticket_and_a_known_origin() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    assert!(
        WebSocket::open(&gateway.anonymous()?, "/ws", &[])
            .await
            .is_err()
    );
    let evil = [("origin", "https://evil.example")];
    assert!(
        WebSocket::open(&gateway.reader()?, "/ws", &evil)
            .await
            .is_err()
    );
    let ticket = gateway
        .reader()?
        .post("/api/ws-ticket")
        .await?
        .expect(200)
        .json();
    let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    let mut socket = WebSocket::open(&gateway.anonymous()?, &path, &[]).await?;
    assert_eq!(socket.next().await?["type"], "connection_established");
    // A ticket is good once.
    assert!(
        WebSocket::open(&gateway.anonymous()?, &path, &[])
            .await
            .is_err()
    );
    Ok(())
}
