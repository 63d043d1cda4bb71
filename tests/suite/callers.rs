//! The calls of existing clients, in their order and without a key, against the
//! loopback listener in the profile `documented`.

use anyhow::Context as _;
use gateway_tests::{Client, Gateway, WebSocket, eventually, spare_port};
use http::Method;
use serde_json::{Value, json};

async fn gateway() -> anyhow::Result<(Gateway, Client)> {
    let port = spare_port();
    let gateway = Gateway::builder()
        .plain_http()
        .access("profile = \"documented\"\nallow_open_access = true")
        .drones(&format!(
            "connect_at_start = false\ncommand_port = {port}\nconnect_timeout_s = 5.0\n\
             [[drones.drone]]\nid = \"drone_001\"\nname = \"Tello\"\nmode = \"simulation\""
        ))
        .start()
        .await?;
    let client = Client::plain(gateway.plain_address());
    Ok((gateway, client))
}

/// A value that JavaScript calls true.
fn is_truthy(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && *value != "" && *value != 0
}

#[tokio::test]
async fn the_mcp_server_s_connection_test_gets_what_it_asks_for() -> anyhow::Result<()> {
    let (_gateway, client) = gateway().await?;
    for path in [
        "/api/system/health",
        "/api/system/health",
        "/api/system/status",
    ] {
        let answer = client.get(path).await?.expect(200).json();
        assert!(
            is_truthy(&answer["status"]) && is_truthy(&answer["timestamp"]),
            "{path}: {answer}"
        );
    }
    assert!(
        client
            .get("/api/drones")
            .await?
            .expect(200)
            .json()
            .is_array()
    );
    let scan = client
        .send(
            Method::POST,
            "/api/drones/scan",
            Some(("application/json", "{}".into())),
        )
        .await?;
    assert!(scan.expect(200).json()["found"].is_number());
    // Nothing is invented: these need the service they are about.
    for path in [
        "/api/vision/datasets",
        "/api/models",
        "/api/vision/tracking/status",
    ] {
        let told = client.get(path).await?.expect(503).json();
        assert_eq!(told["error_code"], "UPSTREAM_NOT_CONFIGURED", "{path}");
        assert!(told["message"].is_string(), "the client shows it");
    }
    // The dashboard needs a key in this profile, which this client never sends.
    for path in ["/api/dashboard/system", "/api/dashboard/drones"] {
        client.get(path).await?.expect(401);
    }
    for _ in 0..5 {
        client.get("/api/system/health").await?.expect(200);
    }
    let unknown = client
        .get("/api/drones/no-such-drone/status")
        .await?
        .expect(404)
        .json();
    assert!(is_truthy(&unknown["message"]));
    Ok(())
}

#[tokio::test]
async fn the_mcp_server_s_tools_fly_by_name() -> anyhow::Result<()> {
    let (_gateway, client) = gateway().await?;
    let command = |name: &'static str, params: Value| {
        let client = &client;
        async move {
            let body = json!({"command": name, "params": params});
            client
                .json(Method::POST, "/api/drones/drone_001/command", &body)
                .await
        }
    };
    assert!(
        client
            .get("/api/drones/status")
            .await?
            .expect(200)
            .json()
            .is_array()
    );
    command("connect", json!({})).await?.expect(200);
    command("takeoff", json!({"altitude": 1.0}))
        .await?
        .expect(200);
    eventually("it flies", || async {
        let status = client
            .get("/api/drones/drone_001/status")
            .await?
            .expect(200)
            .json();
        Ok((status["flight_status"] == "flying").then_some(()))
    })
    .await?;
    command("rotate", json!({"direction": "clockwise", "angle": 45}))
        .await?
        .expect(200);
    command("get_status", json!({})).await?.expect(200);
    command("land", json!({})).await?.expect(200);
    eventually("it has landed", || async {
        let status = client
            .get("/api/drones/drone_001/status")
            .await?
            .expect(200)
            .json();
        Ok((status["flight_status"] == "landed").then_some(()))
    })
    .await?;
    command("disconnect", json!({})).await?.expect(200);
    Ok(())
}

#[tokio::test]
async fn the_web_dashboard_s_polling_and_buttons_are_answered() -> anyhow::Result<()> {
    let (gateway, client) = gateway().await?;
    let page = client
        .clone()
        .with_key(gateway_tests::gateway::READONLY_KEY);
    let mut socket = WebSocket::open(&client, "/ws", &[]).await?;
    assert_eq!(socket.next().await?["type"], "connection_established");
    for _ in 0..3 {
        for path in ["/health", "/api/dashboard/system", "/api/alerts"] {
            page.get(path).await?.expect(200);
        }
    }
    // Its buttons send `Content-Type: application/json` and no body.
    for (button, status) in [
        ("connect", 200),
        ("takeoff", 200),
        ("camera/stream/start", 200),
        ("camera/stream/stop", 200),
        ("land", 200),
        ("emergency", 200),
        ("disconnect", 200),
    ] {
        let path = format!("/api/drones/drone_001/{button}");
        let answer = client
            .send(Method::POST, &path, Some(("application/json", "".into())))
            .await?;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{button}: {}",
            answer.text()
        );
    }
    let status = client
        .get("/api/drones/drone_001/status")
        .await?
        .expect(200)
        .json();
    assert!(
        status["battery_level"].is_number() || status["battery_level"].is_null(),
        "{status}"
    );
    let tracking = json!({"model_id": "yolo_v8_general", "drone_id": "drone_001"});
    client
        .json(Method::POST, "/api/vision/tracking/start", &tracking)
        .await?
        .expect(503);
    client.post("/api/vision/tracking/stop").await?.expect(503);
    socket.send(r#"{"type":"ping"}"#).await?;
    socket
        .next_of("pong")
        .await
        .context("the socket lives on")?;
    drop(gateway);
    Ok(())
}
