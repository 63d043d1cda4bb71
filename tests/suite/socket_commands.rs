//! `command` on the WebSocket: the same names, judgement and outcome as `POST …/command`.

use std::time::Duration;

use anyhow::Context as _;
use gateway_tests::{Client, Gateway, WebSocket, eventually, simulated};
use serde_json::{Value, json};

const DRONE: &str = "d2";

async fn open(client: &Client) -> anyhow::Result<WebSocket> {
    let mut socket = WebSocket::open(client, "/ws", &[]).await?;
    socket.next_of("connection_established").await?;
    socket.send(r#"{"type":"presence"}"#).await?;
    Ok(socket)
}

/// The next answer to a command; somebody is there all the time.
async fn answer(socket: &mut WebSocket) -> anyhow::Result<Value> {
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    loop {
        let said = tokio::select! {
            said = socket.next() => said?,
            _ = ticks.tick() => {
                socket.send(r#"{"type":"presence"}"#).await?;
                continue;
            }
        };
        let kind = said["type"].as_str().unwrap_or_default();
        if kind.starts_with("command_") || kind == "error" {
            return Ok(said);
        }
    }
}

async fn told(socket: &mut WebSocket, command: &str, params: Value) -> anyhow::Result<Value> {
    let message = json!({"type": "command", "drone_id": DRONE, "command": command, "params": params, "wait": true});
    socket.send(&message.to_string()).await?;
    answer(socket).await
}

fn is_done(said: &Value) -> bool {
    said["type"] == "command_result" && said["result"]["success"] == true
}

/// A key that may do that alone.
async fn holder(gateway: &Gateway, permission: &str) -> anyhow::Result<Client> {
    let path = format!("/api/security/api-keys?name={permission}&permissions=read,{permission}");
    let made = gateway.admin()?.post(&path).await?.expect(200).json();
    let key = made["api_key"].as_str().context("no key")?;
    Ok(gateway.reader()?.with_key(key))
}

#[tokio::test]
async fn a_flight_by_the_socket_alone_in_metres() -> anyhow::Result<()> {
    let (gateway, drones) = simulated::fleet(1).await?;
    let mut socket = open(&gateway.admin()?).await?;
    socket
        .send(&json!({"type": "take_control", "drone_id": DRONE}).to_string())
        .await?;
    socket.next_of("control_taken").await?;
    // On the ground it is refused as the route refuses it, with the id of the command.
    let go = json!({"x": 0.6, "y": 0, "z": 0.2, "speed": 1});
    let said = told(&mut socket, "go", go.clone()).await?;
    assert_eq!(
        (&said["type"], &said["error_code"]),
        (&"command_refused".into(), &"DRONE_UNAVAILABLE".into()),
        "{said}"
    );
    assert!(
        said["details"]
            .as_str()
            .is_some_and(|text| text.contains("command_id")),
        "{said}"
    );
    let said = told(&mut socket, "takeoff", json!({"altitude": 1})).await?;
    assert!(is_done(&said), "{said}");
    // Somebody is there, so nothing is said of a drone that nobody keeps up.
    assert!(!said.to_string().contains("no session keeps"), "{said}");
    for (command, params) in [
        ("go", go),
        ("flip", json!({"direction": "left"})),
        ("speed", json!({"speed": 0.5})),
        ("rotate", json!({"direction": "clockwise", "angle": 90})),
        ("ask", json!({"what": "battery"})),
        ("land", json!({})),
    ] {
        let said = told(&mut socket, command, params).await?;
        assert!(is_done(&said), "{command}: {said}");
        if command == "ask" {
            let answered = said["result"]["answer"].as_str().unwrap_or_default();
            assert!(answered.parse::<u8>().is_ok(), "{said}");
        }
    }
    let obeyed = drones.obeyed();
    for sent in ["go 60 0 20 100", "flip l", "cw 90"] {
        assert!(obeyed.iter().any(|one| one == sent), "{sent} in {obeyed:?}");
    }
    // Under its id it stands among the commands, in the name of this key.
    gateway.says("d2: go 60 0 20 100, command ").await
}

#[tokio::test]
async fn what_is_asked_for_in_vain_is_told_and_answers_are_told_apart() -> anyhow::Result<()> {
    let (gateway, drones) = simulated::fleet(1).await?;
    let mut socket = open(&gateway.admin()?).await?;
    for (message, code) in [
        (json!({"command": "land"}), "MISSING_DRONE_ID"),
        (
            json!({"drone_id": "nobody", "command": "land"}),
            "DRONE_NOT_FOUND",
        ),
        (
            json!({"drone_id": "no/body", "command": "land"}),
            "VALIDATION_ERROR",
        ),
        (json!({"drone_id": DRONE}), "INVALID_COMMAND"),
        (
            json!({"drone_id": DRONE, "command": "dance"}),
            "INVALID_COMMAND",
        ),
        (
            json!({"drone_id": DRONE, "command": "wifi"}),
            "INVALID_COMMAND",
        ),
        (
            json!({"drone_id": DRONE, "command": "takeoff", "params": 3}),
            "INVALID_COMMAND",
        ),
        (
            json!({"drone_id": DRONE, "command": "takeoff", "altitude": 3}),
            "COMMAND_ERROR",
        ),
        (
            json!({"drone_id": DRONE, "command": "go", "params": {"x": 100, "y": 0, "z": 0, "speed": 1}}),
            "INVALID_COMMAND",
        ),
        (
            json!({"drone_id": DRONE, "command": "go", "params": {"x": 1, "y": 0, "z": 0.5, "speed": 1, "Pad": 1}}),
            "INVALID_COMMAND",
        ),
        (
            json!({"drone_id": DRONE, "command": "go", "params": {"x": 1, "y": 0, "z": 0.5, "speed": 1, "pad": "one"}}),
            "INVALID_COMMAND",
        ),
        (
            json!({"drone_id": DRONE, "command": "ext", "params": {"text": "led\nland"}}),
            "INVALID_COMMAND",
        ),
        (
            json!({"drone_id": DRONE, "command": "land", "wait": 1}),
            "COMMAND_ERROR",
        ),
    ] {
        let mut message = message;
        message["type"] = "command".into();
        socket.send(&message.to_string()).await?;
        let said = answer(&mut socket).await?;
        assert_eq!(said["error_code"], code, "{message}: {said}");
    }
    assert_eq!(drones.obeyed(), Vec::<String>::new());
    for (reference, command) in [("a", "speed"), ("b", "ask")] {
        let params = json!({"speed": 0.5, "what": "battery"});
        let params = match command {
            "ask" => json!({"what": params["what"]}),
            _ => json!({"speed": params["speed"]}),
        };
        let message = json!({"type": "command", "drone_id": DRONE, "command": command, "params": params, "request_id": reference});
        socket.send(&message.to_string()).await?;
    }
    let mut seen = Vec::new();
    for _ in 0..2 {
        let said = answer(&mut socket).await?;
        assert!(is_done(&said), "{said}");
        let names = (
            said["request_id"].clone(),
            said["result"]["command"].clone(),
        );
        seen.push(names);
    }
    seen.sort_by_key(|(id, _)| id.to_string());
    assert_eq!(
        seen,
        [("a".into(), "speed".into()), ("b".into(), "ask".into())]
    );
    Ok(())
}

#[tokio::test]
async fn keys_control_and_order_count_as_anywhere() -> anyhow::Result<()> {
    let (gateway, drones) = simulated::fleet(1).await?;
    let admin = gateway.admin()?;
    // One that only reads, and one that may bring down and nothing else.
    let mut reader = open(&gateway.reader()?).await?;
    let mut guard = open(&holder(&gateway, "respond").await?).await?;
    for command in ["mon", "land", "get_status"] {
        let said = told(&mut reader, command, json!({})).await?;
        assert_eq!(said["error_code"], "HTTP_403", "{command}: {said}");
    }
    for command in ["takeoff", "reboot"] {
        let said = told(&mut guard, command, json!({})).await?;
        assert_eq!(said["error_code"], "HTTP_403", "{command}: {said}");
    }
    let (mut mine, mut others) = (open(&admin).await?, open(&admin).await?);
    let take = json!({"type": "take_control", "drone_id": DRONE}).to_string();
    mine.send(&take).await?;
    mine.next_of("control_taken").await?;
    let said = told(&mut others, "takeoff", json!({})).await?;
    assert_eq!(said["error_code"], "DRONE_CONTROLLED", "{said}");
    let said = told(&mut mine, "takeoff", json!({})).await?;
    assert!(is_done(&said), "{said}");
    // What is said one after another arrives in that order: the turn first, then what ends it.
    for (command, params) in [
        ("rotate", json!({"direction": "clockwise", "angle": 360})),
        ("land", json!({})),
    ] {
        let message =
            json!({"type": "command", "drone_id": DRONE, "command": command, "params": params});
        mine.send(&message.to_string()).await?;
    }
    eventually("it is on the ground", || async {
        let status = admin.get("/api/drones/d2/status").await?.expect(200).json();
        Ok(
            (status["flight_status"] == "landed" && status["flight_status_known"] == true)
                .then_some(()),
        )
    })
    .await?;
    let obeyed = drones.obeyed();
    let at = |word: &str| obeyed.iter().position(|one| one.starts_with(word));
    assert!(at("land").is_some(), "{obeyed:?}");
    assert!(
        at("cw").is_none_or(|turn| Some(turn) < at("land")),
        "{obeyed:?}"
    );
    // Whoever may respond lands what somebody else has control of.
    let said = told(&mut guard, "land", json!({})).await?;
    assert_ne!(said["error_code"], "HTTP_403", "{said}");
    Ok(())
}

#[tokio::test]
async fn a_way_that_leaves_the_ceiling_in_between_is_refused_by_socket_and_command_line()
-> anyhow::Result<()> {
    let limits = "[drones.limits]\nland_height_cm = 300";
    let (gateway, drones) = simulated::fleet_with(1, limits).await?;
    let mut socket = open(&gateway.admin()?).await?;
    let said = told(&mut socket, "takeoff", json!({"altitude": 2})).await?;
    assert!(is_done(&said), "{said}");
    // It begins and ends two metres high; its highest point is over three.
    let arc = json!({"x1": 1.5, "y1": 0, "z1": 1.5, "x2": 3, "y2": 0, "z2": 0, "speed": 0.6});
    let said = told(&mut socket, "curve", arc).await?;
    assert_eq!(said["type"], "command_refused", "{said}");
    let words = said["message"].to_string();
    assert!(
        words.contains("height limit") && words.contains("land_height_cm"),
        "{words}"
    );
    let line = [
        "fly", DRONE, "curve", "150", "0", "150", "300", "0", "0", "--speed", "60",
    ];
    let output = gateway.command(&line).output().await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("height limit"),
        "{said}"
    );
    // A line whose end is too high; and what waits behind a climb is judged from its end.
    let up = json!({"x": 0.5, "y": 0, "z": 1.5, "speed": 1});
    let said = told(&mut socket, "go", up).await?;
    assert!(
        said["message"].to_string().contains("height limit"),
        "{said}"
    );
    for z in [0.7, 0.7] {
        let up = json!({"x": 0.3, "y": 0, "z": z, "speed": 1});
        let message = json!({"type": "command", "drone_id": DRONE, "command": "go", "params": up, "wait": true});
        socket.send(&message.to_string()).await?;
    }
    let answers = [answer(&mut socket).await?, answer(&mut socket).await?];
    let refused = answers
        .iter()
        .filter(|said| said["message"].to_string().contains("height limit"));
    assert_eq!(refused.count(), 1, "{answers:?}");
    let said = told(&mut socket, "land", json!({})).await?;
    assert!(is_done(&said), "{said}");
    let obeyed = drones.obeyed().join("\n");
    assert!(!obeyed.contains("curve"), "{obeyed}");
    assert_eq!(obeyed.matches("go ").count(), 1, "{obeyed}");
    Ok(())
}
