//! What came of commands: by their ids, in the list, as events on the socket, in the
//! audit trail.

use gateway_tests::{Client, Drone, Gateway, WebSocket, drone, eventually, spare_port};
use http::Method;
use serde_json::{Value, json};

async fn simulated() -> anyhow::Result<Gateway> {
    let port = spare_port();
    let drones = format!(
        "connect_at_start = false\ncommand_port = {port}\nconnect_timeout_s = 5.0\n\
         [[drones.drone]]\nid = \"d1\"\nmode = \"simulation\""
    );
    Gateway::builder().drones(&drones).start().await
}

/// Gives a command, and its id.
async fn give(client: &Client, what: &str) -> anyhow::Result<String> {
    let path = format!("/api/drones/d1/{what}");
    let answer = client.post(&path).await?.expect(200).json();
    Ok(answer["command_id"].as_str().expect("an id").to_owned())
}

/// The command, once it is `state`.
async fn until(client: &Client, id: &str, state: &'static str) -> anyhow::Result<Value> {
    let path = format!("/api/commands/{id}");
    eventually(state, || async {
        let command = client.get(&path).await?.expect(200).json();
        Ok((command["state"] == state).then_some(command))
    })
    .await
}

#[tokio::test]
async fn a_command_is_followed_by_its_id_to_its_end() -> anyhow::Result<()> {
    let gateway = simulated().await?;
    let client = gateway.admin()?;
    let mut curious = WebSocket::open(&client, "/ws?events=true", &[]).await?;
    let mut other = WebSocket::open(&client, "/ws", &[]).await?;
    client.post("/api/drones/d1/connect").await?.expect(200);

    let takeoff = give(&client, "takeoff?wait=true").await?;
    let done = until(&client, &takeoff, "answered").await?;
    assert_eq!(
        (&done["drone_id"], &done["command"], &done["kind"]),
        (&"d1".into(), &"takeoff".into(), &"command".into())
    );
    let land = give(&client, "land").await?;
    until(&client, &land, "confirmed").await?;

    // A command that is refused has an end, too.
    let refused = client.post("/api/drones/d1/land").await?.expect(503).json();
    let list = client.get("/api/commands").await?.expect(200).json();
    let states: Vec<&str> = list
        .as_array()
        .expect("a list")
        .iter()
        .map(|command| command["state"].as_str().expect("a state"))
        .collect();
    assert_eq!(states, ["refused", "confirmed", "answered"], "{list}");
    assert_eq!(list[0]["why"], "the drone is not airborne");
    let id = list[0]["command_id"].as_str().expect("an id");
    assert_eq!(refused["details"], format!("command_id: {id}"));
    for nobody in ["none", "0000000000000001-1"] {
        let path = format!("/api/commands/{nobody}");
        let answer = client.get(&path).await?.expect(404).json();
        assert_eq!(answer["error_code"], "COMMAND_NOT_FOUND");
    }

    // Who asked for events hears each step, in order; others hear none.
    let (mut steps, mut others) = (Vec::new(), Vec::new());
    while steps.last() != Some(&"refused".to_owned()) {
        let event = curious.next_of("event").await?["event"].take();
        assert_eq!(event["version"], 1);
        if event["kind"] != "command" {
            others.push(event);
            continue;
        }
        assert_eq!(event["drone"], "d1");
        steps.push(
            event["values"]["state"]
                .as_str()
                .expect("a state")
                .to_owned(),
        );
    }
    assert_eq!(
        steps,
        [
            "queued",
            "sent",
            "answered",
            "queued",
            "sent",
            "confirmed",
            "refused"
        ]
    );
    let states: Vec<&Value> = others
        .iter()
        .filter(|event| event["kind"] == "link" && event["drone"] == "d1")
        .map(|event| &event["values"]["state"])
        .collect();
    assert_eq!(states, ["connecting", "connected"], "{others:?}");
    other.send("{\"type\":\"ping\"}").await?;
    loop {
        let message = other.next().await?;
        assert_ne!(message["type"], "event", "{message}");
        if message["type"] == "pong" {
            break;
        }
    }
    // The security log names the session at once; the audit trail is batched.
    for told in [
        format!("d1: takeoff, command {takeoff} (session "),
        format!("d1: land, command {land} (session "),
        format!("d1: land, command {id}, not taken: the drone is not airborne (session "),
    ] {
        gateway.says(&told).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_command_by_its_name_waits_for_its_end_as_the_others_do() -> anyhow::Result<()> {
    let gateway = simulated().await?;
    let client = gateway.admin()?;
    client.post("/api/drones/d1/connect").await?.expect(200);
    give(&client, "takeoff?wait=true").await?;
    let named = |wait: &str, body: Value| {
        let (client, path) = (&client, format!("/api/drones/d1/command?wait={wait}"));
        async move { client.json(Method::POST, &path, &body).await }
    };
    for body in [
        json!({"type": "move", "parameters": {"direction": "up", "distance": 60}}),
        json!({"command": "move", "params": {"x": 0.5, "y": 0.5}}),
        json!({"command": "change_altitude", "params": {"altitude": 0.8}}),
        json!({"command": "start_streaming"}),
    ] {
        let answer = named("true", body).await?.expect(200).json();
        let path = format!("/api/commands/{}", answer["command_id"].as_str().unwrap());
        let command = client.get(&path).await?.expect(200).json();
        assert_eq!(command["state"], "answered", "{answer:#} {command:#}");
    }
    let body = json!({"type": "move", "parameters": {"direction": "up", "distance": 100}});
    let answer = named("false", body.clone()).await?.expect(200).json();
    assert!(
        answer["message"].as_str().unwrap().contains("taken"),
        "{answer:#}"
    );
    named("perhaps", body).await?.expect(422);
    Ok(())
}

#[tokio::test]
async fn what_enters_the_audit_trail_is_heard_by_administrators_alone() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let (admin, reader) = (gateway.admin()?, gateway.reader()?);
    let mut trusted = WebSocket::open(&admin, "/ws?events=true", &[]).await?;
    let mut other = WebSocket::open(&reader, "/ws?events=true", &[]).await?;
    admin
        .post("/api/security/api-keys?name=Heard&permissions=read")
        .await?
        .expect(200);
    loop {
        let event = trusted.next_of("event").await?["event"].take();
        if event["kind"] == "access" {
            assert_eq!(event["values"]["action"], "key_created", "{event}");
            let subject = event["values"]["subject"].as_str().unwrap_or_default();
            assert!(subject.starts_with("Heard ("), "{event}");
            let who = event["who"].as_str().unwrap_or_default();
            assert!(who.contains(", session "), "{event}");
            break;
        }
    }
    other.send("{\"type\":\"ping\"}").await?;
    loop {
        let message = other.next().await?;
        assert_ne!(message["event"]["kind"], "access", "{message}");
        if message["type"] == "pong" {
            break;
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_an_answer_says_is_so_for_who_asks_at_once() -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let peer = Drone::at(gateway.block().host(2)).await?;
    let to = peer.enter_sdk_mode().await?;
    let shown = drone::Shown {
        motors_run: false,
        height_cm: 0,
        battery_pct: 80,
    };
    let _states = peer.stream(to, shown);
    let client = gateway.admin()?;
    eventually("it is connected", || async {
        let drone = client.get("/api/drones/d1/status").await?.expect(200);
        Ok((drone.json()["connection_status"] == "connected").then_some(()))
    })
    .await?;
    let asks = followed(&client);
    let proven = tokio::select! {
        proven = asks => proven?,
        ended = answers(&peer) => ended.map(|()| 0)?,
    };
    assert!(proven > 0, "no answer waited for the drone's");
    Ok(())
}

/// Whatever it hears of its video it does at once.
async fn answers(peer: &Drone) -> anyhow::Result<()> {
    loop {
        let (heard, from) = peer.hear().await?;
        let answer = match heard.starts_with("stream") {
            true => "ok",
            false => "unknown command",
        };
        peer.send(from, answer.as_bytes()).await?;
    }
}

/// Begins and ends the video, and looks after each answer; how many said that it was done.
async fn followed(client: &Client) -> anyhow::Result<usize> {
    let mut proven = 0;
    for on in [true, false].repeat(30) {
        let what = if on { "start" } else { "stop" };
        let path = format!("/api/drones/d1/camera/stream/{what}");
        let answer = client.post(&path).await?.expect(200).json();
        // It may come before the drone's on a machine that has much to do.
        let said = answer["message"].as_str().expect("words");
        let id = answer["command_id"].as_str().expect("an id");
        if !said.ends_with("done") {
            until(client, id, "answered").await?;
            continue;
        }
        let camera = client.get("/api/drones/d1/camera").await?.expect(200);
        assert_eq!(camera.json()["streaming"], on, "after {said}");
        let path = format!("/api/commands/{id}");
        let command = client.get(&path).await?.expect(200).json();
        assert_eq!(command["state"], "answered", "after {said}");
        proven += 1;
    }
    Ok(proven)
}
