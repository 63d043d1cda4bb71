//! Flying: every situation of the contract's table, one command in flight on
//! the wire, overtaking, operators who vanish, batteries too low.

mod peer;
mod presence;

use gateway_tests::drone::{Shown, Streaming};
use gateway_tests::{Client, Drone, Gateway, GatewayBuilder, WebSocket, eventually, spare_port};
use http::Method;
use serde_json::{Value, json};

const UNKNOWN: &str = "指定されたドローンが見つかりません";
const NOT_CONNECTED: &str = "ドローンが接続されていません";

/// Simulators of several tests share their addresses, so each gets a port.
fn simulated() -> GatewayBuilder {
    let port = spare_port();
    Gateway::builder().drones(&format!(
        "connect_at_start = false\ncommand_port = {port}\nconnect_timeout_s = 5.0\n\
         [[drones.drone]]\nid = \"drone_003\"\nname = \"Simulator #1\"\nmode = \"simulation\""
    ))
}

async fn status(client: &Client, id: &str) -> anyhow::Result<Value> {
    Ok(client
        .get(&format!("/api/drones/{id}/status"))
        .await?
        .expect(200)
        .json())
}

async fn until(client: &Client, id: &str, flight: &'static str) -> anyhow::Result<Value> {
    eventually(flight, || async {
        let status = status(client, id).await?;
        Ok((status["flight_status"] == flight).then_some(status))
    })
    .await
}

#[tokio::test]
async fn a_simulated_drone_flies_as_the_contract_says() -> anyhow::Result<()> {
    let gateway = simulated().start().await?;
    let client = gateway.admin()?;
    let post = |what: &'static str| {
        let client = &client;
        async move { client.post(&format!("/api/drones/drone_003/{what}")).await }
    };
    let drones = client.get("/api/drones").await?.expect(200).json();
    assert_eq!(
        (&drones[0]["type"], &drones[0]["status"]),
        (&"dummy".into(), &"disconnected".into())
    );

    // Not connected.
    for (what, code) in [
        ("takeoff", 503),
        ("land", 503),
        ("emergency", 400),
        ("camera/stream/start", 400),
    ] {
        let refused = post(what).await?.expect(code).json();
        assert!(
            refused["detail"].as_str().unwrap().contains(NOT_CONNECTED),
            "{what}: {refused}"
        );
    }
    post("disconnect").await?.expect(200);
    assert_eq!(status(&client, "drone_003").await?["height"], Value::Null);

    // Connected.
    let connected = post("connect").await?.expect(200).json();
    assert!(connected["message"].as_str().unwrap().contains("drone_003"));
    post("connect").await?.expect(409);
    post("land").await?.expect(503);
    post("takeoff").await?.expect(200);
    let flying = status(&client, "drone_003").await?;
    assert!(
        ["taking_off", "flying"].contains(&flying["flight_status"].as_str().unwrap()),
        "{flying}"
    );
    assert_eq!(flying["status"], "flying");
    post("takeoff").await?.expect(503);
    let up = json!({"direction": "up", "distance": 50});
    client
        .json(Method::POST, "/api/drones/drone_003/move", &up)
        .await?
        .expect(200);
    eventually("the take-off and the move", || async {
        let status = status(&client, "drone_003").await?;
        Ok((status["height"].as_i64() >= Some(120)).then_some(()))
    })
    .await?;
    let far = json!({"command": "move", "params": {"direction": "up", "distance": 5}});
    client
        .json(Method::POST, "/api/drones/drone_003/command", &far)
        .await?
        .expect(200);
    post("land").await?.expect(200);
    until(&client, "drone_003", "landed").await?;

    // Again, and the end of it.
    post("takeoff?wait=true").await?.expect(200);
    until(&client, "drone_003", "flying").await?;
    post("emergency").await?.expect(200);
    until(&client, "drone_003", "landed").await?;
    post("disconnect").await?.expect(200);
    post("connect").await?.expect(200);
    assert_eq!(
        status(&client, "drone_003").await?["flight_status"],
        "landed"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_with_the_documented_status() -> anyhow::Result<()> {
    let gateway = simulated().start().await?;
    let client = gateway.admin()?;
    for what in [
        "connect",
        "disconnect",
        "takeoff",
        "land",
        "emergency",
        "camera/stream/start",
    ] {
        let unknown = client
            .post(&format!("/api/drones/nobody/{what}"))
            .await?
            .expect(404)
            .json();
        assert_eq!(unknown["detail"], UNKNOWN, "{what}");
        client
            .post(&format!("/api/drones/drone@001/{what}"))
            .await?
            .expect(422);
    }
    client.get("/api/drones/nobody/status").await?.expect(404);
    client.get("/api/drones/nobody").await?.expect(404);
    let post = |what: &'static str, body: Value| {
        let client = &client;
        async move {
            client
                .json(
                    Method::POST,
                    &format!("/api/drones/drone_003/{what}"),
                    &body,
                )
                .await
        }
    };
    for distance in [10, 600, 1000] {
        post("move", json!({"direction": "up", "distance": distance}))
            .await?
            .expect(422);
    }
    post("move", json!({"direction": "invalid", "distance": 50}))
        .await?
        .expect(422);
    for angle in [0, 400] {
        post("rotate", json!({"direction": "clockwise", "angle": angle}))
            .await?
            .expect(422);
    }
    let invalid = post("command", json!({"command": "dance", "params": {}}))
        .await?
        .expect(400)
        .json();
    assert_eq!(invalid["error_code"], "INVALID_COMMAND");
    // Reading needs `read`, flying needs `write`.
    let reader = gateway.reader()?;
    reader.get("/api/drones").await?.expect(200);
    reader
        .post("/api/drones/drone_003/takeoff")
        .await?
        .expect(403);
    gateway.anonymous()?.get("/api/drones").await?.expect(401);
    Ok(())
}

#[tokio::test]
async fn auto_falls_back_to_a_marked_simulator_and_real_does_not() -> anyhow::Result<()> {
    let port = spare_port();
    let lines = format!("connect_at_start = false\nconnect_timeout_s = 1.5\ncommand_port = {port}");
    let builder = Gateway::builder().drones(&lines);
    let gateway = builder
        .drone("real", 9)
        .drones("[[drones.drone]]\nid = \"auto\"\nmode = \"auto\"\naddress = \"127.0.0.250\"")
        .start()
        .await?;
    let client = gateway.admin()?;
    client.post("/api/drones/real/connect").await?.expect(503);
    assert_eq!(
        client.get("/api/drones/real").await?.expect(200).json()["status"],
        "disconnected"
    );
    client.post("/api/drones/auto/connect").await?.expect(200);
    let drone = client.get("/api/drones/auto").await?.expect(200).json();
    assert_eq!(
        (&drone["type"], &drone["status"]),
        (&"dummy".into(), &"connected".into()),
        "{drone}"
    );
    assert_eq!(status(&client, "auto").await?["simulated"], true);
    client
        .post("/api/drones/auto/disconnect")
        .await?
        .expect(200);
    assert_eq!(
        client.get("/api/drones/auto").await?.expect(200).json()["ip_address"],
        "127.0.0.250"
    );
    Ok(())
}

#[tokio::test]
async fn every_route_that_existing_clients_call_by_command_answers() -> anyhow::Result<()> {
    let gateway = simulated().start().await?;
    let client = gateway.admin()?;
    let command = |body: Value| {
        let client = &client;
        async move {
            client
                .json(Method::POST, "/api/drones/drone_003/command", &body)
                .await
        }
    };
    let scan = client.post("/api/drones/scan").await?.expect(200).json();
    assert_eq!(
        (&scan["found"], &scan["count"]),
        (&1.into(), &1.into()),
        "{scan}"
    );
    assert!(
        client
            .get("/api/drones/status")
            .await?
            .expect(200)
            .json()
            .is_array()
    );
    command(json!({"command": "connect", "params": {}}))
        .await?
        .expect(200);
    command(json!({"command": "connect", "params": {}}))
        .await?
        .expect(409);
    let taken = command(json!({"command": "takeoff", "params": {"altitude": 1.2}}))
        .await?
        .expect(200)
        .json();
    assert_eq!(
        (&taken["success"], &taken["command"]),
        (&true.into(), &"takeoff".into())
    );
    command(
        json!({"type": "rotate", "parameters": {"direction": "counter_clockwise", "angle": 90}}),
    )
    .await?
    .expect(200);
    let status = command(json!({"command": "get_status", "params": {}}))
        .await?
        .expect(200)
        .json();
    assert_eq!(status["data"]["id"], "drone_003");
    command(json!({"command": "move", "params": {"direction": "up", "distance": 0.1}}))
        .await?
        .expect(400);
    command(json!({"command": "emergency_stop", "params": {"force": true}}))
        .await?
        .expect(200);
    until(&client, "drone_003", "landed").await?;
    Ok(())
}

#[tokio::test]
async fn listeners_hear_of_changes_and_take_up_their_subscriptions_again() -> anyhow::Result<()> {
    let gateway = simulated().start().await?;
    let client = gateway.admin()?;
    let mut everything = WebSocket::open(&client, "/ws", &[]).await?;
    let mut again = WebSocket::open(&client, "/ws?drones=drone_003", &[]).await?;
    for socket in [&mut everything, &mut again] {
        assert_eq!(socket.next().await?["type"], "connection_established");
    }
    everything
        .send(r#"{"type":"get_drone_type_info","drone_id":"drone_003"}"#)
        .await?;
    let info = everything.next_of("drone_type_info").await?;
    assert_eq!(
        (
            &info["type_info"]["drone_class"],
            &info["type_info"]["is_connected"]
        ),
        (&"simulation".into(), &false.into())
    );
    let update = again.next_of("drone_status_update").await?;
    assert_eq!(
        (&update["drone_id"], &update["status"]["id"]),
        (&"drone_003".into(), &"drone_003".into())
    );

    client
        .post("/api/drones/drone_003/connect")
        .await?
        .expect(200);
    let told = everything.next_of("drone_status").await?;
    assert_eq!(told["status"]["connection_status"], "connected", "{told}");
    client
        .post("/api/drones/drone_003/takeoff")
        .await?
        .expect(200);
    while everything.next_of("drone_status").await?["status"]["flight_status"] != "flying" {}
    Ok(())
}
