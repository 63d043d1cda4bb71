//! What came of commands: by their ids, in the list, as events on the socket, in the
//! audit trail.

use gateway_tests::{Client, Gateway, WebSocket, eventually, spare_port};
use serde_json::Value;

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
    let output = gateway.output();
    for told in [
        format!("d1: takeoff, command {takeoff} (session "),
        format!("d1: land, command {land} (session "),
        format!("d1: land, command {id}, not taken: the drone is not airborne (session "),
    ] {
        assert!(output.contains(&told), "{told}: {output}");
    }
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
