//! What the gateway says of a drone is true: over a restart in mid-flight, of a drone on its
//! back, of targets that are given before the drone is there.

use gateway_tests::drone::{Shown, Streaming};
use gateway_tests::{Client, Drone, Gateway, WebSocket, eventually, spare_port};
use http::Method;
use serde_json::{Value, json};

/// The status of the drone, once it is as wanted.
async fn until(
    client: &Client,
    what: &'static str,
    is_it: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    eventually(what, || async {
        let status = client
            .get("/api/drones/d1/status")
            .await?
            .expect(200)
            .json();
        Ok(is_it(&status).then_some(status))
    })
    .await
}

async fn alert(client: &Client, title: &'static str, resolved: bool) -> anyhow::Result<Value> {
    eventually(title, || async {
        let alerts = client.get("/api/alerts").await?.expect(200).json();
        let all = alerts["alerts"].as_array().cloned().unwrap_or_default();
        let is_it = |alert: &Value| alert["title"] == title && alert["resolved"] == resolved;
        Ok(all.into_iter().find(is_it))
    })
    .await
}

#[tokio::test]
async fn a_flight_is_remembered_over_a_restart_and_ends_with_its_battery() -> anyhow::Result<()> {
    let mut gateway = Gateway::builder().drone("d1", 2).start().await?;
    let drone = Drone::at(gateway.block().host(2)).await?;
    let to = drone.enter_sdk_mode().await?;
    // Each percent pays for nine seconds of flight at the most.
    let shown = Shown {
        motors_run: true,
        height_cm: 80,
        battery_pct: 3,
    };
    let streaming = drone.stream(to, shown);
    until(&gateway.admin()?, "in the air", |status| {
        status["flight_status"] != "landed" && status["flight_status_known"] == true
    })
    .await?;
    let file = gateway.state().join("flights.json");
    eventually("it is kept", || async {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        Ok(text.contains("\"d1\"").then_some(()))
    })
    .await?;
    drop(streaming);
    gateway.restart().await?;

    let client = gateway.admin()?;
    let status = client
        .get("/api/drones/d1/status")
        .await?
        .expect(200)
        .json();
    assert_eq!(
        (
            &status["flight_status"],
            &status["flight_status_known"],
            &status["flight_status_basis"]
        ),
        (&"flying".into(), &false.into(), &"last_state".into()),
        "{status:#}"
    );
    assert_eq!(status["connection_status"], "error");
    let update = client
        .json(Method::POST, "/api/system/update", &json!({}))
        .await?;
    assert_eq!(
        update.expect(409).json()["error_code"],
        "UPDATE_DRONE_AIRBORNE"
    );
    let lost = alert(&client, "Drone lost", false).await?;
    assert_eq!(lost["level"], "critical", "{lost:#}");
    // Silent for longer than its battery can have lasted: that is said, and blocks nothing.
    let status = until(&client, "given up", |status| {
        status["flight_status_basis"] == "battery_spent"
    })
    .await?;
    assert_eq!(status["flight_status"], "landed");
    let update = client
        .json(Method::POST, "/api/system/update", &json!({}))
        .await?;
    assert_ne!(update.json()["error_code"], "UPDATE_DRONE_AIRBORNE");
    // And it is not remembered again.
    eventually("it is forgotten", || async {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        Ok((!text.contains("\"d1\"")).then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_drone_on_its_back_is_told_and_does_not_take_off() -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let drone = Drone::at(gateway.block().host(2)).await?;
    let to = drone.enter_sdk_mode().await?;
    let shown = Shown {
        motors_run: false,
        height_cm: 0,
        battery_pct: 80,
    };
    let streaming = drone.stream(to, shown);
    streaming.roll(-178);
    let client = gateway.admin()?;
    let told = alert(&client, "Drone On Its Back", false).await?;
    assert_eq!(told["level"], "error", "{told:#}");
    let refused = client
        .post("/api/drones/d1/takeoff")
        .await?
        .expect(503)
        .json();
    assert!(
        refused["message"].as_str().unwrap().contains("on its back"),
        "{refused:#}"
    );
    streaming.roll(0);
    alert(&client, "Drone On Its Back", true).await?;
    let (taken, heard) = tokio::join!(client.post("/api/drones/d1/takeoff"), drone.obey("takeoff"));
    taken?.expect(200);
    heard?;
    Ok(())
}

#[tokio::test]
async fn targets_are_reached_from_where_the_drone_is_then() -> anyhow::Result<()> {
    let port = spare_port();
    let drones = format!(
        "connect_at_start = false\ncommand_port = {port}\nconnect_timeout_s = 5.0\n\
         [[drones.drone]]\nid = \"d1\"\nmode = \"simulation\""
    );
    let gateway = Gateway::builder().drones(&drones).start().await?;
    let client = gateway.admin()?;
    client.post("/api/drones/d1/connect").await?.expect(200);
    let command = |body: Value| {
        let client = &client;
        async move {
            client
                .json(Method::POST, "/api/drones/d1/command", &body)
                .await
        }
    };
    command(json!({"command": "takeoff", "params": {"altitude": 20}}))
        .await?
        .expect(400);
    let taken = command(json!({"command": "takeoff", "params": {"altitude": 2.0}})).await?;
    let taken = taken.expect(200).json();
    assert!(
        taken["message"].as_str().unwrap().contains("200 cm"),
        "{taken:#}"
    );
    until(&client, "at two metres", |status| {
        status["height"]
            .as_i64()
            .is_some_and(|height| (180..=220).contains(&height))
    })
    .await?;
    eventually("the climb is over", || async {
        let all = client.get("/api/commands").await?.expect(200).json();
        let ended = |command: &Value| command["state"] == "answered";
        Ok(all
            .as_array()
            .is_some_and(|all| all.iter().all(ended))
            .then_some(()))
    })
    .await?;
    // Asked while the turn is still flown; one that takes longer would make it too old.
    command(json!({"type": "rotate", "parameters": {"direction": "clockwise", "angle": 30}}))
        .await?
        .expect(200);
    let aim = json!({"command": "rotate", "params": {"absoluteHeading": 120}});
    let id = command(aim).await?.expect(200).json()["command_id"].clone();
    let path = format!("/api/commands/{}", id.as_str().expect("an id"));
    let done = eventually("it has turned", || async {
        let command = client.get(&path).await?.expect(200).json();
        assert_ne!(command["state"], "refused", "{command:#}");
        Ok((command["state"] == "answered").then_some(command))
    })
    .await?;
    assert_eq!(done["command"], "heading 120");
    until(&client, "at that heading", |status| {
        status["attitude"]["yaw"]
            .as_f64()
            .is_some_and(|yaw| (yaw - 120.0).abs() <= 2.0)
    })
    .await?;
    Ok(())
}

/// A gateway with a drone that stands on the ground, and is known to.
async fn with_drone() -> anyhow::Result<(Gateway, Drone, Streaming)> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let drone = Drone::at(gateway.block().host(2)).await?;
    let to = drone.enter_sdk_mode().await?;
    let shown = Shown {
        motors_run: false,
        height_cm: 0,
        battery_pct: 80,
    };
    let streaming = drone.stream(to, shown);
    until(&gateway.admin()?, "on the ground", |status| {
        status["flight_status_known"] == true
    })
    .await?;
    Ok((gateway, drone, streaming))
}

#[tokio::test]
async fn a_take_off_that_nobody_here_asked_for_is_another_controller() -> anyhow::Result<()> {
    let (gateway, drone, streaming) = with_drone().await?;
    let client = gateway.admin()?;
    streaming.show(true, 80);
    let told = alert(&client, "Another Controller", false).await?;
    assert_eq!(told["level"], "error", "{told:#}");
    let message = told["message"].as_str().expect("a text");
    assert!(message.contains("took off"), "{message}");
    // Down all the same: over a socket, for every drone, by who may.
    let mut reader = WebSocket::open(&gateway.reader()?, "/ws", &[]).await?;
    reader.send(r#"{"type":"land_all"}"#).await?;
    assert_eq!(
        reader.next_of("error").await?["error_code"],
        "DOWN_ALL_ERROR"
    );
    let mut socket = WebSocket::open(&client, "/ws", &[]).await?;
    socket.send(r#"{"type":"land_all"}"#).await?;
    assert_eq!(drone.hear().await?.0, "land", "and no keep-alive before it");
    let result = socket.next_of("land_all_result").await?["result"].take();
    assert_eq!(result["results"][0]["result"], "sent", "{result:#}");
    let id = result["results"][0]["command_id"].as_str().expect("an id");
    let told = format!("land-all: d1 sent ({id})");
    eventually("what came of it, in the log", async || {
        Ok(gateway.output().contains(&told).then_some(()))
    })
    .await?;
    // And for whoever stands at the board.
    let console = gateway.command(&["stop-all"]).output().await?;
    let said = String::from_utf8_lossy(&console.stdout);
    assert!(
        console.status.success() && said.contains("d1: "),
        "{console:?}"
    );
    eventually("who stopped it, in the log", async || {
        Ok(gateway.output().contains("stop-all: d1 ").then_some(()))
    })
    .await
}

#[tokio::test]
async fn that_a_drone_was_lost_ends_when_it_is_heard() -> anyhow::Result<()> {
    let (mut gateway, drone, streaming) = with_drone().await?;
    drop(streaming);
    let client = gateway.admin()?;
    let lost = alert(&client, "Drone lost", false).await?;
    client.post("/api/drones/d1/disconnect").await?.expect(200);
    until(&client, "disconnected", |status| {
        status["connection_status"] == "disconnected"
    })
    .await?;
    gateway.restart().await?;
    let client = gateway.admin()?;
    let still = alert(&client, "Drone lost", false).await?;
    assert_eq!(still["id"], lost["id"]);
    let to = std::net::SocketAddr::new(gateway.block().gateway(), gateway_tests::drone::STATE_PORT);
    let shown = Shown {
        motors_run: false,
        height_cm: 0,
        battery_pct: 80,
    };
    let _streaming = drone.stream(to, shown);
    let over = alert(&client, "Drone lost", true).await?;
    assert_eq!(over["id"], lost["id"]);
    Ok(())
}
