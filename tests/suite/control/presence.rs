//! Who flies is a session, not a key; and control of a drone is handed over.

use gateway_tests::Flyer;

use super::peer::{lands_for_its_operator, take_off, with_peer};
use super::*;

const TURN: &str = r#"{"direction":"clockwise","angle":90}"#;

async fn turn(client: &Client) -> anyhow::Result<gateway_tests::Answer> {
    let body: Value = serde_json::from_str(TURN)?;
    client
        .json(Method::POST, "/api/drones/d1/rotate", &body)
        .await
}

/// Name of who has control; null when nobody has.
async fn controller(client: &Client) -> anyhow::Result<Value> {
    Ok(status(client, "d1").await?["control"]["name"].clone())
}

/// A key that may fly, and its client.
async fn key(gateway: &Gateway, name: &str) -> anyhow::Result<Client> {
    let path = format!("/api/security/api-keys?name={name}&permissions=read,write");
    let made = gateway.admin()?.post(&path).await?.expect(200).json();
    Ok(gateway
        .anonymous()?
        .with_key(made["api_key"].as_str().unwrap()))
}

#[tokio::test]
async fn a_wall_display_of_the_same_key_does_not_stand_in_for_who_flies() -> anyhow::Result<()> {
    let (gateway, peer, states) = with_peer(80).await?;
    let client = gateway.admin()?;
    let display = Flyer::open(&client).await?;
    let flyer = Flyer::open(&client).await?;
    assert_ne!(flyer.session(), display.session());
    take_off(flyer.client(), &peer, &states).await?;
    // The page in the pocket: its socket stays open, and nobody looks at it.
    let mut pocketed = WebSocket::open(&client, "/ws", &[]).await?;
    assert_eq!(pocketed.next().await?["type"], "connection_established");
    drop(flyer);
    lands_for_its_operator(&peer, &states).await
}

#[tokio::test]
async fn what_belongs_to_no_session_is_told_that_nobody_keeps_it_up() -> anyhow::Result<()> {
    let (gateway, peer, states) = with_peer(80).await?;
    let client = gateway.admin()?;
    let flyer = Flyer::open(&client).await?;
    take_off(flyer.client(), &peer, &states).await?;
    let of_session = turn(flyer.client()).await?.expect(200).text();
    assert!(!of_session.contains("15 s"), "{of_session}");
    let released = client.clone().with_header("x-session", flyer.session());
    released.delete("/api/drones/d1/control").await?.expect(200);
    for stranger in [
        client.clone(),
        client.with_header("x-session", "00000000000000aa"),
    ] {
        let told = turn(&stranger).await?.expect(200).text();
        assert!(told.contains("lands by itself 15 s after"), "{told}");
    }
    Ok(())
}

#[tokio::test]
async fn control_is_handed_over_and_keeps_nobody_from_bringing_down() -> anyhow::Result<()> {
    let (gateway, peer, states) = with_peer(80).await?;
    let (admin, ben) = (gateway.admin()?, key(&gateway, "ben").await?);
    let (ann, ben) = (Flyer::open(&admin).await?, Flyer::open(&ben).await?);
    assert_eq!(controller(&admin).await?, Value::Null);
    take_off(ann.client(), &peer, &states).await?;
    let shown = status(&admin, "d1").await?["control"].clone();
    assert_eq!(shown["session"], ann.session(), "{shown}");

    for other in [ben.client(), &admin] {
        let refused = turn(other).await?.expect(409).json();
        assert_eq!(refused["error_code"], "DRONE_CONTROLLED", "{refused}");
    }
    ben.client().post("/api/drones/d1/stop").await?.expect(200);
    let taken = ben
        .client()
        .post("/api/drones/d1/control")
        .await?
        .expect(200);
    assert_eq!(taken.json()["control"]["name"], "ben");
    turn(ann.client()).await?.expect(409);
    ann.client()
        .delete("/api/drones/d1/control")
        .await?
        .expect(409);
    ben.client()
        .delete("/api/drones/d1/control")
        .await?
        .expect(200);
    assert_eq!(controller(&admin).await?, Value::Null);

    let alone = admin
        .post("/api/drones/d1/control")
        .await?
        .expect(400)
        .json();
    assert_eq!(alone["error_code"], "SESSION_REQUIRED");
    ben.client()
        .post("/api/drones/d9/control")
        .await?
        .expect(404);
    // The security log is told at once; the audit trail is batched.
    for told in ["d1: control taken from", "d1: control given back"] {
        gateway.says(told).await?;
    }
    Ok(())
}

#[tokio::test]
async fn control_is_taken_and_given_on_the_socket_too() -> anyhow::Result<()> {
    let (gateway, _peer, _states) = with_peer(80).await?;
    let client = gateway.admin()?;
    let mut socket = WebSocket::open(&client, "/ws", &[]).await?;
    let session = socket.next().await?["session"].clone();
    socket
        .send(r#"{"type":"take_control","drone_id":"d1"}"#)
        .await?;
    let taken = socket.next_of("control_taken").await?;
    assert_eq!(taken["control"]["session"], session, "{taken}");
    assert_eq!(controller(&client).await?, taken["control"]["name"]);
    socket
        .send(r#"{"type":"give_control","drone_id":"d1"}"#)
        .await?;
    assert_eq!(socket.next_of("control_given").await?["drone_id"], "d1");
    assert_eq!(controller(&client).await?, Value::Null);

    let mut reader = WebSocket::open(&gateway.reader()?, "/ws", &[]).await?;
    for (sent, code) in [
        (r#"{"type":"take_control"}"#, "MISSING_DRONE_ID"),
        (
            r#"{"type":"take_control","drone_id":"d1"}"#,
            "CONTROL_ERROR",
        ),
    ] {
        reader.send(sent).await?;
        assert_eq!(reader.next_of("error").await?["error_code"], code);
    }
    // `presence` is not answered: what comes next is the answer to what was asked next.
    socket.send(r#"{"type":"presence"}"#).await?;
    socket.send(r#"{"type":"get_all_drones"}"#).await?;
    loop {
        let next = socket.next().await?;
        assert_ne!(next["type"], "error", "{next}");
        if next["type"] == "all_drones" {
            return Ok(());
        }
    }
}

#[tokio::test]
async fn a_session_is_taken_up_again_and_ends_with_its_key() -> anyhow::Result<()> {
    let (gateway, peer, states) = with_peer(80).await?;
    let (admin, ben) = (gateway.admin()?, key(&gateway, "ben").await?);
    let flyer = Flyer::open(&ben).await?;
    let session = flyer.session().to_owned();
    take_off(flyer.client(), &peer, &states).await?;
    // The page is loaded anew.
    let flyer = flyer.again(&ben).await?;
    assert_eq!(flyer.session(), session);
    assert_eq!(controller(&admin).await?, "ben");
    let stolen = WebSocket::open(&admin, &format!("/ws?session={session}"), &[]).await?;
    drop(stolen);
    assert_eq!(
        controller(&admin).await?,
        "ben",
        "another key's session is another"
    );

    let own = format!("/api/security/api-keys/{}", ben.key().unwrap());
    admin.delete(&own).await?.expect(200);
    eventually("nobody has control", || async {
        Ok((controller(&admin).await? == Value::Null).then_some(()))
    })
    .await?;
    lands_for_its_operator(&peer, &states).await
}
