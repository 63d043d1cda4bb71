//! A drone is its serial number, wherever it stands.

use anyhow::Context as _;
use gateway_tests::drone::{STATE_PORT, Shown, Streaming};
use gateway_tests::{Client, Drone, Gateway, eventually, simulated};
use serde_json::Value;
use tokio::task::JoinHandle;

const ON_THE_GROUND: Shown = Shown {
    motors_run: false,
    height_cm: 0,
    battery_pct: 80,
};

/// A drone on the ground that says who it is, and does as it is told.
struct Peer {
    _states: Streaming,
    hears: JoinHandle<anyhow::Result<()>>,
}

impl Peer {
    async fn at(gateway: &Gateway, last: u8, serial: &str) -> anyhow::Result<Peer> {
        let drone = Drone::at(gateway.block().host(last)).await?;
        let drone = drone.with_serial(serial);
        let to = drone.enter_sdk_mode().await?;
        let states = drone.stream(to, ON_THE_GROUND);
        let hears = tokio::spawn(async move {
            loop {
                let (text, from) = drone.hear().await?;
                let answer: &[u8] = if text == "battery?" { b"80" } else { b"ok" };
                drone.send(from, answer).await?;
            }
        });
        Ok(Peer {
            _states: states,
            hears,
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.hears.abort();
    }
}

async fn until(client: &Client, id: &str, identity: &'static str) -> anyhow::Result<Value> {
    eventually(identity, || async {
        let path = format!("/api/drones/{id}/status");
        let status = client.get(&path).await?.expect(200).json();
        Ok((status["identity"] == identity).then_some(status))
    })
    .await
}

#[tokio::test]
async fn drones_that_exchanged_their_addresses_are_refused_and_named() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .drone("d1", 2)
        .drones("serial = \"0TQDG00000001\"")
        .drone("d2", 3)
        .drones("serial = \"0TQDG00000002\"")
        .start()
        .await?;
    let client = gateway.admin()?;
    let _first = Peer::at(&gateway, 2, "0TQDG00000002").await?;
    let _second = Peer::at(&gateway, 3, "0TQDG00000001").await?;
    for id in ["d1", "d2"] {
        until(&client, id, "mistaken").await?;
        let refused = client.post(&format!("/api/drones/{id}/takeoff")).await?;
        let refused = refused.expect(409).json();
        assert_eq!(refused["error_code"], "DRONE_MISTAKEN", "{refused}");
        // Down is always possible.
        client
            .post(&format!("/api/drones/{id}/emergency"))
            .await?
            .expect(200);
    }
    let alerts = client
        .get("/api/alerts?unresolved_only=true")
        .await?
        .expect(200)
        .json();
    let alerts = alerts["alerts"].as_array().context("a list")?;
    let named = |alert: &&Value| {
        let text = alert["message"].as_str().unwrap_or_default();
        text.contains("(d1)") && text.contains("that of d2")
    };
    assert!(alerts.iter().any(|alert| named(&alert)), "{alerts:?}");

    // The drones are to stay where they are.
    let accept = ["drones", "accept-serial", "d1"];
    let output = gateway.command(&accept).output().await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("0TQDG00000002"),
        "{output:?}"
    );
    let status = until(&client, "d1", "verified").await?;
    assert_eq!(status["serial_number"], "0TQDG00000002");
    until(&client, "d2", "verified").await?;
    client.post("/api/drones/d1/takeoff").await?.expect(200);
    // The security log is told at once; the audit trail is batched.
    gateway
        .says("d1: serial number 0TQDG00000002 accepted")
        .await
}

/// Two that are not configured stream to the board: the one that is missed is named by what
/// it says, and neither is sent anything but the question.
#[tokio::test]
async fn a_drone_that_moved_to_another_address_is_named_by_its_serial_number() -> anyhow::Result<()>
{
    let builder = Gateway::builder();
    let network = builder.block().host(0);
    let gateway = builder
        .drones(&format!("scan_ranges = [\"{network}/28\"]"))
        .drone("d1", 2)
        .drones("serial = \"0TQDG00000001\"")
        .start()
        .await?;
    let client = gateway.admin()?;
    let to = (gateway.block().gateway(), STATE_PORT).into();
    let other = Drone::at(gateway.block().host(5)).await?;
    let other = other.with_serial("0TQDG00000007");
    let moved = Drone::at(gateway.block().host(6)).await?;
    let moved = moved.with_serial("0TQDG00000001");
    let _states = [&other, &moved].map(|drone| drone.stream(to, ON_THE_GROUND));
    let told = eventually("it is named", || async {
        let path = "/api/drones/d1/status";
        let status = client.get(path).await?.expect(200).json();
        let reason = status["reason"].as_str().unwrap_or_default();
        Ok(reason.contains("has moved: it").then(|| reason.to_owned()))
    });
    let reason = tokio::select! {
        told = told => told?,
        heard = other.hear() => anyhow::bail!("the other one is told {heard:?}"),
        heard = moved.hear() => anyhow::bail!("the one that moved is told {heard:?}"),
    };
    let address = gateway.block().host(6).to_string();
    assert!(
        reason.contains(&address) && reason.contains("0TQDG00000001"),
        "{reason}"
    );
    Ok(())
}

#[tokio::test]
async fn a_repaired_drone_is_accepted_over_a_restart() -> anyhow::Result<()> {
    let mut gateway = Gateway::builder()
        .drone("d1", 2)
        .drones("serial = \"0TQDG00000001\"")
        .start()
        .await?;
    let client = gateway.admin()?;
    client
        .post("/api/drones/d1/accept-serial")
        .await?
        .expect(409);
    client
        .post("/api/drones/d9/accept-serial")
        .await?
        .expect(404);
    let peer = Peer::at(&gateway, 2, "0TQDG00000009").await?;
    until(&client, "d1", "mistaken").await?;
    client
        .post("/api/drones/d1/accept-serial")
        .await?
        .expect(200);
    until(&client, "d1", "verified").await?;
    drop(peer);
    gateway.restart().await?;
    let client = gateway.admin()?;
    let _peer = Peer::at(&gateway, 2, "0TQDG00000009").await?;
    until(&client, "d1", "verified").await?;
    Ok(())
}

#[tokio::test]
async fn what_a_drone_says_of_itself_is_learnt_and_shown() -> anyhow::Result<()> {
    // SDK 1.3, which knows no serial number; 2.0; 3.0.
    let (gateway, _simulated) = simulated::fleet(3).await?;
    let client = gateway.reader()?;
    let first = until(&client, "d2", "unknown").await?;
    assert_eq!(first["serial_number"], Value::Null, "{first}");
    let second = until(&client, "d3", "verified").await?;
    assert!(second["serial_number"].is_string(), "{second}");
    let third = eventually("hardware and firmware", || async {
        let status = client
            .get("/api/drones/d4/status")
            .await?
            .expect(200)
            .json();
        let real = status["real_drone_info"].clone();
        Ok(real["hardware_version"].is_string().then_some(real))
    })
    .await?;
    assert_eq!(third["firmware_version"], "30", "{third}");
    assert_ne!(third["serial_number"], second["serial_number"]);
    Ok(())
}
